# Medians of 3x3 and 5x5 items in registers, a vector of outputs at a time.
#
# X(i, j) leaves the smaller of two items in i. The lists for 5x5 are those of `backends/rank_network.py` without
# shared columns; whatever the result does not depend on is left out by the compiler.
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

from convops.kernels.rank_rows cimport Key

cdef extern from *:
    """
    #define CONVOPS_SORT_5(X) X(0, 1) X(3, 4) X(2, 4) X(2, 3) X(0, 3) X(0, 2) X(1, 4) X(1, 3) X(1, 2)
    /* Columns are sorted; then the median, left in 4, of the greatest minimum, the median of the medians and the least
       maximum. */
    #define CONVOPS_MIDDLE_3(X) X(0, 3) X(3, 6) X(5, 8) X(2, 5) X(1, 4) X(4, 7) X(1, 4) X(2, 4) X(4, 6) X(2, 4)
    #define CONVOPS_MEDIAN_3(X) \\
        X(1, 2) X(0, 1) X(1, 2) X(4, 5) X(3, 4) X(4, 5) X(7, 8) X(6, 7) X(7, 8) CONVOPS_MIDDLE_3(X)
    /* Of five sorted columns; it is left in 9. */
    #define CONVOPS_MEDIAN_5(X) \\
        X(0, 5) X(4, 9) X(5, 4) X(2, 7) X(5, 2) X(4, 7) X(1, 6) X(3, 8) X(6, 3) X(5, 1) X(2, 6) X(4, 3) X(7, 8) \\
        X(10, 15) X(14, 19) X(15, 14) X(12, 17) X(15, 12) X(14, 17) X(11, 16) X(13, 18) X(16, 13) X(15, 11) \\
        X(12, 16) X(14, 13) X(17, 18) X(0, 10) X(8, 18) X(10, 8) X(6, 16) X(10, 6) X(8, 16) X(1, 11) X(3, 13) \\
        X(11, 3) X(6, 11) X(8, 3) X(5, 15) X(9, 19) X(15, 9) X(4, 14) X(15, 4) X(9, 14) X(2, 12) X(7, 17) X(12, 7) \\
        X(4, 12) X(9, 7) X(11, 4) X(8, 12) X(3, 9) X(24, 11) X(23, 4) X(11, 4) X(22, 8) X(11, 8) X(21, 12) \\
        X(11, 12) X(20, 3) X(11, 3) X(9, 11)
    #define CONVOPS_X(i, j) { \\
        item low[lanes], high[lanes]; \\
        for (int k = 0; k < lanes; k++) { \\
            low[k] = v[i][k] < v[j][k] ? v[i][k] : v[j][k]; \\
            high[k] = v[i][k] < v[j][k] ? v[j][k] : v[i][k]; \\
        } \\
        memcpy(v[i], low, sizeof low); \\
        memcpy(v[j], high, sizeof high); }
    #define CONVOPS_SORT(T) \\
        static void convops_sort_5_##T(char** rows, Py_ssize_t ahead, char** to, Py_ssize_t bytes) { \\
            typedef T item; \\
            enum { lanes = convops_row_bytes / sizeof(T) }; \\
            for (Py_ssize_t at = 0; at < bytes; at += convops_row_bytes) { \\
                item v[5][lanes]; \\
                __builtin_prefetch(rows[4] + ahead + at); \\
                for (int i = 0; i < 5; i++) memcpy(v[i], rows[i] + at, sizeof v[i]); \\
                CONVOPS_SORT_5(CONVOPS_X) \\
                for (int i = 0; i < 5; i++) memcpy(to[i] + at, v[i], sizeof v[i]); \\
            } \\
        }
    #define CONVOPS_UNKEY(v) \\
        for (int k = 0; k < lanes; k++) v[k] ^= (item) -1 > 0 ? 0 : (v[k] >> (8 * sizeof(item) - 1)) & mask;
    #define CONVOPS_SELECT(T, n, place) \\
        static void convops_select_##n##_##T(char** rows, Py_ssize_t step, char* to, Py_ssize_t begin, \\
                                             Py_ssize_t bytes, T mask) { \\
            typedef T item; \\
            enum { lanes = convops_row_bytes / sizeof(T) }; \\
            for (Py_ssize_t at = begin; at < bytes; at += convops_row_bytes) { \\
                item v[n * n][lanes]; \\
                for (int i = 0; i < n * n; i++) memcpy(v[i], rows[i % n] + i / n * step + at, sizeof v[i]); \\
                CONVOPS_MEDIAN_##n(CONVOPS_X) \\
                CONVOPS_UNKEY(v[place]) \\
                memcpy(to + at, v[place], sizeof v[place]); \\
            } \\
        }
    /* A column of four items: what two of its neighbouring threes share is compared once. */
    #define CONVOPS_LOWER(i, j) CONVOPS_X(9 + (i), 9 + (j))
    #define CONVOPS_FOUR(c) \\
        for (int i = 0; i < 3; i++) memcpy(v[3 * c + i], rows[i] + c * step + at, sizeof v[0]); \\
        memcpy(v[9 + 3 * c], rows[3] + c * step + at, sizeof v[0]); \\
        CONVOPS_X(3 * c + 1, 3 * c + 2) \\
        memcpy(v[9 + 3 * c + 1], v[3 * c + 1], 2 * sizeof v[0]); \\
        CONVOPS_X(3 * c, 3 * c + 1) CONVOPS_X(3 * c + 1, 3 * c + 2) \\
        CONVOPS_LOWER(3 * c, 3 * c + 1) CONVOPS_LOWER(3 * c + 1, 3 * c + 2)
    #define CONVOPS_PAIR(T) \\
        static void convops_select_pair_##T(char** rows, Py_ssize_t step, Py_ssize_t ahead, char* to, char* next, \\
                                            Py_ssize_t begin, Py_ssize_t bytes, T mask) { \\
            typedef T item; \\
            enum { lanes = convops_row_bytes / sizeof(T) }; \\
            for (Py_ssize_t at = begin; at < bytes; at += convops_row_bytes) { \\
                item v[18][lanes]; \\
                __builtin_prefetch(rows[2] + ahead + at); \\
                __builtin_prefetch(rows[3] + ahead + at); \\
                CONVOPS_FOUR(0) CONVOPS_FOUR(1) CONVOPS_FOUR(2) \\
                CONVOPS_MIDDLE_3(CONVOPS_X) CONVOPS_MIDDLE_3(CONVOPS_LOWER) \\
                CONVOPS_UNKEY(v[4]) CONVOPS_UNKEY(v[13]) \\
                memcpy(to + at, v[4], sizeof v[4]); \\
                memcpy(next + at, v[13], sizeof v[13]); \\
            } \\
        } \\
        static inline void convops_median_pair_##T(char** rows, Py_ssize_t step, Py_ssize_t ahead, char* out, \\
                                                   char* next, Py_ssize_t bytes, T mask) { \\
            Py_ssize_t whole = bytes - bytes % convops_row_bytes; \\
            convops_select_pair_##T(rows, step, ahead, out, next, 0, whole, mask); \\
            convops_select_pair_##T(rows, step, ahead, rows[4], rows[5], whole, bytes, mask); \\
            memcpy(out + whole, rows[4] + whole, bytes - whole); \\
            memcpy(next + whole, rows[5] + whole, bytes - whole); \\
        }
    #define CONVOPS_FINISH(T, n) \\
        convops_select_##n##_##T(rows, step, out, 0, whole, mask); \\
        convops_select_##n##_##T(rows, step, last, whole, bytes, mask);
    #define CONVOPS_MEDIAN(T) \\
        CONVOPS_SELECT(T, 3, 4) CONVOPS_SORT(T) CONVOPS_SELECT(T, 5, 9) CONVOPS_PAIR(T) \\
        static inline void convops_median_##T(int n, char** rows, Py_ssize_t step, Py_ssize_t ahead, char* out, \\
                                              Py_ssize_t bytes, Py_ssize_t more, T mask) { \\
            Py_ssize_t whole = bytes - bytes % convops_row_bytes; \\
            char* last = rows[2 * n]; \\
            if (n == 5) convops_sort_5_##T(rows, ahead, rows + 5, bytes + more); \\
            if (n == 3) { CONVOPS_FINISH(T, 3) } else { rows += 5; CONVOPS_FINISH(T, 5) } \\
            memcpy(out + whole, last + whole, bytes - whole); \\
        }
    CONVOPS_MEDIAN(int8_t)
    CONVOPS_MEDIAN(int16_t)
    CONVOPS_MEDIAN(int32_t)
    CONVOPS_MEDIAN(int64_t)
    CONVOPS_MEDIAN(uint8_t)
    CONVOPS_MEDIAN(uint16_t)
    CONVOPS_MEDIAN(uint32_t)
    CONVOPS_MEDIAN(uint64_t)
    """
    void median_int8 "convops_median_int8_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                             int8_t) nogil
    void median_int16 "convops_median_int16_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                               int16_t) nogil
    void median_int32 "convops_median_int32_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                               int32_t) nogil
    void median_int64 "convops_median_int64_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                               int64_t) nogil
    void median_uint8 "convops_median_uint8_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                               uint8_t) nogil
    void median_uint16 "convops_median_uint16_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                                 uint16_t) nogil
    void median_uint32 "convops_median_uint32_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                                 uint32_t) nogil
    void median_uint64 "convops_median_uint64_t"(int, char**, Py_ssize_t, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t,
                                                 uint64_t) nogil
    void median_pair_int8 "convops_median_pair_int8_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                       int8_t) nogil
    void median_pair_int16 "convops_median_pair_int16_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                         int16_t) nogil
    void median_pair_int32 "convops_median_pair_int32_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                         int32_t) nogil
    void median_pair_int64 "convops_median_pair_int64_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                         int64_t) nogil
    void median_pair_uint8 "convops_median_pair_uint8_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                         uint8_t) nogil
    void median_pair_uint16 "convops_median_pair_uint16_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                           uint16_t) nogil
    void median_pair_uint32 "convops_median_pair_uint32_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                           uint32_t) nogil
    void median_pair_uint64 "convops_median_pair_uint64_t"(char**, Py_ssize_t, Py_ssize_t, char*, char*, Py_ssize_t,
                                                           uint64_t) nogil


