# Whether one of the items that pass by is NaN or infinite, or -0.0, so that the order of joining them can be seen.
from convops.kernels.lanes cimport spread
from convops.kernels.pool_extremes cimport i32v, min_i32
from convops.kernels.pool_lanes cimport Wide
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined


cdef extern from *:
    """
    #define convops_bits(v) ((convops_i32v) (v))
    """
    i32v bits_f32 "convops_bits"(f32v) nogil
    i32v bits_f64 "convops_bits"(f64v) nogil


cdef enum:
    NEGATIVE_ZERO = -2147483647 - 1    # -0.0 as an integer, or its upper half: the least of all


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


cdef inline inlined watch_zeros(const Wide* value, i32v* least) noexcept nogil:
    """-0.0 and 0.0 are equal, so that it matters which of them comes first."""
    if Wide is f32v:
        least[0] = min_i32(least[0], bits_f32(value[0]))
    elif Wide is f64v:
        least[0] = min_i32(least[0], bits_f64(value[0]))


cdef inline bint is_without_negative_zero(i32v least) noexcept nogil:
    """Certainly; halves of a few other numbers look like it."""
    cdef const int* lanes = <const int*> &least
    cdef int i
    for i in range(VECTOR_BYTES // <int> sizeof(int)):
        if lanes[i] == NEGATIVE_ZERO:
            return False
    return True
