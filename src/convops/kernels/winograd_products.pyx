# cython: language_level=3
"""The products of Winograd's points: runs of tiles times a panel of output channels, summed over channel blocks.

Called through `Args.products` by `winograd.pyx`, once per point, panel and run of tiles; it hands nothing on. Vectors
run over output channels. Sums restart at each channel block, which are so short that the loop over them stands here.
Start reading at `multiply`.
"""
from convops.kernels.abi cimport Product
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*, int, int) nogil


cdef inlined multiply_row(bint begin, const char* x, Vector first, Vector second, Vector* a, Vector* b) noexcept nogil:
    cdef Vector p, q
    if Vector is f32v:
        p, q = (<const float*> x)[0] * first, (<const float*> x)[0] * second
    else:
        p, q = (<const double*> x)[0] * first, (<const double*> x)[0] * second
    if begin:
        a[0], b[0] = p, q
    else:
        a[0], b[0] = a[0] + p, b[0] + q


cdef inlined add_row(int vectors, bint begin, Vector* t, int row, Vector a, Vector b) noexcept nogil:
    t = t + row * vectors
    t[0] = a if begin else t[0] + a
    if vectors == 2:
        t[1] = b if begin else t[1] + b


cdef inlined multiply_step(int rows, int vectors, bint begin, const char* x, Py_ssize_t step, const char* weights,
                           Py_ssize_t reach, Vector* a0, Vector* b0, Vector* a1, Vector* b1, Vector* a2, Vector* b2,
                           Vector* a3, Vector* b3, Vector* a4, Vector* b4, Vector* a5, Vector* b5, Vector* a6,
                           Vector* b6, Vector* a7, Vector* b7, Vector* a8, Vector* b8, Vector* a9, Vector* b9,
                           Vector* a10, Vector* b10, Vector* a11, Vector* b11, Vector* a12, Vector* b12, Vector* a13,
                           Vector* b13) noexcept nogil:
    # Four bases and the scaled index of an address reach 14 tiles without a register for each.
    cdef const char* second = x + 4 * step
    cdef const char* third = second + 4 * step
    cdef const char* fourth = third + 4 * step
    cdef Vector first_column = (<const Vector*> weights)[0], second_column = first_column
    prefetch(weights + reach, 0, 2)
    if vectors == 2:
        second_column = (<const Vector*> weights)[1]
        prefetch(weights + reach + VECTOR_BYTES, 0, 2)
    multiply_row(begin, x, first_column, second_column, a0, b0)
    if rows > 1:
        multiply_row(begin, x + step, first_column, second_column, a1, b1)
    if rows > 2:
        multiply_row(begin, x + 2 * step, first_column, second_column, a2, b2)
    if rows > 3:
        multiply_row(begin, x + 3 * step, first_column, second_column, a3, b3)
    if rows > 4:
        multiply_row(begin, second, first_column, second_column, a4, b4)
    if rows > 5:
        multiply_row(begin, second + step, first_column, second_column, a5, b5)
    if rows > 6:
        multiply_row(begin, second + 2 * step, first_column, second_column, a6, b6)
    if rows > 7:
        multiply_row(begin, second + 3 * step, first_column, second_column, a7, b7)
    if rows > 8:
        multiply_row(begin, third, first_column, second_column, a8, b8)
    if rows > 9:
        multiply_row(begin, third + step, first_column, second_column, a9, b9)
    if rows > 10:
        multiply_row(begin, third + 2 * step, first_column, second_column, a10, b10)
    if rows > 11:
        multiply_row(begin, third + 3 * step, first_column, second_column, a11, b11)
    if rows > 12:
        multiply_row(begin, fourth, first_column, second_column, a12, b12)
    if rows > 13:
        multiply_row(begin, fourth + step, first_column, second_column, a13, b13)


cdef inlined multiply(int rows, int vectors, Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step,
                      Py_ssize_t next_x, const char* weights, Vector* t) noexcept nogil:
    # A variable for each sum: arrays would pass through the stack at both ends of a block.
    cdef Vector a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13
    cdef Vector b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13
    # What is read next lies behind these weights: the next point's.
    cdef Py_ssize_t reach = channels * vectors * VECTOR_BYTES, k, c = 0, steps, item = 4 if Vector is f32v else 8
    while c < channels:
        steps = block if block < channels - c else channels - c
        multiply_step(rows, vectors, True, x, step, weights, reach,
                      &a0, &b0, &a1, &b1, &a2, &b2, &a3, &b3, &a4, &b4, &a5, &b5, &a6, &b6, &a7, &b7, &a8, &b8, &a9,
                      &b9, &a10, &b10, &a11, &b11, &a12, &b12, &a13, &b13)
        for k in range(1, steps):
            multiply_step(rows, vectors, False, x + k * item, step, weights + k * vectors * VECTOR_BYTES, reach,
                          &a0, &b0, &a1, &b1, &a2, &b2, &a3, &b3, &a4, &b4, &a5, &b5, &a6, &b6, &a7, &b7, &a8, &b8,
                          &a9, &b9, &a10, &b10, &a11, &b11, &a12, &b12, &a13, &b13)
        add_row(vectors, c == 0, t, 0, a0, b0)
        if rows > 1:
            add_row(vectors, c == 0, t, 1, a1, b1)
        if rows > 2:
            add_row(vectors, c == 0, t, 2, a2, b2)
        if rows > 3:
            add_row(vectors, c == 0, t, 3, a3, b3)
        if rows > 4:
            add_row(vectors, c == 0, t, 4, a4, b4)
        if rows > 5:
            add_row(vectors, c == 0, t, 5, a5, b5)
        if rows > 6:
            add_row(vectors, c == 0, t, 6, a6, b6)
        if rows > 7:
            add_row(vectors, c == 0, t, 7, a7, b7)
        if rows > 8:
            add_row(vectors, c == 0, t, 8, a8, b8)
        if rows > 9:
            add_row(vectors, c == 0, t, 9, a9, b9)
        if rows > 10:
            add_row(vectors, c == 0, t, 10, a10, b10)
        if rows > 11:
            add_row(vectors, c == 0, t, 11, a11, b11)
        if rows > 12:
            add_row(vectors, c == 0, t, 12, a12, b12)
        if rows > 13:
            add_row(vectors, c == 0, t, 13, a13, b13)
        c = c + steps
        x, weights = x + next_x, weights + steps * vectors * VECTOR_BYTES


