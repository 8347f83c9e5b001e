# What vectors of items do in pools: extremes of two, the ends of lines, shifts, stores past the caches. Vectors of any
# integers are loaded, stored and shifted as bytes.
from convops.kernels.lanes cimport MASKS
from convops.kernels.simd cimport f32v, f64v

cdef extern from *:
    """
    typedef unsigned char convops_u8v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef signed char convops_i8v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef unsigned short convops_u16v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef short convops_i16v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* The x86 instructions answer with their second operand where two are equal or one is NaN. */
    #if defined(__AVX512F__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm512_mask_##op##_##item(b, _mm512_cmp_##item##_mask(b, b, _CMP_ORD_Q), b, a)
    #define CONVOPS_PLAIN(op, a, b, item) _mm512_##op##_##item(b, a)
    #define CONVOPS_UNORDERED(a, b, item) (_mm512_cmp_##item##_mask(a, b, _CMP_UNORD_Q) != 0)
    #define CONVOPS_INTEGER(op) _mm512_##op
    #define CONVOPS_REGISTER(letter) __m512##letter
    #elif defined(__AVX2__)
    #define CONVOPS_EXTREME(op, a, b, item) \\
        _mm256_blendv_##item(_mm256_##op##_##item(b, a), b, _mm256_cmp_##item(b, b, _CMP_UNORD_Q))
    #define CONVOPS_PLAIN(op, a, b, item) _mm256_##op##_##item(b, a)
    #define CONVOPS_UNORDERED(a, b, item) (_mm256_movemask_##item(_mm256_cmp_##item(a, b, _CMP_UNORD_Q)) != 0)
    #define CONVOPS_INTEGER(op) _mm256_##op
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
    #define CONVOPS_INTEGERS(type, suffix) \\
        static inline convops_##type##v convops_max_##type(convops_##type##v a, convops_##type##v b) { \\
            return CONVOPS_CHOOSE((convops_##type##v) (b > a), a, b); \\
        } \\
        static inline convops_##type##v convops_min_##type(convops_##type##v a, convops_##type##v b) { \\
            return CONVOPS_CHOOSE((convops_##type##v) (b < a), a, b); \\
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
    #if defined(CONVOPS_INTEGER)
    #define CONVOPS_INTEGERS(type, suffix) \\
        static inline convops_##type##v convops_max_##type(convops_##type##v a, convops_##type##v b) { \\
            return (convops_##type##v) CONVOPS_INTEGER(max_##suffix)( \\
                (CONVOPS_REGISTER(i)) a, (CONVOPS_REGISTER(i)) b); \\
        } \\
        static inline convops_##type##v convops_min_##type(convops_##type##v a, convops_##type##v b) { \\
            return (convops_##type##v) CONVOPS_INTEGER(min_##suffix)( \\
                (CONVOPS_REGISTER(i)) a, (CONVOPS_REGISTER(i)) b); \\
        }
    #endif
    CONVOPS_INTEGERS(u8, epu8)
    CONVOPS_INTEGERS(i8, epi8)
    CONVOPS_INTEGERS(u16, epu16)
    CONVOPS_INTEGERS(i16, epi16)
    CONVOPS_INTEGERS(i32, epi32)
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
    #if CONVOPS_VECTOR == 64
    #define CONVOPS_PLACES(first) first, first + 2, first + 4, first + 6, first + 8, first + 10, first + 12, \\
        first + 14, first + 16, first + 18, first + 20, first + 22, first + 24, first + 26, first + 28, first + 30, \\
        first + 32, first + 34, first + 36, first + 38, first + 40, first + 42, first + 44, first + 46, first + 48, \\
        first + 50, first + 52, first + 54, first + 56, first + 58, first + 60, first + 62
    #elif CONVOPS_VECTOR == 32
    #define CONVOPS_PLACES(first) first, first + 2, first + 4, first + 6, first + 8, first + 10, first + 12, \\
        first + 14, first + 16, first + 18, first + 20, first + 22, first + 24, first + 26, first + 28, first + 30
    #else
    #define CONVOPS_PLACES(first) first, first + 2, first + 4, first + 6, first + 8, first + 10, first + 12, first + 14
    #endif
    #define convops_even_u16(a, b) __builtin_shufflevector(a, b, CONVOPS_PLACES(0))
    #define convops_odd_u16(a, b) __builtin_shufflevector(a, b, CONVOPS_PLACES(1))
    #if defined(__AVX512F__)
    #define CONVOPS_WORDS(a, b, k) \\
        ((k) == 16 ? (__m512i) (b) : _mm512_alignr_epi32((__m512i) (b), (__m512i) (a), (k) & 15))
    #define convops_shift_u8(a, b, k) ((convops_u8v) ((k) % 4 == 0 ? CONVOPS_WORDS(a, b, (k) / 4) : \\
        _mm512_alignr_epi8(CONVOPS_WORDS(a, b, (k) / 16 * 4 + 4), CONVOPS_WORDS(a, b, (k) / 16 * 4), (k) % 16)))
    #else
    #define convops_shift_u8(a, b, k) (a)
    #endif
    #define convops_shift_i32(a, b, k) ((convops_i32v) convops_shift_u8(a, b, 4 * (k)))
    """
    ctypedef unsigned char u8v "convops_u8v"
    ctypedef signed char i8v "convops_i8v"
    ctypedef unsigned short u16v "convops_u16v"
    ctypedef short i16v "convops_i16v"
    ctypedef int i32v "convops_i32v"
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
    u8v shift_u8 "convops_shift_u8"(u8v, u8v, int) nogil
    u8v load_u8 "convops_load_u8"(const char*, Py_ssize_t) nogil
    void store_u8 "convops_store_u8"(char*, u8v, Py_ssize_t) nogil
    u8v even_u8 "convops_even_u8"(u8v, u8v) nogil
    u8v odd_u8 "convops_odd_u8"(u8v, u8v) nogil
    u16v even_u16 "convops_even_u16"(u16v, u16v) nogil
    u16v odd_u16 "convops_odd_u16"(u16v, u16v) nogil
    u8v max_u8 "convops_max_u8"(u8v best, u8v value) nogil
    u8v min_u8 "convops_min_u8"(u8v best, u8v value) nogil
    i8v max_i8 "convops_max_i8"(i8v best, i8v value) nogil
    i8v min_i8 "convops_min_i8"(i8v best, i8v value) nogil
    u16v max_u16 "convops_max_u16"(u16v best, u16v value) nogil
    u16v min_u16 "convops_min_u16"(u16v best, u16v value) nogil
    i16v max_i16 "convops_max_i16"(i16v best, i16v value) nogil
    i16v min_i16 "convops_min_i16"(i16v best, i16v value) nogil
    i32v shift_i32 "convops_shift_i32"(i32v, i32v, int) nogil
    i32v max_i32 "convops_max_i32"(i32v best, i32v value) nogil
    i32v min_i32 "convops_min_i32"(i32v best, i32v value) nogil
