# cython: language_level=3
"""Direct convolution: no im2col matrix, the micro-kernel reads pixels where they lie.

Called by `backends/direct.py` through `bind.pyx`. A tile is a box of output pixels times a range of output
channels. Its input halo is copied once per channel block, split by phase (position mod stride), so that for any
stride and dilation neighbouring outputs read neighbouring items: a tap is then no more than an offset into the
copy. Start reading at `tile_f`.
"""
from convops.kernels.abi cimport Args, Axis
from convops.kernels.second cimport gather_second
from convops.kernels.simd cimport Real
from convops.kernels.sweep cimport sweep
from convops.kernels.tile cimport (
    Tile, blank_run, gather_run, locate_box, minimum, source)


# The halo copy of one channel: phases, then positions, of each of the three axes.
cdef struct Halo:
    Py_ssize_t size[3]
    Py_ssize_t plane       # items of one phase
    Py_ssize_t pitch       # items of one channel


cdef inline void shape(const Args* a, Tile* t, Halo* halo) noexcept nogil:
    """The halo's sizes, and the tile's slots numbered along the halo's rows."""
    cdef Py_ssize_t i
    for i in range(3):
        halo.size[i] = t.extent[i] + a.axis[i].reach
    halo.plane = halo.size[0] * halo.size[1] * halo.size[2]
    halo.pitch = halo.plane * a.axis[0].phases * a.axis[1].phases * a.axis[2].phases
    t.lines = halo.size[1]
    t.pitch = halo.size[2]
    t.first_slot = 0
    t.slots = ((t.extent[0] - 1) * t.lines + t.extent[1] - 1) * t.pitch + t.extent[2]


cdef inline Py_ssize_t position(const Axis* axis, Py_ssize_t origin, Py_ssize_t phase, Py_ssize_t i) noexcept nogil:
    return (origin + i) * axis.stride + phase * axis.dilation % axis.stride


cdef inline void copy_halo(const Args* a, const Tile* t, const Halo* halo, Real* to, Py_ssize_t channel,
                           Py_ssize_t channels) noexcept nogil:
    cdef const char* image = a.x.data + t.batch * a.x.batch + (t.group * a.channels + channel) * a.x.channel
    cdef Py_ssize_t fd, fh, fw, i, j, d, h, w
    for fd in range(a.axis[0].phases):
        for fh in range(a.axis[1].phases):
            for fw in range(a.axis[2].phases):
                w = position(&a.axis[2], t.origin[2], fw, 0)
                for i in range(halo.size[0]):
                    d = source(&a.axis[0], position(&a.axis[0], t.origin[0], fd, i))
                    for j in range(halo.size[1]):
                        h = source(&a.axis[1], position(&a.axis[1], t.origin[1], fh, j))
                        if d < 0 or h < 0:
                            blank_run(a, to, halo.pitch, d, h, w, a.axis[2].stride, channels, halo.size[2])
                        elif a.axis[2].stride == 2:
                            gather_second(a, to, halo.pitch, image + d * a.x.step[0] + h * a.x.step[1], w, channels,
                                          halo.size[2])
                        else:
                            gather_run(a, to, halo.pitch, image + d * a.x.step[0] + h * a.x.step[1], w,
                                       a.axis[2].stride, channels, halo.size[2])
                        to = to + halo.size[2]


cdef inline Py_ssize_t offset_along(const Axis* axis, Py_ssize_t tap, Py_ssize_t phase_pitch,
                                    Py_ssize_t pitch) noexcept nogil:
    """Where the halo holds what `tap` needs for the tile's first output, as far as one axis goes."""
    return tap % axis.phases * phase_pitch + tap * axis.dilation // axis.stride * pitch


cdef inline void list_offsets(const Args* a, const Halo* halo, Py_ssize_t* offsets, Py_ssize_t channels,
                              Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t kd, kh, kw, c, deep, high, offset
    cdef Py_ssize_t phase_pitch = halo.plane * a.axis[2].phases
    for kd in range(a.axis[0].window):
        deep = offset_along(&a.axis[0], kd, phase_pitch * a.axis[1].phases, halo.size[1] * halo.size[2])
        for kh in range(a.axis[1].window):
            high = deep + offset_along(&a.axis[1], kh, phase_pitch, halo.size[2])
            for kw in range(a.axis[2].window):
                offset = high + offset_along(&a.axis[2], kw, halo.plane, 1)
                for c in range(channels):
                    offsets[c] = (offset + c * halo.pitch) * itemsize
                offsets = offsets + channels


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Tile t
    cdef Halo halo
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, c = 0, s, channels, steps
    cdef Py_ssize_t listed = 0
    cdef char* columns = scratch + a.scratch_columns
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch + a.scratch_offsets)
    locate_box(a, number, &t)
    shape(a, &t, &halo)
    while c < a.channels:
        channels = minimum(a.block_channels, a.channels - c)
        copy_halo(a, &t, &halo, <Real*> columns, c, channels)
        if channels != listed:
            list_offsets(a, &halo, offsets, channels, sizeof(Real))
            listed = channels
        s = 0
        while s < taps * channels:
            steps = minimum(a.block_steps, taps * channels - s)
            sweep(a, &t, <Real*> scratch, columns, a.panel_columns * sizeof(Real), offsets + s, c * taps + s, steps)
            s = s + steps
        c = c + channels


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)


cdef api void direct_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void direct_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
