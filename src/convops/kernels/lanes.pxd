# Vectors of which only some lanes count: at the ends of lines, and where a window meets padding.
#
# A masked load touches no byte of a lane that its mask leaves out. Levels without such loads have none (MASKS is 0)
# and read a copy of the line's end instead.
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined

cdef extern from *:
    """
    #include <string.h>
    #if defined(__AVX512F__) || defined(__AVX2__)
    #include <immintrin.h>
    #endif
    #if defined(__AVX512F__)
    #define CONVOPS_MASKS 1
    typedef unsigned short convops_mask;
    static inline convops_mask convops_make_mask(Py_ssize_t begin, Py_ssize_t end, int item) {
        unsigned int below_end = end > 0 ? (1u << end) - 1 : 0, below_begin = (1u << begin) - 1;
        (void) item;
        return (convops_mask) (below_end & ~below_begin);
    }
    #define convops_masked_f32(p, m) ((convops_f32v) _mm512_maskz_loadu_ps((__mmask16) (m), (p)))
    #define convops_masked_f64(p, m) ((convops_f64v) _mm512_maskz_loadu_pd((__mmask8) (m), (p)))
    #define convops_load_f32(p, n) convops_masked_f32(p, (1u << (n)) - 1)
    #define convops_load_f64(p, n) convops_masked_f64(p, (1u << (n)) - 1)
    #define convops_store_f32(p, v, n) \\
        _mm512_mask_storeu_ps((p), (__mmask16) ((1u << (n)) - 1), (__m512) (v))
    #define convops_store_f64(p, v, n) \\
        _mm512_mask_storeu_pd((p), (__mmask8) ((1u << (n)) - 1), (__m512d) (v))
    #elif defined(__AVX2__)
    #define CONVOPS_MASKS 1
    typedef struct { int lanes[8]; } convops_mask;
    static inline convops_mask convops_make_mask(Py_ssize_t begin, Py_ssize_t end, int item) {
        convops_mask mask;
        int i, each = item / 4;
        for (i = 0; i < 8; i++) mask.lanes[i] = i / each >= begin && i / each < end ? -1 : 0;
        return mask;
    }
    #define convops_lanes(m) _mm256_loadu_si256((const __m256i *) (m).lanes)
    #define convops_masked_f32(p, m) ((convops_f32v) _mm256_maskload_ps((const float *) (p), convops_lanes(m)))
    #define convops_masked_f64(p, m) ((convops_f64v) _mm256_maskload_pd((const double *) (p), convops_lanes(m)))
    #else
    #define CONVOPS_MASKS 0
    typedef char convops_mask;
    #define convops_make_mask(begin, end, item) ((convops_mask) 0)
    #define convops_masked_f32(p, m) (*(const convops_f32v *) (p))
    #define convops_masked_f64(p, m) (*(const convops_f64v *) (p))
    #endif
    #if !defined(__AVX512F__)
    static inline convops_f32v convops_load_f32(const void *p, Py_ssize_t n) {
        convops_f32v v = {0};
        memcpy(&v, p, n * 4);
        return v;
    }
    static inline convops_f64v convops_load_f64(const void *p, Py_ssize_t n) {
        convops_f64v v = {0};
        memcpy(&v, p, n * 8);
        return v;
    }
    #define convops_store_f32(p, v, n) convops_store((p), &(v), (n) * 4)
    #define convops_store_f64(p, v, n) convops_store((p), &(v), (n) * 8)
    static inline void convops_store(void *to, const void *from, size_t size) {
        if (size == CONVOPS_VECTOR) __builtin_memcpy(to, from, CONVOPS_VECTOR);
        else memcpy(to, from, size);
    }
    #endif
    #if CONVOPS_VECTOR == 64
    #define CONVOPS_EVEN_4(a, b) \\
        __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
    #define CONVOPS_ODD_4(a, b) \\
        __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
    #define CONVOPS_EVEN_8(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
    #define CONVOPS_ODD_8(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
    #define CONVOPS_NEXT_4(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
    #define CONVOPS_NEXT_8(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8)
    #elif CONVOPS_VECTOR == 32
    #define CONVOPS_EVEN_4(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
    #define CONVOPS_ODD_4(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
    #define CONVOPS_EVEN_8(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
    #define CONVOPS_ODD_8(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
    #define CONVOPS_NEXT_4(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8)
    #define CONVOPS_NEXT_8(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4)
    #else
    #define CONVOPS_EVEN_4(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
    #define CONVOPS_ODD_4(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
    #define CONVOPS_EVEN_8(a, b) __builtin_shufflevector(a, b, 0, 2)
    #define CONVOPS_ODD_8(a, b) __builtin_shufflevector(a, b, 1, 3)
    #define CONVOPS_NEXT_4(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4)
    #define CONVOPS_NEXT_8(a, b) __builtin_shufflevector(a, b, 1, 2)
    #endif
    #define convops_even_f32(a, b) CONVOPS_EVEN_4(a, b)
    #define convops_odd_f32(a, b) CONVOPS_ODD_4(a, b)
    #define convops_next_f32(a, b) CONVOPS_NEXT_4(a, b)
    #define convops_next_f64(a, b) CONVOPS_NEXT_8(a, b)
    #define convops_even_f64(a, b) CONVOPS_EVEN_8(a, b)
    #define convops_odd_f64(a, b) CONVOPS_ODD_8(a, b)
    /* Keeps a vector in a register, and the order of the code: the compiler would load an operand once per use, sink
       multiply-adds behind the last load, and fuse the other one of two products into their sum. */
    #if defined(__aarch64__)
    #define convops_keep(v) __asm__ volatile("" : "+w"(v))
    #else
    #define convops_keep(v) __asm__ volatile("" : "+v"(v))
    #endif
    #define convops_fetch(p) __builtin_prefetch(p)
    #define convops_fetch_to_write(p) __builtin_prefetch(p, 1)
    /* One pointer that moves on instead of one per line, all in memory. */
    #define convops_hold(p) __asm__("" : "+r"(p))
    typedef int convops_i32v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef long long convops_i64v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* s - 0 is s, the sign of a zero included. */
    #define convops_splat_f32(s) ((s) - (convops_f32v) {0})
    #define convops_splat_f64(s) ((s) - (convops_f64v) {0})
    /* NaN and -0.0 pass, as in `tile.activate`. */
    #define convops_relu_f32(v) ((convops_f32v) ((convops_i32v) (v) & ~((v) < 0)))
    #define convops_relu_f64(v) ((convops_f64v) ((convops_i64v) (v) & ~((v) < 0)))
    """
    ctypedef struct Mask "convops_mask":
        pass
    Mask make_mask "convops_make_mask"(Py_ssize_t begin, Py_ssize_t end, int item) nogil
    f32v masked_f32 "convops_masked_f32"(const char*, Mask) nogil
    f64v masked_f64 "convops_masked_f64"(const char*, Mask) nogil
    f32v load_f32 "convops_load_f32"(const char*, Py_ssize_t) nogil
    f64v load_f64 "convops_load_f64"(const char*, Py_ssize_t) nogil
    void store_f32 "convops_store_f32"(char*, f32v, Py_ssize_t) nogil
    void store_f64 "convops_store_f64"(char*, f64v, Py_ssize_t) nogil
    f32v even_f32 "convops_even_f32"(f32v, f32v) nogil
    f64v even_f64 "convops_even_f64"(f64v, f64v) nogil
    # All lanes but the first of one vector, and the first of another.
    f32v next_f32 "convops_next_f32"(f32v, f32v) nogil
    f64v next_f64 "convops_next_f64"(f64v, f64v) nogil
    f32v odd_f32 "convops_odd_f32"(f32v, f32v) nogil
    f64v odd_f64 "convops_odd_f64"(f64v, f64v) nogil
    void fetch "convops_fetch"(const char*) nogil
    void fetch_to_write "convops_fetch_to_write"(const char*) nogil
    void hold "convops_hold"(char*) nogil
    void keep_f32 "convops_keep"(f32v) nogil
    void keep_f64 "convops_keep"(f64v) nogil
    f32v splat_f32 "convops_splat_f32"(float) nogil
    f64v splat_f64 "convops_splat_f64"(double) nogil
    f32v relu_f32 "convops_relu_f32"(f32v) nogil
    f64v relu_f64 "convops_relu_f64"(f64v) nogil
    enum:
        MASKS "CONVOPS_MASKS"


