# From filters, wherever they lie in memory, to the weights of Winograd's points: G h G^T in float64, so that it costs
# a single rounding. Vectors run over output channels. Start reading at `transform_filters`.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.pack cimport pack_block
from convops.kernels.simd cimport VECTOR_BYTES, Real, f64v, inlined, outlined
from convops.kernels.tile cimport minimum
from convops.kernels.turn cimport LANES
from convops.kernels.winograd_blocks cimport pitch_weights, weights_of

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
    MOST_TAPS = 25
    PANEL = 2 * LANES              # rows of a panel, at most

# Rows of G.
cdef enum:
    PLAIN = 0
    FIRST = 1
    LAST = 2
    ODD = 3                        # of odd samples


cdef inline int row_kind(const Axis* axis, Py_ssize_t row) noexcept nogil:
    if axis.window == 1:
        return PLAIN
    if row == 0:
        return FIRST
    if row == weights_of(axis) - 1:
        return LAST
    return ODD if axis.stride == 2 and row >= axis.tile + (axis.window - 1) // 2 else PLAIN


cdef inline inlined terms_from(int start, const double* factors, int count, int stride, const f64v* terms, int pitch,
                               f64v* to) noexcept nogil:
    cdef int k = start + stride
    to[0] = factors[start] * terms[start * pitch]
    while k < count:
        to[0] = to[0] + factors[k] * terms[k * pitch]
        k = k + stride


cdef inline inlined point(const double* factors, int count, int stride, int kind, const f64v* terms, int pitch,
                          f64v* to) noexcept nogil:
    """One row of G times some terms, with a stride only those of its samples.

    The point 0 takes only the first; the last, of infinity or of a single odd tap, one as it is.
    """
    # Constants in each case, so that terms stay in registers.
    if kind == LAST:
        to[0] = terms[(count - 1 if stride == 1 else count - 1 - count % 2) * pitch]
    elif kind == FIRST:
        to[0] = factors[0] * terms[0]
    elif stride == 2 and count > 3 and kind == ODD:
        terms_from(1, factors, count, stride, terms, pitch, to)
    else:
        terms_from(0, factors, count, stride, terms, pitch, to)


cdef inline inlined spread(const Args* a, int rows, int columns, int down, int along, const Real* taps,
                           Py_ssize_t pitch, Real* to) noexcept nogil:
    """G h G^T of one channel, given the strides, and as many output channels as a vector of reals has lanes."""
    cdef Py_ssize_t high = weights_of(&a.axis[1]), wide = weights_of(&a.axis[2])
    cdef Py_ssize_t next = pitch_weights(a, sizeof(Real)) // <Py_ssize_t> sizeof(Real)
    cdef const double* of_lines = <const double*> a.weights
    cdef const double* of_columns = of_lines + high * rows
    cdef f64v h[2][MOST_TAPS]
    cdef f64v half[2][5]
    cdef f64v total
    cdef Py_ssize_t i, j, lanes = VECTOR_BYTES // 8
    cdef int k, v, kind, vectors = 2 if Real is float else 1
    for v in range(vectors):
        for k in range(rows * columns):
            if Real is float:
                h[v][k] = widen(taps + k * pitch + v * lanes)
            else:
                h[v][k] = (<const f64v*> (taps + k * pitch))[0]
    for i in range(high):
        kind = row_kind(&a.axis[1], i)
        for v in range(vectors):
            for k in range(columns):
                point(of_lines + i * rows, rows, down, kind, &h[v][k], columns, &half[v][k])
        for j in range(wide):
            kind = row_kind(&a.axis[2], j)
            for v in range(vectors):
                point(of_columns + j * columns, columns, along, kind, half[v], 1, &total)
                if Real is float:
                    narrow(to + v * lanes, total)
                else:
                    (<f64v*> to)[0] = total
            to = to + next


cdef inline outlined spread_rows(const Args* a, const Real* taps, Py_ssize_t pitch, Real* to) noexcept nogil:
    """All rows of a panel. Points lie far apart and crowd the cache: each is written once, in whole lines."""
    cdef Py_ssize_t r = 0
    cdef int rows = <int> a.axis[1].window, columns = <int> a.axis[2].window
    cdef int down = <int> a.axis[1].stride, along = <int> a.axis[2].stride
    while r < a.panel_rows:
        if rows == 3 and columns == 3 and down == 1 and along == 1:
            spread(a, 3, 3, 1, 1, taps + r, pitch, to + r)
        elif rows == 3 and columns == 3 and down == 2 and along == 2:
            spread(a, 3, 3, 2, 2, taps + r, pitch, to + r)
        elif rows == 5 and columns == 5 and down == 1 and along == 1:
            spread(a, 5, 5, 1, 1, taps + r, pitch, to + r)
        elif rows == 5 and columns == 5 and down == 2 and along == 2:
            spread(a, 5, 5, 2, 2, taps + r, pitch, to + r)
        elif rows == 4 and columns == 4 and down == 2 and along == 2:
            spread(a, 4, 4, 2, 2, taps + r, pitch, to + r)
        else:
            spread(a, rows, columns, down, along, taps + r, pitch, to + r)
        r = r + VECTOR_BYTES // <Py_ssize_t> sizeof(Real)


cdef inline void transform_filters(const Args* a, Py_ssize_t group, Py_ssize_t panel, Real* to) noexcept nogil:
    """One panel: [point][channel][output channel]. Here x holds the filters, and `weights` the two matrices G.

    Output channels that do not exist have weights, too; their sums are dropped.
    """
    cdef Py_ssize_t first = panel * a.panel_rows, c = 0, k, count
    cdef const char* filters = a.x.data + (group * a.rows + first) * a.x.batch
    cdef Real lines[CHANNELS * MOST_TAPS * PANEL]
    while c < a.channels:
        count = minimum(CHANNELS, a.channels - c)
        pack_block(a, filters + c * a.x.channel, count, a.panel_rows, minimum(a.panel_rows, a.rows - first), lines)
        for k in range(count):
            spread_rows(a, lines + k * a.panel_rows, count * a.panel_rows, to + (c + k) * a.panel_rows)
        c = c + count
