# What the kernels of one-channel tiles share: where a line of a tile begins, its padded samples, tiles that are noted.
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport blank_run, gather_run, maximum, minimum, source

# One line of one tile: its image, and the padded positions where it begins.
cdef struct Line:
    Py_ssize_t batch
    Py_ssize_t row
    Py_ssize_t column


cdef inline Line moved(Line line, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    line.row = line.row + rows
    line.column = line.column + columns
    return line


cdef inline const char* lying(const Args* a, Line line, Py_ssize_t count, const Real* tag) noexcept nogil:
    """Where so many padded samples lie side by side, as they are; NULL where they do not."""
    cdef Py_ssize_t h
    if (a.load != NULL or a.x.step[2] != sizeof(Real) or a.axis[2].spacing != 1 or line.row >= a.axis[1].padded
            or line.column < a.axis[2].inner_begin
            or line.column + count > minimum(a.axis[2].inner_end, a.axis[2].padded)):
        return NULL
    h = source(&a.axis[1], line.row)
    if h < 0:
        return NULL
    return (a.x.data + line.batch * a.x.batch + h * a.x.step[1]
            + (line.column - a.axis[2].shift) * <Py_ssize_t> sizeof(Real))


cdef inline void copy_samples(const Args* a, Line line, Py_ssize_t count, Real* to) noexcept nogil:
    """Padded samples; zeros behind the last output, as what stands there must not be loud."""
    cdef Py_ssize_t there = maximum(0, minimum(count, a.axis[2].padded - line.column)), h
    if line.row >= a.axis[1].padded:
        there = 0
    elif there:
        h = source(&a.axis[1], line.row)
        if h < 0:
            blank_run(a, to, 0, 0, h, line.column, 1, 1, there)
        else:
            gather_run(a, to, 0, a.x.data + line.batch * a.x.batch + h * a.x.step[1], line.column, 1, 1, there)
    memset(to + there, 0, (count - there) * sizeof(Real))


cdef inline void note(const Args* a, Py_ssize_t tile) noexcept nogil:
    """The short way has one word for all tiles, the status."""
    a.nonfinite[0 if a.nonfinite == a.epilogue.status else tile] = 1
