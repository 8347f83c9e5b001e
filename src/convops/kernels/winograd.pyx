# cython: language_level=3
"""Winograd's minimal filtering: tiles become points, points are multiplied channel by channel, sums become tiles.

Called by `backends/winograd.py` through `bind.pyx`; hands lines of vectors to the passes of `winograd_passes.pyx` and
runs of tiles to the micro-kernels of `micro_channels.pyx`. Vectors run over channels throughout, so that tiles may
lie anywhere; where the channels of a pixel are no neighbours, lines are transposed on the way in and out. A strip is a
row of tiles; work is cut into blocks of strips times panels of output channels. Start reading at `item_f`.
"""
from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport NONE, Args, Axis, Epilogue
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport (
    blank_run, ceil_div, copy_run, finish, gather_run, minimum, panel_count, source)
from convops.kernels.transpose cimport transpose_square


# Work item: strips of the whole batch, columns of tiles, output channels.
cdef struct Block:
    Py_ssize_t strip
    Py_ssize_t strips
    Py_ssize_t column
    Py_ssize_t columns
    Py_ssize_t tiles
    Py_ssize_t group
    Py_ssize_t panel_begin
    Py_ssize_t panel_end


# A strip's image and the position of its first output.
cdef struct Strip:
    Py_ssize_t batch
    Py_ssize_t d
    Py_ssize_t h
    Py_ssize_t w


cdef outlined transpose(const Vector* rows, Py_ssize_t pitch, char* columns, Py_ssize_t column_pitch) noexcept nogil:
    transpose_square(<const char*> rows, pitch, columns, column_pitch, rows)


cdef inline void transpose_reals(const Real* rows, Py_ssize_t pitch, Real* columns, Py_ssize_t column_pitch) noexcept nogil:
    if Real is float:
        transpose(<const f32v*> rows, pitch * sizeof(Real), <char*> columns, column_pitch * sizeof(Real))
    else:
        transpose(<const f64v*> rows, pitch * sizeof(Real), <char*> columns, column_pitch * sizeof(Real))


cdef inline Py_ssize_t points_of(const Axis* axis) noexcept nogil:
    return axis.tile + axis.window - 1


cdef inline Py_ssize_t strips_of(const Args* a) noexcept nogil:
    """Strips of one image."""
    return a.axis[0].out * ceil_div(a.axis[1].out, a.axis[1].tile)


cdef inline Py_ssize_t locate(const Args* a, Py_ssize_t number, Block* b) noexcept nogil:
    """Item `number`, the row panels fastest; the result tells blocks of the same input apart."""
    cdef Py_ssize_t panels = panel_count(a), parts = ceil_div(panels, a.tile_panels), input = number // parts
    cdef Py_ssize_t columns = ceil_div(a.axis[2].out, a.axis[2].tile), runs = ceil_div(columns, a.tile_columns)
    b.panel_begin = number % parts * a.tile_panels
    b.panel_end = minimum(b.panel_begin + a.tile_panels, panels)
    number = input
    b.column = number % runs * a.tile_columns
    b.columns = minimum(a.tile_columns, columns - b.column)
    number = number // runs
    b.group = number % a.groups
    b.strip = number // a.groups * a.strips
    b.strips = minimum(a.strips, a.images * strips_of(a) - b.strip)
    b.tiles = b.strips * b.columns
    return input


