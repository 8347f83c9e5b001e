# cython: language_level=3
"""The multiply-add loop of `micro_channels.pyx` for short lines whose ends reach over the input's edges.

Called through `Args.edged` by `dense.pyx`, with panels of two vectors, for a run of a line or for lines of one run.
Taps that put the first or the last pixel of a run on zero padding leave that pixel out: in a line of seven pixels
every tenth product of a 3x3 window. Two lines of so few pixels go through the loop together, so that weights are
loaded and loops are left half as often. Start reading at `multiply`.
"""
from convops.kernels.abi cimport MOST_PIXELS, Edge, Edged, Finish
from convops.kernels.channel_sums cimport keep, load_columns, multiply_pixels, store
from convops.kernels.edges cimport next_ahead
from convops.kernels.lanes cimport spread
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined, prefetch

cdef enum:
    WIDTH = 2                  # vectors of a panel
    STEP_BYTES = 2 * VECTOR_BYTES


cdef inlined step_on(int lines, int row, int end, int rows, const char* x, Py_ssize_t hop, Py_ssize_t step,
                     const char* weights, Py_ssize_t ahead, Vector* acc) noexcept nogil:
    """Pixels [row, end) of a run of each line."""
    cdef Vector column[WIDTH]
    prefetch(weights + ahead, 0, 2)
    load_columns(WIDTH, weights, column)
    multiply_pixels(row, end, WIDTH, False, x, step, column, acc)
    if lines == 2:
        multiply_pixels(row, end, WIDTH, False, x + hop, step, column, acc + rows * WIDTH)


cdef inlined multiply(int lines, int rows, const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    # The chains of products are those of micro_channels.pyx but for products with zero, which change no sum; they
    # begin with +0.0, as the zero bias of `tile.finish` turns -0.0 into +0.0 anyway.
    cdef Vector acc[28]
    cdef Finish to = finish[0] if finish != NULL else Finish(NULL, 0, NULL, False, NULL, 0)
    cdef const char* w
    cdef Py_ssize_t groups = edge.groups, begin = edge.first, end = edge.last, both = edge.steps, hop = edge.hop
    cdef Py_ssize_t _, _group, k, at, turns = edge.lines // lines, ahead = edge.ahead
    cdef int i, j
    for _ in range(turns):
        for i in range(lines * rows):
            for j in range(WIDTH):
                spread(0, &acc[i * WIDTH + j])
        w, at = weights, 0
        for _group in range(groups):
            for k in range(begin):
                step_on(lines, 1, rows, rows, x + offsets[at + k], hop, step, w + k * STEP_BYTES, ahead, acc)
            for k in range(begin, end):
                step_on(lines, 0, rows, rows, x + offsets[at + k], hop, step, w + k * STEP_BYTES, ahead, acc)
            for k in range(end, both):
                step_on(lines, 0, rows - 1, rows, x + offsets[at + k], hop, step, w + k * STEP_BYTES, ahead, acc)
            w, at = w + both * STEP_BYTES, at + both
        if finish == NULL:
            keep(lines * rows, WIDTH, acc, t, first)
        else:
            store(lines * rows, WIDTH, acc, t, first, &to)
        ahead = next_ahead(ahead)
        x = x + lines * hop
        t = t + lines * rows * WIDTH


cdef outlined edged_1(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 1, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_2(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 2, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_3(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 3, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_4(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 4, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_5(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 5, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_6(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 6, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_7(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 7, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_8(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 8, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_9(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 9, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_10(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 10, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_11(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 11, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_12(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 12, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_13(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 13, edge, x, step, weights, offsets, t, first, finish)


cdef outlined edged_14(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(1, 14, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_1(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 1, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_2(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 2, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_3(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 3, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_4(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 4, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_5(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 5, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_6(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 6, edge, x, step, weights, offsets, t, first, finish)


cdef outlined paired_7(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, Vector* t, bint first, const Finish* finish) noexcept nogil:
    multiply(2, 7, edge, x, step, weights, offsets, t, first, finish)


# [float64][pairs of lines][rows - 1]
cdef Edged TABLE[2][2][MOST_PIXELS]
TABLE[0][0][0], TABLE[1][0][0] = <Edged> edged_1[f32v], <Edged> edged_1[f64v]
TABLE[0][0][1], TABLE[1][0][1] = <Edged> edged_2[f32v], <Edged> edged_2[f64v]
TABLE[0][0][2], TABLE[1][0][2] = <Edged> edged_3[f32v], <Edged> edged_3[f64v]
TABLE[0][0][3], TABLE[1][0][3] = <Edged> edged_4[f32v], <Edged> edged_4[f64v]
TABLE[0][0][4], TABLE[1][0][4] = <Edged> edged_5[f32v], <Edged> edged_5[f64v]
TABLE[0][0][5], TABLE[1][0][5] = <Edged> edged_6[f32v], <Edged> edged_6[f64v]
TABLE[0][0][6], TABLE[1][0][6] = <Edged> edged_7[f32v], <Edged> edged_7[f64v]
TABLE[0][0][7], TABLE[1][0][7] = <Edged> edged_8[f32v], <Edged> edged_8[f64v]
TABLE[0][0][8], TABLE[1][0][8] = <Edged> edged_9[f32v], <Edged> edged_9[f64v]
TABLE[0][0][9], TABLE[1][0][9] = <Edged> edged_10[f32v], <Edged> edged_10[f64v]
TABLE[0][0][10], TABLE[1][0][10] = <Edged> edged_11[f32v], <Edged> edged_11[f64v]
TABLE[0][0][11], TABLE[1][0][11] = <Edged> edged_12[f32v], <Edged> edged_12[f64v]
TABLE[0][0][12], TABLE[1][0][12] = <Edged> edged_13[f32v], <Edged> edged_13[f64v]
TABLE[0][0][13], TABLE[1][0][13] = <Edged> edged_14[f32v], <Edged> edged_14[f64v]
TABLE[0][1][0], TABLE[1][1][0] = <Edged> paired_1[f32v], <Edged> paired_1[f64v]
TABLE[0][1][1], TABLE[1][1][1] = <Edged> paired_2[f32v], <Edged> paired_2[f64v]
TABLE[0][1][2], TABLE[1][1][2] = <Edged> paired_3[f32v], <Edged> paired_3[f64v]
TABLE[0][1][3], TABLE[1][1][3] = <Edged> paired_4[f32v], <Edged> paired_4[f64v]
TABLE[0][1][4], TABLE[1][1][4] = <Edged> paired_5[f32v], <Edged> paired_5[f64v]
TABLE[0][1][5], TABLE[1][1][5] = <Edged> paired_6[f32v], <Edged> paired_6[f64v]
TABLE[0][1][6], TABLE[1][1][6] = <Edged> paired_7[f32v], <Edged> paired_7[f64v]


def table(int itemsize):
    """The micro-kernels for runs of 1, 2, ... pixels, then for pairs of runs, as the address of an array."""
    return <size_t> &TABLE[itemsize == 8][0][0]
