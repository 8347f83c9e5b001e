# cython: language_level=3
"""Convolution with kernels whose taps are all equal: moving sums that take nothing away again.

Called by `backends/separable_run.py` through `bind.pyx`. Along a line, sums of four neighbours, of four of those and so
on are shared by all windows, which are cut by the digits of their length in base four, lowest first. Across the lines,
blocks of as many lines as the window has are summed from their last line backwards; a window is the rest of one block
and the beginning of the next (van Herk 1992, Gil and Werman 1993, for sums in place of extremes). So time hardly
depends on the window, sums do not drift, and NaN stays inside the windows that hold it. Blocks lie where they lie in
the whole plane, so that sums have the same order wherever bands are cut. Start reading at `tile_b`.
"""
from convops.kernels.abi cimport Args
from convops.kernels.along cimport SHIFTS, shift_f32, shift_f64
from convops.kernels.lanes cimport end_vector, fetch, fetch_to_write, load_weight
from convops.kernels.lines_band cimport (
    AHEAD, Band, added_line, begin_band, copy_line, end_line, line_ahead, result_line)
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport ceil_div, minimum

cdef enum:
    BASE = 4

# A band at work. A line of the next block takes the place of the rest of a block that the last window ended with.
cdef struct Job:
    Band band
    char* rest
    char* begun                # sums of the first lines of the next block
    Py_ssize_t vectors         # of a line
    double weight


cdef inline inlined add_items(int n, bint more, char* to, const char* items, Py_ssize_t shift, Py_ssize_t vectors,
                              Vector* tag) noexcept nogil:
    """Sums of `n` items, `shift` bytes apart, added to what is there where there is `more`; in place where they are."""
    cdef Py_ssize_t _i
    cdef Vector total
    cdef int m
    for _i in range(vectors):
        total = (<const Vector*> items)[0]
        for m in range(1, n):
            total = total + (<const Vector*> (items + m * shift))[0]
        if more:
            total = (<const Vector*> to)[0] + total
        (<Vector*> to)[0] = total
        to, items = to + VECTOR_BYTES, items + VECTOR_BYTES