cdef inline Strip strip_of(const Args* a, const Block* b, Py_ssize_t number) noexcept nogil:
    cdef Strip s
    cdef Py_ssize_t high = ceil_div(a.axis[1].out, a.axis[1].tile)
    number = b.strip + number
    s.batch = number // strips_of(a)
    s.d = number // high % a.axis[0].out
    s.h = number % high * a.axis[1].tile
    s.w = b.column * a.axis[2].tile
    return s


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """A line of pixels whose channels lie side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j, c, at
    cdef const char* pixel
    for j in range(count):
        at = source(&a.axis[2], position + j)
        if at < 0 or d < 0 or h < 0:
            at = -1 if at == -1 or d == -1 or h == -1 else -2
            for c in range(channels):
                to[c] = (<const Real*> a.fill)[0] if at == -1 else <Real> 0
        else:
            pixel = line + at * a.x.step[2]
            if a.load != NULL:
                a.load(pixel, a.x.channel, <char*> to, 1, channels)
            else:
                memcpy(to, pixel, channels * sizeof(Real))
        for c in range(channels, lanes):
            to[c] = 0
        to = to + lanes


cdef inline void copy_lines(const Args* a, Real* to, Real* rows, const char* line, Py_ssize_t d, Py_ssize_t h,
                            Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """The same where channels lie apart, by way of `rows`."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), pitch = ceil_div(count, lanes) * lanes, j
    if d < 0 or h < 0:
        blank_run(a, rows, pitch, d, h, position, 1, channels, count)
    else:
        gather_run(a, rows, pitch, line, position, 1, channels, count)
    memset(rows + channels * pitch, 0, (lanes - channels) * pitch * sizeof(Real))
    for j in range(pitch // lanes):
        transpose_reals(rows + j * lanes, pitch, to + j * lanes * lanes, lanes)


cdef inline void copy_halo(const Args* a, const Block* b, const Strip* s, Real* to, Real* rows, Py_ssize_t channel,
                           Py_ssize_t channels, Py_ssize_t width) noexcept nogil:
    """What a strip reads of some channels, at most a vector of them: pixel by pixel."""
    cdef const char* image = a.x.data + s.batch * a.x.batch + (b.group * a.channels + channel) * a.x.channel
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), d = source(&a.axis[0], s.d), h, i
    cdef Py_ssize_t pitch = ceil_div(width, lanes) * lanes * lanes
    cdef const char* line
    for i in range(points_of(&a.axis[1])):
        h = source(&a.axis[1], s.h + i)
        line = image + d * a.x.step[0] + h * a.x.step[1]
        if a.x.channel == sizeof(Real) or (a.load != NULL and a.pixels_first):
            copy_pixels(a, to + i * pitch, line, d, h, s.w, channels, width)
        else:
            copy_lines(a, to + i * pitch, rows, line, d, h, s.w, channels, width)


cdef inline void transform_strip(const Args* a, const Block* b, const Real* halo, Py_ssize_t width,
                                 char* to, Py_ssize_t tile_step) noexcept nogil:
    """From the pixels of some channels to the points of each tile."""
    cdef Py_ssize_t high = points_of(&a.axis[1]), wide = points_of(&a.axis[2]), t
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), line = ceil_div(width, lanes) * lanes * VECTOR_BYTES
    cdef char* x = <char*> halo
    if a.axis[2].window == 1:
        a.input_pass(b.columns, x, line, VECTOR_BYTES, to, a.pitch_inputs, tile_step)
        return
    if a.axis[1].window > 1:
        a.input_pass(width, x, line, VECTOR_BYTES, x, line, VECTOR_BYTES)
    for t in range(b.columns):
        a.input_pass(high, x + t * a.axis[2].tile * VECTOR_BYTES, VECTOR_BYTES, line, to + t * tile_step,
                     a.pitch_inputs, wide * a.pitch_inputs)


