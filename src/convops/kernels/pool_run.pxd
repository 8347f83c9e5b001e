# What separable pools do innermost: fold neighbouring items of a line, `shift` bytes apart, a vector of results at a
# time. A vector is written only when all that it is made of has been read, so a line may be folded in place.
from libc.string cimport memcpy

from convops.kernels.fold cimport MAXIMUM, MINIMUM
from convops.kernels.lanes cimport even_f32, even_f64, splat_f32, splat_f64, store_f32, store_f64
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined

cdef extern from *:
    """
    typedef unsigned char convops_u8v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* The x86 instructions answer with their second operand where two are equal or one is NaN. */
    #if defined(__AVX512F__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm512_mask_mov_##item(_mm512_##op##_##item(b, a), _mm512_cmp_##item##_mask(b, b, _CMP_UNORD_Q), b)
    #define convops_max_u8(a, b) ((convops_u8v) _mm512_max_epu8((__m512i) (a), (__m512i) (b)))
    #define convops_min_u8(a, b) ((convops_u8v) _mm512_min_epu8((__m512i) (a), (__m512i) (b)))
    #define CONVOPS_REGISTER(letter) __m512##letter
    #elif defined(__AVX2__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm256_blendv_##item(_mm256_##op##_##item(b, a), b, _mm256_cmp_##item(b, b, _CMP_UNORD_Q))
    #define convops_max_u8(a, b) ((convops_u8v) _mm256_max_epu8((__m256i) (a), (__m256i) (b)))
    #define convops_min_u8(a, b) ((convops_u8v) _mm256_min_epu8((__m256i) (a), (__m256i) (b)))
    #define CONVOPS_REGISTER(letter) __m256##letter
    #else
    #define CONVOPS_CHOOSE(take, a, b) (((b) & (take)) | ((a) & ~(take)))
    static inline convops_f32v convops_max_f32(convops_f32v a, convops_f32v b) {
        return (convops_f32v) CONVOPS_CHOOSE((b > a) | (b != b), (convops_i32v) a, (convops_i32v) b);
    }
    static inline convops_f32v convops_min_f32(convops_f32v a, convops_f32v b) {
        return (convops_f32v) CONVOPS_CHOOSE((b < a) | (b != b), (convops_i32v) a, (convops_i32v) b);
    }
    static inline convops_f64v convops_max_f64(convops_f64v a, convops_f64v b) {
        return (convops_f64v) CONVOPS_CHOOSE((b > a) | (b != b), (convops_i64v) a, (convops_i64v) b);
    }
    static inline convops_f64v convops_min_f64(convops_f64v a, convops_f64v b) {
        return (convops_f64v) CONVOPS_CHOOSE((b < a) | (b != b), (convops_i64v) a, (convops_i64v) b);
    }
    static inline convops_u8v convops_max_u8(convops_u8v a, convops_u8v b) {
        return CONVOPS_CHOOSE((convops_u8v) (b > a), a, b);
    }
    static inline convops_u8v convops_min_u8(convops_u8v a, convops_u8v b) {
        return CONVOPS_CHOOSE((convops_u8v) (b < a), a, b);
    }
    #endif
    #if defined(CONVOPS_EXTREME)
    static inline convops_f32v convops_max_f32(convops_f32v v, convops_f32v w) {
        CONVOPS_REGISTER() a = (CONVOPS_REGISTER()) v, b = (CONVOPS_REGISTER()) w;
        return (convops_f32v) CONVOPS_EXTREME(max, a, b, ps);
    }
    static inline convops_f32v convops_min_f32(convops_f32v v, convops_f32v w) {
        CONVOPS_REGISTER() a = (CONVOPS_REGISTER()) v, b = (CONVOPS_REGISTER()) w;
        return (convops_f32v) CONVOPS_EXTREME(min, a, b, ps);
    }
    static inline convops_f64v convops_max_f64(convops_f64v v, convops_f64v w) {
        CONVOPS_REGISTER(d) a = (CONVOPS_REGISTER(d)) v, b = (CONVOPS_REGISTER(d)) w;
        return (convops_f64v) CONVOPS_EXTREME(max, a, b, pd);
    }
    static inline convops_f64v convops_min_f64(convops_f64v v, convops_f64v w) {
        CONVOPS_REGISTER(d) a = (CONVOPS_REGISTER(d)) v, b = (CONVOPS_REGISTER(d)) w;
        return (convops_f64v) CONVOPS_EXTREME(min, a, b, pd);
    }
    #endif
    """
    ctypedef unsigned char u8v "convops_u8v"
    f32v max_f32 "convops_max_f32"(f32v best, f32v value) nogil
    f32v min_f32 "convops_min_f32"(f32v best, f32v value) nogil
    f64v max_f64 "convops_max_f64"(f64v best, f64v value) nogil
    f64v min_f64 "convops_min_f64"(f64v best, f64v value) nogil
    u8v max_u8 "convops_max_u8"(u8v best, u8v value) nogil
    u8v min_u8 "convops_min_u8"(u8v best, u8v value) nogil

