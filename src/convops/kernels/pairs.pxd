# Integers of 16 bits, two in each 32-bit lane of a vector: products of pairs, added to sums that wrap around.
from convops.kernels.lanes cimport store_f32
from convops.kernels.simd cimport VECTOR_BYTES, f32v, inlined

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <immintrin.h>
    #endif
    typedef int convops_pairs __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    static inline convops_pairs convops_add_pairs(convops_pairs sum, convops_pairs x, convops_pairs w) {
    #if defined(__AVX512BW__)
        return sum + (convops_pairs) _mm512_madd_epi16((__m512i) x, (__m512i) w);
    #elif defined(__AVX2__)
        return sum + (convops_pairs) _mm256_madd_epi16((__m256i) x, (__m256i) w);
    #elif defined(__SSE2__)
        return sum + (convops_pairs) _mm_madd_epi16((__m128i) x, (__m128i) w);
    #else
        return sum + (x >> 16) * (w >> 16) + ((x << 16) >> 16) * ((w << 16) >> 16);
    #endif
    }
    #define convops_all_pairs(word) ((convops_pairs) {0} + (word))
    #define convops_relu_pairs(v) ((v) & ((v) > 0))
    """
    # An int to Cython, which then takes no operation on it for one of reals.
    ctypedef int pairs "convops_pairs"
    pairs add_pairs "convops_add_pairs"(pairs, pairs, pairs) nogil
    pairs all_pairs "convops_all_pairs"(int) nogil
    pairs relu_pairs "convops_relu_pairs"(pairs) nogil


cdef inline inlined store_pairs(pairs value, char* out, Py_ssize_t count) noexcept nogil:
    """The first `count` sums of a vector."""
    cdef f32v bits = <f32v> value
    if count >= VECTOR_BYTES // 4:
        (<pairs*> out)[0] = value
    elif count > 0:
        store_f32(out, bits, count)