cdef void transform_inputs(const Args* a, const Block* b, char* scratch, const Real* tag) noexcept nogil:
    """All channels of a block: [point][channel block][tile][channel]."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), c = 0, i, channels, place
    cdef Py_ssize_t width = (b.columns - 1) * a.axis[2].tile + points_of(&a.axis[2])
    cdef Py_ssize_t tile_step = a.block_channels * sizeof(Real)
    cdef Real* halo = <Real*> (scratch + a.scratch_halo)
    cdef char* inputs = scratch + a.scratch_columns
    cdef Strip s
    while c < a.channels:
        channels = minimum(lanes, a.channels - c)
        place = c // a.block_channels * a.block_channels * b.tiles + c % a.block_channels
        for i in range(b.strips):
            s = strip_of(a, b, i)
            copy_halo(a, b, &s, halo, <Real*> (scratch + a.scratch_line), c, channels, width)
            transform_strip(a, b, halo, width, inputs + place * sizeof(Real) + i * b.columns * tile_step, tile_step)
        c = c + lanes


cdef void multiply(const Args* a, const Block* b, Py_ssize_t panel, Py_ssize_t count, char* scratch,
                   const Real* tag) noexcept nogil:
    """Point by point, some panels of output channels: [panel][point][tile][output channel]."""
    cdef Py_ssize_t points = points_of(&a.axis[1]) * points_of(&a.axis[2]), panels = panel_count(a)
    cdef Py_ssize_t runs = ceil_div(b.tiles, a.panel_columns), k, p, run, begin, end
    cdef Py_ssize_t step = a.block_channels * sizeof(Real), row = a.panel_rows * sizeof(Real)
    cdef const char* weights
    cdef const char* x
    cdef char* sums
    for k in range(points):
        x = scratch + a.scratch_columns + k * a.pitch_inputs
        for p in range(count):
            weights = a.weights + ((b.group * points + k) * panels + panel + p) * a.channels * row
            sums = scratch + a.scratch_sums + (p * points + k) * a.pitch_sums
            begin = 0
            for run in range(runs):
                end = b.tiles * (run + 1) // runs
                a.products[end - begin - 1](a.channels, a.block_channels, x + begin * step, step, b.tiles * step,
                                            weights, sums + begin * row)
                begin = end


cdef inline void store_pixels(const Args* a, Real* sums, Py_ssize_t channel, Py_ssize_t rows, char* out,
                              const char* add, Py_ssize_t count) noexcept nogil:
    """A line of pixels through the epilogue, where the channels of a pixel lie side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i, j
    cdef const Real* bias = <const Real*> a.epilogue.bias
    for j in range(count):
        if bias != NULL:
            for i in range(rows):
                sums[i] = sums[i] + bias[channel + i]
        finish(&a.epilogue, sums, <Real> 0, out, a.out.channel, add, a.epilogue.add.channel, rows)
        sums, out = sums + lanes, out + a.out.step[2]
        if add != NULL:
            add = add + a.epilogue.add.step[2]


cdef inline void store_channels(const Args* a, const Real* sums, Real* columns, Py_ssize_t channel, Py_ssize_t rows,
                                char* out, const char* add, Py_ssize_t count) noexcept nogil:
    """The same channel by channel, transposed."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), pitch = ceil_div(count, lanes) * lanes, i
    cdef const Real* bias = <const Real*> a.epilogue.bias
    for i in range(pitch // lanes):
        transpose_reals(sums + i * lanes * lanes, lanes, columns + i * lanes, pitch)
    for i in range(rows):
        finish(&a.epilogue, columns + i * pitch, bias[channel + i] if bias != NULL else <Real> 0, out,
               a.out.step[2], add, a.epilogue.add.step[2], count)
        out = out + a.out.channel
        if add != NULL:
            add = add + a.epilogue.add.channel


cdef inline char* place_of(const Args* a, const Strip* s, Py_ssize_t channel, Py_ssize_t h) noexcept nogil:
    return (a.out.data + s.batch * a.out.batch + channel * a.out.channel + s.d * a.out.step[0]
            + (s.h + h) * a.out.step[1] + s.w * a.out.step[2])


cdef inline const char* added(const Args* a, const Strip* s, Py_ssize_t channel, Py_ssize_t h) noexcept nogil:
    if a.epilogue.add.data == NULL:
        return NULL
    return (a.epilogue.add.data + s.batch * a.epilogue.add.batch + channel * a.epilogue.add.channel
            + s.d * a.epilogue.add.step[0] + (s.h + h) * a.epilogue.add.step[1] + s.w * a.epilogue.add.step[2])


cdef inline void transform_outputs(const Args* a, const Block* b, const char* sums, char* lines, Py_ssize_t pitch,
                                   const Real* tag) noexcept nogil:
    """From the points of a strip's tiles to its lines, for one vector of channels."""
    cdef char[64 * VECTOR_BYTES] half
    cdef Py_ssize_t wide = points_of(&a.axis[2]), t
    for t in range(b.columns):
        if a.axis[2].window == 1:
            a.output_pass[0](1, sums, a.pitch_sums, 0, lines, pitch, 0)
        elif a.axis[1].window == 1:
            a.output_pass[1](1, sums, a.pitch_sums, 0, lines, VECTOR_BYTES, 0)
        else:
            a.output_pass[0](wide, sums, wide * a.pitch_sums, a.pitch_sums, half, wide * VECTOR_BYTES, VECTOR_BYTES)
            a.output_pass[1](a.axis[1].tile, half, VECTOR_BYTES, wide * VECTOR_BYTES, lines, VECTOR_BYTES, pitch)
        sums, lines = sums + a.panel_rows * sizeof(Real), lines + a.axis[2].tile * VECTOR_BYTES


