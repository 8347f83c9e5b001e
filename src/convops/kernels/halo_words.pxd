# A copy of a tile's halo in words of two or four channels. Start reading at `copy_words`, which `integer.pyx` calls.
from libc.stdint cimport uint32_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.halo cimport Input, copied_stride, halo_size, spread
from convops.kernels.tile cimport Tile, ceil_div, minimum, source

# `count` words, `step` bytes apart where they are read, of `valid` channels each that lie `channel` bytes apart.
ctypedef void (*LoadWords)(const char* items, Py_ssize_t step, Py_ssize_t channel, Py_ssize_t valid, char* to,
                           Py_ssize_t count) noexcept nogil


cdef inline void copy_pixels(const Args* a, uint32_t* to, const char* pixels, Py_ssize_t step,
                             Py_ssize_t count) noexcept nogil:
    """The words of each pixel together; channels that do not fill a word stand in the last one."""
    cdef LoadWords load = <LoadWords> a.load
    cdef Py_ssize_t whole = a.channels // a.word_items, rest = a.channels - whole * a.word_items, j
    cdef Py_ssize_t word = a.word_items * a.x.channel, words = ceil_div(a.channels, a.word_items) + a.halo_gap
    if rest == 0 and a.halo_gap == 0 and step == whole * word:
        load(pixels, word, a.x.channel, a.word_items, <char*> to, count * whole)
        return
    if words == 1:
        load(pixels, step, a.x.channel, a.channels, <char*> to, count)
        return
    for j in range(count):
        load(pixels + j * step, word, a.x.channel, a.word_items, <char*> (to + j * words), whole)
        if rest:
            load(pixels + j * step + whole * word, word, a.x.channel, rest, <char*> (to + j * words + whole), 1)


cdef inline void fill_words(const Args* a, uint32_t* to, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(count):
        to[j] = (<const uint32_t*> a.fill)[0]


cdef inline void copy_run(const Args* a, uint32_t* to, const char* pixels, Py_ssize_t step, Py_ssize_t valid,
                          Py_ssize_t count) noexcept nogil:
    if a.pixels_first:
        copy_pixels(a, to, pixels, step, count)
    else:
        (<LoadWords> a.load)(pixels, step, a.x.channel, valid, <char*> to, count)


cdef inline void copy_line(const Args* a, uint32_t* to, const char* line, Py_ssize_t position, Py_ssize_t stride,
                           Py_ssize_t valid, Py_ssize_t item, Py_ssize_t count) noexcept nogil:
    """`count` pixels from a padded position on: one word of each, or all where `item` words make a pixel."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t j = 0, at, run, step = a.x.step[2]
    while j < count:
        at, run = source(axis, position + j * stride), 1
        if at < 0:
            fill_words(a, to + j * item, item)
        else:
            if axis.inner_begin <= position + j * stride < axis.inner_end:
                run = minimum(count - j, (axis.inner_end - 1 - position) // stride + 1 - j)
            copy_run(a, to + j * item, line + at * step, stride * step, valid, run)
        j = j + run


cdef inline bint lies_inside(const Args* a, const Tile* t, int axis, Py_ssize_t count) noexcept nogil:
    """Whether so many neighbours are all items of the input."""
    cdef Py_ssize_t first = t.origin[axis] * a.axis[axis].stride
    return (copied_stride(a, axis) == 1 and a.axis[axis].spacing == 1 and first >= a.axis[axis].inner_begin
            and first + count <= a.axis[axis].inner_end)


cdef inline void copy_box(const Args* a, const Tile* t, uint32_t* to, const char* image, Py_ssize_t valid,
                          Py_ssize_t item) noexcept nogil:
    """The halo line by line."""
    cdef Py_ssize_t high = halo_size(a, t, 1), wide = halo_size(a, t, 2), i, j, d, h, lines = 1
    if a.x.step[1] == wide * a.x.step[2] and lies_inside(a, t, 1, high) and lies_inside(a, t, 2, wide):
        lines = high        # one piece of memory
    for i in range(halo_size(a, t, 0)):
        d = source(&a.axis[0], t.origin[0] * a.axis[0].stride + i * copied_stride(a, 0))
        j = 0
        while j < high:
            h = source(&a.axis[1], t.origin[1] * a.axis[1].stride + j * copied_stride(a, 1))
            if d < 0 or h < 0:
                fill_words(a, to, lines * wide * item)
            elif lines > 1:
                copy_run(a, to, image + d * a.x.step[0] + h * a.x.step[1] + source(
                    &a.axis[2], t.origin[2] * a.axis[2].stride) * a.x.step[2], a.x.step[2], valid, lines * wide)
            else:
                copy_line(a, to, image + d * a.x.step[0] + h * a.x.step[1], t.origin[2] * a.axis[2].stride,
                          copied_stride(a, 2), valid, item, wide)
            to, j = to + lines * wide * item, j + lines


cdef inline void copy_words(const Args* a, const Tile* t, uint32_t* to, Input* input) noexcept nogil:
    """All channels of a group."""
    cdef const char* image = a.x.data + t.batch * a.x.batch + t.group * a.channels * a.x.channel
    cdef Py_ssize_t high = halo_size(a, t, 1), wide = halo_size(a, t, 2), c = 0, i
    cdef Py_ssize_t pitch = spread(halo_size(a, t, 0) * high * wide, sizeof(uint32_t))
    cdef Py_ssize_t item = ceil_div(a.channels, a.word_items) + a.halo_gap if a.pixels_first else 1
    input.first = <const char*> to
    input.channel = (1 if a.pixels_first else pitch) * <Py_ssize_t> sizeof(uint32_t)
    input.step[2] = item * <Py_ssize_t> sizeof(uint32_t)
    input.step[1] = input.step[2] * wide
    input.step[0] = input.step[1] * high
    for i in range(3):
        input.hop[i] = input.step[i] * a.axis[i].stride // copied_stride(a, i)
    input.listed = 0
    if a.pixels_first:
        copy_box(a, t, to, image, a.word_items, item)
        return
    while c < a.channels:
        copy_box(a, t, to, image + c * a.x.channel, minimum(a.word_items, a.channels - c), 1)
        to, c = to + pitch, c + a.word_items
