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
    typedef float convops_f32v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef double convops_f64v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    """
    ctypedef float f32v "convops_f32v"
    ctypedef double f64v "convops_f64v"
    f32v zero_f32 "((convops_f32v){0})"
    f64v zero_f64 "((convops_f64v){0})"
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
