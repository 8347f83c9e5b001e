# Squares of items transposed in registers, one vector per row.
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined

cdef extern from *:
    """
    #if CONVOPS_VECTOR == 64
    #define CONVOPS_NEAR_4(z) z(0), z(4), z(8), z(12)
    #define CONVOPS_NEAR_2(z) z(0), z(2), z(4), z(6)
    #define CONVOPS_EVEN_16_4 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
    #define CONVOPS_ODD_16_4 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
    #define CONVOPS_EVEN_16_8 0, 1, 4, 5, 8, 9, 12, 13
    #define CONVOPS_ODD_16_8 2, 3, 6, 7, 10, 11, 14, 15
    #elif CONVOPS_VECTOR == 32
    #define CONVOPS_NEAR_4(z) z(0), z(4)
    #define CONVOPS_NEAR_2(z) z(0), z(2)
    #define CONVOPS_EVEN_16_4 0, 1, 2, 3, 8, 9, 10, 11
    #define CONVOPS_ODD_16_4 4, 5, 6, 7, 12, 13, 14, 15
    #define CONVOPS_EVEN_16_8 0, 1, 4, 5
    #define CONVOPS_ODD_16_8 2, 3, 6, 7
    #else
    #define CONVOPS_NEAR_4(z) z(0)
    #define CONVOPS_NEAR_2(z) z(0)
    #define CONVOPS_EVEN_16_4 0, 1, 2, 3
    #define CONVOPS_ODD_16_4 4, 5, 6, 7
    #define CONVOPS_EVEN_16_8 0, 1
    #define CONVOPS_ODD_16_8 2, 3
    #endif
    #define CONVOPS_F32S (CONVOPS_VECTOR / 4)
    #define CONVOPS_F64S (CONVOPS_VECTOR / 8)
    #define CONVOPS_LOW_NEAR_4(i) i, i + CONVOPS_F32S, i + 1, i + 1 + CONVOPS_F32S
    #define CONVOPS_HIGH_NEAR_4(i) i + 2, i + 2 + CONVOPS_F32S, i + 3, i + 3 + CONVOPS_F32S
    #define CONVOPS_LOW_PAIR(i) i, i + 1, i + CONVOPS_F32S, i + 1 + CONVOPS_F32S
    #define CONVOPS_HIGH_PAIR(i) i + 2, i + 3, i + 2 + CONVOPS_F32S, i + 3 + CONVOPS_F32S
    #define CONVOPS_LOW_NEAR_8(i) i, i + CONVOPS_F64S
    #define CONVOPS_HIGH_NEAR_8(i) i + 1, i + 1 + CONVOPS_F64S
    #define convops_low_near_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_4(CONVOPS_LOW_NEAR_4))
    #define convops_high_near_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_4(CONVOPS_HIGH_NEAR_4))
    #define convops_low_pair_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_4(CONVOPS_LOW_PAIR))
    #define convops_high_pair_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_4(CONVOPS_HIGH_PAIR))
    #define convops_low_near_f64(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_2(CONVOPS_LOW_NEAR_8))
    #define convops_high_near_f64(a, b) __builtin_shufflevector(a, b, CONVOPS_NEAR_2(CONVOPS_HIGH_NEAR_8))
    #define convops_even_16_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_EVEN_16_4)
    #define convops_odd_16_f32(a, b) __builtin_shufflevector(a, b, CONVOPS_ODD_16_4)
    #define convops_even_16_f64(a, b) __builtin_shufflevector(a, b, CONVOPS_EVEN_16_8)
    #define convops_odd_16_f64(a, b) __builtin_shufflevector(a, b, CONVOPS_ODD_16_8)
    """
    # Items of two vectors in turn, or pairs of items: the lower or upper half of each 16 bytes. One cheap instruction.
    f32v low_near_f32 "convops_low_near_f32"(f32v, f32v) nogil
    f32v high_near_f32 "convops_high_near_f32"(f32v, f32v) nogil
    f32v low_pair_f32 "convops_low_pair_f32"(f32v, f32v) nogil
    f32v high_pair_f32 "convops_high_pair_f32"(f32v, f32v) nogil
    f64v low_near_f64 "convops_low_near_f64"(f64v, f64v) nogil
    f64v high_near_f64 "convops_high_near_f64"(f64v, f64v) nogil
    # Every other 16 bytes of one vector, and of another.
    f32v even_16_f32 "convops_even_16_f32"(f32v, f32v) nogil
    f32v odd_16_f32 "convops_odd_16_f32"(f32v, f32v) nogil
    f64v even_16_f64 "convops_even_16_f64"(f64v, f64v) nogil
    f64v odd_16_f64 "convops_odd_16_f64"(f64v, f64v) nogil