cdef inline inlined spread(double value, Vector* to) noexcept nogil:
    if Vector is f32v:
        to[0] = splat_f32(<float> value)
    else:
        to[0] = splat_f64(value)


cdef inline inlined keep(Vector* value) noexcept nogil:
    if Vector is f32v:
        keep_f32(value[0])
    else:
        keep_f64(value[0])


cdef inline inlined begin_chain(Vector* to) noexcept nogil:
    """-0.0: a chain that begins with it has the bits of one that begins with its first product."""
    spread(-0.0, to)
    keep(to)


cdef inline inlined load_weight(const char* at, Vector* to) noexcept nogil:
    """One weight in all lanes."""
    if Vector is f32v:
        to[0] = splat_f32((<const float*> at)[0])
    else:
        to[0] = splat_f64((<const double*> at)[0])
    keep(to)


cdef inline inlined load(const char* at, Vector* to) noexcept nogil:
    to[0] = (<const Vector*> at)[0]
    keep(to)


cdef inline inlined load_masked(const char* at, Mask mask, Vector* to) noexcept nogil:
    if Vector is f32v:
        to[0] = masked_f32(at, mask)
    else:
        to[0] = masked_f64(at, mask)
    keep(to)


cdef inline inlined end_vector(Vector value, Vector bias, const char* add, bint relu, char* out,
                               Py_ssize_t count) noexcept nogil:
    """The first `count` lanes of a vector of sums through what `tile.finish` does: bias, add, relu."""
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    value = value + bias
    if add != NULL:
        if count >= lanes:
            value = value + (<const Vector*> add)[0]
        elif Vector is f32v:
            value = value + load_f32(add, count)
        else:
            value = value + load_f64(add, count)
    if relu:
        if Vector is f32v:
            value = relu_f32(value)
        else:
            value = relu_f64(value)
    if count >= lanes:
        (<Vector*> out)[0] = value
    elif Vector is f32v:
        store_f32(out, value, count)
    else:
        store_f64(out, value, count)


cdef inline Py_ssize_t greatest_divisor(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a
