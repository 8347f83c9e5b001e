# cython: language_level=3
"""Winograd's transform of the weights, once per plan and in float64, so that it costs a single rounding.

Called by `backends/winograd_weights.py` through `bind.pyx`; hands nothing on. Vectors run over output channels.
Start reading at `weights_f`.
"""
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real, f64v
from convops.kernels.tile cimport maximum, minimum, panel_count
from convops.kernels.transpose cimport transpose_part
from convops.kernels.winograd_blocks cimport points_of

cdef enum:
    CHANNELS = 16                  # whose weights are transposed together


cdef inline void take(const Args* a, const char* filters, Py_ssize_t first, Py_ssize_t end, Py_ssize_t valid,
                      Real* lines) noexcept nogil:
    """Items [first, end) of every filter of a panel, as lines of output channels."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), f, r, i
    cdef char* to
    for r in range(a.panel_rows // lanes):
        f = first
        while f < end:
            to = <char*> (lines + (f - first) * a.panel_rows + r * lanes)
            if (r + 1) * lanes > valid or f + lanes > end:
                for i in range(minimum(lanes, end - f)):
                    memset(to + i * a.panel_rows * sizeof(Real), 0, VECTOR_BYTES)
            transpose_part(filters + r * lanes * a.x.batch + f * <Py_ssize_t> sizeof(Real), a.x.batch,
                           maximum(0, minimum(lanes, valid - r * lanes)), minimum(lanes, end - f), to,
                           a.panel_rows * sizeof(Real), lines)
            f = f + lanes


cdef inline void widen(const Real* lines, Py_ssize_t pitch, Py_ssize_t count, double* taps) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // 8, k, r
    for k in range(count):
        for r in range(lanes):
            taps[k * lanes + r] = lines[k * pitch + r]


cdef inline f64v combine(const double* factors, const double* terms, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    """The sum of two to five terms, or one alone."""
    cdef f64v total = factors[0] * (<const f64v*> terms)[0]
    if count > 1:
        total = total + factors[1] * (<const f64v*> (terms + pitch))[0]
    if count > 2:
        total = total + factors[2] * (<const f64v*> (terms + 2 * pitch))[0]
    if count > 3:
        total = total + factors[3] * (<const f64v*> (terms + 3 * pitch))[0]
    if count > 4:
        total = total + factors[4] * (<const f64v*> (terms + 4 * pitch))[0]
    return total


cdef inline void spread(const Args* a, const double* taps, double* half, Real* to) noexcept nogil:
    """G h G^T of one channel and as many output channels as a vector of doubles has lanes."""
    cdef Py_ssize_t high = points_of(&a.axis[1]), wide = points_of(&a.axis[2]), lanes = VECTOR_BYTES // 8, i, j, r
    cdef Py_ssize_t rows = a.axis[1].window, columns = a.axis[2].window
    cdef const double* of_lines = <const double*> a.weights
    cdef const double* of_columns = of_lines + high * rows
    cdef double whole[8]
    for i in range(high):
        for j in range(columns):
            (<f64v*> (half + j * lanes))[0] = combine(of_lines + i * rows, taps + j * lanes, columns * lanes, rows)
        for j in range(wide):
            (<f64v*> whole)[0] = combine(of_columns + j * columns, half, lanes, columns)
            for r in range(lanes):
                to[r] = <Real> whole[r]
            to = to + a.panel_rows


cdef void weights_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """A panel: [point][channel][output channel]. Here x holds the weights, a filter's items side by side.

    `weights` holds the two matrices G, for lines and for columns.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // 8, window = a.axis[1].window * a.axis[2].window, panels = panel_count(a)
    cdef Py_ssize_t first = number % panels * a.panel_rows, c, r, end
    cdef const char* filters = a.x.data + (number // panels * a.rows + first) * a.x.batch
    cdef Py_ssize_t points = points_of(&a.axis[1]) * points_of(&a.axis[2])
    cdef Real* to = <Real*> a.out.data + number * points * a.channels * a.panel_rows
    cdef Real lines[(CHANNELS * 25 + 16) * 32]
    cdef double taps[25 * 8]
    cdef double half[5 * 8]
    cdef Real whole[64 * 32]
    for c in range(a.channels):
        if c % CHANNELS == 0:
            end = minimum(c + CHANNELS, a.channels)
            take(a, filters, c * window, end * window, minimum(a.panel_rows, a.rows - first), lines)
        for r in range(a.panel_rows // lanes):
            widen(lines + c % CHANNELS * window * a.panel_rows + r * lanes, a.panel_rows, window, taps)
            spread(a, taps, half, whole + r * lanes)
        # Points lie far apart and crowd the cache: each is written once, in whole lines.
        for r in range(points):
            memcpy(to + (r * a.channels + c) * a.panel_rows, whole + r * a.panel_rows, a.panel_rows * sizeof(Real))


cdef inline void run_weights(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        weights_f(a, number, tag)


cdef api void transform_weights_f32(const Args* a) noexcept nogil:
    run_weights(a, <const float*> NULL)


cdef api void transform_weights_f64(const Args* a) noexcept nogil:
    run_weights(a, <const double*> NULL)
