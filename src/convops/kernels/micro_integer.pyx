# cython: language_level=3
"""Multiply-adds of integers with vectors over output channels: four bytes of x and of w hold two or four channels each.

Called through `Args.turned` by `integer.pyx`, as the micro-kernels of `micro_channels.pyx` are by `dense.pyx`. Sums are
32 bits wide and wrap around, so that they are right modulo 2^32 whatever the order. Start reading at `multiply`.
"""
from convops.kernels.abi cimport MOST_PIXELS, Finish, Turned
from convops.kernels.simd cimport VECTOR_BYTES, inlined, outlined

cdef extern from *:
    """
    #if defined(__x86_64__)
    #include <immintrin.h>
    #endif
    typedef int convops_words __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* Two pairs of 16 bits per lane: vpdpwssd, or vpmaddwd and vpaddd. */
    static inline convops_words convops_dot_2(convops_words sum, int x, convops_words w) {
    #if defined(__AVX512VNNI__)
        return (convops_words) _mm512_dpwssd_epi32((__m512i) sum, _mm512_set1_epi32(x), (__m512i) w);
    #elif defined(__AVX512BW__)
        return sum + (convops_words) _mm512_madd_epi16(_mm512_set1_epi32(x), (__m512i) w);
    #elif defined(__AVX2__)
        return sum + (convops_words) _mm256_madd_epi16(_mm256_set1_epi32(x), (__m256i) w);
    #elif defined(__SSE2__)
        return sum + (convops_words) _mm_madd_epi16(_mm_set1_epi32(x), (__m128i) w);
    #else
        return sum + (w >> 16) * (x >> 16) + (((w << 16) >> 16) * (int) (short) x);
    #endif
    }
    /* Four pairs of 8 bits per lane, those of x without a sign: vpdpbusd. */
    static inline convops_words convops_dot_4(convops_words sum, int x, convops_words w) {
    #if defined(__AVX512VNNI__)
        return (convops_words) _mm512_dpbusd_epi32((__m512i) sum, _mm512_set1_epi32(x), (__m512i) w);
    #else
        for (int i = 0; i < 4; ++i)
            sum += ((w << (24 - 8 * i)) >> 24) * (x >> 8 * i & 255);
        return sum;
    #endif
    }
    #if defined(__AVX512VNNI__)
    enum { convops_widest = 4 };
    #else
    enum { convops_widest = 2 };
    #endif
    """
    # One type in C; two names choose the multiply-add.
    ctypedef int pairs "convops_words"
    ctypedef long fours "convops_words"
    pairs dot_2 "convops_dot_2"(pairs, int, pairs) nogil
    fours dot_4 "convops_dot_4"(fours, int, fours) nogil
    pairs NO_PAIRS "((convops_words){0})"
    fours NO_FOURS "((convops_words){0})"
    enum:
        WIDEST "convops_widest"

ctypedef fused Words:
    pairs
    fours


