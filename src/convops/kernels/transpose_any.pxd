# Blocks of any size, transposed in registers square by square; vectors are loaded and stored in part at the edges.
from convops.kernels.lanes cimport load_f32, load_f64, store_f32, store_f64
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined
from convops.kernels.tile cimport minimum
from convops.kernels.transpose cimport transpose
from convops.kernels.turn cimport LANES, turn


cdef inline inlined load_some(const char* at, Py_ssize_t count, int lanes, Vector* to) noexcept nogil:
    """The first `count` of so many lanes."""
    if count == lanes:
        to[0] = (<const Vector*> at)[0]
    elif Vector is f32v:
        to[0] = load_f32(at, count)
    else:
        to[0] = load_f64(at, count)


cdef inline inlined store_some(char* at, Py_ssize_t count, int lanes, const Vector* value) noexcept nogil:
    if count == lanes:
        (<Vector*> at)[0] = value[0]
    elif Vector is f32v:
        store_f32(at, value[0], count)
    else:
        store_f64(at, value[0], count)


cdef inline void transpose_some(const char* rows, Py_ssize_t pitch, Py_ssize_t height, Py_ssize_t width,
                                char* columns, Py_ssize_t column_pitch, const Vector* tag) noexcept nogil:
    cdef Vector a[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        load_some(rows + (i if i < height else 0) * pitch, width, lanes, &a[i])
    turn(a)
    for i in range(lanes):
        if i < width:
            store_some(columns + i * column_pitch, height, lanes, &a[i])


cdef inline void transpose_part(const char* rows, Py_ssize_t pitch, Py_ssize_t height, Py_ssize_t width, char* columns,
                                Py_ssize_t column_pitch, const Real* tag) noexcept nogil:
    """`height` rows of `width` items, both at most as many as a vector has lanes; nothing beside them is touched."""
    if height * width * <Py_ssize_t> sizeof(Real) == VECTOR_BYTES * (VECTOR_BYTES // <Py_ssize_t> sizeof(Real)):
        transpose(rows, pitch, columns, column_pitch, tag)
    elif Real is float:
        transpose_some(rows, pitch, height, width, columns, column_pitch, <const f32v*> NULL)
    else:
        transpose_some(rows, pitch, height, width, columns, column_pitch, <const f64v*> NULL)


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
