# cython: language_level=3
"""Winograd's transform of the weights, once per plan.

Called by `backends/winograd_weights.py` through `bind.pyx`; hands nothing on. A tile is a panel of output channels.
"""
from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport panel_count
from convops.kernels.winograd_blocks cimport pitch_weights, weights_of
from convops.kernels.winograd_filters cimport transform_filters


cdef void tile_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """Panel `number`."""
    cdef Py_ssize_t count = weights_of(&a.axis[1]) * weights_of(&a.axis[2]), panels = panel_count(a)
    transform_filters(a, number // panels, number % panels,
                      <Real*> (a.out.data + number * count * pitch_weights(a, sizeof(Real))))


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, tag)


cdef api void transform_weights_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void transform_weights_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
