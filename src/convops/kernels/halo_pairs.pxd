# A copy of a tile's halo in words of two neighbouring taps: each position, and the one a dilation further.
#
# Where channels lie together (`pixels_first`) they stay so; otherwise a line is split by phase (position mod stride),
# so that outputs are neighbours. Start reading at `copy_pairs`, which `depthwise_words.pyx` calls.
from libc.stdint cimport uint32_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.halo_words cimport LoadWords
from convops.kernels.tile cimport Tile, ceil_div, maximum, minimum, source

cdef enum:
    LOW = 0xFFFF

# The copy of one tile: words from pixel to pixel, line to line, phase to phase.
cdef struct Pairs:
    uint32_t* words
    uint32_t* column           # of one of them in all lines
    Py_ssize_t reached[3]      # positions
    Py_ssize_t pitch
    Py_ssize_t line
    Py_ssize_t phase
    Py_ssize_t channels        # of the input, copied together
    Py_ssize_t repeats         # of each, one per output


cdef inline Py_ssize_t place_of(const Args* a, const Pairs* to, Py_ssize_t position) noexcept nogil:
    """Words from the beginning of a line to a position."""
    cdef Py_ssize_t stride = a.axis[2].stride
    return position * to.pitch if a.pixels_first else position % stride * to.phase + position // stride


cdef inline bint is_read(const Args* a, Py_ssize_t position) noexcept nogil:
    """Whether any pair of taps begins at a position."""
    cdef Py_ssize_t k, stride = a.axis[2].stride
    for k in range(0, a.axis[2].window, 2):
        if (position - k * a.axis[2].dilation) % stride == 0:
            return True
    return False


cdef inline void fill_half(const Args* a, uint32_t* words, Py_ssize_t count, uint32_t kept) noexcept nogil:
    cdef uint32_t value = (<const uint32_t*> a.fill)[0] & ~kept
    cdef Py_ssize_t c
    for c in range(count):
        words[c] = (words[c] & kept) | value


cdef inline void load_pairs(const Args* a, const char* first, const char* second, Py_ssize_t step, uint32_t* words,
                            Py_ssize_t count) noexcept nogil:
    """Items from two places on, `step` bytes apart; NULL is fill."""
    cdef LoadWords load = <LoadWords> a.load
    if first != NULL and second != NULL:
        load(first, step, second - first, 2, <char*> words, count)
    elif first != NULL:
        load(first, step, 0, 2, <char*> words, count)
        fill_half(a, words, count, LOW)
    elif second != NULL:
        load(second, step, 0, 2, <char*> words, count)
        fill_half(a, words, count, ~<uint32_t> LOW)
    else:
        fill_half(a, words, count, 0)


cdef inline void repeat(const Pairs* to, uint32_t* words, Py_ssize_t pixels) noexcept nogil:
    """Every word as often as its channel has outputs, from the last one on."""
    cdef Py_ssize_t i = pixels * to.channels, r
    if to.repeats == 1:
        return
    while i > 0:
        i = i - 1
        for r in range(to.repeats):
            words[i * to.repeats + to.repeats - 1 - r] = words[i]


cdef inline const char* item_at(const Args* a, const char* line, Py_ssize_t position) noexcept nogil:
    cdef Py_ssize_t at = source(&a.axis[2], position)
    if at < 0:
        return NULL
    return line + at * a.x.step[2]


