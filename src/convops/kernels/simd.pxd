# Vectors of the level's width. Cython takes them for plain floats and writes a*b + c; the C compiler sees vector
# types. aligned(1): any address may be loaded, as arrays of users may lie anywhere.
cdef extern from *:
    """
    #if defined(__AVX512F__)
    #define CONVOPS_VECTOR 64
    enum { convops_max_rows = 14, convops_narrow_rows = 3, convops_narrow = 8 };
    #elif defined(__AVX2__)
    #define CONVOPS_VECTOR 32
    enum { convops_max_rows = 6, convops_narrow_rows = 2, convops_narrow = 4 };
    #elif defined(__aarch64__)
    #define CONVOPS_VECTOR 16
    enum { convops_max_rows = 12, convops_narrow_rows = 3, convops_narrow = 8 };
    #else
    #define CONVOPS_VECTOR 16
    enum { convops_max_rows = 6, convops_narrow_rows = 2, convops_narrow = 4 };
    #endif
    #define CONVOPS_LOW_2 0, 2
    #define CONVOPS_HIGH_2 1, 3
    #define CONVOPS_LOW_4 0, 4, 1, 5
    #define CONVOPS_HIGH_4 2, 6, 3, 7
    #define CONVOPS_LOW_8 0, 8, 1, 9, 2, 10, 3, 11
    #define CONVOPS_HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
    #define CONVOPS_LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
    #define CONVOPS_HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
    #if CONVOPS_VECTOR == 64
    #define CONVOPS_ZIP(half, a, b, size) CONVOPS_ZIP_64_##size(half, a, b)
    #define CONVOPS_ZIP_64_4(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_16)
    #define CONVOPS_ZIP_64_8(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_8)
    #elif CONVOPS_VECTOR == 32
    #define CONVOPS_ZIP(half, a, b, size) CONVOPS_ZIP_32_##size(half, a, b)
    #define CONVOPS_ZIP_32_4(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_8)
    #define CONVOPS_ZIP_32_8(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_4)
    #else
    #define CONVOPS_ZIP(half, a, b, size) CONVOPS_ZIP_16_##size(half, a, b)
    #define CONVOPS_ZIP_16_4(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_4)
    #define CONVOPS_ZIP_16_8(half, a, b) __builtin_shufflevector(a, b, CONVOPS_##half##_2)
    #endif
    #define convops_low_f32(a, b) CONVOPS_ZIP(LOW, a, b, 4)
    #define convops_high_f32(a, b) CONVOPS_ZIP(HIGH, a, b, 4)
    #define convops_low_f64(a, b) CONVOPS_ZIP(LOW, a, b, 8)
    #define convops_high_f64(a, b) CONVOPS_ZIP(HIGH, a, b, 8)
    typedef float convops_f32v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef double convops_f64v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* NaN and -0.0 pass. */
    static inline convops_f32v convops_relu_f32(convops_f32v v) {
        typedef int mask __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
        return (convops_f32v) ((mask) v & ~(v < 0));
    }
    static inline convops_f64v convops_relu_f64(convops_f64v v) {
        typedef long long mask __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
        return (convops_f64v) ((mask) v & ~(v < 0));
    }
    """
    ctypedef float f32v "convops_f32v"
    ctypedef double f64v "convops_f64v"
    # The lower or upper halves of two vectors, item by item in turn.
    f32v low_f32 "convops_low_f32"(f32v, f32v) nogil
    f32v high_f32 "convops_high_f32"(f32v, f32v) nogil
    f64v low_f64 "convops_low_f64"(f64v, f64v) nogil
    f64v high_f64 "convops_high_f64"(f64v, f64v) nogil
    f32v relu_f32 "convops_relu_f32"(f32v) nogil
    f64v relu_f64 "convops_relu_f64"(f64v) nogil
    void prefetch "__builtin_prefetch"(const char*, int, int) nogil
    # Attributes ride on the return type, the one place where Cython lets them pass.
    ctypedef void inlined "__attribute__((always_inline)) inline void"
    ctypedef void outlined "__attribute__((noinline)) void"
    enum:
        VECTOR_BYTES "CONVOPS_VECTOR"
        MAX_ROWS "convops_max_rows"            # rows of accumulators that fit beside two columns
        NARROW_ROWS "convops_narrow_rows"      # up to so many rows, use NARROW columns instead of WIDE
        NARROW "convops_narrow"

cdef enum:
    WIDE = 2

ctypedef fused Vector:
    f32v
    f64v

ctypedef fused Real:
    float
    double
