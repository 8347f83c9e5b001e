# cython: language_level=3
"""The gradient of a convolution in its filters: what grad_out and x have in common, summed over all pixels of a batch.

Called by `backends/weight_grad.py` through `bind.pyx`; hands blocks of pixels to the micro-kernels of
`micro_channels.pyx`, whose vectors run over output channels. The problem is an exchanged one: along an axis `window`
pixels lie `dilation` apart, and `out` taps lie `stride` apart. A tile is a range of output channels times a range of
input channels, and goes through all pixels in one order, so that no sum is ever split. Start reading at `tile_f`.
"""
from convops.kernels.abi cimport MOST_PIXELS, Args, Turned
from convops.kernels.ahead cimport Rows, fetch, rows_of_grad, rows_of_input
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v
from convops.kernels.tile cimport ceil_div, minimum
from convops.kernels.turn cimport turn_in
from convops.kernels.weight_input cimport Input, copy_input, describe_copy, read_in_place
from convops.kernels.weight_parts cimport (
    Box, Part, block_along, box_count, cut_axis, locate_part, locate_pixels, tile_count)
from convops.kernels.weight_store cimport list_places, store_panel


cdef inline void list_offsets(const Args* a, const Input* input, Py_ssize_t* offsets) noexcept nogil:
    """Bytes from the first pixel of a block to each; those of a shorter block come first."""
    cdef Py_ssize_t b, i, j, k
    for b in range(block_along(a, 0)):
        for i in range(block_along(a, 1)):
            for j in range(block_along(a, 2)):
                for k in range(block_along(a, 3)):
                    offsets[0] = b * input.pixel[0] + i * input.pixel[1] + j * input.pixel[2] + k * input.pixel[3]
                    offsets = offsets + 1


cdef inline void pack_pixels(const Args* a, const char* grads, Py_ssize_t valid, Py_ssize_t count,
                             Real* to) noexcept nogil:
    """The same where the channels of a pixel are neighbours: vectors, as a call of `memcpy` takes longer."""
    cdef Py_ssize_t i, _, lanes = VECTOR_BYTES // sizeof(Real), whole = valid // lanes * lanes
    for _ in range(count):
        i = 0
        while i < whole:
            (<f32v*> (to + i))[0] = (<const f32v*> (grads + i * <Py_ssize_t> sizeof(Real)))[0]
            i = i + lanes
        for i in range(whole, a.panel_rows):
            to[i] = (<const Real*> grads)[i] if i < valid else 0
        grads, to = grads + a.grad.step[2], to + a.panel_rows