cdef enum:
    LANES = VECTOR_BYTES // 4      # of float32


cdef inline inlined zip_neighbours(Vector* a) noexcept nogil:
    """Squares of as many items as 16 bytes hold, in place."""
    cdef Vector b[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    if Vector is f64v:
        for i in range(lanes // 2):
            b[2 * i], b[2 * i + 1] = low_near_f64(a[2 * i], a[2 * i + 1]), high_near_f64(a[2 * i], a[2 * i + 1])
        for i in range(lanes):
            a[i] = b[i]
    else:
        for i in range(lanes // 2):
            b[2 * i], b[2 * i + 1] = low_near_f32(a[2 * i], a[2 * i + 1]), high_near_f32(a[2 * i], a[2 * i + 1])
        for i in range(lanes // 4):
            a[4 * i], a[4 * i + 1] = low_pair_f32(b[4 * i], b[4 * i + 2]), high_pair_f32(b[4 * i], b[4 * i + 2])
            a[4 * i + 2] = low_pair_f32(b[4 * i + 1], b[4 * i + 3])
            a[4 * i + 3] = high_pair_f32(b[4 * i + 1], b[4 * i + 3])


cdef inline inlined part_lanes(Vector even, Vector odd, Vector* low, Vector* high) noexcept nogil:
    """Even and odd groups of 16 bytes of two vectors."""
    if Vector is f32v:
        low[0], high[0] = even_16_f32(even, odd), odd_16_f32(even, odd)
    else:
        low[0], high[0] = even_16_f64(even, odd), odd_16_f64(even, odd)


cdef inline inlined turn(Vector* a) noexcept nogil:
    """Rows become columns: inside of 16 bytes, then those change places."""
    cdef Vector b[16]
    cdef int i, side = 4 if Vector is f32v else 2
    zip_neighbours(a)
    if VECTOR_BYTES == 32:
        for i in range(side):
            part_lanes(a[i], a[side + i], &b[i], &b[side + i])
        for i in range(2 * side):
            a[i] = b[i]
    elif VECTOR_BYTES == 64:
        for i in range(side):
            part_lanes(a[i], a[side + i], &b[i], &b[side + i])
            part_lanes(a[2 * side + i], a[3 * side + i], &b[2 * side + i], &b[3 * side + i])
        for i in range(side):
            part_lanes(b[i], b[2 * side + i], &a[i], &a[2 * side + i])
            part_lanes(b[side + i], b[3 * side + i], &a[side + i], &a[3 * side + i])


cdef inline outlined turn_whole(const Vector* rows, const Py_ssize_t* places, Vector* to,
                                Py_ssize_t pitch) noexcept nogil:
    cdef Vector a[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        a[i] = (<const Vector*> (<const char*> rows + places[i]))[0]
    turn(a)
    for i in range(lanes):
        (<Vector*> (<char*> to + i * pitch))[0] = a[i]


cdef inline outlined turn_part(const Vector* rows, const Py_ssize_t* places, int count, Vector* to, Py_ssize_t pitch,
                               int columns) noexcept nogil:
    """The same for `count` rows, of which so many columns are written; a sum of -0.0 becomes +0.0."""
    cdef Vector a[16]
    cdef Vector last
    cdef int i, j, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        a[i] = (<const Vector*> (<const char*> rows + places[i if i < count else count - 1]))[0]
        a[i] = a[i] + 0
    turn(a)
    for i in range(columns):
        if count == lanes:
            (<Vector*> (<char*> to + i * pitch))[0] = a[i]
            continue
        last = a[i]
        for j in range(count):
            if Vector is f32v:
                (<float*> (<char*> to + i * pitch))[j] = (<float*> &last)[j]
            else:
                (<double*> (<char*> to + i * pitch))[j] = (<double*> &last)[j]


cdef inline void turn_in(const Real* rows, const Py_ssize_t* places, Real* to, Py_ssize_t pitch) noexcept nogil:
    """to[j][i] = item j of row i, for as many rows and items as a vector has lanes; distances in bytes."""
    if Real is float:
        turn_whole(<const f32v*> rows, places, <f32v*> to, pitch)
    else:
        turn_whole(<const f64v*> rows, places, <f64v*> to, pitch)


cdef inline void turn_out(const Real* rows, const Py_ssize_t* places, Py_ssize_t count, Real* to, Py_ssize_t pitch,
                          Py_ssize_t columns) noexcept nogil:
    """The sums of `count` rows, of which `columns` columns are wanted, each as a line."""
    if Real is float:
        turn_part(<const f32v*> rows, places, <int> count, <f32v*> to, pitch, <int> columns)
    else:
        turn_part(<const f64v*> rows, places, <int> count, <f64v*> to, pitch, <int> columns)
