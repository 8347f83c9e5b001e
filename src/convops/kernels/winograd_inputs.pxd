# From the input to the points of a block's tiles. Vectors run over channels: where the channels of a pixel are no
# neighbours, lines are transposed. Start reading at `transform_inputs`.
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport blank_run, ceil_div, gather_run, minimum, source
from convops.kernels.transpose cimport transpose
from convops.kernels.winograd_blocks cimport Block, Strip, points_of, strip_of


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """A line pixel by pixel, each with some channels and zeros up to a vector."""
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
            elif a.x.channel == sizeof(Real):
                memcpy(to, pixel, channels * sizeof(Real))
            else:
                for c in range(channels):
                    to[c] = (<const Real*> (pixel + c * a.x.channel))[0]
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
        transpose(rows + j * lanes, pitch, to + j * lanes * lanes, lanes)


cdef inline void transpose_line(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                                Py_ssize_t position, Py_ssize_t count) noexcept nogil:
    """The same straight from the input, but for the rim: squares of a vector's channels, the last two overlapping."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j
    cdef Py_ssize_t begin = minimum(count, a.axis[2].inner_begin - position if a.axis[2].inner_begin > position else 0)
    cdef Py_ssize_t end = minimum(count, a.axis[2].inner_end - position)
    copy_pixels(a, to, line, d, h, position, lanes, begin)
    copy_pixels(a, to + end * lanes, line, d, h, position + end, lanes, count - end)
    line = line + (position - a.axis[2].shift) * <Py_ssize_t> sizeof(Real)
    for j in range(ceil_div(end - begin, lanes)):
        begin = minimum(begin, end - lanes)
        transpose(<const Real*> (line + begin * sizeof(Real)), a.x.channel // sizeof(Real), to + begin * lanes,
                        lanes)
        begin = begin + lanes


cdef inline bint is_straight(const Args* a, Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count,
                             const Real* tag) noexcept nogil:
    """Whether enough of a line lies in memory as it is."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef Py_ssize_t begin = a.axis[2].inner_begin if a.axis[2].inner_begin > position else position
    return (channels == lanes and a.load == NULL and a.axis[2].spacing == 1 and a.x.step[2] == sizeof(Real)
            and a.x.channel % <Py_ssize_t> sizeof(Real) == 0
            and minimum(position + count, a.axis[2].inner_end) - begin >= lanes)


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
        elif d >= 0 and h >= 0 and is_straight(a, s.w, channels, width, to):
            transpose_line(a, to + i * pitch, line, d, h, s.w, width)
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


cdef inline void transform_inputs(const Args* a, const Block* b, char* scratch, const Real* tag) noexcept nogil:
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
