# Squares of as many rows as a vector has lanes.
from convops.kernels.simd cimport (
    VECTOR_BYTES, Real, Vector, f32v, f64v, high_f32, high_f64, low_f32, low_f64, outlined)

cdef enum:
    LANES = VECTOR_BYTES // 4      # of float32


cdef inline outlined transpose_square(const Vector* rows, Py_ssize_t pitch, char* columns,
                                      Py_ssize_t column_pitch) noexcept nogil:
    """In each round neighbours move together, until columns are vectors. Pitches count bytes."""
    cdef Vector a[16]
    cdef Vector b[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2, half = 1
    for i in range(lanes):
        a[i] = (<const Vector*> (<const char*> rows + i * pitch))[0]
    while half < lanes:
        for i in range(lanes // 2):
            if Vector is f32v:
                b[2 * i], b[2 * i + 1] = low_f32(a[i], a[i + LANES // 2]), high_f32(a[i], a[i + LANES // 2])
            else:
                b[2 * i], b[2 * i + 1] = low_f64(a[i], a[i + LANES // 4]), high_f64(a[i], a[i + LANES // 4])
        for i in range(lanes):
            a[i] = b[i]
        half = 2 * half
    for i in range(lanes):
        (<Vector*> (columns + i * column_pitch))[0] = a[i]


cdef inline void transpose(const Real* rows, Py_ssize_t pitch, Real* columns, Py_ssize_t column_pitch) noexcept nogil:
    """The same on reals, pitches counted in them."""
    if Real is float:
        transpose_square(<const f32v*> rows, pitch * sizeof(Real), <char*> columns, column_pitch * sizeof(Real))
    else:
        transpose_square(<const f64v*> rows, pitch * sizeof(Real), <char*> columns, column_pitch * sizeof(Real))
