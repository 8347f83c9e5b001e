# cython: language_level=3
"""Winograd's transform of the weights, once per plan and in float64, so that it costs a single rounding.

Called by `backends/winograd_weights.py` through `bind.pyx`; hands nothing on. Start reading at `weights_f`.
"""
from cython.parallel cimport prange
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport minimum, panel_count
from convops.kernels.winograd_blocks cimport points_of


cdef inline void combine(const double* factors, const double* terms, Py_ssize_t pitch, Py_ssize_t count,
                         double* to) noexcept nogil:
    """A sum of lines of 32, each with its factor."""
    cdef Py_ssize_t k, r
    for r in range(32):
        to[r] = factors[0] * terms[r]
    for k in range(1, count):
        for r in range(32):
            to[r] = to[r] + factors[k] * terms[k * pitch + r]


cdef void weights_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """G h G^T of a panel in float64, rounded once: [point][channel][output channel]. Here x holds the weights.

    `weights` holds the two matrices G, for lines and for columns.
    """
    cdef double taps[25 * 32]
    cdef double half[40 * 32]
    cdef double whole[32]
    cdef Py_ssize_t high = points_of(&a.axis[1]), wide = points_of(&a.axis[2]), panels = panel_count(a)
    cdef Py_ssize_t first = number % panels * a.panel_rows, valid = minimum(a.panel_rows, a.rows - first), c, i, j, r
    cdef const double* lines = <const double*> a.weights
    cdef const double* columns = lines + high * a.axis[1].window
    cdef const char* filters = a.x.data + (number // panels * a.rows + first) * a.x.batch
    cdef Real* to = <Real*> a.out.data + number * high * wide * a.channels * a.panel_rows
    memset(taps, 0, sizeof(taps))
    for c in range(a.channels):
        for r in range(valid):
            for i in range(a.axis[1].window):
                for j in range(a.axis[2].window):
                    taps[(i * a.axis[2].window + j) * 32 + r] = (<const Real*> (
                        filters + r * a.x.batch + c * a.x.channel + i * a.x.step[1] + j * a.x.step[2]))[0]
        for i in range(high):
            for j in range(a.axis[2].window):
                combine(lines + i * a.axis[1].window, taps + j * 32, a.axis[2].window * 32, a.axis[1].window,
                        half + (i * a.axis[2].window + j) * 32)
        for i in range(high):
            for j in range(wide):
                combine(columns + j * a.axis[2].window, half + i * a.axis[2].window * 32, 32, a.axis[2].window, whole)
                for r in range(a.panel_rows):
                    to[((i * wide + j) * a.channels + c) * a.panel_rows + r] = <Real> whole[r]


cdef inline void run_weights(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(a.tile_begin, a.tile_end, schedule="static", num_threads=a.workers):
        weights_f(a, number, tag)


cdef api void transform_weights_f32(const Args* a) noexcept nogil:
    run_weights(a, <const float*> NULL)


cdef api void transform_weights_f64(const Args* a) noexcept nogil:
    run_weights(a, <const double*> NULL)