cdef enum:
    MOST = 4                   # items that one pass over a line folds

ctypedef fused Wide:
    f32v
    f64v
    u8v


cdef inline Py_ssize_t item_bytes(const Wide* tag) noexcept nogil:
    return 4 if Wide is f32v else 8 if Wide is f64v else 1


cdef inline inlined join(int kind, Wide* best, const Wide* value) noexcept nogil:
    """Of equal extremes the first; NaN beats everything, and nothing beats it."""
    if Wide is f32v:
        if kind == MAXIMUM:
            best[0] = max_f32(best[0], value[0])
        elif kind == MINIMUM:
            best[0] = min_f32(best[0], value[0])
        else:
            best[0] = best[0] + value[0]
    elif Wide is f64v:
        if kind == MAXIMUM:
            best[0] = max_f64(best[0], value[0])
        elif kind == MINIMUM:
            best[0] = min_f64(best[0], value[0])
        else:
            best[0] = best[0] + value[0]
    elif kind == MAXIMUM:
        best[0] = max_u8(best[0], value[0])
    else:
        best[0] = min_u8(best[0], value[0])


cdef inline inlined from_zero(Wide* sum) noexcept nogil:
    """No sum is -0.0."""
    if Wide is f32v:
        sum[0] = sum[0] + splat_f32(0)
    elif Wide is f64v:
        sum[0] = sum[0] + splat_f64(0)


