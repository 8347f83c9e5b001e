# Bytes as vectors of reals. Levels without such loads have none.
from convops.kernels.simd cimport f32v

cdef extern from *:
    """
    /* A vector of bytes; the compiler would widen them in two steps. */
    #if defined(__AVX512F__) || defined(__AVX2__)
    #include <immintrin.h>
    #define CONVOPS_BYTES 1
    #else
    #define CONVOPS_BYTES 0
    #endif
    #if defined(__AVX512F__)
    #define CONVOPS_WIDER(p, kind) \\
        ((convops_f32v) _mm512_cvtepi32_ps(_mm512_cvtep##kind##8_epi32(_mm_loadu_si128((const __m128i *) (p)))))
    #elif defined(__AVX2__)
    #define CONVOPS_WIDER(p, kind) \\
        ((convops_f32v) _mm256_cvtepi32_ps(_mm256_cvtep##kind##8_epi32(_mm_loadl_epi64((const __m128i *) (p)))))
    #else
    #define CONVOPS_WIDER(p, kind) ((convops_f32v) {0})
    #endif
    #define convops_from_u8(p) CONVOPS_WIDER(p, u)
    #define convops_from_i8(p) CONVOPS_WIDER(p, i)
    """
    enum:
        BYTES "CONVOPS_BYTES"
    f32v from_u8 "convops_from_u8"(const char*) nogil
    f32v from_i8 "convops_from_i8"(const char*) nogil
