# cython: language_level=3
"""The multiply-add loop in which every dense convolution ends.

Called through `Args.micro` by `gemm.pyx` and `direct.pyx`, once per panel of output channels (rows), panel of
pixels (columns) and reduction block. It hands nothing on. Start reading at `multiply`.
"""
from convops.kernels.abi cimport Finish, Micro
from convops.kernels.simd cimport (
    MAX_ROWS, NARROW, NARROW_ROWS, VECTOR_BYTES, WIDE, Vector, f32v, f64v, inlined, outlined, relu_f32, relu_f64)


cdef inlined multiply_step(int rows, int vectors, bint begin, const char* a, const char* b,
                           Vector* acc) noexcept nogil:
    cdef Vector column[8]
    cdef Vector product
    cdef int i, j
    for j in range(vectors):
        column[j] = (<const Vector*> b)[j]
    for i in range(rows):
        for j in range(vectors):
            if Vector is f32v:
                product = (<const float*> a)[i] * column[j]
            else:
                product = (<const double*> a)[i] * column[j]
            # The first product begins the chain; the zero bias of `tile.finish` turns -0.0 into +0.0.
            acc[i * vectors + j] = product if begin else acc[i * vectors + j] + product


cdef inlined keep(int rows, int vectors, const Vector* acc, Vector* t, bint first) noexcept nogil:
    cdef int i, j
    for i in range(rows):
        for j in range(vectors):
            t[i * vectors + j] = acc[i * vectors + j] if first else t[i * vectors + j] + acc[i * vectors + j]


cdef inlined store(int rows, int vectors, const Vector* acc, const Vector* t, bint first,
                   Finish* to) noexcept nogil:
    cdef Vector value
    cdef int i, j
    for i in range(rows):
        for j in range(vectors):
            value = acc[i * vectors + j] if first else t[i * vectors + j] + acc[i * vectors + j]
            if Vector is f32v:
                value = value + ((<const float*> to.bias)[i] + <float> 0)
                if to.relu:
                    value = relu_f32(value)
            else:
                value = value + ((<const double*> to.bias)[i] + 0)
                if to.relu:
                    value = relu_f64(value)
            (<Vector*> to.out)[j] = value
        to.out = to.out + to.pitch


cdef inlined multiply(int rows, int vectors, Py_ssize_t steps, const char* a, const char* b,
                      const Py_ssize_t* offsets, Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    # rows and vectors are constants at every call, so that all accumulators live in registers; each output is
    # one chain of multiply-adds in the order of the steps, whatever the tile's shape. gcc unrolls loops inside
    # another loop before it gives registers to arrays, so the loop over panels keeps the sums off the stack.
    cdef Vector acc[28]
    cdef Finish to = finish[0] if finish != NULL else Finish(NULL, 0, NULL, False)
    cdef Py_ssize_t k, _, item = 4 if Vector is f32v else 8
    for _ in range(panels):
        multiply_step(rows, vectors, True, a, b + offsets[0], acc)
        for k in range(1, steps):
            multiply_step(rows, vectors, False, a + k * rows * item, b + offsets[k], acc)
        if finish == NULL:
            keep(rows, vectors, acc, t, first)
        else:
            store(rows, vectors, acc, t, first, &to)
            to.bias = to.bias + rows * item
        a = a + pitch
        t = t + rows * vectors


cdef outlined micro_1(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(1, NARROW if 1 <= NARROW_ROWS else WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_2(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(2, NARROW if 2 <= NARROW_ROWS else WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_3(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(3, NARROW if 3 <= NARROW_ROWS else WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_4(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(4, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_5(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(5, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_6(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(6, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_7(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(7, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_8(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(8, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_9(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                      Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                      const Finish* finish) noexcept nogil:
    multiply(9, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_10(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                       Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil:
    multiply(10, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_11(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                       Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil:
    multiply(11, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_12(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                       Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil:
    multiply(12, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_13(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                       Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil:
    multiply(13, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef outlined micro_14(Py_ssize_t steps, const char* a, const char* b, const Py_ssize_t* offsets,
                       Vector* t, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil:
    multiply(14, WIDE, steps, a, b, offsets, t, first, panels, pitch, finish)


cdef Micro TABLE[14][2]
TABLE[0][0], TABLE[0][1] = <Micro> micro_1[f32v], <Micro> micro_1[f64v]
TABLE[1][0], TABLE[1][1] = <Micro> micro_2[f32v], <Micro> micro_2[f64v]
TABLE[2][0], TABLE[2][1] = <Micro> micro_3[f32v], <Micro> micro_3[f64v]
TABLE[3][0], TABLE[3][1] = <Micro> micro_4[f32v], <Micro> micro_4[f64v]
TABLE[4][0], TABLE[4][1] = <Micro> micro_5[f32v], <Micro> micro_5[f64v]
TABLE[5][0], TABLE[5][1] = <Micro> micro_6[f32v], <Micro> micro_6[f64v]
TABLE[6][0], TABLE[6][1] = <Micro> micro_7[f32v], <Micro> micro_7[f64v]
TABLE[7][0], TABLE[7][1] = <Micro> micro_8[f32v], <Micro> micro_8[f64v]
TABLE[8][0], TABLE[8][1] = <Micro> micro_9[f32v], <Micro> micro_9[f64v]
TABLE[9][0], TABLE[9][1] = <Micro> micro_10[f32v], <Micro> micro_10[f64v]
TABLE[10][0], TABLE[10][1] = <Micro> micro_11[f32v], <Micro> micro_11[f64v]
TABLE[11][0], TABLE[11][1] = <Micro> micro_12[f32v], <Micro> micro_12[f64v]
TABLE[12][0], TABLE[12][1] = <Micro> micro_13[f32v], <Micro> micro_13[f64v]
TABLE[13][0], TABLE[13][1] = <Micro> micro_14[f32v], <Micro> micro_14[f64v]


def address(int rows, int itemsize):
    """The micro-kernel of `rows` rows for items of 4 (float32) or 8 (float64) bytes, as an integer."""
    return <size_t> <void*> TABLE[rows - 1][itemsize == 8]


def columns(int rows, int itemsize):
    """Pixels per panel of the micro-kernel of `rows` rows."""
    return (NARROW if rows <= NARROW_ROWS else WIDE) * VECTOR_BYTES // itemsize


def rows():
    """The panel heights that stay in registers at this level."""
    return tuple(range(1, MAX_ROWS + 1))
