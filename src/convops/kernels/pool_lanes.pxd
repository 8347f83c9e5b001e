# Vectors of items for the pools that fold many of them at once: extremes of two, items picked from a line, the ends of
# lines.
from libc.string cimport memcpy

from convops.kernels.along cimport shift_f32, shift_f64
from convops.kernels.fold cimport MAXIMUM, MINIMUM
from convops.kernels.lanes cimport (
    even_f32, even_f64, load_f32, load_f64, odd_f32, odd_f64, splat_f32, splat_f64, store_f32, store_f64)
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch

cdef extern from *:
    """
    typedef unsigned char convops_u8v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* The x86 instructions answer with their second operand where two are equal or one is NaN. */
    #if defined(__AVX512F__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm512_mask_##op##_##item(b, _mm512_cmp_##item##_mask(b, b, _CMP_ORD_Q), b, a)
    #define CONVOPS_PLAIN(op, a, b, item) _mm512_##op##_##item(b, a)
    #define CONVOPS_UNORDERED(a, b, item) (_mm512_cmp_##item##_mask(a, b, _CMP_UNORD_Q) != 0)
    #define convops_max_u8(a, b) ((convops_u8v) _mm512_max_epu8((__m512i) (a), (__m512i) (b)))
    #define convops_min_u8(a, b) ((convops_u8v) _mm512_min_epu8((__m512i) (a), (__m512i) (b)))
    #define CONVOPS_REGISTER(letter) __m512##letter
    #elif defined(__AVX2__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm256_blendv_##item(_mm256_##op##_##item(b, a), b, _mm256_cmp_##item(b, b, _CMP_UNORD_Q))
    #define CONVOPS_PLAIN(op, a, b, item) _mm256_##op##_##item(b, a)
    #define CONVOPS_UNORDERED(a, b, item) (_mm256_movemask_##item(_mm256_cmp_##item(a, b, _CMP_UNORD_Q)) != 0)
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
    #define convops_plain_max_f32 convops_max_f32
    #define convops_plain_min_f32 convops_min_f32
    #define convops_plain_max_f64 convops_max_f64
    #define convops_plain_min_f64 convops_min_f64
    #define convops_unordered_f32(a, b) 1
    #define convops_unordered_f64(a, b) 1
    static inline convops_u8v convops_max_u8(convops_u8v a, convops_u8v b) {
        return CONVOPS_CHOOSE((convops_u8v) (b > a), a, b);
    }
    static inline convops_u8v convops_min_u8(convops_u8v a, convops_u8v b) {
        return CONVOPS_CHOOSE((convops_u8v) (b < a), a, b);
    }
    #endif
    #if defined(__AVX512F__)
    #define CONVOPS_FIRST(n) ((n) >= 64 ? ~0ull : (1ull << (n)) - 1)
    #define convops_load_u8(p, n) ((convops_u8v) _mm512_maskz_loadu_epi8(CONVOPS_FIRST(n), (p)))
    #define convops_store_u8(p, v, n) _mm512_mask_storeu_epi8((p), CONVOPS_FIRST(n), (__m512i) (v))
    #else
    static inline convops_u8v convops_load_u8(const void *p, Py_ssize_t n) {
        convops_u8v v = {0};
        memcpy(&v, p, n);
        return v;
    }
    #define convops_store_u8(p, v, n) memcpy((p), &(v), (n))
    #endif
    /* Items of even or odd places: the low or high bytes of pairs. */
    typedef unsigned short convops_u16v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    #if defined(__AVX512F__)
    #define CONVOPS_LOW_BYTES(v, w) ((convops_u8v) _mm512_permutexvar_epi64( \\
        _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packus_epi16((__m512i) (v), (__m512i) (w))))
    #elif defined(__AVX2__)
    #define CONVOPS_LOW_BYTES(v, w) ((convops_u8v) _mm256_permute4x64_epi64( \\
        _mm256_packus_epi16((__m256i) (v), (__m256i) (w)), 0xd8))
    #endif
    #if defined(CONVOPS_LOW_BYTES)
    #define convops_even_u8(a, b) CONVOPS_LOW_BYTES((convops_u16v) (a) & 255, (convops_u16v) (b) & 255)
    #define convops_odd_u8(a, b) CONVOPS_LOW_BYTES((convops_u16v) (a) >> 8, (convops_u16v) (b) >> 8)
    #else
    #define convops_even_u8(a, b) \\
        __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
    #define convops_odd_u8(a, b) \\
        __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
    #endif
    #if defined(CONVOPS_EXTREME)
    #define CONVOPS_PLAIN_EXTREME(op, type, register, item) \\
        static inline convops_##type##v convops_plain_##op##_##type(convops_##type##v v, convops_##type##v w) { \\
            return (convops_##type##v) CONVOPS_PLAIN(op, (register) v, (register) w, item); \\
        }
    CONVOPS_PLAIN_EXTREME(max, f32, CONVOPS_REGISTER(), ps)
    CONVOPS_PLAIN_EXTREME(min, f32, CONVOPS_REGISTER(), ps)
    CONVOPS_PLAIN_EXTREME(max, f64, CONVOPS_REGISTER(d), pd)
    CONVOPS_PLAIN_EXTREME(min, f64, CONVOPS_REGISTER(d), pd)
    #define convops_unordered_f32(a, b) CONVOPS_UNORDERED((CONVOPS_REGISTER()) (a), (CONVOPS_REGISTER()) (b), ps)
    #define convops_unordered_f64(a, b) CONVOPS_UNORDERED((CONVOPS_REGISTER(d)) (a), (CONVOPS_REGISTER(d)) (b), pd)
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
    /* Past the caches: addresses of whole vectors. */
    #if defined(__AVX512F__)
    #define convops_stream(to, v) _mm512_stream_si512((__m512i *) (to), (__m512i) (v))
    #define convops_end_streams() _mm_sfence()
    #elif defined(__AVX2__)
    #define convops_stream(to, v) _mm256_stream_si256((__m256i *) (to), (__m256i) (v))
    #define convops_end_streams() _mm_sfence()
    #else
    #define convops_stream(to, v) memcpy((to), &(v), CONVOPS_VECTOR)
    #define convops_end_streams() ((void) 0)
    #endif
    #if defined(__AVX512F__)
    #define convops_shift_u8(a, b, k) ((convops_u8v) _mm512_alignr_epi8( \\
        _mm512_alignr_epi32((__m512i) (b), (__m512i) (a), 4), (__m512i) (a), (k)))
    #else
    #define convops_shift_u8(a, b, k) (a)
    #endif
    """
    ctypedef unsigned char u8v "convops_u8v"
    f32v max_f32 "convops_max_f32"(f32v best, f32v value) nogil
    f32v min_f32 "convops_min_f32"(f32v best, f32v value) nogil
    f64v max_f64 "convops_max_f64"(f64v best, f64v value) nogil
    f64v min_f64 "convops_min_f64"(f64v best, f64v value) nogil
    # The same where no value is NaN.
    f32v plain_max_f32 "convops_plain_max_f32"(f32v best, f32v value) nogil
    f32v plain_min_f32 "convops_plain_min_f32"(f32v best, f32v value) nogil
    f64v plain_max_f64 "convops_plain_max_f64"(f64v best, f64v value) nogil
    f64v plain_min_f64 "convops_plain_min_f64"(f64v best, f64v value) nogil
    # Whether there may be NaN in either.
    bint unordered_f32 "convops_unordered_f32"(f32v, f32v) nogil
    bint unordered_f64 "convops_unordered_f64"(f64v, f64v) nogil
    void stream_f32 "convops_stream"(char*, f32v) nogil
    void stream_f64 "convops_stream"(char*, f64v) nogil
    void stream_u8 "convops_stream"(char*, u8v) nogil
    void end_streams "convops_end_streams"() nogil
    u8v shift_u8 "convops_shift_u8"(u8v, u8v, int) nogil
    u8v load_u8 "convops_load_u8"(const char*, Py_ssize_t) nogil
    void store_u8 "convops_store_u8"(char*, u8v, Py_ssize_t) nogil
    u8v even_u8 "convops_even_u8"(u8v, u8v) nogil
    u8v odd_u8 "convops_odd_u8"(u8v, u8v) nogil
    u8v max_u8 "convops_max_u8"(u8v best, u8v value) nogil
    u8v min_u8 "convops_min_u8"(u8v best, u8v value) nogil