cdef inline inlined pick(const char* items, Py_ssize_t step, Wide* to) noexcept nogil:
    """Every `step`-th item."""
    cdef char spaced[VECTOR_BYTES]
    cdef Py_ssize_t i, size = item_bytes(to)
    if step == 1:
        to[0] = (<const Wide*> items)[0]
        return
    if step == 2:
        if Wide is f32v:
            to[0] = even_f32((<const Wide*> items)[0], (<const Wide*> (items + VECTOR_BYTES))[0])
            return
        elif Wide is f64v:
            to[0] = even_f64((<const Wide*> items)[0], (<const Wide*> (items + VECTOR_BYTES))[0])
            return
    for i in range(VECTOR_BYTES // size):
        memcpy(spaced + i * size, items + i * step * size, size)
    memcpy(to, spaced, VECTOR_BYTES)


cdef inline inlined put(const Wide* value, char* to, Py_ssize_t count) noexcept nogil:
    """The first `count` items of a vector."""
    if count * item_bytes(value) >= VECTOR_BYTES:
        (<Wide*> to)[0] = value[0]
    elif Wide is f32v:
        store_f32(to, value[0], count)
    elif Wide is f64v:
        store_f64(to, value[0], count)
    else:
        memcpy(to, value, count)


cdef inline inlined fold_vector(int kind, Py_ssize_t n, char* to, const char* before, const char* items,
                                Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, const Wide* tag) noexcept nogil:
    """`n` items for each result of a vector, behind those in `before`; `count` results are written."""
    cdef Wide best, value
    cdef Py_ssize_t k
    pick(items, step, &best)
    if before != NULL:
        value = best
        best = (<const Wide*> before)[0]
        join(kind, &best, &value)
    elif kind != MAXIMUM and kind != MINIMUM:
        from_zero(&best)
    for k in range(1, n):
        pick(items + k * shift, step, &value)
        join(kind, &best, &value)
    put(&best, to, count)


cdef inline inlined fold_vectors(int kind, Py_ssize_t n, char* to, const char* before, const char* items,
                                 Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole,
                                 const Wide* tag) noexcept nogil:
    """Where there is a vector or more and nothing is folded in place, the last one overlaps the one before it."""
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    while i + lanes <= count:
        fold_vector(kind, n, to + i * size, NULL if before == NULL else before + i * size, items + i * step * size,
                    shift, step, lanes, tag)
        i = i + lanes
    if i == count:
        return
    if count > lanes and not whole and before != to:
        i = count - lanes
    fold_vector(kind, n, to + i * size, NULL if before == NULL else before + i * size, items + i * step * size,
                shift, step, lanes if whole else count - i, tag)


cdef inline inlined fold_taps(int kind, Py_ssize_t n, char* to, const char* before, const char* items,
                              Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole,
                              const Wide* tag) noexcept nogil:
    """Loops of their own for few items."""
    if n == 2:
        fold_vectors(kind, 2, to, before, items, shift, step, count, whole, tag)
    elif n == 3:
        fold_vectors(kind, 3, to, before, items, shift, step, count, whole, tag)
    elif n == MOST:
        fold_vectors(kind, MOST, to, before, items, shift, step, count, whole, tag)
    else:
        fold_vectors(kind, n, to, before, items, shift, step, count, whole, tag)


cdef inline inlined fold_kind(int kind, Py_ssize_t n, char* to, const char* before, const char* items,
                              Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole,
                              const Wide* tag) noexcept nogil:
    if before != NULL and step == 1:
        fold_taps(kind, n, to, before, items, shift, 1, count, whole, tag)
    elif before != NULL:
        fold_vectors(kind, n, to, before, items, shift, step, count, whole, tag)
    elif step == 1:
        fold_taps(kind, n, to, NULL, items, shift, 1, count, whole, tag)
    elif step == 2:
        fold_taps(kind, n, to, NULL, items, shift, 2, count, whole, tag)
    else:
        fold_vectors(kind, n, to, NULL, items, shift, step, count, whole, tag)


cdef inline void fold_run(int kind, Py_ssize_t n, char* to, const char* before, const char* items, Py_ssize_t shift,
                          Py_ssize_t step, Py_ssize_t count, bint whole, const Wide* tag) noexcept nogil:
    """`n` items, `shift` bytes apart, for each of `count` results; `whole` vectors may be read and written."""
    if kind == MAXIMUM:
        fold_kind(MAXIMUM, n, to, before, items, shift, step, count, whole, tag)
    elif kind == MINIMUM:
        fold_kind(MINIMUM, n, to, before, items, shift, step, count, whole, tag)
    elif Wide is not u8v:
        fold_kind(kind, n, to, before, items, shift, step, count, whole, tag)


cdef inline void divide_run(char* sums, const char* divisors, Py_ssize_t count, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    while i + lanes <= count:
        if Wide is not u8v:
            (<Wide*> (sums + i * size))[0] = (<Wide*> (sums + i * size))[0] / (<const Wide*> (divisors + i * size))[0]
        i = i + lanes
    for i in range(i, count):
        if Wide is f32v:
            (<float*> sums)[i] = (<float*> sums)[i] / (<const float*> divisors)[i]
        elif Wide is f64v:
            (<double*> sums)[i] = (<double*> sums)[i] / (<const double*> divisors)[i]
