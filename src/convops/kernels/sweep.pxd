# The panels of a tile one after the other through `micro.pyx`, and sums into the output. Start reading at `sweep`.
from convops.kernels.abi cimport NONE, RELU, Args, Epilogue, Finish, Operand
from convops.kernels.simd cimport Real
from convops.kernels.store_channels cimport fits_vectors, store_channel
from convops.kernels.tile cimport (
    Place, Tile, ceil_div, line_of, minimum, next_line, packed_row, place_of)


cdef inline void finish_pixels(const Epilogue* e, const Real* sums, Py_ssize_t pitch, Py_ssize_t channel, char* out,
                               Py_ssize_t step, Py_ssize_t rows, Py_ssize_t count) noexcept nogil:
    """Sum and bias for outputs whose channels lie side by side: one pixel after the other."""
    cdef Py_ssize_t i, j
    for j in range(count):
        for i in range(rows):
            (<Real*> out)[i] = sums[i * pitch + j] + (
                (<const Real*> e.bias)[channel + i] + 0)
        out = out + step


cdef inline void store_run(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t d,
                           Py_ssize_t h, Py_ssize_t w, Real* sums, Py_ssize_t count) noexcept nogil:
    """`count` pixels of one output line in `rows` channels, the smaller step innermost."""
    cdef const Epilogue* e = &a.epilogue
    cdef const char* add = NULL
    cdef Py_ssize_t i
    cdef bint by_vectors = fits_vectors(a, a.out.step[2], e.add.step[2], sizeof(Real))
    if (a.out.channel == sizeof(Real) and a.out.step[2] != sizeof(Real) and e.add.data == NULL
            and e.activation == NONE and e.cast == NULL):
        finish_pixels(e, sums, a.panel_columns, channel, <char*> line_of(&a.out, t, channel, d, h, w),
                      a.out.step[2], rows, count)
        return
    for i in range(rows):
        if e.add.data != NULL:
            add = line_of(&e.add, t, channel + i, d, h, w)
        store_channel(a, sums + i * a.panel_columns, <const Real*> e.bias + channel + i,
                      <char*> line_of(&a.out, t, channel + i, d, h, w), add, count, by_vectors)


cdef inline bint is_unbroken(const Operand* o, const Tile* t, Py_ssize_t itemsize) noexcept nogil:
    """Whether slots that follow each other do so in memory, too."""
    return (t.pitch == t.extent[2] and o.step[2] == itemsize
            and (t.extent[1] == 1 or o.step[1] == t.pitch * itemsize)
            and (t.extent[0] == 1 or t.lines == t.extent[1] and o.step[0] == t.lines * t.pitch * itemsize))


cdef inline void store_panel(const Args* a, const Tile* t, Py_ssize_t panel, Py_ssize_t slot,
                             Real* sums) noexcept nogil:
    """Write the part of a finished panel that lies inside the tile, run by run."""
    cdef Py_ssize_t end = minimum(slot + a.panel_columns, t.first_slot + t.slots), first = slot
    cdef Py_ssize_t rows = minimum(a.panel_rows, a.rows - panel * a.panel_rows), run, valid
    cdef Py_ssize_t channel = t.group * a.rows + panel * a.panel_rows
    cdef Place at = place_of(t, slot)
    if a.epilogue.add.data == NULL and is_unbroken(&a.out, t, sizeof(Real)):
        store_run(a, t, channel, rows, at.d, at.h, at.w, sums, end - slot)
        return
    while slot < end:
        run = minimum(t.pitch - at.w, end - slot)
        valid = minimum(run, t.extent[2] - at.w)
        if valid > 0 and at.h < t.extent[1]:
            store_run(a, t, channel, rows, at.d, at.h, at.w, sums + slot - first, valid)
        next_line(t, &at)
        slot = slot + run


cdef inline bint fits_line(const Args* a, const Tile* t, Py_ssize_t slot, const Place* at,
                           Py_ssize_t itemsize) noexcept nogil:
    """Whether the micro-kernel may store a whole panel of pixels itself: a piece of memory, and a plain epilogue."""
    cdef bint whole = (at.w + a.panel_columns <= t.extent[2] and at.h < t.extent[1] and at.d < t.extent[0]
                       and a.out.step[2] == itemsize)
    if not whole:
        whole = slot + a.panel_columns <= t.first_slot + t.slots and is_unbroken(&a.out, t, itemsize)
    return (whole and a.epilogue.cast == NULL and a.epilogue.add.data == NULL
            and (a.epilogue.activation == NONE or a.epilogue.activation == RELU))


cdef inline void sweep_panel(const Args* a, const Tile* t, Py_ssize_t slot, const char* columns, const char* weights,
                             Py_ssize_t pitch, const Py_ssize_t* offsets, Py_ssize_t steps, Real* sums, bint first,
                             bint last) noexcept nogil:
    """All row panels against one pixel panel."""
    cdef Py_ssize_t p, panels = t.panel_end - t.panel_begin, whole = 0, size = a.panel_rows * a.panel_columns
    cdef Py_ssize_t channel = t.group * a.rows + t.panel_begin * a.panel_rows
    cdef Place at = place_of(t, slot)
    cdef Finish to
    if last and fits_line(a, t, slot, &at, sizeof(Real)):
        whole = minimum(panels, a.rows // a.panel_rows - t.panel_begin)
        to = Finish(<char*> line_of(&a.out, t, channel, at.d, at.h, at.w), a.out.channel,
                    a.epilogue.bias + channel * <Py_ssize_t> sizeof(Real), a.epilogue.activation == RELU, NULL, 0)
        a.micro(steps, weights, columns, offsets, <char*> sums, first, whole, pitch, &to)
    a.micro(steps, weights + whole * pitch, columns, offsets, <char*> (sums + whole * size), first, panels - whole,
            pitch, NULL)
    if last:
        for p in range(whole, panels):
            store_panel(a, t, t.panel_begin + p, slot, sums + p * size)


cdef inline void sweep(const Args* a, const Tile* t, Real* totals, const char* columns, Py_ssize_t panel_stride,
                       const Py_ssize_t* offsets, Py_ssize_t step, Py_ssize_t steps) noexcept nogil:
    """One reduction block of a tile: every row panel against every pixel panel, stored after the last block."""
    cdef Py_ssize_t all_steps = a.axis[0].window * a.axis[1].window * a.axis[2].window * a.channels
    cdef bint first = step == 0, last = step + steps == all_steps
    cdef Py_ssize_t j, size = a.panel_rows * a.panel_columns * (t.panel_end - t.panel_begin)
    cdef const char* weights = a.weights + (
        (packed_row(a, t.group, t.panel_begin) * all_steps + step * a.panel_rows) * sizeof(Real))
    for j in range(ceil_div(t.slots, a.panel_columns)):
        sweep_panel(a, t, t.first_slot + j * a.panel_columns, columns + j * panel_stride, weights,
                    all_steps * a.panel_rows * sizeof(Real), offsets, steps,
                    totals if first and last else totals + j * size, first, last)
