# cython: language_level=3
"""The gradient of a convolution in its filters: what grad_out and x have in common, summed over all pixels of a batch.

Called by `backends/weight_grad.py` through `bind.pyx`; hands blocks of pixels to the micro-kernels of
`micro_channels.pyx`, whose vectors run over output channels. The problem is an exchanged one: along an axis `window`
pixels lie `dilation` apart, and `out` taps lie `stride` apart. A tile is a range of output channels times a range of
input channels, and goes through all pixels in one order, so that no sum is ever split. Start reading at `tile_f`.
"""
from cython.parallel cimport prange
from libc.string cimport memcpy

from convops.kernels.abi cimport NONE, Args, Operand
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport (
    blank_run, ceil_div, fill_run, finish, gather_run, minimum, panel_count, source)
from convops.kernels.turn cimport turn_in, turn_out


# The sums of a tile: for each panel of output channels so many runs of rows, whose items of x lie one step apart.
# A row is an input channel at one tap; the channels of neighbouring taps form one run where they are neighbours.
cdef struct Part:
    Py_ssize_t group
    Py_ssize_t panel_begin
    Py_ssize_t panel_end
    Py_ssize_t channel
    Py_ssize_t channels
    bint flat
    Py_ssize_t runs
    Py_ssize_t rows


# Output pixels: images, then the three axes.
cdef struct Box:
    Py_ssize_t origin[4]
    Py_ssize_t extent[4]
    int cut                # where boxes follow each other; all axes behind it are whole


# Where x is read: what the first row needs for the first pixel of a box, and bytes from there on.
cdef struct Input:
    const char* first
    Py_ssize_t row
    Py_ssize_t pixel[4]
    Py_ssize_t tap[3]


cdef inline Py_ssize_t pixels_along(const Args* a, int axis) noexcept nogil:
    return a.images if axis == 0 else a.axis[axis - 1].window


cdef inline Py_ssize_t block_along(const Args* a, int axis) noexcept nogil:
    return a.block_channels if axis == 0 else a.axis[axis - 1].tile


cdef inline void locate_part(const Args* a, Py_ssize_t number, Part* part) noexcept nogil:
    cdef Py_ssize_t panels = panel_count(a), panel_tiles = ceil_div(panels, a.tile_panels)
    cdef Py_ssize_t channel_tiles = ceil_div(a.channels, a.tile_columns)
    part.panel_begin = number % panel_tiles * a.tile_panels
    part.panel_end = minimum(part.panel_begin + a.tile_panels, panels)
    number = number // panel_tiles
    part.channel = number % channel_tiles * a.tile_columns
    part.channels = minimum(a.tile_columns, a.channels - part.channel)
    part.group = number // channel_tiles
    part.flat = (a.halo_channels and a.pixels_first and a.halo_gap == 0 and part.channels == a.channels
                 and (a.axis[2].stride == 1 or a.axis[2].out == 1))
    part.runs = a.axis[0].out * a.axis[1].out * (1 if part.flat else a.axis[2].out)
    part.rows = part.channels * (a.axis[2].out if part.flat else 1)


cdef inline Py_ssize_t tile_count(const Args* a) noexcept nogil:
    return a.groups * ceil_div(panel_count(a), a.tile_panels) * ceil_div(a.channels, a.tile_columns)


cdef inline int cut_axis(const Args* a) noexcept nogil:
    """The innermost axis along which a block does not hold all pixels."""
    cdef int axis
    for axis in range(3, 0, -1):
        if block_along(a, axis) < pixels_along(a, axis):
            return axis
    return 0


cdef inline Py_ssize_t box_along(const Args* a, int axis, int cut) noexcept nogil:
    """Pixels whose operands are copied together."""
    return minimum(block_along(a, axis) * (a.pack_blocks if axis == cut else 1), pixels_along(a, axis))


cdef inline Py_ssize_t box_count(const Args* a, int cut) noexcept nogil:
    cdef Py_ssize_t count = 1
    cdef int axis
    for axis in range(4):
        count = count * ceil_div(pixels_along(a, axis), box_along(a, axis, cut))
    return count


cdef inline void locate_pixels(const Args* a, Py_ssize_t number, int cut, Box* box) noexcept nogil:
    cdef Py_ssize_t size, count
    cdef int axis
    box.cut = cut
    for axis in range(3, -1, -1):
        size = box_along(a, axis, cut)
        count = ceil_div(pixels_along(a, axis), size)
        box.origin[axis] = number % count * size
        box.extent[axis] = minimum(size, pixels_along(a, axis) - box.origin[axis])
        number = number // count