cdef inlined multiply_step(int rows, int vectors, const char* x, Py_ssize_t step, const char* weights,
                           Words* acc) noexcept nogil:
    # Four bases and the scaled index of an address reach 14 pixels without a register for each.
    cdef const char* four[4]
    cdef Words column[2]
    cdef int i, j, item
    four[0], four[1] = x, x + 4 * step
    four[2], four[3] = x + 8 * step, four[1] + 8 * step
    for j in range(vectors):
        column[j] = (<const Words*> weights)[j]
    for i in range(rows):
        item = (<const int*> (four[i // 4] + (i % 4) * step))[0]
        for j in range(vectors):
            if Words is pairs:
                acc[i * vectors + j] = dot_2(acc[i * vectors + j], item, column[j])
            else:
                acc[i * vectors + j] = dot_4(acc[i * vectors + j], item, column[j])


cdef inlined clear(int rows, int vectors, Words* acc) noexcept nogil:
    cdef int i, j
    for i in range(rows):
        for j in range(vectors):
            if Words is pairs:
                acc[i * vectors + j] = NO_PAIRS
            else:
                acc[i * vectors + j] = NO_FOURS


cdef inlined keep(int rows, int vectors, const Words* acc, Words* t, bint first) noexcept nogil:
    cdef int i, j
    for i in range(rows):
        for j in range(vectors):
            t[i * vectors + j] = acc[i * vectors + j] if first else t[i * vectors + j] + acc[i * vectors + j]


cdef inlined multiply(int rows, int vectors, Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                      const Py_ssize_t* offsets, Words* t, bint first, Py_ssize_t runs) noexcept nogil:
    # The loop over runs keeps the sums off the stack, as in `micro_channels.pyx`.
    cdef Words acc[28]
    cdef Py_ssize_t k, _
    for _ in range(runs):
        clear(rows, vectors, acc)
        for k in range(steps):
            multiply_step(rows, vectors, x + offsets[k], step, weights + k * vectors * VECTOR_BYTES, acc)
        keep(rows, vectors, acc, t, first)
        x = x + rows * step
        t = t + rows * vectors


cdef outlined words_1x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(1, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_2x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(2, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_3x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(3, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_4x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(4, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_5x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(5, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_6x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(6, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_7x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(7, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_8x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(8, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_9x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(9, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_10x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(10, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_11x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(11, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_12x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(12, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_13x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(13, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_14x1(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(14, 1, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_1x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(1, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_2x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(2, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_3x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(3, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_4x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(4, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_5x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(5, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_6x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(6, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_7x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(7, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_8x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(8, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_9x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                        Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(9, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_10x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(10, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_11x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(11, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_12x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(12, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_13x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(13, 2, steps, x, step, w, offsets, t, first, runs)


cdef outlined words_14x2(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* w, const Py_ssize_t* offsets,
                         Words* t, bint first, Py_ssize_t runs, const Finish* finish) noexcept nogil:
    multiply(14, 2, steps, x, step, w, offsets, t, first, runs)


# [four channels per word][vectors - 1][pixels - 1]
cdef Turned TABLE[2][2][MOST_PIXELS]
TABLE[0][0][0], TABLE[1][0][0] = <Turned> words_1x1[pairs], <Turned> words_1x1[fours]
TABLE[0][0][1], TABLE[1][0][1] = <Turned> words_2x1[pairs], <Turned> words_2x1[fours]
TABLE[0][0][2], TABLE[1][0][2] = <Turned> words_3x1[pairs], <Turned> words_3x1[fours]
TABLE[0][0][3], TABLE[1][0][3] = <Turned> words_4x1[pairs], <Turned> words_4x1[fours]
TABLE[0][0][4], TABLE[1][0][4] = <Turned> words_5x1[pairs], <Turned> words_5x1[fours]
TABLE[0][0][5], TABLE[1][0][5] = <Turned> words_6x1[pairs], <Turned> words_6x1[fours]
TABLE[0][0][6], TABLE[1][0][6] = <Turned> words_7x1[pairs], <Turned> words_7x1[fours]
TABLE[0][0][7], TABLE[1][0][7] = <Turned> words_8x1[pairs], <Turned> words_8x1[fours]
TABLE[0][0][8], TABLE[1][0][8] = <Turned> words_9x1[pairs], <Turned> words_9x1[fours]
TABLE[0][0][9], TABLE[1][0][9] = <Turned> words_10x1[pairs], <Turned> words_10x1[fours]
TABLE[0][0][10], TABLE[1][0][10] = <Turned> words_11x1[pairs], <Turned> words_11x1[fours]
TABLE[0][0][11], TABLE[1][0][11] = <Turned> words_12x1[pairs], <Turned> words_12x1[fours]
TABLE[0][0][12], TABLE[1][0][12] = <Turned> words_13x1[pairs], <Turned> words_13x1[fours]
TABLE[0][0][13], TABLE[1][0][13] = <Turned> words_14x1[pairs], <Turned> words_14x1[fours]
TABLE[0][1][0], TABLE[1][1][0] = <Turned> words_1x2[pairs], <Turned> words_1x2[fours]
TABLE[0][1][1], TABLE[1][1][1] = <Turned> words_2x2[pairs], <Turned> words_2x2[fours]
TABLE[0][1][2], TABLE[1][1][2] = <Turned> words_3x2[pairs], <Turned> words_3x2[fours]
TABLE[0][1][3], TABLE[1][1][3] = <Turned> words_4x2[pairs], <Turned> words_4x2[fours]
TABLE[0][1][4], TABLE[1][1][4] = <Turned> words_5x2[pairs], <Turned> words_5x2[fours]
TABLE[0][1][5], TABLE[1][1][5] = <Turned> words_6x2[pairs], <Turned> words_6x2[fours]
TABLE[0][1][6], TABLE[1][1][6] = <Turned> words_7x2[pairs], <Turned> words_7x2[fours]
TABLE[0][1][7], TABLE[1][1][7] = <Turned> words_8x2[pairs], <Turned> words_8x2[fours]
TABLE[0][1][8], TABLE[1][1][8] = <Turned> words_9x2[pairs], <Turned> words_9x2[fours]
TABLE[0][1][9], TABLE[1][1][9] = <Turned> words_10x2[pairs], <Turned> words_10x2[fours]
TABLE[0][1][10], TABLE[1][1][10] = <Turned> words_11x2[pairs], <Turned> words_11x2[fours]
TABLE[0][1][11], TABLE[1][1][11] = <Turned> words_12x2[pairs], <Turned> words_12x2[fours]
TABLE[0][1][12], TABLE[1][1][12] = <Turned> words_13x2[pairs], <Turned> words_13x2[fours]
TABLE[0][1][13], TABLE[1][1][13] = <Turned> words_14x2[pairs], <Turned> words_14x2[fours]


def table(int items):
    """The micro-kernels for words of 2 or 4 channels, by vectors per panel and pixels of a run: an array's address."""
    return <size_t> &TABLE[items == 4][0][0]


def widest():
    """Channels per word up to which this level has one multiply-add for all of them."""
    return <int> WIDEST
