# cython: language_level=3
"""Convolution of single channels with vectors over channels, where these lie together.

Called by `backends/direct.py` through `bind.pyx`; the sums are made in `sharing.pxd`. A tile is a box of output pixels
times a range of channels. Pixels are read where they lie; padding is a pixel of its own, so that every boundary is
only a matter of pointers. Other dtypes, other strides and several outputs per channel are copied first, planes with
short lines turned. Start reading at `tile_f`.
"""
from libc.string cimport memcpy

from convops.kernels.abi cimport NONE, RELU, Args
from convops.kernels.lanes cimport greatest_divisor
from convops.kernels.pixel_block cimport PIXELS, Block
from convops.kernels.sharing cimport edge_of, goes_in_pairs, is_shared, sum_block
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.tile cimport Tile, fill_run, finish, line_of, locate_box, minimum, source
from convops.kernels.turned cimport Turned, describe_turned, place_parts, store_turned, turn_input

cdef enum:
    FAR = 20 << 20             # bytes of arrays that lie in memory; to ask for what caches hold only takes time


# A tile at work.
cdef struct Job:
    Tile tile
    Py_ssize_t first           # output channel
    Py_ssize_t spacing         # outputs that share positions lie so far apart
    bint in_place
    bint plain                 # the epilogue is one for vectors
    char** lines               # padded position 0 of the window's lines, of the tile in a copy; NULL for padding
    bint pairs                 # of output lines are computed at once
    Py_ssize_t step            # bytes from position to position
    Py_ssize_t pitch           # reals of a copied pixel
    Py_ssize_t reached[3]      # positions of the tile
    char* blank
    char* copy
    char* sums
    Block block


cdef inline void copy_pixel(const Args* a, const char* pixel, Real* to, Py_ssize_t channels) noexcept nogil:
    """The channels of one pixel, each as often as it has outputs."""
    cdef Py_ssize_t c, r, inputs = channels // a.panel_rows
    if a.load != NULL:
        a.load(pixel, a.x.channel, <char*> to, 1, inputs)
    elif a.x.channel == sizeof(Real):
        memcpy(to, pixel, inputs * sizeof(Real))
    else:
        for c in range(inputs):
            to[c] = (<const Real*> (pixel + c * a.x.channel))[0]
    if a.panel_rows > 1:
        for c in range(inputs - 1, -1, -1):
            for r in range(a.panel_rows - 1, -1, -1):
                to[c * a.panel_rows + r] = to[c]