cdef inline Py_ssize_t apart(const Args* a, int axis) noexcept nogil:
    """Positions of the copy from pixel to pixel: with a single tap only what pixels meet is copied."""
    return a.axis[axis].dilation if a.axis[axis].out > 1 else 1


cdef inline Py_ssize_t reach(const Args* a, int axis, Py_ssize_t pixels) noexcept nogil:
    """Positions that the copy holds for so many pixels."""
    return (pixels - 1) * apart(a, axis) + (a.axis[axis].out - 1) * a.axis[axis].stride + 1


cdef inline void read_in_place(const Args* a, const Part* part, const Box* box, Input* to) noexcept nogil:
    cdef int i
    to.first = (a.x.data + (part.group * a.images + box.origin[0]) * a.x.batch + part.channel * a.x.channel)
    to.row = a.x.channel
    to.pixel[0] = a.x.batch
    for i in range(3):
        to.pixel[i + 1] = a.axis[i].dilation * a.x.step[i]
        to.tap[i] = a.axis[i].stride * a.x.step[i]
        to.first = to.first + (box.origin[i + 1] * a.axis[i].dilation - a.axis[i].shift) * a.x.step[i]


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t step, Py_ssize_t channels,
                             Py_ssize_t count) noexcept nogil:
    """A line of x with the channels of each position together."""
    cdef Py_ssize_t j, c, at
    cdef const char* item
    for j in range(count):
        at = source(&a.axis[2], position + j * step)
        if at < 0 or d < 0 or h < 0:
            fill_run(a, to, 1, channels, 1, -1 if at == -1 or d == -1 or h == -1 else -2)
        else:
            item = line + at * a.x.step[2]
            if a.load != NULL:
                a.load(item, a.x.channel, <char*> to, 1, channels)
            elif a.x.channel == sizeof(Real):
                memcpy(to, item, channels * sizeof(Real))
            else:
                for c in range(channels):
                    to[c] = (<const Real*> (item + c * a.x.channel))[0]
        to = to + channels + a.halo_gap


