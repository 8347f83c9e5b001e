# cython: language_level=3
"""The multiply-add loop of `micro_channels.pyx` for short lines whose ends reach over the input's edges.

Called through `Args.edged` by `dense.pyx`, with panels of two vectors, for a run of a line or for lines of one run.
Taps that put the first or the last pixel of a run on zero padding leave that pixel out: in a line of seven pixels
every tenth product of a 3x3 window. Start reading at `multiply`.
"""
from convops.kernels.abi cimport MOST_PIXELS, Edge, Edged, Finish
from convops.kernels.channel_sums cimport keep, multiply_step, store
from convops.kernels.lanes cimport spread
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined, prefetch

cdef enum:
    WIDTH = 2                  # vectors of a panel
    STEP_BYTES = 2 * VECTOR_BYTES


cdef inlined step_on(int row, int rows, const char* x, Py_ssize_t step, const char* weights, Py_ssize_t ahead,
                     Vector* acc) noexcept nogil:
    prefetch(weights + ahead, 0, 2)
    multiply_step(row, rows, WIDTH, False, x, step, weights, acc)


cdef inlined multiply(int rows, const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    # The chains of products are those of micro_channels.pyx but for products with zero, which change no sum; they
    # begin with +0.0, as the zero bias of `tile.finish` turns -0.0 into +0.0 anyway.
    cdef Vector acc[28]
    cdef Finish to = finish[0] if finish != NULL else Finish(NULL, 0, NULL, False, NULL, 0)
    cdef const char* w
    cdef Py_ssize_t groups = edge.groups, begin = edge.first, end = edge.last, both = edge.steps, ahead = edge.ahead
    cdef Py_ssize_t _, _group, k, at, lines = edge.lines
    cdef int i, j
    for _ in range(lines):
        for i in range(rows):
            for j in range(WIDTH):
                spread(0, &acc[i * WIDTH + j])
        w, at = weights, 0
        for _group in range(groups):
            for k in range(begin):
                step_on(1, rows, x + offsets[at + k], step, w + k * STEP_BYTES, ahead, acc)
            for k in range(begin, end):
                step_on(0, rows, x + offsets[at + k], step, w + k * STEP_BYTES, ahead, acc)
            for k in range(end, both):
                step_on(0, rows - 1, x + offsets[at + k], step, w + k * STEP_BYTES, ahead, acc)
            w, at = w + both * STEP_BYTES, at + both
        if finish == NULL:
            keep(rows, WIDTH, acc, t, first)
        else:
            store(rows, WIDTH, acc, t, first, &to)
        x = x + edge.hop
        t = t + rows * WIDTH


cdef outlined edged_1(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_2(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_3(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(3, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_4(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(4, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_5(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(5, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_6(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(6, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_7(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(7, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_8(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(8, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_9(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(9, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_10(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(10, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_11(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(11, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_12(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(12, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_13(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(13, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_14(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(14, edge, x, step, weights, offsets, t, first, finish)


# [float64][rows - 1]
cdef Edged TABLE[2][MOST_PIXELS]
TABLE[0][0], TABLE[1][0] = <Edged> edged_1[f32v], <Edged> edged_1[f64v]
TABLE[0][1], TABLE[1][1] = <Edged> edged_2[f32v], <Edged> edged_2[f64v]
TABLE[0][2], TABLE[1][2] = <Edged> edged_3[f32v], <Edged> edged_3[f64v]
TABLE[0][3], TABLE[1][3] = <Edged> edged_4[f32v], <Edged> edged_4[f64v]
TABLE[0][4], TABLE[1][4] = <Edged> edged_5[f32v], <Edged> edged_5[f64v]
TABLE[0][5], TABLE[1][5] = <Edged> edged_6[f32v], <Edged> edged_6[f64v]
TABLE[0][6], TABLE[1][6] = <Edged> edged_7[f32v], <Edged> edged_7[f64v]
TABLE[0][7], TABLE[1][7] = <Edged> edged_8[f32v], <Edged> edged_8[f64v]
TABLE[0][8], TABLE[1][8] = <Edged> edged_9[f32v], <Edged> edged_9[f64v]
TABLE[0][9], TABLE[1][9] = <Edged> edged_10[f32v], <Edged> edged_10[f64v]
TABLE[0][10], TABLE[1][10] = <Edged> edged_11[f32v], <Edged> edged_11[f64v]
TABLE[0][11], TABLE[1][11] = <Edged> edged_12[f32v], <Edged> edged_12[f64v]
TABLE[0][12], TABLE[1][12] = <Edged> edged_13[f32v], <Edged> edged_13[f64v]
TABLE[0][13], TABLE[1][13] = <Edged> edged_14[f32v], <Edged> edged_14[f64v]


def table(int itemsize):
    """The micro-kernels for runs of 1, 2, ... pixels, as the address of an array."""
    return <size_t> &TABLE[itemsize == 8][0]
