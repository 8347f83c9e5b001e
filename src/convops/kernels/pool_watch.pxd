# Whether one of the items that pass by is NaN or infinite, at the cost of a multiply-add per vector.
from convops.kernels.lanes cimport spread
from convops.kernels.pool_lanes cimport Wide
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined


cdef inline inlined begin_watch(Wide* watched) noexcept nogil:
    if Wide is f32v or Wide is f64v:
        spread(0, watched)


cdef inline inlined watch(const Wide* value, Wide* watched) noexcept nogil:
    """0 v is 0, but NaN where v is no finite number."""
    cdef Wide nothing
    if Wide is f32v or Wide is f64v:
        spread(0, &nothing)
        watched[0] = watched[0] + nothing * value[0]


cdef inline bint is_watched_clean(const Wide* watched) noexcept nogil:
    cdef const char* lanes = <const char*> watched
    cdef int i
    cdef char found = 0
    for i in range(VECTOR_BYTES):
        found = found | lanes[i]
    return found == 0
