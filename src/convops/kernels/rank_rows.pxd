# Minima and maxima of rows, and the programs of them that `backends/rank_network.py` writes.
#
# Floating-point numbers are compared as integers, which order -0.0 before 0.0, so that no cut into rows decides which
# of the two is the result.
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__AVX512F__)
    enum { convops_row_bytes = 64 };
    #elif defined(__AVX2__)
    enum { convops_row_bytes = 32 };
    #else
    enum { convops_row_bytes = 16 };
    #endif
    /* Whole vectors, each written only when both operands have been read; low or high may be NULL. */
    #define CONVOPS_LOOP(T, store) \\
        for (Py_ssize_t at = 0; at < bytes; at += convops_row_bytes) { \\
            T x[convops_row_bytes / sizeof(T)], y[convops_row_bytes / sizeof(T)]; \\
            T l[convops_row_bytes / sizeof(T)], h[convops_row_bytes / sizeof(T)]; \\
            memcpy(x, a + at, convops_row_bytes); \\
            memcpy(y, b + at, convops_row_bytes); \\
            for (size_t j = 0; j < convops_row_bytes / sizeof(T); j++) { \\
                l[j] = x[j] < y[j] ? x[j] : y[j]; \\
                h[j] = x[j] < y[j] ? y[j] : x[j]; \\
            } \\
            store \\
        }
    #define CONVOPS_EXCHANGE(T) \\
        static inline void convops_exchange_##T(const char* a, const char* b, char* low, char* high, \\
                                                Py_ssize_t bytes) { \\
            if (low && high) \\
                CONVOPS_LOOP(T, memcpy(low + at, l, sizeof l); memcpy(high + at, h, sizeof h);) \\
            else if (low) \\
                CONVOPS_LOOP(T, memcpy(low + at, l, sizeof l); (void) h;) \\
            else \\
                CONVOPS_LOOP(T, memcpy(high + at, h, sizeof h); (void) l;) \\
        }
    CONVOPS_EXCHANGE(int8_t)
    CONVOPS_EXCHANGE(int16_t)
    CONVOPS_EXCHANGE(int32_t)
    CONVOPS_EXCHANGE(int64_t)
    CONVOPS_EXCHANGE(uint8_t)
    CONVOPS_EXCHANGE(uint16_t)
    CONVOPS_EXCHANGE(uint32_t)
    CONVOPS_EXCHANGE(uint64_t)
    """
    enum:
        ROW_BYTES "convops_row_bytes"          # rows are gone through in so many
    void exchange_int8 "convops_exchange_int8_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_int16 "convops_exchange_int16_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_int32 "convops_exchange_int32_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_int64 "convops_exchange_int64_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_uint8 "convops_exchange_uint8_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_uint16 "convops_exchange_uint16_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_uint32 "convops_exchange_uint32_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil
    void exchange_uint64 "convops_exchange_uint64_t"(const char*, const char*, char*, char*, Py_ssize_t) nogil

ctypedef fused Key:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


# `backends.rank_network.Program.code`.
cdef struct Header:
    int steps
    int row                    # of the result
    int shift
    int rows

cdef struct Step:
    int a                      # rows and first columns of the operands
    int shift_a
    int b
    int shift_b
    int low                    # rows of the results, -1: not needed
    int high
    int more                   # columns beside those of the outputs


cdef inline void exchange(const char* a, const char* b, char* low, char* high, Py_ssize_t bytes,
                          const Key* tag) noexcept nogil:
    if Key is int8_t:
        exchange_int8(a, b, low, high, bytes)
    elif Key is int16_t:
        exchange_int16(a, b, low, high, bytes)
    elif Key is int32_t:
        exchange_int32(a, b, low, high, bytes)
    elif Key is int64_t:
        exchange_int64(a, b, low, high, bytes)
    elif Key is uint8_t:
        exchange_uint8(a, b, low, high, bytes)
    elif Key is uint16_t:
        exchange_uint16(a, b, low, high, bytes)
    elif Key is uint32_t:
        exchange_uint32(a, b, low, high, bytes)
    else:
        exchange_uint64(a, b, low, high, bytes)


cdef inline const char* run_program(const Header* program, char** rows, Py_ssize_t count, Py_ssize_t unit,
                                    const Key* tag) noexcept nogil:
    """Where the results of `count` outputs lie; a column is `unit` items side by side."""
    cdef const Step* step = <const Step*> (program + 1)
    cdef Py_ssize_t column = unit * <Py_ssize_t> sizeof(Key)
    cdef const Step* end = step + program.steps
    while step < end:
        exchange(rows[step.a] + step.shift_a * column, rows[step.b] + step.shift_b * column,
                 NULL if step.low < 0 else rows[step.low], NULL if step.high < 0 else rows[step.high],
                 (count + step.more) * column, tag)
        step = step + 1
    return rows[program.row] + program.shift * column


cdef inline Key highest_key(const Key* tag) noexcept nogil:
    return <Key> -1 if <Key> -1 > 0 else <Key> ((<uint64_t> 1 << (8 * sizeof(Key) - 1)) - 1)


cdef inline Key key_of(Key bits, bint floats) noexcept nogil:
    """Of the bits of a number an integer with the same order, and back."""
    if Key is int32_t or Key is int64_t:
        return bits ^ ((bits >> (8 * sizeof(Key) - 1)) & (highest_key(&bits) if floats else 0))
    else:
        return bits


cdef inline bint is_nan_bits(Key bits, bint floats) noexcept nogil:
    if Key is int32_t:
        return (bits & <Key> 0x7fffffff) > (<Key> 0x7f800000 if floats else highest_key(&bits))
    elif Key is int64_t:
        return (bits & <Key> 0x7fffffffffffffff) > (<Key> 0x7ff0000000000000 if floats else highest_key(&bits))
    else:
        return False


cdef inline bint copy_keys(Key* to, const char* items, Py_ssize_t step, Py_ssize_t count,
                           bint floats) noexcept nogil:
    """`count` items as keys; whether one of them is NaN."""
    cdef Py_ssize_t j
    cdef Key bits
    cdef Key nans = 0
    if step == sizeof(Key):
        for j in range(count):
            bits = (<const Key*> items)[j]
            nans = nans | <Key> is_nan_bits(bits, floats)
            to[j] = key_of(bits, floats)
    else:
        for j in range(count):
            bits = (<const Key*> (items + j * step))[0]
            nans = nans | <Key> is_nan_bits(bits, floats)
            to[j] = key_of(bits, floats)
    return nans != 0
