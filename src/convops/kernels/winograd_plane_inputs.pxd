# The input lines of `winograd_planes.pyx`, transformed a chunk at a time. Start reading at `next_inputs`.
from convops.kernels.abi cimport Args
from convops.kernels.lanes cimport load
from convops.kernels.open_lines cimport CHUNK
from convops.kernels.padded_lines cimport copy_samples, moved
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport ceil_div, minimum, source
from convops.kernels.winograd_pairs cimport MOST_POINTS, input_pairs
from convops.kernels.winograd_plane cimport Job


cdef inline void find_rows(const Args* a, Job* j, Py_ssize_t row, const Real* tag) noexcept nogil:
    """The input lines of the next transforms."""
    cdef Py_ssize_t i, h, first = (j.origin.column - a.axis[2].shift) * <Py_ssize_t> sizeof(Real)
    j.lying = a.load == NULL and a.x.step[2] == sizeof(Real) and a.axis[2].spacing == 1
    for i in range((j.turns + 1) * j.outputs - 1):
        h = -1
        if j.origin.row + row + i < a.axis[1].padded:
            h = source(&a.axis[1], j.origin.row + row + i)
        j.lying = j.lying and h >= 0
        j.rows[i] = a.x.data + j.origin.batch * a.x.batch + h * a.x.step[1] + first


cdef inline Py_ssize_t lying_bytes(const Args* a, const Job* j, Py_ssize_t column, Py_ssize_t bytes,
                                   const Real* tag) noexcept nogil:
    """How many of the bytes from a padded column on may be read where the lines lie, whole vectors."""
    cdef Py_ssize_t first = j.origin.column + column, end = minimum(a.axis[2].inner_end, a.axis[2].padded)
    if not j.lying or first < a.axis[2].inner_begin or first >= end:
        return 0
    return minimum(bytes, (end - first) * <Py_ssize_t> sizeof(Real) // VECTOR_BYTES * VECTOR_BYTES)


cdef inline void copy_lines(const Args* a, Job* j, Py_ssize_t row, Py_ssize_t column, Py_ssize_t bytes,
                            const Real* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range((j.turns + 1) * j.outputs - 1):
        copy_samples(a, moved(j.origin, row + i, column), bytes // <Py_ssize_t> sizeof(Real), <Real*> j.copied[i])


cdef inline inlined transform_vectors(int points, const char* const* rows, Py_ssize_t begin, Py_ssize_t bytes, char* to,
                                      Py_ssize_t pitch, Vector* tag) noexcept nogil:
    cdef const char* line[MOST_POINTS]
    cdef Vector d[MOST_POINTS]
    cdef Vector r[MOST_POINTS]
    cdef Py_ssize_t at = 0
    cdef int i
    for i in range(points):
        line[i] = rows[i] + begin
    while at < bytes:
        for i in range(points):
            load(line[i] + at, &d[i])
        input_pairs(points, d, r)
        for i in range(points):
            (<Vector*> (to + i * pitch + at))[0] = r[i]
        at = at + VECTOR_BYTES


cdef inline outlined transform_line(int points, const char* const* rows, Py_ssize_t begin, Py_ssize_t bytes, char* to,
                                    Py_ssize_t pitch, Vector* tag) noexcept nogil:
    if points == 5:
        transform_vectors(5, rows, begin, bytes, to, pitch, tag)
    else:
        transform_vectors(7, rows, begin, bytes, to, pitch, tag)


cdef inline void transform(const Job* j, const char* const* parts, Py_ssize_t begin, Py_ssize_t bytes, char* to,
                           const Real* tag) noexcept nogil:
    """So many bytes of lines or of copies."""
    cdef int i
    for i in range(j.turns):
        if Real is float:
            transform_line(j.points, parts + i * j.outputs, begin, bytes, to, j.pitch, <f32v*> NULL)
        else:
            transform_line(j.points, parts + i * j.outputs, begin, bytes, to, j.pitch, <f64v*> NULL)
        to = to + j.points * j.pitch


cdef inline void transform_from(const Args* a, Job* j, Py_ssize_t row, Py_ssize_t column, Py_ssize_t bytes, char* to,
                                const Real* tag) noexcept nogil:
    """So many bytes from a padded column on: what lies so in the lines, and copies of the rest."""
    cdef Py_ssize_t lying = lying_bytes(a, j, column, bytes, tag)
    if lying > 0:
        transform(j, j.rows, column * sizeof(Real), lying, to, tag)
    if lying < bytes:
        copy_lines(a, j, row, column + lying // <Py_ssize_t> sizeof(Real), bytes - lying, tag)
        transform(j, j.copied, 0, bytes - lying, to + lying, tag)


cdef inline void move_halos(const Job* j, const Real* tag) noexcept nogil:
    """The ends of the last chunk in front of the next."""
    cdef Py_ssize_t at, _
    cdef char* to = j.inputs
    for _ in range(j.turns * j.points):
        for at in range(j.halo * <Py_ssize_t> sizeof(Real) // VECTOR_BYTES):
            if Real is float:
                (<f32v*> to)[at] = (<const f32v*> (to + CHUNK))[at]
            else:
                (<f64v*> to)[at] = (<const f64v*> (to + CHUNK))[at]
        to = to + j.pitch


cdef inline void next_inputs(const Args* a, Job* j, Py_ssize_t row, Py_ssize_t column, const Real* tag) noexcept nogil:
    """Halo and chunk: only a tile's first halo is transformed, the next ones end the chunks before."""
    cdef Py_ssize_t whole = ceil_div(j.reach * <Py_ssize_t> sizeof(Real), VECTOR_BYTES) * VECTOR_BYTES
    cdef char* to = j.inputs + j.halo * sizeof(Real)
    if column == 0 and j.reach > 0:
        transform_from(a, j, row, 0, whole, to - j.reach * <Py_ssize_t> sizeof(Real), tag)
    elif j.reach > 0:
        move_halos(j, tag)
    transform_from(a, j, row, column + j.reach, j.bytes, to, tag)
