# Where the gradient of a convolution in its filters reads x: in place, or in a copy with its padding.
from libc.string cimport memcpy

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport blank_run, ceil_div, fill_run, gather_run, minimum, source
from convops.kernels.weight_parts cimport Box, Part, box_along, cut_axis


# What the first row needs for the first pixel of a box, and bytes from there on.
cdef struct Input:
    const char* first
    Py_ssize_t row
    Py_ssize_t pixel[4]
    Py_ssize_t tap[3]


cdef inline Py_ssize_t apart(const Args* a, int axis) noexcept nogil:
    """Positions of the copy from pixel to pixel: with a single tap only what pixels meet is copied."""
    return a.axis[axis].dilation if a.axis[axis].out > 1 else 1


cdef inline Py_ssize_t reach(const Args* a, int axis, Py_ssize_t pixels) noexcept nogil:
    """Positions that the copy holds for so many pixels."""
    return (pixels - 1) * apart(a, axis) + (a.axis[axis].out - 1) * a.axis[axis].stride + 1


cdef inline void read_in_place(const Args* a, const Part* part, const Box* box, Input* to) noexcept nogil:
    cdef int i
    to.first = (a.x.data + (part.group * a.sum_images + box.origin[0]) * a.x.batch + part.channel * a.x.channel)
    to.row = a.x.channel
    to.pixel[0] = a.x.batch
    for i in range(3):
        to.pixel[i + 1] = a.axis[i].dilation * a.x.step[i]
        to.tap[i] = a.axis[i].stride * a.x.step[i]
        to.first = to.first + (box.origin[i + 1] * a.axis[i].dilation - a.axis[i].shift) * a.x.step[i]


cdef inline Py_ssize_t run_inside(const Args* a, Py_ssize_t d, Py_ssize_t h, Py_ssize_t position, Py_ssize_t step,
                                  Py_ssize_t count) noexcept nogil:
    """How many positions from this one on are items of x that need no conversion."""
    if d < 0 or h < 0 or a.load != NULL or a.axis[2].spacing != 1:
        return 0
    if position < a.axis[2].inner_begin or position >= a.axis[2].inner_end:
        return 0
    return minimum(count, (a.axis[2].inner_end - 1 - position) // step + 1)


cdef inline void copy_run(const Args* a, Real* to, const char* items, Py_ssize_t step, Py_ssize_t channels,
                          Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j, c, pitch = channels + a.halo_gap
    if a.x.channel == sizeof(Real):
        for j in range(count):
            memcpy(to + j * pitch, items + j * step, channels * sizeof(Real))
        return
    for c in range(channels):
        for j in range(count):
            to[j * pitch + c] = (<const Real*> (items + c * a.x.channel + j * step))[0]


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t step, Py_ssize_t channels,
                             Py_ssize_t count) noexcept nogil:
    """A line of x with the channels of each position together."""
    cdef Py_ssize_t j = 0, c, at, run
    cdef const char* item
    while j < count:
        run = run_inside(a, d, h, position + j * step, step, count - j)
        if run:
            copy_run(a, to, line + (position + j * step - a.axis[2].shift) * a.x.step[2], step * a.x.step[2], channels,
                     run)
            to, j = to + run * (channels + a.halo_gap), j + run
            continue
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
        to, j = to + channels + a.halo_gap, j + 1


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
        image = a.x.data + (part.group * a.sum_images + box.origin[0] + b) * a.x.batch + part.channel * a.x.channel
        for i in range(deep):
            d = source(&a.axis[0], box.origin[1] * a.axis[0].dilation + i * step[0])
            for j in range(high):
                h = source(&a.axis[1], box.origin[2] * a.axis[1].dilation + j * step[1])
                line = (<char*> to.first + b * to.pixel[0] + i * (to.pixel[1] // apart(a, 0))
                        + j * (to.pixel[2] // apart(a, 1)))
                copy_line(a, <Real*> line, to.row // <Py_ssize_t> sizeof(Real), image, d, h, position, part.channels,
                          count)
