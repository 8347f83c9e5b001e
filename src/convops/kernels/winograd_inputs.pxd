# From the input to the points of a block's tiles. Vectors run over channels: where the channels of a pixel are no
# neighbours, lines are transposed. Start reading at `transform_inputs`.
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport ceil_div, gather_run, minimum, source
from convops.kernels.transpose cimport transpose
from convops.kernels.winograd_blocks cimport Block, Strip, points_of, strip_of

cdef enum:
    CROWDED = 4096                 # lines so far apart meet in too few sets of the first-level cache


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


cdef inline void copy_vectors(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                              Py_ssize_t position, Py_ssize_t count) noexcept nogil:
    """The same where every pixel holds a whole vector of channels side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j
    cdef Py_ssize_t begin = minimum(count, a.axis[2].inner_begin - position if a.axis[2].inner_begin > position else 0)
    cdef Py_ssize_t end = minimum(count, a.axis[2].inner_end - position)
    if d < 0 or h < 0 or a.axis[2].spacing > 1 or end < begin:
        begin = end = 0
    copy_pixels(a, to, line, d, h, position, lanes, begin)
    for j in range(begin, end):
        memcpy(to + j * lanes, line + (position + j - a.axis[2].shift) * a.x.step[2], VECTOR_BYTES)
    copy_pixels(a, to + end * lanes, line, d, h, position + end, lanes, count - end)


cdef inline void copy_lines(const Args* a, Real* to, Real* rows, const char* line, Py_ssize_t position,
                            Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """The same where channels lie apart, by way of `rows`."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), pitch = ceil_div(count, lanes) * lanes, j
    gather_run(a, rows, pitch, line, position, 1, channels, count)
    memset(rows + channels * pitch, 0, (lanes - channels) * pitch * sizeof(Real))
    for j in range(pitch // lanes):
        transpose(<const char*> (rows + j * lanes), pitch * sizeof(Real), <char*> (to + j * lanes * lanes),
                  VECTOR_BYTES, to)


cdef inline const char* end_of(const Args* a, const Real* tag) noexcept nogil:
    """Where the last item of the input ends."""
    cdef const char* end = a.x.data + sizeof(Real)
    cdef Py_ssize_t i
    if a.x.batch > 0:
        end = end + (a.images - 1) * a.x.batch
    if a.x.channel > 0:
        end = end + (a.groups * a.channels - 1) * a.x.channel
    for i in range(3):
        if a.x.step[i] > 0:
            end = end + (a.axis[i].size - 1) * a.x.step[i]
    return end


cdef inline bint is_straight(const Args* a, const char* line, Py_ssize_t position, Py_ssize_t channels,
                             Py_ssize_t count, const char* end, const Real* tag) noexcept nogil:
    """Whether a line may be read by squares: a short one reads on, but not beyond the end of the input."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), item = sizeof(Real)
    cdef Py_ssize_t begin = a.axis[2].inner_begin if a.axis[2].inner_begin > position else position
    cdef Py_ssize_t inside = minimum(position + count, a.axis[2].inner_end) - begin
    if not (channels == lanes and a.load == NULL and a.axis[2].spacing == 1 and a.x.step[2] == item):
        return False
    if a.x.channel % item or a.x.channel % CROWDED == 0:
        return False
    line = line + (begin - a.axis[2].shift + lanes) * item
    if a.x.channel > 0:
        line = line + (lanes - 1) * a.x.channel
    return inside >= lanes or (inside > 0 and line <= end)


cdef inline void transpose_line(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                                Py_ssize_t position, Py_ssize_t count) noexcept nogil:
    """The same straight from the input: squares, the last two overlapping, and the rim over what they left there."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j, at
    cdef Py_ssize_t begin = a.axis[2].inner_begin - position if a.axis[2].inner_begin > position else 0
    cdef Py_ssize_t end = minimum(count, a.axis[2].inner_end - position)
    line = line + (position - a.axis[2].shift) * <Py_ssize_t> sizeof(Real)
    for j in range(ceil_div(end - begin, lanes)):
        at = begin + j * lanes
        if at > end - lanes and end - begin >= lanes:
            at = end - lanes
        transpose(line + at * <Py_ssize_t> sizeof(Real), a.x.channel, <char*> (to + at * lanes), VECTOR_BYTES, to)
    line = line - (position - a.axis[2].shift) * <Py_ssize_t> sizeof(Real)
    copy_pixels(a, to, line, d, h, position, lanes, begin)
    copy_pixels(a, to + end * lanes, line, d, h, position + end, lanes, count - end)


cdef inline void copy_halo(const Args* a, const Block* b, const Strip* s, Real* to, Real* rows, Py_ssize_t channel,
                           Py_ssize_t channels, Py_ssize_t width, const char* end) noexcept nogil:
    """What a strip reads of some channels, at most a vector of them: pixel by pixel."""
    cdef const char* image = a.x.data + s.batch * a.x.batch + (b.group * a.channels + channel) * a.x.channel
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), d = source(&a.axis[0], s.d * a.axis[0].stride), h, i
    cdef Py_ssize_t first = s.h * a.axis[1].stride, position = s.w * a.axis[2].stride
    cdef Py_ssize_t pitch = ceil_div(width, lanes) * lanes * lanes
    cdef const char* line
    for i in range(points_of(&a.axis[1])):
        h = source(&a.axis[1], first + i)
        line = image + d * a.x.step[0] + h * a.x.step[1]
        if a.load == NULL and a.x.channel == sizeof(Real) and channels == lanes:
            copy_vectors(a, to + i * pitch, line, d, h, position, width)
        elif d < 0 or h < 0 or a.x.channel == sizeof(Real) or (a.load != NULL and a.pixels_first):
            copy_pixels(a, to + i * pitch, line, d, h, position, channels, width)
        elif is_straight(a, line, position, channels, width, end, to):
            transpose_line(a, to + i * pitch, line, d, h, position, width)
        else:
            copy_lines(a, to + i * pitch, rows, line, position, channels, width)