cdef inline void copy_line(const Args* a, Real* to, Py_ssize_t pitch, const char* image, Py_ssize_t d, Py_ssize_t h,
                           Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t step = 1 if a.axis[2].out > 1 else a.axis[2].dilation
    cdef const char* line = image + d * a.x.step[0] + h * a.x.step[1]
    if a.pixels_first:
        copy_pixels(a, to, line, d, h, position, step, channels, count)
    elif d < 0 or h < 0:
        blank_run(a, to, pitch, d, h, position, step, channels, count)
    else:
        gather_run(a, to, pitch, line, position, step, channels, count)


cdef inline void describe_copy(const Args* a, const Part* part, const Real* copied, Input* to) noexcept nogil:
    """The copy's strides, which are the same for every box."""
    cdef Py_ssize_t item = part.channels + a.halo_gap if a.pixels_first else 1, step = item * sizeof(Real)
    cdef int i, cut = cut_axis(a)
    to.first = <const char*> copied
    for i in range(2, -1, -1):
        to.pixel[i + 1] = step * apart(a, i)
        to.tap[i] = step * a.axis[i].stride
        step = step * reach(a, i, box_along(a, i + 1, cut))
    to.pixel[0] = step
    # An odd number of cache lines: channels that are read together shall not meet in one set.
    step = (ceil_div(step * box_along(a, 0, cut), 64) | 1) * 64
    to.row = <Py_ssize_t> sizeof(Real) if a.pixels_first else step


cdef inline void copy_input(const Args* a, const Part* part, const Box* box, const Input* to,
                            const Real* tag) noexcept nogil:
    cdef Py_ssize_t b, i, j, d, h, count = reach(a, 2, box.extent[3]), position = box.origin[3] * a.axis[2].dilation
    cdef Py_ssize_t deep = reach(a, 0, box.extent[1]), high = reach(a, 1, box.extent[2])
    cdef Py_ssize_t step[2]
    cdef const char* image
    cdef char* line
    for i in range(2):
        step[i] = 1 if a.axis[i].out > 1 else a.axis[i].dilation
    for b in range(box.extent[0]):
        image = a.x.data + (part.group * a.images + box.origin[0] + b) * a.x.batch + part.channel * a.x.channel
        for i in range(deep):
            d = source(&a.axis[0], box.origin[1] * a.axis[0].dilation + i * step[0])
            for j in range(high):
                h = source(&a.axis[1], box.origin[2] * a.axis[1].dilation + j * step[1])
                line = (<char*> to.first + b * to.pixel[0] + i * (to.pixel[1] // apart(a, 0))
                        + j * (to.pixel[2] // apart(a, 1)))
                copy_line(a, <Real*> line, to.row // <Py_ssize_t> sizeof(Real), image, d, h, position, part.channels,
                          count)


cdef inline void list_offsets(const Args* a, const Input* input, Py_ssize_t* offsets) noexcept nogil:
    """Bytes from the first pixel of a block to each; those of a shorter block come first."""
    cdef Py_ssize_t b, i, j, k
    for b in range(block_along(a, 0)):
        for i in range(block_along(a, 1)):
            for j in range(block_along(a, 2)):
                for k in range(block_along(a, 3)):
                    offsets[0] = b * input.pixel[0] + i * input.pixel[1] + j * input.pixel[2] + k * input.pixel[3]
                    offsets = offsets + 1


cdef inline void pack_run(const Args* a, const char* grads, const Py_ssize_t* places, Py_ssize_t valid,
                          Py_ssize_t count, Real* to) noexcept nogil:
    """`count` pixels of a panel of output channels, the channels of a pixel together."""
    cdef Py_ssize_t i, j = 0, lanes = VECTOR_BYTES // sizeof(Real)
    if a.grad.channel == sizeof(Real):
        for j in range(count):
            memcpy(to + j * a.panel_rows, grads + j * a.grad.step[2], valid * sizeof(Real))
            for i in range(valid, a.panel_rows):
                to[j * a.panel_rows + i] = 0
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


cdef inline void pack_block(const Args* a, const Part* part, const Box* box, Py_ssize_t* places,
                            Real* to) noexcept nogil:
    """All panels of one block, in the order in which the micro-kernel reads them; lines that touch form one run."""
    cdef Py_ssize_t p, b, i, j, valid, first, deep = box.extent[1], high = box.extent[2], run = box.extent[3]
    cdef const char* grads
    if run == a.axis[2].window and (high == 1 or a.grad.step[1] == run * a.grad.step[2]):
        run, high = run * high, 1
        if box.extent[2] == a.axis[1].window and (deep == 1 or a.grad.step[0] == run * a.grad.step[2]):
            run, deep = run * deep, 1
    for p in range(part.panel_begin, part.panel_end):
        first = p * a.panel_rows
        valid = minimum(a.panel_rows, a.rows - first)
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


cdef inline void sum_block(const Args* a, const Part* part, const Input* input, const char* x, const Real* grads,
                           Py_ssize_t steps, const Py_ssize_t* offsets, Real* totals, bint first) noexcept nogil:
    """Adds one block to every sum of the tile. Rows that are summed together stay for all taps."""
    cdef Py_ssize_t p, i, run, row, end, kd, kh, kw, parts = ceil_div(part.rows, a.panel_columns)
    cdef Py_ssize_t wide = 1 if part.flat else a.axis[2].out
    for p in range(part.panel_end - part.panel_begin):
        for i in range(parts):
            row, end = part.rows * i // parts, part.rows * (i + 1) // parts
            for run in range(part.runs):
                kw, kh, kd = run % wide, run // wide % a.axis[1].out, run // wide // a.axis[1].out
                a.turned[end - row - 1](
                    steps, x + row * input.row + kd * input.tap[0] + kh * input.tap[1] + kw * input.tap[2], input.row,
                    <const char*> (grads + p * steps * a.panel_rows), offsets,
                    <char*> (totals + ((p * part.runs + run) * part.rows + row) * a.panel_rows), first)


cdef inline void sum_box(const Args* a, const Part* part, const Box* box, const Input* input, char* scratch,
                         bint first, Real* totals) noexcept nogil:
    """The blocks of a box, one after the other."""
    cdef Py_ssize_t size = block_along(a, box.cut), done = 0, steps
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch + a.scratch_offsets)
    cdef Real* grads = <Real*> (scratch + a.scratch_columns)
    cdef Box block = box[0]
    cdef int axis
    while done < box.extent[box.cut]:
        block.origin[box.cut] = box.origin[box.cut] + done
        block.extent[box.cut] = minimum(size, box.extent[box.cut] - done)
        steps = block.extent[0] * block.extent[1] * block.extent[2] * block.extent[3]
        pack_block(a, part, &block, offsets + a.block_steps, grads)
        sum_block(a, part, input, input.first + done * input.pixel[box.cut], grads, steps, offsets, totals,
                  first and done == 0)
        done = done + size


cdef inline Py_ssize_t flat_step(const Args* a, const Operand* o, Py_ssize_t channels) noexcept nogil:
    """Bytes from item to item where all taps of so many channels follow each other in C order; 0 where they do not."""
    cdef Py_ssize_t step = 0, expected = 0
    cdef int i
    for i in range(2, -1, -1):
        if a.axis[i].out > 1:
            if step == 0:
                step = expected = o.step[i]
            if o.step[i] != expected:
                return 0
            expected = expected * a.axis[i].out
    if step == 0:
        return o.channel
    return step if channels == 1 or o.channel == expected else 0


cdef inline void list_places(const Args* a, const Part* part, Py_ssize_t* places, const Real* tag) noexcept nogil:
    """Where the sums of a panel stand, in the order of the result: channels, then taps. In bytes."""
    cdef Py_ssize_t c, tap, taps = a.axis[0].out * a.axis[1].out * a.axis[2].out, wide = a.axis[2].out
    for c in range(part.channels):
        for tap in range(taps):
            if part.flat:
                places[0] = tap // wide * part.rows + tap % wide * part.channels + c
            else:
                places[0] = tap * part.rows + c
            places[0] = places[0] * a.panel_rows * sizeof(Real)
            places = places + 1


cdef inline void store_line(const Args* a, const Part* part, Real* line, char* out, const char* add) noexcept nogil:
    """The gradients of one output channel through the epilogue, at once where they follow each other."""
    cdef Py_ssize_t step = flat_step(a, &a.out, part.channels), add_step, c, i, j, wide = a.axis[2].out
    cdef Py_ssize_t deep = a.axis[0].out, high = a.axis[1].out
    add_step = flat_step(a, &a.epilogue.add, part.channels) if add != NULL else 1
    if step and add_step:
        finish(&a.epilogue, line, <Real> 0, out, step, add, add_step, part.channels * deep * high * wide)
        return
    for c in range(part.channels):
        for i in range(deep):
            for j in range(high):
                finish(&a.epilogue, line, <Real> 0,
                       out + c * a.out.channel + i * a.out.step[0] + j * a.out.step[1], a.out.step[2],
                       NULL if add == NULL else add + c * a.epilogue.add.channel + i * a.epilogue.add.step[0]
                       + j * a.epilogue.add.step[1], a.epilogue.add.step[2], wide)
                line = line + wide


cdef inline void store_panel(const Args* a, const Part* part, Py_ssize_t row, Py_ssize_t valid, const Real* totals,
                             const Py_ssize_t* places, Real* line) noexcept nogil:
    cdef Py_ssize_t items = part.channels * a.axis[0].out * a.axis[1].out * a.axis[2].out, i, q
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef char* out = a.out.data + row * a.out.batch + part.channel * a.out.channel
    cdef const char* add = NULL
    if (flat_step(a, &a.out, part.channels) == sizeof(Real) and a.epilogue.add.data == NULL
            and a.epilogue.activation == NONE and a.epilogue.cast == NULL):
        for q in range(ceil_div(items, lanes)):
            for i in range(ceil_div(valid, lanes)):
                turn_out(totals + i * lanes, places + q * lanes, minimum(lanes, items - q * lanes),
                         <Real*> (out + i * lanes * a.out.batch) + q * lanes, a.out.batch,
                         minimum(lanes, valid - i * lanes))
        return
    for i in range(valid):
        for q in range(items):
            line[q] = (<const Real*> (<const char*> (totals + i) + places[q]))[0]
        if a.epilogue.add.data != NULL:
            add = a.epilogue.add.data + (row + i) * a.epilogue.add.batch + part.channel * a.epilogue.add.channel
        store_line(a, part, line, out + i * a.out.batch, add)


cdef inline void store(const Args* a, const Part* part, const Real* totals, char* scratch) noexcept nogil:
    cdef Py_ssize_t* places = <Py_ssize_t*> (scratch + a.scratch_offsets)
    cdef Py_ssize_t p, first
    list_places(a, part, places, totals)
    for p in range(part.panel_begin, part.panel_end):
        first = p * a.panel_rows
        store_panel(a, part, part.group * a.rows + first, minimum(a.panel_rows, a.rows - first), totals, places,
                    <Real*> (scratch + a.scratch_line))
        totals = totals + part.runs * part.rows * a.panel_rows


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
        sum_box(a, &part, &box, &input, scratch, box_number == 0, <Real*> scratch)
    if segment == a.segments - 1:
        store(a, &part, <const Real*> scratch, scratch)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(a.tile_begin, a.tile_end, schedule="static", chunksize=1, num_threads=a.workers):
        tile_f(a, number, tag)


cdef api void weight_grad_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void weight_grad_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