ctypedef fused Wide:
    f32v
    f64v
    u8v


cdef inline Py_ssize_t item_bytes(const Wide* tag) noexcept nogil:
    return 4 if Wide is f32v else 8 if Wide is f64v else 1


cdef enum:
    CLEAN = 128                # beside the kind of an extreme: none of the items is NaN


cdef inline inlined join_f32(int kind, f32v* best, f32v value) noexcept nogil:
    if kind == MAXIMUM:
        best[0] = max_f32(best[0], value)
    elif kind == MINIMUM:
        best[0] = min_f32(best[0], value)
    elif kind == CLEAN + MAXIMUM:
        best[0] = plain_max_f32(best[0], value)
    elif kind == CLEAN + MINIMUM:
        best[0] = plain_min_f32(best[0], value)
    else:
        best[0] = best[0] + value


cdef inline inlined join_f64(int kind, f64v* best, f64v value) noexcept nogil:
    if kind == MAXIMUM:
        best[0] = max_f64(best[0], value)
    elif kind == MINIMUM:
        best[0] = min_f64(best[0], value)
    elif kind == CLEAN + MAXIMUM:
        best[0] = plain_max_f64(best[0], value)
    elif kind == CLEAN + MINIMUM:
        best[0] = plain_min_f64(best[0], value)
    else:
        best[0] = best[0] + value


