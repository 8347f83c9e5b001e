# Where a tile of `dense.pyx` reads its input: in place, or in a copy of its halo. Start reading at `copy_halo`.
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Axis
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.tile cimport (
    Tile, blank_run, ceil_div, fill_run, gather_run, maximum, minimum, source)
from convops.kernels.transpose_any cimport transpose_all

cdef enum:
    LINE_BYTES = 64                # of a cache


# Where a tile reads its input: the item of its first output's first tap in the first channel, and bytes from one
# padded position, output or channel to the next. `listed` channels stand in the table of offsets.
cdef struct Input:
    const char* first
    Py_ssize_t channel
    Py_ssize_t step[3]
    Py_ssize_t hop[3]
    Py_ssize_t listed


cdef inline Py_ssize_t copied_stride(const Args* a, int axis) noexcept nogil:
    """Between copied positions: of an axis with one tap only those that outputs need are copied."""
    return a.axis[axis].stride if a.axis[axis].window == 1 else 1


cdef inline Py_ssize_t halo_size(const Args* a, const Tile* t, int axis) noexcept nogil:
    cdef Py_ssize_t reach = (a.axis[axis].window - 1) * a.axis[axis].dilation
    return ((t.extent[axis] - 1) * a.axis[axis].stride + reach) // copied_stride(a, axis) + 1


cdef inline void read_in_place(const Args* a, const Tile* t, Input* to) noexcept nogil:
    cdef int i
    to.first = a.x.data + t.batch * a.x.batch + t.group * a.channels * a.x.channel
    to.channel = a.x.channel
    to.listed = 0
    for i in range(3):
        to.step[i] = a.x.step[i]
        to.hop[i] = a.axis[i].stride * a.x.step[i]
        to.first = to.first + (t.origin[i] * a.axis[i].stride - a.axis[i].shift) * a.x.step[i]


cdef inline void copy_items(Real* to, const char* items, Py_ssize_t count) noexcept nogil:
    """The same as memcpy, whose call would take as long as the few vectors of a pixel."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j = 0
    while j + lanes <= count:
        if Real is float:
            (<f32v*> (to + j))[0] = (<const f32v*> items)[0]
        else:
            (<f64v*> (to + j))[0] = (<const f64v*> items)[0]
        items, j = items + VECTOR_BYTES, j + lanes
    if j < count:
        memcpy(to + j, items, (count - j) * sizeof(Real))


cdef inline void copy_pixel(const Args* a, Real* to, const char* pixel, Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t c
    if a.load != NULL:
        a.load(pixel, a.x.channel, <char*> to, 1, channels)
    elif a.x.channel == sizeof(Real):
        copy_items(to, pixel, channels)
    else:
        for c in range(channels):
            to[c] = (<const Real*> (pixel + c * a.x.channel))[0]


cdef inline void copy_pixel_run(const Args* a, Real* to, const char* pixels, Py_ssize_t step, Py_ssize_t channels,
                                Py_ssize_t count) noexcept nogil:
    """Pixels `step` bytes apart: one piece of memory, or lines of channels, or item by item."""
    cdef Py_ssize_t j, pitch = (channels + a.halo_gap) * <Py_ssize_t> sizeof(Real)
    if a.load == NULL and a.halo_gap == 0 and a.x.channel == sizeof(Real) and step == pitch:
        memcpy(to, pixels, count * pitch)
    elif a.load == NULL and step == sizeof(Real):
        transpose_all(pixels, a.x.channel, channels, count, <char*> to, pitch, to)
    else:
        for j in range(count):
            copy_pixel(a, to + j * (channels + a.halo_gap), pixels + j * step, channels)


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t stride, Py_ssize_t channels,
                             Py_ssize_t count) noexcept nogil:
    """A line of the halo with the channels of each pixel together."""
    cdef Py_ssize_t j = 0, at, run
    if d == -1 or h == -1:
        fill_run(a, to, 0, 1, count * (channels + a.halo_gap), -1)
        return
    while j < count:
        at, run = source(&a.axis[2], position + j * stride), 1
        if at < 0 or d < 0 or h < 0:
            fill_run(a, to, 0, 1, channels, -1 if at == -1 else -2)
        else:
            if a.axis[2].spacing == 1 and a.axis[2].inner_begin <= position + j * stride < a.axis[2].inner_end:
                run = minimum(count - j, (a.axis[2].inner_end - 1 - position) // stride + 1 - j)
            copy_pixel_run(a, to, line + at * a.x.step[2], stride * a.x.step[2], channels, run)
        to = to + run * (channels + a.halo_gap)
        j = j + run


cdef inline void copy_line(const Args* a, Real* to, const char* line, Py_ssize_t position, Py_ssize_t stride,
                           Py_ssize_t count) noexcept nogil:
    """A line of one channel: where it is a piece of memory between two constants, without a look at each item."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t left = minimum(count, maximum(0, axis.inner_begin - position)), j
    cdef Py_ssize_t end = maximum(left, minimum(count, axis.inner_end - position))
    cdef Real fill = (<const Real*> a.fill)[0]
    if a.load != NULL or a.x.step[2] != sizeof(Real) or axis.spacing > 1 or axis.border != NULL or stride > 1:
        gather_run(a, to, count, line, position, stride, 1, count)
        return
    for j in range(left):
        to[j] = fill
    memcpy(to + left, line + (position + left - axis.shift) * <Py_ssize_t> sizeof(Real), (end - left) * sizeof(Real))
    for j in range(end, count):
        to[j] = fill


