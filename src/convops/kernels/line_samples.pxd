# The samples of a tile along a line: where they lie, copied, or transposed.
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport Tile, blank_run, gather_run, minimum, source
from convops.kernels.transpose cimport transpose

# As many vectors as a vector of float32 has lanes.
cdef struct Square:
    char lines[16][VECTOR_BYTES]


cdef inline Py_ssize_t lying(const Args* a, const Tile* t, const char** line, const Real* tag) noexcept nogil:
    """How many padded samples of the tile's line may be read where they lie, and where the first of them lies."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t d = source(&a.axis[0], t.origin[0] * a.axis[0].stride), first = t.origin[2]
    cdef Py_ssize_t h = source(&a.axis[1], t.origin[1] * a.axis[1].stride)
    if d < 0 or h < 0 or a.load != NULL or a.x.step[2] != sizeof(Real) or first < axis.inner_begin:
        return 0
    line[0] = (a.x.data + t.batch * a.x.batch + t.panel_begin * a.x.channel + d * a.x.step[0] + h * a.x.step[1]
               + (first - axis.shift) * <Py_ssize_t> sizeof(Real))
    return axis.inner_end - first


cdef inline void copy_samples(const Args* a, const Tile* t, Py_ssize_t skipped, Py_ssize_t span,
                              Real* copy) noexcept nogil:
    """So many padded samples of the tile's line, behind those that are skipped; zeros behind the last."""
    cdef Py_ssize_t d = source(&a.axis[0], t.origin[0] * a.axis[0].stride), first = t.origin[2] + skipped, there
    cdef Py_ssize_t h = source(&a.axis[1], t.origin[1] * a.axis[1].stride)
    there = minimum(span, a.axis[2].padded - first)
    if d < 0 or h < 0:
        blank_run(a, copy, 0, d, h, first, 1, 1, there)
    else:
        gather_run(a, copy, 0, a.x.data + t.batch * a.x.batch + t.panel_begin * a.x.channel + d * a.x.step[0]
                   + h * a.x.step[1], first, 1, 1, there)
    memset(copy + there, 0, (span - there) * sizeof(Real))


cdef inline void last_square(const char* samples, Py_ssize_t pitch, Py_ssize_t left, char* to,
                             const Real* tag) noexcept nogil:
    """Of which only so many bytes may be read, from the first on."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i
    cdef Square square
    memset(&square, 0, sizeof(square))
    for i in range(lanes):
        if left > i * pitch:
            memcpy(square.lines[i], samples + i * pitch, minimum(VECTOR_BYTES, left - i * pitch))
    transpose(<const char*> square.lines, VECTOR_BYTES, to, VECTOR_BYTES, tag)


cdef inline void transpose_segments(const char* samples, Py_ssize_t pitch, Py_ssize_t count, Py_ssize_t bytes,
                                    char* to, const Real* tag) noexcept nogil:
    """`count` samples of every segment, whole squares; no more than so many bytes may be read."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j = 0
    while j < count:
        if (lanes - 1) * pitch + VECTOR_BYTES <= bytes:
            transpose(samples, pitch, to, VECTOR_BYTES, tag)
        else:
            last_square(samples, pitch, bytes, to, tag)
        samples, to = samples + VECTOR_BYTES, to + lanes * VECTOR_BYTES
        bytes, j = bytes - VECTOR_BYTES, j + lanes