cdef void store_panel(const Args* a, const Block* b, Py_ssize_t panel, const char* sums, char* scratch,
                      const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), width = b.columns * a.axis[2].tile, v = 0, rows, channel, i, j
    cdef Py_ssize_t pitch = ceil_div(width, lanes) * lanes * VECTOR_BYTES
    cdef Py_ssize_t count = minimum(width, a.axis[2].out - b.column * a.axis[2].tile)
    cdef char* lines = scratch + a.scratch_halo
    cdef Strip s
    while v < minimum(a.panel_rows, a.rows - panel * a.panel_rows):
        rows = minimum(lanes, a.rows - panel * a.panel_rows - v)
        channel = b.group * a.rows + panel * a.panel_rows + v
        for i in range(b.strips):
            s = strip_of(a, b, i)
            transform_outputs(a, b, sums + (i * b.columns * a.panel_rows + v) * sizeof(Real), lines, pitch, tag)
            for j in range(minimum(a.axis[1].tile, a.axis[1].out - s.h)):
                if a.out.channel == sizeof(Real) or a.pixels_first:
                    store_pixels(a, <Real*> (lines + j * pitch), channel, rows, place_of(a, &s, channel, j),
                                 added(a, &s, channel, j), count)
                else:
                    store_channels(a, <const Real*> (lines + j * pitch), <Real*> (scratch + a.scratch_line), channel,
                                   rows, place_of(a, &s, channel, j), added(a, &s, channel, j), count)
        v = v + lanes


cdef void item_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Block b
    cdef Py_ssize_t input = locate(a, number, &b), p = 0, i, count
    cdef Py_ssize_t* held = <Py_ssize_t*> scratch
    # Items of the same input follow one another: mostly, its transform is at hand.
    if held[0] != input + 1:
        transform_inputs(a, &b, scratch, tag)
        held[0] = input + 1
    p = b.panel_begin
    while p < b.panel_end:
        count = minimum(a.kept_panels, b.panel_end - p)
        multiply(a, &b, p, count, scratch, tag)
        for i in range(count):
            store_panel(a, &b, p + i, scratch + a.scratch_sums
                        + i * points_of(&a.axis[1]) * points_of(&a.axis[2]) * a.pitch_sums, scratch, tag)
        p = p + count


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.workers):
        (<Py_ssize_t*> (a.scratch + number * a.scratch_stride))[0] = 0
    for number in prange(a.tile_begin, a.tile_end, schedule="dynamic", chunksize=1, num_threads=a.workers):
        item_f(a, number, a.scratch + threadid() * a.scratch_stride, tag)


cdef api void winograd_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void winograd_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