cdef inline const char* pixel_at(const Args* a, const Job* j, Py_ssize_t d, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    """The first channel of an input pixel; NULL for padding."""
    d, h, w = source(&a.axis[0], d), source(&a.axis[1], h), source(&a.axis[2], w)
    if d < 0 or h < 0 or w < 0:
        return NULL
    return (a.x.data + j.tile.batch * a.x.batch + j.tile.panel_begin * a.x.channel + d * a.x.step[0] + h * a.x.step[1]
            + w * a.x.step[2])


cdef inline void copy_tile(const Args* a, Job* j, const Real* tag) noexcept nogil:
    cdef Py_ssize_t d, h, w
    cdef const Tile* t = &j.tile
    cdef const char* pixel
    cdef Real* to = <Real*> j.copy
    for d in range(j.reached[0]):
        for h in range(j.reached[1]):
            for w in range(j.reached[2]):
                pixel = pixel_at(a, j, t.origin[0] * a.axis[0].stride + d, t.origin[1] * a.axis[1].stride + h,
                                 t.origin[2] * a.axis[2].stride + w)
                if pixel == NULL:
                    fill_run(a, to, 0, 1, j.block.channels, -1)
                else:
                    copy_pixel(a, pixel, to, j.block.channels)
                to = to + j.pitch


cdef inline void list_lines(const Args* a, Job* j, Py_ssize_t d, Py_ssize_t h) noexcept nogil:
    """Where the window's lines lie for an output line of the tile."""
    cdef Py_ssize_t i, deep, high
    for i in range(j.block.line_count):
        # Two output lines share the lines of one window that is `down` lines higher.
        deep = d * a.axis[0].stride + (0 if j.pairs else i // a.axis[1].window) * a.axis[0].dilation
        high = h * a.axis[1].stride + (i if j.pairs else i % a.axis[1].window) * a.axis[1].dilation
        if not j.in_place:
            j.lines[i] = j.copy + (deep * j.reached[1] + high) * j.reached[2] * j.step
            continue
        deep = source(&a.axis[0], j.tile.origin[0] * a.axis[0].stride + deep)
        high = source(&a.axis[1], j.tile.origin[1] * a.axis[1].stride + high)
        j.lines[i] = NULL if deep < 0 or high < 0 else (
            a.x.data + j.tile.batch * a.x.batch + j.tile.panel_begin * a.x.channel + deep * a.x.step[0]
            + high * a.x.step[1])


cdef inline bint lies_inside(const Args* a, const Job* j, Py_ssize_t position, Py_ssize_t edge) noexcept nogil:
    """Whether the positions of a full block, from `position` on, are input pixels, except `edge` at either end."""
    cdef Py_ssize_t last = position + (j.block.positions - 1 - edge) * a.axis[2].dilation
    position = position + edge * a.axis[2].dilation
    return not j.in_place or (a.axis[2].inner_begin <= position and last < a.axis[2].inner_end)


cdef inline void list_steps(const Args* a, Job* j, Py_ssize_t position) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(j.block.line_count):
        j.block.steps[i] = 0 if j.lines[i] == NULL else a.axis[2].dilation * j.step
        j.block.lines[i] = j.blank if j.lines[i] == NULL else j.lines[i] + j.step * (
            position - a.axis[2].shift if j.in_place else position)


cdef inline void list_points(const Args* a, Job* j, Py_ssize_t position, Py_ssize_t begin,
                             Py_ssize_t end) noexcept nogil:
    """Some of the positions of a block, which may reach beyond its lines; what is not needed repeats the last."""
    cdef Py_ssize_t needed = (j.block.pixels - 1) * j.block.slide + j.block.wide, p, i, at
    for p in range(begin, end):
        at = position + minimum(p, needed - 1) * a.axis[2].dilation
        if j.in_place:
            at = source(&a.axis[2], at)
        for i in range(j.block.line_count):
            j.block.points[i * j.block.positions + p] = (
                j.blank if j.lines[i] == NULL or at < 0 else j.lines[i] + at * j.step)


cdef inline Py_ssize_t blocks_inside(const Args* a, const Job* j, Py_ssize_t position, Py_ssize_t most) noexcept nogil:
    """How many full blocks, one behind the other, meet no padding."""
    cdef Py_ssize_t blocks = 1, step = PIXELS * j.spacing * a.axis[2].stride
    while j.plain and blocks < most and lies_inside(a, j, position + blocks * step, 0):
        blocks = blocks + 1
    return blocks


cdef inline void run_block(const Args* a, Job* j, Py_ssize_t d, Py_ssize_t h, Py_ssize_t w, Py_ssize_t most,
                           const Real* tag) noexcept nogil:
    """A block of output pixels, `spacing` apart, in all of the tile's channels; full ones behind it, too."""
    cdef Block* b = &j.block
    cdef Py_ssize_t position = w * a.axis[2].stride + (j.tile.origin[2] * a.axis[2].stride if j.in_place else 0), s
    cdef Py_ssize_t edge = edge_of(b.wide)
    cdef bint listed = b.pixels < PIXELS or not is_shared(b) or not lies_inside(a, j, position, edge)
    cdef const char* add = NULL
    b.blocks = 1
    if listed:
        list_points(a, j, position, 0, b.positions)
    else:
        list_steps(a, j, position)
        list_points(a, j, position, 0, edge)
        list_points(a, j, position, b.positions - edge, b.positions)
        b.blocks = blocks_inside(a, j, position, most)
    if j.plain:
        b.out = <char*> line_of(&a.out, &j.tile, j.first, d, h, w)
        if a.epilogue.add.data != NULL:
            b.add = line_of(&a.epilogue.add, &j.tile, j.first, d, h, w)
    if Real is float:
        sum_block(b, listed, <f32v*> NULL)
    else:
        sum_block(b, listed, <f64v*> NULL)
    if j.plain:
        return
    for s in range(b.pixels):
        if a.epilogue.add.data != NULL:
            add = line_of(&a.epilogue.add, &j.tile, j.first, d, h, w + s * j.spacing)
        # The bias is in the sums; -0.0 leaves every number as it is.
        finish(&a.epilogue, <Real*> (j.sums + s * b.out_step), <Real> -0.0,
               <char*> line_of(&a.out, &j.tile, j.first, d, h, w + s * j.spacing), a.out.channel, add,
               a.epilogue.add.channel, b.channels)


cdef inline void run_line(const Args* a, Job* j, Py_ssize_t d, Py_ssize_t h, const Real* tag) noexcept nogil:
    """One or two lines of output pixels; their last blocks may begin earlier, so that they are full."""
    cdef Py_ssize_t offset, count, begin
    list_lines(a, j, d, h)
    for offset in range(minimum(j.spacing, j.tile.extent[2])):
        count = (j.tile.extent[2] - offset + j.spacing - 1) // j.spacing
        begin = 0
        while begin < count:
            j.block.pixels = minimum(PIXELS, count - begin)
            if count >= PIXELS:
                j.block.pixels, begin = PIXELS, minimum(begin, count - PIXELS)
            run_block(a, j, d, h, offset + begin * j.spacing, (count - begin) // PIXELS, tag)
            begin = begin + j.block.blocks * PIXELS


cdef inline void begin_epilogue(const Args* a, Job* j, const Real* tag) noexcept nogil:
    cdef Block* b = &j.block
    j.plain = a.epilogue.cast == NULL and a.out.channel == sizeof(Real)
    j.plain = j.plain and (a.epilogue.activation == NONE or a.epilogue.activation == RELU)
    j.plain = j.plain and (a.epilogue.add.data == NULL or a.epilogue.add.channel == sizeof(Real))
    b.bias = a.epilogue.bias + j.first * sizeof(Real)
    b.relu = j.plain and a.epilogue.activation == RELU
    b.out, b.add = j.sums, NULL
    b.out_step = j.spacing * a.out.step[2] if j.plain else j.pitch * <Py_ssize_t> sizeof(Real)
    b.add_step = j.spacing * a.epilogue.add.step[2]
    b.out_row, b.add_row = a.out.step[1], a.epilogue.add.step[1]
    j.pairs = j.plain and a.axis[0].window == 1 and a.axis[1].dilation == 1 and goes_in_pairs(b)
    b.ahead = 0
    if j.in_place and a.images * (a.x.batch + a.out.batch) > FAR:
        b.ahead = (2 if j.pairs else 1) * a.axis[1].stride * a.x.step[1]


cdef inline void begin_tile(const Args* a, Job* j, char* scratch, const Real* tag) noexcept nogil:
    cdef const Tile* t = &j.tile
    cdef Block* b = &j.block
    cdef Py_ssize_t i, divisor, lanes = VECTOR_BYTES // sizeof(Real)
    for i in range(3):
        j.reached[i] = (t.extent[i] - 1) * a.axis[i].stride + (a.axis[i].window - 1) * a.axis[i].dilation + 1
    divisor = greatest_divisor(a.axis[2].stride, a.axis[2].dilation)
    j.spacing, b.slide = a.axis[2].dilation // divisor, a.axis[2].stride // divisor
    j.first = t.panel_begin * a.panel_rows
    b.channels, b.wide = (t.panel_end - t.panel_begin) * a.panel_rows, a.axis[2].window
    b.line_count, b.positions = a.axis[0].window * a.axis[1].window, (PIXELS - 1) * b.slide + b.wide
    b.down = a.axis[1].stride
    j.in_place = (a.load == NULL and a.panel_rows == 1 and a.x.channel == sizeof(Real) and b.channels >= lanes
                  and a.axis[2].spacing == 1)
    b.overlap = j.in_place
    j.pitch = (b.channels + lanes - 1) // lanes * lanes
    j.step = a.x.step[2] if j.in_place else j.pitch * <Py_ssize_t> sizeof(Real)
    b.tap = a.rows * sizeof(Real)
    b.weights = a.weights + j.first * sizeof(Real)
    j.lines = <char**> (scratch + a.scratch_offsets)
    i = b.line_count + b.down
    b.lines, b.steps, b.points = j.lines + i, <Py_ssize_t*> (j.lines + 2 * i), j.lines + 3 * i
    j.sums, j.blank = scratch, scratch + a.scratch_columns
    j.copy = j.blank + j.pitch * sizeof(Real)
    fill_run(a, <Real*> j.blank, 0, 1, j.pitch, -1)


cdef void compute_tile(const Args* a, const Tile* t, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t d, h
    j.tile = t[0]
    begin_tile(a, &j, scratch, tag)
    begin_epilogue(a, &j, tag)
    if not j.in_place:
        copy_tile(a, &j, tag)
    for d in range(j.tile.extent[0]):
        h = 0
        while h < j.tile.extent[1]:
            j.block.rows = 2 if j.pairs and h + 1 < j.tile.extent[1] else 1
            j.block.line_count = a.axis[0].window * a.axis[1].window + (j.block.rows - 1) * j.block.down
            run_line(a, &j, d, h, tag)
            h = h + j.block.rows


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Tile t
    cdef Turned turned
    cdef Args here
    locate_box(a, number, &t)
    if not a.halo_channels:
        compute_tile(a, &t, scratch, tag)
        return
    here = a[0]
    place_parts(a, &t, scratch, &turned, tag)
    turn_input(a, &t, &turned, tag)
    describe_turned(&t, &turned, &here, tag)
    compute_tile(&here, &t, scratch, tag)
    store_turned(a, &t, &turned, <Real*> (scratch + a.scratch_line))


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)


cdef api void depthwise_pixels_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void depthwise_pixels_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def pixels():
    """Output pixels of a block."""
    return PIXELS
