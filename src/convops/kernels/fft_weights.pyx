# cython: language_level=3
"""Spectra of filters, a vector of output channels side by side, in the order in which `fft_channels.pyx` reads them.

Called once per plan. A work item is one input channel of one panel of output channels.
"""
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.fft_spectrum cimport Header, to_spectrum
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.tile cimport ceil_div, minimum


cdef inline Py_ssize_t spread_of(const Args* a, int axis, Py_ssize_t tap, Py_ssize_t size) noexcept nogil:
    """Where a tap stands in its tile: backwards, as for a correlation."""
    return (size - tap * a.axis[axis].dilation) % size


cdef inline void spread_taps(const Args* a, const Header* h, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t channel,
                             Real* z) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), taps = a.axis[1].window * a.axis[2].window, i, j, at
    cdef Real scale = <Real> h.weight_scale
    cdef const Real* w
    memset(z, 0, h.slots * 2 * VECTOR_BYTES)
    for j in range(a.axis[0].window * taps):
        at = spread_of(a, 0, j // taps, h.size[0]) * h.size[1]
        at = (at + spread_of(a, 1, j // a.axis[2].window % a.axis[1].window, h.size[1])) * 2 * h.size[2]
        at = at + spread_of(a, 2, j % a.axis[2].window, 2 * h.size[2])
        for i in range(rows):
            w = <const Real*> (a.x.data + (row + i) * a.x.batch + channel * a.x.channel)
            z[at * lanes + i] = w[j] * scale


cdef inline void transform_weights(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Item `number`: input channels fastest, then panels, then groups."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), vectors = a.panel_rows // lanes, v, slot, row
    cdef Py_ssize_t channel = number % a.channels, panel = number // a.channels
    cdef Py_ssize_t panels = ceil_div(a.rows, a.panel_rows), pitch = 2 * vectors * a.channels * VECTOR_BYTES
    cdef char* z = scratch + (-<Py_ssize_t> scratch & 63)
    cdef char* to = a.out.data + panel * h.slots * pitch + channel * 2 * vectors * VECTOR_BYTES
    for v in range(vectors):
        row = panel % panels * a.panel_rows + v * lanes
        spread_taps(a, h, panel // panels * a.rows + row, minimum(lanes, a.rows - row), channel, <Real*> z)
        if Real is float:
            to_spectrum(h, <f32v*> z)
        else:
            to_spectrum(h, <f64v*> z)
        for slot in range(h.slots):
            memcpy(to + slot * pitch + 2 * v * VECTOR_BYTES, z + slot * 2 * VECTOR_BYTES, 2 * VECTOR_BYTES)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a.tile_begin, a.tile_end):
        transform_weights(a, i, a.scratch, tag)


cdef api void fft_weights_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_weights_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