cdef inline Py_ssize_t inside_run(const Args* a, Py_ssize_t position, Py_ssize_t stride,
                                  Py_ssize_t most) noexcept nogil:
    """How many positions, `stride` apart, are input items and so are their partners."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t end = axis.inner_end - axis.dilation
    if axis.spacing > 1 or position < axis.inner_begin or position >= end:
        return 0
    return minimum(most, ceil_div(end - position, stride))


cdef inline void copy_pixels(const Args* a, const Pairs* to, const char* line, Py_ssize_t origin,
                             uint32_t* words) noexcept nogil:
    """A line whose channels lie together: all of it at once where pixels do, too."""
    cdef Py_ssize_t p = 0, run, item = a.x.channel
    cdef bint joined = a.x.step[2] == to.channels * item
    cdef const char* first
    while p < to.reached[2]:
        run = inside_run(a, origin + p, 1, to.reached[2] - p) if joined else 0
        if run == 0 and not is_read(a, p):
            p = p + 1
            continue
        first = item_at(a, line, origin + p)
        load_pairs(a, first, item_at(a, line, origin + p + a.axis[2].dilation), item, words + p * to.pitch,
                   (run if run else 1) * to.channels)
        repeat(to, words + p * to.pitch, run if run else 1)
        p = p + (run if run else 1)


cdef inline void copy_column(const Args* a, const Tile* t, const Pairs* to, const char* plane, Py_ssize_t position,
                             uint32_t* words) noexcept nogil:
    """One position of every line: at a line's ends, so that few words do not take a call for each line."""
    cdef Py_ssize_t j = 0, k, run, h, first = t.origin[1] * a.axis[1].stride, at = place_of(a, to, position)
    cdef const char* line
    position = position + t.origin[2] * a.axis[2].stride
    while j < to.reached[1]:
        h, run = source(&a.axis[1], first + j), 1
        if a.axis[1].inner_begin <= first + j < a.axis[1].inner_end:
            run = minimum(to.reached[1] - j, a.axis[1].inner_end - first - j)
        line = plane + h * a.x.step[1]
        if h >= 0:
            load_pairs(a, item_at(a, line, position), item_at(a, line, position + a.axis[2].dilation), a.x.step[1],
                       to.column, run)
            for k in range(run):
                words[(j + k) * to.line + at] = to.column[k]
        j = j + run


cdef inline void copy_phase(const Args* a, const Tile* t, const Pairs* to, const char* plane, Py_ssize_t phase,
                            uint32_t* words) noexcept nogil:
    """What lies inside the input line by line, the rest column by column."""
    cdef Py_ssize_t stride = a.axis[2].stride, origin = t.origin[2] * stride + phase, j, h, begin, end
    cdef Py_ssize_t count = ceil_div(to.reached[2] - phase, stride), inner_end = a.axis[2].inner_end
    cdef const char* line
    begin = minimum(count, ceil_div(maximum(0, a.axis[2].inner_begin - origin), stride))
    end = minimum(count, ceil_div(maximum(0, inner_end - a.axis[2].dilation - origin), stride))
    end = maximum(begin, end)
    for j in range(to.reached[1] if end > begin else 0):
        h = source(&a.axis[1], t.origin[1] * a.axis[1].stride + j)
        if h >= 0:
            line = item_at(a, plane + h * a.x.step[1], origin + begin * stride)
            load_pairs(a, line, line + a.axis[2].dilation * a.x.step[2], stride * a.x.step[2],
                       words + j * to.line + phase * to.phase + begin, end - begin)
    for j in range(begin):
        copy_column(a, t, to, plane, phase + j * stride, words)
    for j in range(end, count):
        copy_column(a, t, to, plane, phase + j * stride, words)


cdef inline void copy_plane(const Args* a, const Tile* t, const Pairs* to, const char* plane,
                            uint32_t* words) noexcept nogil:
    cdef Py_ssize_t phase
    for phase in range(minimum(a.axis[2].stride, to.reached[2])):
        if is_read(a, phase):
            copy_phase(a, t, to, plane, phase, words)


cdef inline void copy_pairs(const Args* a, const Tile* t, const Pairs* to, Py_ssize_t channel) noexcept nogil:
    """From one input channel on."""
    cdef const char* image = a.x.data + t.batch * a.x.batch + channel * a.x.channel
    cdef Py_ssize_t i, j, d, h
    cdef uint32_t* words = to.words
    for i in range(to.reached[0]):
        d = source(&a.axis[0], t.origin[0] * a.axis[0].stride + i)
        for j in range(to.reached[1]):
            h = source(&a.axis[1], t.origin[1] * a.axis[1].stride + j)
            if d < 0 or h < 0:
                fill_half(a, words + j * to.line, to.line, 0)
            elif a.pixels_first:
                copy_pixels(a, to, image + d * a.x.step[0] + h * a.x.step[1], t.origin[2] * a.axis[2].stride,
                            words + j * to.line)
        if d >= 0 and not a.pixels_first:
            copy_plane(a, t, to, image + d * a.x.step[0], words)
        words = words + to.reached[1] * to.line