cdef inline void median(int n, char** rows, Py_ssize_t step, Py_ssize_t ahead, char* out, Py_ssize_t bytes,
                        Py_ssize_t more, Key mask) noexcept nogil:
    """The medians of n columns `step` bytes apart, of n rows each; `more` bytes are seen behind the last.

    The rows behind the first n are for sorted columns and the last vector. `mask` turns keys of floats into their bits.
    What lies `ahead` of the last row is asked for.
    """
    if Key is int8_t:
        median_int8(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is int16_t:
        median_int16(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is int32_t:
        median_int32(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is int64_t:
        median_int64(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is uint8_t:
        median_uint8(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is uint16_t:
        median_uint16(n, rows, step, ahead, out, bytes, more, mask)
    elif Key is uint32_t:
        median_uint32(n, rows, step, ahead, out, bytes, more, mask)
    else:
        median_uint64(n, rows, step, ahead, out, bytes, more, mask)


cdef inline void median_pair(char** rows, Py_ssize_t step, Py_ssize_t ahead, char* out, char* next_out,
                             Py_ssize_t bytes, Key mask) noexcept nogil:
    """The same for two lines of outputs with 3x3 items each: of the first three rows, and of the second to fourth.

    The fifth and sixth row are for the last vectors. What lies `ahead` of the third and fourth is asked for, too.
    """
    if Key is int8_t:
        median_pair_int8(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is int16_t:
        median_pair_int16(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is int32_t:
        median_pair_int32(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is int64_t:
        median_pair_int64(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is uint8_t:
        median_pair_uint8(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is uint16_t:
        median_pair_uint16(rows, step, ahead, out, next_out, bytes, mask)
    elif Key is uint32_t:
        median_pair_uint32(rows, step, ahead, out, next_out, bytes, mask)
    else:
        median_pair_uint64(rows, step, ahead, out, next_out, bytes, mask)
