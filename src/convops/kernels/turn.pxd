# Squares of items transposed in registers, one vector per row.
from convops.kernels.simd cimport (
    VECTOR_BYTES, Real, Vector, f32v, f64v, high_f32, high_f64, inlined, low_f32, low_f64, outlined)

cdef enum:
    LANES = VECTOR_BYTES // 4      # of float32


cdef inline inlined turn(Vector* a) noexcept nogil:
    """Rows become columns: in each round neighbours move together."""
    cdef Vector b[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2, half = 1
    while half < lanes:
        for i in range(lanes // 2):
            if Vector is f32v:
                b[2 * i], b[2 * i + 1] = low_f32(a[i], a[i + LANES // 2]), high_f32(a[i], a[i + LANES // 2])
            else:
                b[2 * i], b[2 * i + 1] = low_f64(a[i], a[i + LANES // 4]), high_f64(a[i], a[i + LANES // 4])
        for i in range(lanes):
            a[i] = b[i]
        half = 2 * half


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