cdef outlined products_1x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(1, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_2x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(2, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_3x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(3, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_4x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(4, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_5x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(5, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_6x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(6, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_7x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(7, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_8x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(8, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_9x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(9, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_10x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(10, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_11x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(11, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_12x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(12, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_13x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(13, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_14x1(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(14, 1, channels, block, x, step, next_x, weights, t)


cdef outlined products_1x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(1, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_2x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(2, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_3x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(3, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_4x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(4, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_5x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(5, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_6x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(6, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_7x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(7, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_8x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(8, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_9x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                           const char* weights, Vector* t) noexcept nogil:
    multiply(9, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_10x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(10, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_11x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(11, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_12x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(12, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_13x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(13, 2, channels, block, x, step, next_x, weights, t)


cdef outlined products_14x2(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                            const char* weights, Vector* t) noexcept nogil:
    multiply(14, 2, channels, block, x, step, next_x, weights, t)


# [vectors - 1][float64][rows - 1]
cdef Product TABLE[2][2][14]
TABLE[0][0][0], TABLE[0][1][0] = <Product> products_1x1[f32v], <Product> products_1x1[f64v]
TABLE[0][0][1], TABLE[0][1][1] = <Product> products_2x1[f32v], <Product> products_2x1[f64v]
TABLE[0][0][2], TABLE[0][1][2] = <Product> products_3x1[f32v], <Product> products_3x1[f64v]
TABLE[0][0][3], TABLE[0][1][3] = <Product> products_4x1[f32v], <Product> products_4x1[f64v]
TABLE[0][0][4], TABLE[0][1][4] = <Product> products_5x1[f32v], <Product> products_5x1[f64v]
TABLE[0][0][5], TABLE[0][1][5] = <Product> products_6x1[f32v], <Product> products_6x1[f64v]
TABLE[0][0][6], TABLE[0][1][6] = <Product> products_7x1[f32v], <Product> products_7x1[f64v]
TABLE[0][0][7], TABLE[0][1][7] = <Product> products_8x1[f32v], <Product> products_8x1[f64v]
TABLE[0][0][8], TABLE[0][1][8] = <Product> products_9x1[f32v], <Product> products_9x1[f64v]
TABLE[0][0][9], TABLE[0][1][9] = <Product> products_10x1[f32v], <Product> products_10x1[f64v]
TABLE[0][0][10], TABLE[0][1][10] = <Product> products_11x1[f32v], <Product> products_11x1[f64v]
TABLE[0][0][11], TABLE[0][1][11] = <Product> products_12x1[f32v], <Product> products_12x1[f64v]
TABLE[0][0][12], TABLE[0][1][12] = <Product> products_13x1[f32v], <Product> products_13x1[f64v]
TABLE[0][0][13], TABLE[0][1][13] = <Product> products_14x1[f32v], <Product> products_14x1[f64v]
TABLE[1][0][0], TABLE[1][1][0] = <Product> products_1x2[f32v], <Product> products_1x2[f64v]
TABLE[1][0][1], TABLE[1][1][1] = <Product> products_2x2[f32v], <Product> products_2x2[f64v]
TABLE[1][0][2], TABLE[1][1][2] = <Product> products_3x2[f32v], <Product> products_3x2[f64v]
TABLE[1][0][3], TABLE[1][1][3] = <Product> products_4x2[f32v], <Product> products_4x2[f64v]
TABLE[1][0][4], TABLE[1][1][4] = <Product> products_5x2[f32v], <Product> products_5x2[f64v]
TABLE[1][0][5], TABLE[1][1][5] = <Product> products_6x2[f32v], <Product> products_6x2[f64v]
TABLE[1][0][6], TABLE[1][1][6] = <Product> products_7x2[f32v], <Product> products_7x2[f64v]
TABLE[1][0][7], TABLE[1][1][7] = <Product> products_8x2[f32v], <Product> products_8x2[f64v]
TABLE[1][0][8], TABLE[1][1][8] = <Product> products_9x2[f32v], <Product> products_9x2[f64v]
TABLE[1][0][9], TABLE[1][1][9] = <Product> products_10x2[f32v], <Product> products_10x2[f64v]
TABLE[1][0][10], TABLE[1][1][10] = <Product> products_11x2[f32v], <Product> products_11x2[f64v]
TABLE[1][0][11], TABLE[1][1][11] = <Product> products_12x2[f32v], <Product> products_12x2[f64v]
TABLE[1][0][12], TABLE[1][1][12] = <Product> products_13x2[f32v], <Product> products_13x2[f64v]
TABLE[1][0][13], TABLE[1][1][13] = <Product> products_14x2[f32v], <Product> products_14x2[f64v]


def table(int vectors, int itemsize):
    """The products of 1, 2, ... tiles for panels of so many vectors, as the address of an array."""
    return <size_t> &TABLE[vectors - 1][itemsize == 8][0]