cdef inline void copy_box(const Args* a, const Tile* t, Real* to, const char* image,
                          Py_ssize_t channels) noexcept nogil:
    """The halo line by line: one channel, or the channels of each pixel together."""
    cdef Py_ssize_t wide = halo_size(a, t, 2), w = t.origin[2] * a.axis[2].stride, i, j, d, h
    cdef Py_ssize_t stride = copied_stride(a, 2)
    cdef const char* line
    for i in range(halo_size(a, t, 0)):
        d = source(&a.axis[0], t.origin[0] * a.axis[0].stride + i * copied_stride(a, 0))
        for j in range(halo_size(a, t, 1)):
            h = source(&a.axis[1], t.origin[1] * a.axis[1].stride + j * copied_stride(a, 1))
            line = image + d * a.x.step[0] + h * a.x.step[1]
            if a.pixels_first:
                copy_pixels(a, to, line, d, h, w, stride, channels, wide)
                to = to + wide * (channels + a.halo_gap)
                continue
            if d < 0 or h < 0:
                blank_run(a, to, wide, d, h, w, stride, 1, wide)
            else:
                copy_line(a, to, line, w, stride, wide)
            to = to + wide


cdef inline Py_ssize_t spread(Py_ssize_t items, Py_ssize_t itemsize) noexcept nogil:
    """Items up to an odd number of cache lines, so that channels do not meet in few sets of the cache."""
    return (ceil_div(items * itemsize, LINE_BYTES) | 1) * (LINE_BYTES // itemsize)


cdef inline void copy_halo(const Args* a, const Tile* t, Real* to, Py_ssize_t channel, Py_ssize_t channels,
                           Input* input) noexcept nogil:
    cdef const char* image = a.x.data + t.batch * a.x.batch + (t.group * a.channels + channel) * a.x.channel
    cdef Py_ssize_t high = halo_size(a, t, 1), wide = halo_size(a, t, 2), c
    cdef Py_ssize_t pitch = spread(halo_size(a, t, 0) * high * wide, sizeof(Real))
    cdef Py_ssize_t item = channels + a.halo_gap if a.pixels_first else 1
    input.first = <const char*> to
    input.channel = (1 if a.pixels_first else pitch) * <Py_ssize_t> sizeof(Real)
    input.step[2] = item * <Py_ssize_t> sizeof(Real)
    input.step[1] = input.step[2] * wide
    input.step[0] = input.step[1] * high
    for c in range(3):
        input.hop[c] = input.step[c] * a.axis[c].stride // copied_stride(a, c)
    input.listed = 0
    if a.pixels_first:
        copy_box(a, t, to, image, channels)
    else:
        for c in range(channels):
            copy_box(a, t, to + c * pitch, image + c * a.x.channel, 1)
