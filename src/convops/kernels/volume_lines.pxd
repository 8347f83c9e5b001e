# The lines of a tile of a volume: as many side by side as a vector has lanes.
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport blank_run, gather_run, maximum, minimum, source
from convops.kernels.transpose cimport transpose

cdef enum:
    CHUNK = 128                    # samples of a line moved at once, and on which line of the copy the next one lies
    PITCH = CHUNK + 16

# One of the two tiles: its image, and the padded positions where it begins.
cdef struct Place:
    Py_ssize_t batch
    Py_ssize_t at[3]


cdef inline bint is_outside(const Axis* axis, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Whether all of them are fill."""
    return axis.border == NULL and (first + count <= axis.inner_begin or first >= axis.inner_end)


cdef inline bint is_blank(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row,
                          const Real* tag) noexcept nogil:
    """Whether nothing but zeros stands in such lines."""
    plane, row = p.at[0] + plane, p.at[1] + row
    if plane >= a.axis[0].padded or row >= a.axis[1].padded:
        return True
    if (<const Real*> a.fill)[0] != 0:
        return False
    return is_outside(&a.axis[0], plane, 1) or is_outside(&a.axis[1], row, VECTOR_BYTES // sizeof(Real))


cdef inline void copy_samples(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row, Py_ssize_t column,
                              Py_ssize_t count, Real* to) noexcept nogil:
    """Padded samples; zeros behind the last output, as what stands there must not be loud."""
    cdef Py_ssize_t there = maximum(0, minimum(count, a.axis[2].padded - p.at[2] - column)), d, h
    plane, row, column = p.at[0] + plane, p.at[1] + row, p.at[2] + column
    if plane >= a.axis[0].padded or row >= a.axis[1].padded:
        there = 0
    elif there:
        d, h = source(&a.axis[0], plane), source(&a.axis[1], row)
        if d < 0 or h < 0:
            blank_run(a, to, 0, d, h, column, 1, 1, there)
        else:
            gather_run(a, to, 0, a.x.data + p.batch * a.x.batch + d * a.x.step[0] + h * a.x.step[1], column, 1, 1,
                       there)
    memset(to + there, 0, (count - there) * sizeof(Real))


cdef inline bint lies_inside(const Axis* axis, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Whether neighbours are neighbours in x, too."""
    return (axis.spacing == 1 and first >= axis.inner_begin
            and first + count <= minimum(axis.inner_end, axis.padded))


cdef inline const char* plain_lines(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row,
                                    const Real* tag) noexcept nogil:
    """Where sample 0 of the first line would lie if all lines lie in x as they are; else NULL."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    plane, row = p.at[0] + plane, p.at[1] + row
    if (a.load != NULL or a.x.step[2] != sizeof(Real) or a.axis[2].spacing != 1
            or not lies_inside(&a.axis[0], plane, 1) or not lies_inside(&a.axis[1], row, lanes)):
        return NULL
    return (a.x.data + p.batch * a.x.batch + (plane - a.axis[0].shift) * a.x.step[0]
            + (row - a.axis[1].shift) * a.x.step[1] + (p.at[2] - a.axis[2].shift) * <Py_ssize_t> sizeof(Real))


cdef inline Py_ssize_t plain_width(const Args* a, const Place* p, Py_ssize_t column, Py_ssize_t most,
                                   Py_ssize_t lanes) noexcept nogil:
    """Samples of such lines that lie there, in whole squares."""
    cdef Py_ssize_t first = p.at[2] + column
    if first < a.axis[2].inner_begin:
        return 0
    return minimum(most, minimum(a.axis[2].inner_end, a.axis[2].padded) - first) // lanes * lanes


cdef inline void load_lines(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row, Py_ssize_t length, char* z,
                            Real* copies) noexcept nogil:
    """One part of as many lines as a vector has lanes."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), column = 0, width, i, pitch
    cdef const char* lines = plain_lines(a, p, plane, row, copies)
    cdef const char* samples
    while column < length:
        width = 0 if lines == NULL else plain_width(a, p, column, length - column, lanes)
        samples, pitch = lines + column * <Py_ssize_t> sizeof(Real), a.x.step[1]
        if width <= 0:
            width = minimum(CHUNK if lines == NULL else lanes, length - column)
            for i in range(lanes):
                copy_samples(a, p, plane, row + i, column, width, copies + i * PITCH)
            samples, pitch = <const char*> copies, PITCH * sizeof(Real)
        i = 0
        while i < width:
            transpose(samples + i * <Py_ssize_t> sizeof(Real), pitch, z + 2 * (column + i) * VECTOR_BYTES,
                      2 * VECTOR_BYTES, copies)
            i = i + lanes
        column = column + width
