# Lanes that stand for padding: picked from a vector at an end of a line, which it repeats, and from one of padding.
# Start reading at `find_places`.
from libc.stdint cimport int32_t

from convops.kernels.abi cimport Axis
from convops.kernels.pool_columns cimport pick_between
from convops.kernels.pool_extremes cimport i32v
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, inlined
from convops.kernels.tile cimport source

# Where the lanes come from of the pixels before the first, of those behind the last in whole vectors, and behind the
# very last.
cdef struct Places:
    i32v first
    i32v behind
    i32v last


cdef inline bint find_lanes(const Axis* axis, Py_ssize_t origin, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t pixel,
                            Py_ssize_t first, Py_ssize_t last, Py_ssize_t from_, i32v* places,
                            const Real* tag) noexcept nogil:
    """From which lanes of the vector from pixel `from_` on those of the one from `pixel` on come, of which the lanes
    from `first` to `last` count; False where from none."""
    cdef Py_ssize_t i, k, at, lanes = VECTOR_BYTES // sizeof(Real), words = sizeof(Real) // 4
    for i in range(lanes):
        at = pixel + i
        if first <= i < last and not begin <= at < end:
            at = source(axis, origin + at)
            at = from_ + lanes if at < 0 else at + axis.shift - origin
        if not first <= i < last:
            at = from_
        if at < from_ or at > from_ + lanes:
            return False
        for k in range(words):
            (<int32_t*> places)[i * words + k] = <int32_t> ((at - from_) * words + k)
    return True


cdef inline bint find_places(const Axis* axis, Py_ssize_t origin, Py_ssize_t count, Py_ssize_t middle, Py_ssize_t begin,
                             Py_ssize_t end, Places* p, const Real* tag) noexcept nogil:
    """For `count` results from padded pixel `origin` on, whose windows reach `middle` pixels to both sides; those from
    `begin` to `end` are real. False where padding repeats what lies further inside."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    return (find_lanes(axis, origin, begin, end, middle - lanes, lanes - middle, lanes, begin, &p.first, tag)
            and find_lanes(axis, origin, begin, end, (end - middle) // lanes * lanes + middle, 0, middle, end - lanes,
                           &p.behind, tag)
            and find_lanes(axis, origin, begin, end, count + middle, 0, middle, end - lanes, &p.last, tag))


cdef inline inlined pad(i32v places, const Vector* padding, Vector* values) noexcept nogil:
    cdef Vector picked
    pick_between(places, values, padding, &picked)
    values[0] = picked