cdef inline void pack_run(const Args* a, const char* grads, const Py_ssize_t* places, Py_ssize_t valid,
                          Py_ssize_t count, Real* to) noexcept nogil:
    """`count` pixels of a panel of output channels, the channels of a pixel together."""
    cdef Py_ssize_t i, j = 0, lanes = VECTOR_BYTES // sizeof(Real)
    if a.grad.channel == sizeof(Real):
        pack_pixels(a, grads, valid, count, to)
        return
    while a.grad.step[2] == sizeof(Real) and j + lanes <= count:
        for i in range(a.panel_rows // lanes):
            turn_in(<const Real*> (grads + j * sizeof(Real)), places + i * lanes, to + j * a.panel_rows + i * lanes,
                    a.panel_rows * sizeof(Real))
        j = j + lanes
    while j < count:
        for i in range(a.panel_rows):
            to[j * a.panel_rows + i] = (<const Real*> (grads + j * a.grad.step[2] + places[i]))[0]
        j = j + 1


cdef inline void pack_panel(const Args* a, const Part* part, const Box* box, Py_ssize_t panel, Py_ssize_t* places,
                            Real* to) noexcept nogil:
    """One panel of a block, in the order in which the micro-kernel reads it; lines that touch form one run."""
    cdef Py_ssize_t b, i, j, deep = box.extent[1], high = box.extent[2], run = box.extent[3]
    cdef Py_ssize_t first = panel * a.panel_rows, valid = minimum(a.panel_rows, a.rows - first)
    cdef const char* grads
    if run == a.axis[2].window and (high == 1 or a.grad.step[1] == run * a.grad.step[2]):
        run, high = run * high, 1
        if box.extent[2] == a.axis[1].window and (deep == 1 or a.grad.step[0] == run * a.grad.step[2]):
            run, deep = run * deep, 1
    for i in range(a.panel_rows):
        places[i] = minimum(i, valid - 1) * a.grad.channel
    for b in range(box.extent[0]):
        for i in range(deep):
            for j in range(high):
                grads = (a.grad.data + (box.origin[0] + b) * a.grad.batch
                         + (part.group * a.rows + first) * a.grad.channel + (box.origin[1] + i) * a.grad.step[0]
                         + (box.origin[2] + j) * a.grad.step[1] + box.origin[3] * a.grad.step[2])
                pack_run(a, grads, places, valid, run, to)
                to = to + run * a.panel_rows


cdef inline void sum_panel(const Args* a, const Part* part, const Input* input, const char* x, const Real* grads,
                           Py_ssize_t steps, const Py_ssize_t* offsets, Real* totals, bint first,
                           Rows* ahead) noexcept nogil:
    """Adds one block to every sum of a panel. Rows that are summed together stay for all taps."""
    cdef Py_ssize_t i, run, row, end, kd, kh, kw, parts = ceil_div(part.rows, a.panel_columns)
    cdef Py_ssize_t wide = 1 if part.flat else a.axis[2].out
    cdef const Turned* turned = a.turned + (a.panel_rows * <Py_ssize_t> sizeof(Real) // VECTOR_BYTES - 1) * MOST_PIXELS
    for i in range(parts):
        row, end = part.rows * i // parts, part.rows * (i + 1) // parts
        for run in range(part.runs):
            kw, kh, kd = run % wide, run // wide % a.axis[1].out, run // wide // a.axis[1].out
            turned[end - row - 1](
                steps, x + row * input.row + kd * input.tap[0] + kh * input.tap[1] + kw * input.tap[2], input.row,
                <const char*> grads, offsets, <char*> (totals + (run * part.rows + row) * a.panel_rows), first, 1, NULL)
            if a.look_ahead:
                fetch(&ahead[0])
                fetch(&ahead[1])


cdef inline void sum_box(const Args* a, const Part* part, const Box* box, const Input* input, char* scratch,
                         bint first, Rows* ahead, Real* totals) noexcept nogil:
    """The blocks of a box, one after the other; a panel is packed when its turn comes, into the first-level cache."""
    cdef Py_ssize_t size = block_along(a, box.cut), done = 0, steps, p, sums = part.runs * part.rows * a.panel_rows
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch + a.scratch_offsets)
    cdef Real* grads = <Real*> (scratch + a.scratch_columns)
    cdef Box block = box[0]
    while done < box.extent[box.cut]:
        block.origin[box.cut] = box.origin[box.cut] + done
        block.extent[box.cut] = minimum(size, box.extent[box.cut] - done)
        steps = block.extent[0] * block.extent[1] * block.extent[2] * block.extent[3]
        for p in range(part.panel_end - part.panel_begin):
            pack_panel(a, part, &block, part.panel_begin + p, offsets + a.block_steps, grads)
            sum_panel(a, part, input, input.first + done * input.pixel[box.cut], grads, steps, offsets,
                      totals + p * sums, first and done == 0, ahead)
        done = done + size


cdef inline void store(const Args* a, const Part* part, const Real* totals, char* scratch) noexcept nogil:
    cdef Py_ssize_t* places = <Py_ssize_t*> (scratch + a.scratch_offsets)
    cdef Py_ssize_t p, first
    list_places(a, part, places, totals)
    for p in range(part.panel_begin, part.panel_end):
        first = p * a.panel_rows
        store_panel(a, part, part.group * a.rows + first, minimum(a.panel_rows, a.rows - first), totals, places,
                    <Real*> (scratch + a.scratch_line))
        totals = totals + part.runs * part.rows * a.panel_rows


cdef inline void look_ahead(const Args* a, const Part* part, const Box* box, Py_ssize_t number, Py_ssize_t end,
                            Rows* ahead) noexcept nogil:
    """Each call of the micro-kernel asks the memory for its share of what the next box needs."""
    cdef Py_ssize_t calls = (ceil_div(box.extent[box.cut], block_along(a, box.cut)) * part.runs
                             * (part.panel_end - part.panel_begin) * ceil_div(part.rows, a.panel_columns))
    cdef Box next
    locate_pixels(a, number if number < end else number - 1, box.cut, &next)
    rows_of_input(a, part, &next, calls, &ahead[0])
    rows_of_grad(a, part, &next, calls, &ahead[1])


cdef void tile_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """One segment of one tile; a tile keeps its scratch memory, and so its sums, until its last segment is done."""
    cdef Py_ssize_t slot = number % a.workers, segment = number // a.workers % a.segments, box_number, end
    cdef Py_ssize_t tile = number // a.workers // a.segments * a.workers + slot
    cdef char* scratch = a.scratch + slot * a.scratch_stride
    cdef Real* copied = <Real*> (scratch + a.scratch_halo)
    cdef int cut = cut_axis(a)
    cdef Part part
    cdef Box box
    cdef Input input
    cdef Rows ahead[2]
    if tile >= tile_count(a):
        return
    locate_part(a, tile, &part)
    end = box_count(a, cut) * (segment + 1) // a.segments
    for box_number in range(box_count(a, cut) * segment // a.segments, end):
        locate_pixels(a, box_number, cut, &box)
        if a.halo_channels:
            describe_copy(a, &part, copied, &input)
            copy_input(a, &part, &box, &input, copied)
        else:
            read_in_place(a, &part, &box, &input)
        if box_number == box_count(a, cut) * segment // a.segments:
            list_offsets(a, &input, <Py_ssize_t*> (scratch + a.scratch_offsets))
        if a.look_ahead:
            look_ahead(a, &part, &box, box_number + 1, end, ahead)
        sum_box(a, &part, &box, &input, scratch, box_number == 0, ahead, <Real*> scratch)
    if segment == a.segments - 1:
        store(a, &part, <const Real*> scratch, scratch)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number = a.tile_begin
    while number < a.tile_end:
        tile_f(a, number, tag)
        number = number + a.workers


cdef api void weight_grad_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void weight_grad_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