cdef inline inlined join(int kind, Wide* best, const Wide* value) noexcept nogil:
    """Of equal extremes the first; NaN beats everything, and nothing beats it."""
    if Wide is f32v:
        join_f32(kind, best, value[0])
    elif Wide is f64v:
        join_f64(kind, best, value[0])
    elif kind == MAXIMUM:
        best[0] = max_u8(best[0], value[0])
    else:
        best[0] = min_u8(best[0], value[0])


cdef inline inlined shift_lanes(int k, const Wide* first, const Wide* second, Wide* to) noexcept nogil:
    """The lanes of two vectors from lane k on."""
    if k * item_bytes(to) >= VECTOR_BYTES:
        to[0] = second[0]
    elif Wide is f32v:
        to[0] = shift_f32(first[0], second[0], k)
    elif Wide is f64v:
        to[0] = shift_f64(first[0], second[0], k)
    else:
        to[0] = shift_u8(first[0], second[0], k)


cdef inline inlined stream(char* to, const Wide* value) noexcept nogil:
    """A whole vector past the caches where it begins with a cache line."""
    if <size_t> to % VECTOR_BYTES:
        (<Wide*> to)[0] = value[0]
    elif Wide is f32v:
        stream_f32(to, value[0])
    elif Wide is f64v:
        stream_f64(to, value[0])
    else:
        stream_u8(to, value[0])


cdef inline bint may_have_nan(const char* items, Py_ssize_t count, Py_ssize_t ahead, const Wide* tag) noexcept nogil:
    """Whether there may be NaN among neighbouring items; what lies `ahead` bytes behind them is asked for."""
    cdef Py_ssize_t size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), i = 0
    cdef const Wide* first
    cdef const Wide* second
    if count < lanes:
        return Wide is not u8v
    while i < count:
        prefetch(items + i * size + ahead, 0, 2)
        prefetch(items + i * size + ahead + VECTOR_BYTES, 0, 2)
        first = <const Wide*> (items + (i if i + lanes <= count else count - lanes) * size)
        i = i + lanes
        second = <const Wide*> (items + (i if i + lanes <= count else count - lanes) * size)
        i = i + lanes
        if Wide is f32v:
            if unordered_f32(first[0], second[0]):
                return True
        elif Wide is f64v:
            if unordered_f64(first[0], second[0]):
                return True
    return False


