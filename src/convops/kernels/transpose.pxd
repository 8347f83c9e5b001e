# Blocks of any size, transposed in registers square by square.
from libc.string cimport memcpy

from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v
from convops.kernels.tile cimport minimum
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


cdef inline void transpose_part(const char* rows, Py_ssize_t pitch, Py_ssize_t height, Py_ssize_t width, char* columns,
                                Py_ssize_t column_pitch, const Real* tag) noexcept nogil:
    """`height` rows of `width` items, both at most as many as a vector has lanes; nothing beside them is touched."""
    cdef Real block[2][LANES * LANES]
    cdef Py_ssize_t i, lanes = VECTOR_BYTES // sizeof(Real)
    if height == lanes and width == lanes:
        transpose(rows, pitch, columns, column_pitch, tag)
        return
    for i in range(height):
        memcpy(block[0] + i * lanes, rows + i * pitch, width * sizeof(Real))
    transpose(<const char*> block[0], VECTOR_BYTES, <char*> block[1], VECTOR_BYTES, tag)
    for i in range(width):
        memcpy(columns + i * column_pitch, block[1] + i * lanes, height * sizeof(Real))


cdef inline void transpose_all(const char* rows, Py_ssize_t pitch, Py_ssize_t height, Py_ssize_t width, char* columns,
                               Py_ssize_t column_pitch, const Real* tag) noexcept nogil:
    """Any number of rows and items."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i = 0, j
    while i < height:
        j = 0
        while j < width:
            transpose_part(rows + i * pitch + j * <Py_ssize_t> sizeof(Real), pitch, minimum(lanes, height - i),
                           minimum(lanes, width - j), columns + j * column_pitch + i * <Py_ssize_t> sizeof(Real),
                           column_pitch, tag)
            j = j + lanes
        i = i + lanes
