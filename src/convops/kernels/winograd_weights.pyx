# cython: language_level=3
"""Winograd's transform of the weights, once per plan, and how loud they make its roundings.

Called by `backends/winograd_weights.py` and `backends/winograd_planes.py` through `bind.pyx`; hands nothing on. A tile
is a panel of output channels, or one filter where filters are weighed.
"""
from libc.math cimport INFINITY

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real, inlined
from convops.kernels.tile cimport minimum, panel_count
from convops.kernels.winograd_blocks cimport pitch_weights, weights_of
from convops.kernels.winograd_filters cimport MOST_TAPS, transform_filters

cdef enum:
    MOST_OUTPUTS = 49


cdef void tile_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """Panel `number`."""
    cdef Py_ssize_t count = weights_of(&a.axis[1]) * weights_of(&a.axis[2]), panels = panel_count(a)
    transform_filters(a, number // panels, number % panels,
                      <Real*> (a.out.data + number * count * pitch_weights(a, sizeof(Real))))


cdef inline inlined add_neighbours(const Args* a, int taps, const char* channel, Real* loud) noexcept nogil:
    """The magnitudes of all input channels, where the taps of each lie side by side."""
    cdef Py_ssize_t _
    cdef int i
    for _ in range(a.channels):
        for i in range(taps):
            loud[i] = loud[i] + abs((<const Real*> channel)[i])
        channel = channel + a.x.channel


cdef inline void add_magnitudes(const Args* a, const char* channel, Real* loud) noexcept nogil:
    cdef Py_ssize_t rows = a.axis[1].window, columns = a.axis[2].window, i, j, _
    cdef bint together = a.x.step[2] == sizeof(Real) and (rows == 1 or a.x.step[1] == columns * a.x.step[2])
    if together and rows * columns == 9:
        add_neighbours(a, 9, channel, loud)
        return
    if together and rows * columns == 25:
        add_neighbours(a, 25, channel, loud)
        return
    for _ in range(a.channels):
        for i in range(rows):
            for j in range(columns):
                loud[i * columns + j] = loud[i * columns + j] + abs(
                    (<const Real*> (channel + i * a.x.step[1] + j * a.x.step[2]))[0])
        channel = channel + a.x.channel


cdef void weigh_f(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """Filter `number`: the loudest of a tile's outputs, by the amplifications of its taps in `weights`, over sum|w|."""
    cdef const double* factors = <const double*> a.weights
    cdef Py_ssize_t taps = a.axis[1].window * a.axis[2].window, outputs = a.axis[1].tile * a.axis[2].tile, i, j
    cdef Real[MOST_TAPS] loud
    cdef double[MOST_OUTPUTS] heard
    cdef double total = 0, most = 0
    for j in range(taps):
        loud[j] = 0
    add_magnitudes(a, a.x.data + number * a.x.batch, loud)
    for i in range(outputs):
        heard[i] = 0
    for j in range(taps):
        total = total + loud[j]
        for i in range(outputs):
            heard[i] = heard[i] + factors[i] * loud[j]
        factors = factors + outputs
    for i in range(outputs):
        most = heard[i] if heard[i] > most else most
    if not total < INFINITY:
        most, total = INFINITY, 1
    (<double*> a.out.data)[number] = most / total if total > 0 else 0


cdef void transform_columns(const Args* a, const Real* tag) noexcept nogil:
    """For `winograd_planes.pyx`: at each point, tap by tap the weights of all groups of lines.

    A group has as many lines as a tile outputs; `weights` holds G, a row per point, a column per line of a group.
    """
    cdef Py_ssize_t high = a.axis[1].tile, left, p, k, i
    cdef const double* factors
    cdef const char* tap
    cdef Real* to = <Real*> a.out.data
    cdef double total
    for p in range(2 * high - 1):
        factors = <const double*> a.weights + p * high
        for k in range(a.axis[2].window):
            left, tap = a.axis[1].window, a.x.data + k * a.x.step[2]
            while left > 0:
                total = 0
                for i in range(minimum(left, high)):
                    total = total + factors[i] * (<const Real*> (tap + i * a.x.step[1]))[0]
                to[0] = <Real> total
                to, tap, left = to + 1, tap + high * a.x.step[1], left - high


cdef inline void run(const Args* a, bint weighs, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        if weighs:
            weigh_f(a, number, tag)
        else:
            tile_f(a, number, tag)


cdef api void transform_weights_f32(const Args* a) noexcept nogil:
    run(a, False, <const float*> NULL)


cdef api void transform_weights_f64(const Args* a) noexcept nogil:
    run(a, False, <const double*> NULL)


cdef api void weigh_filters_f32(const Args* a) noexcept nogil:
    run(a, True, <const float*> NULL)


cdef api void weigh_filters_f64(const Args* a) noexcept nogil:
    run(a, True, <const double*> NULL)


cdef api void transform_columns_f32(const Args* a) noexcept nogil:
    transform_columns(a, <const float*> NULL)


cdef api void transform_columns_f64(const Args* a) noexcept nogil:
    transform_columns(a, <const double*> NULL)