cdef inline inlined from_zero(Wide* sum) noexcept nogil:
    """No sum is -0.0."""
    if Wide is f32v:
        sum[0] = sum[0] + splat_f32(0)
    elif Wide is f64v:
        sum[0] = sum[0] + splat_f64(0)


cdef inline inlined pick_pair(const char* items, Wide* even, Wide* odd) noexcept nogil:
    """The items of even and of odd places of two vectors."""
    cdef Wide first = (<const Wide*> items)[0], second = (<const Wide*> (items + VECTOR_BYTES))[0]
    if Wide is f32v:
        even[0], odd[0] = even_f32(first, second), odd_f32(first, second)
    elif Wide is f64v:
        even[0], odd[0] = even_f64(first, second), odd_f64(first, second)
    else:
        even[0], odd[0] = even_u8(first, second), odd_u8(first, second)


cdef inline inlined pick(const char* items, Py_ssize_t step, Wide* to) noexcept nogil:
    """Every `step`-th item."""
    cdef char spaced[VECTOR_BYTES]
    cdef Py_ssize_t i, size = item_bytes(to)
    cdef Wide odd
    if step == 1:
        to[0] = (<const Wide*> items)[0]
    elif step == 2:
        pick_pair(items, to, &odd)
    else:
        for i in range(VECTOR_BYTES // size):
            memcpy(spaced + i * size, items + i * step * size, size)
        memcpy(to, spaced, VECTOR_BYTES)


cdef inline inlined take(const char* items, Py_ssize_t count, Wide* to) noexcept nogil:
    """The first `count` items of a vector; nothing behind them is read."""
    if count * item_bytes(to) >= VECTOR_BYTES:
        to[0] = (<const Wide*> items)[0]
    elif Wide is f32v:
        to[0] = load_f32(items, count)
    elif Wide is f64v:
        to[0] = load_f64(items, count)
    else:
        to[0] = load_u8(items, count)


cdef inline inlined put(const Wide* value, char* to, Py_ssize_t count) noexcept nogil:
    """The first `count` items of a vector."""
    if count * item_bytes(value) >= VECTOR_BYTES:
        (<Wide*> to)[0] = value[0]
    elif Wide is f32v:
        store_f32(to, value[0], count)
    elif Wide is f64v:
        store_f64(to, value[0], count)
    else:
        store_u8(to, value[0], count)


cdef inline void move(char* to, const char* items, Py_ssize_t count, Py_ssize_t ahead, const Wide* tag) noexcept nogil:
    """A copy of neighbouring items; what lies `ahead` bytes behind them is asked for."""
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Wide value
    while i + lanes <= count:
        prefetch(items + i * size + ahead, 0, 3)
        (<Wide*> (to + i * size))[0] = (<const Wide*> (items + i * size))[0]
        i = i + lanes
    if i < count:
        prefetch(items + i * size + ahead, 0, 3)
        take(items + i * size, count - i, &value)
        put(&value, to + i * size, count - i)


cdef inline void move_past(char* to, const char* items, Py_ssize_t count, const Wide* tag) noexcept nogil:
    """A copy past the caches."""
    cdef Py_ssize_t size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Py_ssize_t i = <Py_ssize_t> (-<size_t> to % VECTOR_BYTES) // size
    cdef Wide value
    if i > count:
        i = count
    take(items, i, &value)
    put(&value, to, i)
    while i + lanes <= count:
        value = (<const Wide*> (items + i * size))[0]
        stream(to + i * size, &value)
        i = i + lanes
    take(items + i * size, count - i, &value)
    put(&value, to + i * size, count - i)


cdef inline void repeat(char* to, const Wide* value, Py_ssize_t count) noexcept nogil:
    """The same vector again and again."""
    cdef Py_ssize_t i = 0, size = item_bytes(value), lanes = VECTOR_BYTES // item_bytes(value)
    while i < count:
        put(value, to + i * size, lanes if i + lanes <= count else count - i)
        i = i + lanes
