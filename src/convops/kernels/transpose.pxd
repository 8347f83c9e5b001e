# Squares of items of any lines in memory, transposed in registers.
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v
from convops.kernels.turn cimport LANES, turn


cdef inline void transpose_vectors(const char* rows, Py_ssize_t pitch, char* columns, Py_ssize_t column_pitch,
                                   const Vector* tag) noexcept nogil:
    cdef Vector a[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        a[i] = (<const Vector*> (rows + i * pitch))[0]
    turn(a)
    for i in range(lanes):
        (<Vector*> (columns + i * column_pitch))[0] = a[i]


cdef inline void transpose(const char* rows, Py_ssize_t pitch, char* columns, Py_ssize_t column_pitch,
                           const Real* tag) noexcept nogil:
    """As many rows of as many items as a vector has lanes. Pitches count bytes."""
    if Real is float:
        transpose_vectors(rows, pitch, columns, column_pitch, <const f32v*> NULL)
    else:
        transpose_vectors(rows, pitch, columns, column_pitch, <const f64v*> NULL)