cdef inline outlined add_pairs(char* items, Py_ssize_t shift, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    """Sums of four items, `shift` bytes apart, in place."""
    cdef Py_ssize_t _i
    for _i in range(vectors):
        (<Vector*> items)[0] = (<const Vector*> items)[0] + (<const Vector*> (items + shift))[0] + (
            (<const Vector*> (items + 2 * shift))[0] + (<const Vector*> (items + 3 * shift))[0])
        items = items + VECTOR_BYTES


cdef inline outlined add_digit(Py_ssize_t n, bint more, char* to, const char* items, Py_ssize_t shift,
                               Py_ssize_t vectors, Vector* tag) noexcept nogil:
    if n == 1 and not more:
        add_items(1, False, to, items, shift, vectors, tag)
    elif n == 2 and not more:
        add_items(2, False, to, items, shift, vectors, tag)
    elif n == 3 and not more:
        add_items(3, False, to, items, shift, vectors, tag)
    elif n == 1:
        add_items(1, True, to, items, shift, vectors, tag)
    elif n == 2:
        add_items(2, True, to, items, shift, vectors, tag)
    else:
        add_items(3, True, to, items, shift, vectors, tag)


cdef inline inlined shift_items(int step, char* items, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    """Sums of four items, `step` apart, in place; every vector is loaded once and shifted in registers."""
    cdef Py_ssize_t _i
    cdef Vector low, high
    low = (<const Vector*> items)[0]
    for _i in range(vectors):
        high = (<const Vector*> (items + VECTOR_BYTES))[0]
        if Vector is f32v:
            (<Vector*> items)[0] = low + shift_f32(low, high, step) + (
                shift_f32(low, high, 2 * step) + shift_f32(low, high, 3 * step))
        else:
            (<Vector*> items)[0] = low + shift_f64(low, high, step) + (
                shift_f64(low, high, 2 * step) + shift_f64(low, high, 3 * step))
        low = high
        items = items + VECTOR_BYTES


cdef inline outlined shift_ones(char* items, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    shift_items(1, items, vectors, tag)


cdef inline outlined shift_fours(char* items, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    shift_items(BASE, items, vectors, tag)


cdef inline void add_four(char* items, Py_ssize_t step, Py_ssize_t item, Py_ssize_t vectors,
                          Vector* tag) noexcept nogil:
    """Sums of four items in place. They are paired as in registers wherever they are summed."""
    if SHIFTS and step == 1:
        shift_ones(items, vectors, tag)
    elif SHIFTS and step == BASE and Vector is f32v:
        shift_fours(items, vectors, tag)
    else:
        add_pairs(items, step * item, vectors, tag)


cdef inline void add_run(Py_ssize_t n, bint more, char* to, const char* items, Py_ssize_t shift, Py_ssize_t vectors,
                         const Real* tag) noexcept nogil:
    if Real is float:
        add_digit(n, more, to, items, shift, vectors, <f32v*> NULL)
    else:
        add_digit(n, more, to, items, shift, vectors, <f64v*> NULL)


cdef inline void sum_along(const Args* a, Job* j, Py_ssize_t i, char* to, const Real* tag) noexcept nogil:
    """The moving sums along input line `i`; the longest runs come first in a window, where loads are aligned."""
    cdef Band* b = &j.band
    cdef Py_ssize_t n = a.axis[2].window, step = 1, pixel = b.unit * b.item, vectors
    cdef bint more = False
    copy_line(a, b, i, <Real*> b.copy)
    while True:
        if n // step % BASE:
            add_run(n // step % BASE, more, to, b.copy + n // (BASE * step) * (BASE * step) * pixel, step * pixel,
                    j.vectors, tag)
            more = True
        if n < BASE * step:
            return
        vectors = ceil_div(b.reach * b.item - (BASE * step - 1) * pixel, VECTOR_BYTES)
        if Real is float:
            add_four(b.copy, step * b.unit, b.item, vectors, <f32v*> NULL)
        else:
            add_four(b.copy, step * b.unit, b.item, vectors, <f64v*> NULL)
        step = step * BASE


cdef inline outlined add_lines(char* to, const char* other, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    cdef Py_ssize_t _i
    for _i in range(vectors):
        (<Vector*> to)[0] = (<const Vector*> to)[0] + (<const Vector*> other)[0]
        to, other = to + VECTOR_BYTES, other + VECTOR_BYTES


# How the windows of a line end: what is left of a block, what the next one has so far (or NULL) and its next line (or
# NULL), added for the windows after these.
cdef struct End:
    const char* rest
    const char* begun
    const char* raw
    char* kept
    const char* weight
    const char* bias
    const char* add
    const char* ahead          # of the input, asked for meanwhile, and bytes on to results that come later
    Py_ssize_t below


cdef inline outlined weigh_line(const End* end, char* out, Py_ssize_t count, Vector* tag) noexcept nogil:
    """Whole windows, times their weight, to results or to memory of our own."""
    cdef End e = end[0]        # which stores of results cannot change
    cdef Py_ssize_t c = 0, at, lanes = VECTOR_BYTES // (4 if Vector is f32v else 8)
    cdef Vector total, begun, factor, offset
    load_weight(e.weight, &factor)
    load_weight(e.bias, &offset)
    offset = offset + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    while c < count:
        at = c * (VECTOR_BYTES // lanes)
        total = (<const Vector*> (e.rest + at))[0]
        if e.begun != NULL:
            begun = (<const Vector*> (e.begun + at))[0]
            if e.raw != NULL:
                begun = begun + (<const Vector*> (e.raw + at))[0]
                (<Vector*> (e.kept + at))[0] = begun
            total = total + begun
        fetch(e.ahead + at)
        fetch_to_write(out + at + e.below)
        end_vector(total * factor, offset, NULL if e.add == NULL else e.add + at, False, out + at, count - c)
        c = c + lanes


cdef inline void end_window(const Args* a, Job* j, Py_ssize_t h, End* e, const Real* tag) noexcept nogil:
    """Output line `h`."""
    cdef Band* b = &j.band
    cdef char* out = result_line(a, b, h) if b.plain else b.sums
    e.kept, e.add = j.begun, added_line(a, b, h) if b.plain else NULL
    e.weight, e.bias = a.weights + b.tile.group * b.item, a.epilogue.bias + b.tile.group * b.item
    e.ahead = b.copy if a.load != NULL else line_ahead(a, b, h + a.axis[1].window + AHEAD)
    e.below = AHEAD * a.out.step[1] if b.plain else 0
    if Real is float:
        weigh_line(e, out, b.width, <f32v*> NULL)
    else:
        weigh_line(e, out, b.width, <f64v*> NULL)
    end_line(a, b, h, out, tag)


cdef inline void join_lines(Job* j, char* to, const char* other, const Real* tag) noexcept nogil:
    if Real is float:
        add_lines(to, other, j.vectors, <f32v*> NULL)
    else:
        add_lines(to, other, j.vectors, <f64v*> NULL)


cdef inline void end_block(const Args* a, Job* j, Py_ssize_t first, const Real* tag) noexcept nogil:
    """The windows that begin in the block whose first line is `first`; its lines are summed backwards before."""
    cdef Band* b = &j.band
    cdef Py_ssize_t k, n = a.axis[1].window
    cdef End e
    for k in range(n - 2, -1, -1):
        join_lines(j, j.rest + k * b.pitch, j.rest + (k + 1) * b.pitch, tag)
    for k in range(minimum(n, b.tile.extent[1] - first)):
        e.rest, e.begun, e.raw = j.rest + k * b.pitch, NULL, NULL
        if k > 0:
            sum_along(a, j, first + k + n - 1, j.rest + (k - 1) * b.pitch, tag)
            e.begun = j.rest if k <= 2 else j.begun
        if k > 1:
            e.raw = j.rest + (k - 1) * b.pitch
        end_window(a, j, first + k, &e, tag)


cdef void tile_b(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t i, h = 0, n = a.axis[1].window
    begin_band(a, &j.band, number, scratch, tag)
    j.vectors = ceil_div(j.band.width * j.band.item, VECTOR_BYTES)
    j.rest = j.band.held
    j.begun = j.rest + n * j.band.pitch
    for i in range(n - 1):
        sum_along(a, &j, i, j.rest + i * j.band.pitch, tag)
    while h < j.band.tile.extent[1]:
        sum_along(a, &j, h + n - 1, j.rest + (n - 1) * j.band.pitch, tag)
        end_block(a, &j, h, tag)
        h = h + n


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_b(a, number, a.scratch, tag)


cdef api void box_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void box_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
