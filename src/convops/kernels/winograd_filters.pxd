# From filters, wherever they lie in memory, to the weights of Winograd's points: G h G^T in float64, so that it costs
# a single rounding. Vectors run over output channels. Start reading at `transform_filters`.
from convops.kernels.abi cimport Args
from convops.kernels.pack cimport pack_block
from convops.kernels.simd cimport VECTOR_BYTES, Real, f64v, inlined, outlined
from convops.kernels.tile cimport minimum
from convops.kernels.turn cimport LANES
from convops.kernels.winograd_blocks cimport points_of

cdef extern from *:
    """
    typedef float convops_f32h __attribute__((vector_size(CONVOPS_VECTOR / 2), aligned(1), may_alias));
    /* As a loop: __builtin_convertvector takes a way over memory here. */
    static inline convops_f64v convops_to_double(const float* from) {
        convops_f64v v;
        for (int i = 0; i < CONVOPS_VECTOR / 8; i++)
            v[i] = from[i];
        return v;
    }
    static inline void convops_to_single(float* to, convops_f64v v) {
        *(convops_f32h*) to = __builtin_convertvector(v, convops_f32h);
    }
    """
    f64v widen "convops_to_double"(const float*) nogil
    void narrow "convops_to_single"(float*, f64v) nogil

cdef enum:
    CHANNELS = 16                  # whose filters are packed together
    NEAR = 4                       # whose points are written together
    MOST_TAPS = 25
    MOST_POINTS = 64
    PANEL = 2 * LANES              # rows of a panel, at most


cdef inline inlined spread(int rows, int columns, const double* of_lines, const double* of_columns, Py_ssize_t high,
                           Py_ssize_t wide, const Real* taps, Py_ssize_t pitch, Real* to,
                           Py_ssize_t next) noexcept nogil:
    """G h G^T of one channel and as many output channels as a vector of doubles has lanes."""
    cdef f64v h[MOST_TAPS]
    cdef f64v half[5]
    cdef f64v total
    cdef Py_ssize_t i, j
    cdef int k
    for k in range(rows * columns):
        if Real is float:
            h[k] = widen(taps + k * pitch)
        else:
            h[k] = (<const f64v*> (taps + k * pitch))[0]
    for i in range(high):
        for j in range(columns):
            half[j] = of_lines[i * rows] * h[j]
            for k in range(1, rows):
                half[j] = half[j] + of_lines[i * rows + k] * h[k * columns + j]
        for j in range(wide):
            total = of_columns[j * columns] * half[0]
            for k in range(1, columns):
                total = total + of_columns[j * columns + k] * half[k]
            if Real is float:
                narrow(to, total)
            else:
                (<f64v*> to)[0] = total
            to = to + next


cdef inline outlined spread_rows(const Args* a, const Real* taps, Py_ssize_t pitch, Real* to,
                                 Py_ssize_t next) noexcept nogil:
    """All rows of a panel."""
    cdef const double* matrices = <const double*> a.weights
    cdef Py_ssize_t high = points_of(&a.axis[1]), wide = points_of(&a.axis[2]), r = 0
    cdef int rows = <int> a.axis[1].window, columns = <int> a.axis[2].window
    cdef const double* of_columns = matrices + high * rows
    while r < a.panel_rows:
        if rows == 3 and columns == 3:
            spread(3, 3, matrices, of_columns, high, wide, taps + r, pitch, to + r, next)
        elif rows == 5 and columns == 5:
            spread(5, 5, matrices, of_columns, high, wide, taps + r, pitch, to + r, next)
        else:
            spread(rows, columns, matrices, of_columns, high, wide, taps + r, pitch, to + r, next)
        r = r + VECTOR_BYTES // 8


cdef inline void copy_lines(Real* to, const Real* items, Py_ssize_t count) noexcept nogil:
    """Whole vectors."""
    cdef Py_ssize_t i
    for i in range(count // (VECTOR_BYTES // <Py_ssize_t> sizeof(Real))):
        (<f64v*> to)[i] = (<const f64v*> items)[i]


cdef inline void transform_filters(const Args* a, Py_ssize_t group, Py_ssize_t panel, Real* to) noexcept nogil:
    """One panel: [point][channel][output channel]. Here x holds the filters, and `weights` the two matrices G.

    Output channels that do not exist have weights, too; their sums are dropped.
    """
    cdef Py_ssize_t window = a.axis[1].window * a.axis[2].window, first = panel * a.panel_rows, c = 0, k, count, near
    cdef Py_ssize_t points = points_of(&a.axis[1]) * points_of(&a.axis[2]), p, i
    cdef const char* filters = a.x.data + (group * a.rows + first) * a.x.batch
    cdef Real lines[CHANNELS * MOST_TAPS * PANEL]
    cdef Real whole[NEAR * MOST_POINTS * PANEL]
    while c < a.channels:
        count = minimum(CHANNELS, a.channels - c)
        pack_block(a, filters + c * a.x.channel, count, a.panel_rows, minimum(a.panel_rows, a.rows - first), lines)
        k = 0
        while k < count:
            near = minimum(NEAR, count - k)
            for i in range(near):
                spread_rows(a, lines + (k + i) * a.panel_rows, count * a.panel_rows,
                            whole + i * a.panel_rows, near * a.panel_rows)
            # Points lie far apart and crowd the cache: each is written once, in whole lines.
            for p in range(points):
                copy_lines(to + (p * a.channels + c + k) * a.panel_rows, whole + p * near * a.panel_rows,
                           near * a.panel_rows)
            k = k + near
        c = c + count
