# cython: language_level=3
"""The multiply-add loop with vectors over output channels, for maps whose lines do not fill vectors of pixels.

Called through `Args.turned` by `dense.pyx`, once per run of pixels, panel of output channels and reduction block. The
pixels of a run may lie any constant step apart, so that nothing is packed. Start reading at `multiply`.
"""
from convops.kernels.abi cimport MOST_PIXELS, Finish, Turned
from convops.kernels.channel_sums cimport fetch, keep, multiply_step, store
from convops.kernels.simd cimport MAX_ROWS, VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined


cdef inlined multiply(int rows, int vectors, Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                      const Finish* finish) noexcept nogil:
    # The same chains of multiply-adds as in micro.pyx, the roles of the operands exchanged. gcc unrolls loops
    # inside another loop before it gives registers to arrays, so the loop over runs keeps the sums off the stack.
    cdef Vector acc[28]
    cdef Finish to = finish[0] if finish != NULL else Finish(NULL, 0, NULL, False, weights, 0, 0, 0)
    cdef const char* ahead = to.ahead
    cdef Py_ssize_t k, _
    for _ in range(runs):
        fetch(0, ahead, &to, acc)
        multiply_step(rows, vectors, True, x + offsets[0], step, weights, acc)
        for k in range(1, steps):
            fetch(k, ahead, &to, acc)
            multiply_step(rows, vectors, False, x + offsets[k], step, weights + k * vectors * VECTOR_BYTES, acc)
        if to.out == NULL:
            keep(rows, vectors, acc, t, first)
        else:
            store(rows, vectors, acc, t, first, &to)
        x = x + rows * step
        ahead = ahead + rows * to.forth
        t = t + rows * vectors


cdef outlined turned_1x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(1, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_2x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(2, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_3x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(3, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_4x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(4, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_5x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(5, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_6x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(6, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_7x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(7, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_8x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(8, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_9x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(9, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_10x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(10, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_11x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(11, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_12x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(12, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_13x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(13, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_14x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(14, 1, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_1x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(1, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_2x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(2, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_3x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(3, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_4x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(4, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_5x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(5, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_6x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(6, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_7x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(7, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_8x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(8, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_9x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                         const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                         const Finish* finish) noexcept nogil:
    multiply(9, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_10x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(10, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_11x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(11, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_12x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(12, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_13x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(13, 2, steps, x, step, weights, offsets, t, first, runs, finish)


cdef outlined turned_14x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                          const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t runs,
                          const Finish* finish) noexcept nogil:
    multiply(14, 2, steps, x, step, weights, offsets, t, first, runs, finish)


# [float64][vectors - 1][rows - 1]
cdef Turned TABLE[2][2][MOST_PIXELS]
TABLE[0][0][0], TABLE[1][0][0] = <Turned> turned_1x1[f32v], <Turned> turned_1x1[f64v]
TABLE[0][0][1], TABLE[1][0][1] = <Turned> turned_2x1[f32v], <Turned> turned_2x1[f64v]
TABLE[0][0][2], TABLE[1][0][2] = <Turned> turned_3x1[f32v], <Turned> turned_3x1[f64v]
TABLE[0][0][3], TABLE[1][0][3] = <Turned> turned_4x1[f32v], <Turned> turned_4x1[f64v]
TABLE[0][0][4], TABLE[1][0][4] = <Turned> turned_5x1[f32v], <Turned> turned_5x1[f64v]
TABLE[0][0][5], TABLE[1][0][5] = <Turned> turned_6x1[f32v], <Turned> turned_6x1[f64v]
TABLE[0][0][6], TABLE[1][0][6] = <Turned> turned_7x1[f32v], <Turned> turned_7x1[f64v]
TABLE[0][0][7], TABLE[1][0][7] = <Turned> turned_8x1[f32v], <Turned> turned_8x1[f64v]
TABLE[0][0][8], TABLE[1][0][8] = <Turned> turned_9x1[f32v], <Turned> turned_9x1[f64v]
TABLE[0][0][9], TABLE[1][0][9] = <Turned> turned_10x1[f32v], <Turned> turned_10x1[f64v]
TABLE[0][0][10], TABLE[1][0][10] = <Turned> turned_11x1[f32v], <Turned> turned_11x1[f64v]
TABLE[0][0][11], TABLE[1][0][11] = <Turned> turned_12x1[f32v], <Turned> turned_12x1[f64v]
TABLE[0][0][12], TABLE[1][0][12] = <Turned> turned_13x1[f32v], <Turned> turned_13x1[f64v]
TABLE[0][0][13], TABLE[1][0][13] = <Turned> turned_14x1[f32v], <Turned> turned_14x1[f64v]
TABLE[0][1][0], TABLE[1][1][0] = <Turned> turned_1x2[f32v], <Turned> turned_1x2[f64v]
TABLE[0][1][1], TABLE[1][1][1] = <Turned> turned_2x2[f32v], <Turned> turned_2x2[f64v]
TABLE[0][1][2], TABLE[1][1][2] = <Turned> turned_3x2[f32v], <Turned> turned_3x2[f64v]
TABLE[0][1][3], TABLE[1][1][3] = <Turned> turned_4x2[f32v], <Turned> turned_4x2[f64v]
TABLE[0][1][4], TABLE[1][1][4] = <Turned> turned_5x2[f32v], <Turned> turned_5x2[f64v]
TABLE[0][1][5], TABLE[1][1][5] = <Turned> turned_6x2[f32v], <Turned> turned_6x2[f64v]
TABLE[0][1][6], TABLE[1][1][6] = <Turned> turned_7x2[f32v], <Turned> turned_7x2[f64v]
TABLE[0][1][7], TABLE[1][1][7] = <Turned> turned_8x2[f32v], <Turned> turned_8x2[f64v]
TABLE[0][1][8], TABLE[1][1][8] = <Turned> turned_9x2[f32v], <Turned> turned_9x2[f64v]
TABLE[0][1][9], TABLE[1][1][9] = <Turned> turned_10x2[f32v], <Turned> turned_10x2[f64v]
TABLE[0][1][10], TABLE[1][1][10] = <Turned> turned_11x2[f32v], <Turned> turned_11x2[f64v]
TABLE[0][1][11], TABLE[1][1][11] = <Turned> turned_12x2[f32v], <Turned> turned_12x2[f64v]
TABLE[0][1][12], TABLE[1][1][12] = <Turned> turned_13x2[f32v], <Turned> turned_13x2[f64v]
TABLE[0][1][13], TABLE[1][1][13] = <Turned> turned_14x2[f32v], <Turned> turned_14x2[f64v]


def table(int itemsize):
    """The micro-kernels for panels of one and two vectors and runs of 1, 2, ... pixels, as the address of an array."""
    return <size_t> &TABLE[itemsize == 8][0][0]


def lanes(int itemsize):
    """Output channels per vector."""
    return VECTOR_BYTES // itemsize


def most_pixels():
    """The longest run of pixels whose sums stay in registers."""
    return MAX_ROWS