cdef inline void transform_strip(const Args* a, const Block* b, const Real* halo, Py_ssize_t width,
                                 char* to, Py_ssize_t tile_step) noexcept nogil:
    """From the pixels of some channels to the points of each tile."""
    cdef Py_ssize_t high = points_of(&a.axis[1]), wide = points_of(&a.axis[2]), t
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), line = ceil_div(width, lanes) * lanes * VECTOR_BYTES
    cdef Py_ssize_t next_tile = a.axis[2].tile * a.axis[2].stride * VECTOR_BYTES
    cdef char* x = <char*> halo
    if a.axis[2].window == 1:
        a.input_pass[0](b.columns, x, line, a.axis[2].stride * VECTOR_BYTES, to, a.pitch_inputs, tile_step)
        return
    if a.axis[1].window > 1:
        a.input_pass[0](width, x, line, VECTOR_BYTES, x, line, VECTOR_BYTES)
    for t in range(b.columns):
        a.input_pass[1](high, x + t * next_tile, VECTOR_BYTES, line, to + t * tile_step,
                        a.pitch_inputs, wide * a.pitch_inputs)


cdef inline void transform_inputs(const Args* a, const Block* b, char* scratch, const Real* tag) noexcept nogil:
    """All channels of a block: [point][channel block][tile][channel]."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), c = 0, i, channels, place
    cdef Py_ssize_t width = (b.columns - 1) * a.axis[2].tile * a.axis[2].stride + points_of(&a.axis[2])
    cdef Py_ssize_t tile_step = a.block_channels * sizeof(Real)
    cdef Real* halo = <Real*> (scratch + a.scratch_halo)
    cdef char* inputs = scratch + a.scratch_columns
    cdef const char* end = end_of(a, tag)
    cdef Strip s
    while c < a.channels:
        channels = minimum(lanes, a.channels - c)
        place = c // a.block_channels * a.block_channels * b.tiles + c % a.block_channels
        for i in range(b.strips):
            s = strip_of(a, b, i)
            copy_halo(a, b, &s, halo, <Real*> (scratch + a.scratch_line), c, channels, width, end)
            transform_strip(a, b, halo, width, inputs + place * sizeof(Real) + i * b.columns * tile_step, tile_step)
        c = c + lanes
