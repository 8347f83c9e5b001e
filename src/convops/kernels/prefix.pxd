# Running sums of integers along a line, modulo their width: differences of two are exact wherever they fit.
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from convops.kernels.simd cimport VECTOR_BYTES, outlined

cdef extern from *:
    """
    typedef unsigned short convops_u16v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    typedef unsigned int convops_u32v __attribute__((vector_size(CONVOPS_VECTOR), aligned(1), may_alias));
    /* Lanes moved up, zeros behind them; and the last lane in all. Zeros are the first operand. */
    #define CONVOPS_LANES_8(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7
    #define CONVOPS_LANES_16(n) CONVOPS_LANES_8(n), CONVOPS_LANES_8(n + 8)
    #if CONVOPS_VECTOR == 64
    #define CONVOPS_UP_2(z, v, k) __builtin_shufflevector(z, v, CONVOPS_LANES_16(32 - k), CONVOPS_LANES_16(48 - k))
    #define CONVOPS_UP_4(z, v, k) __builtin_shufflevector(z, v, CONVOPS_LANES_16(16 - k))
    #elif CONVOPS_VECTOR == 32
    #define CONVOPS_UP_2(z, v, k) __builtin_shufflevector(z, v, CONVOPS_LANES_16(16 - k))
    #define CONVOPS_UP_4(z, v, k) __builtin_shufflevector(z, v, CONVOPS_LANES_8(8 - k))
    #else
    #define CONVOPS_UP_2(z, v, k) __builtin_shufflevector(z, v, CONVOPS_LANES_8(8 - k))
    #define CONVOPS_UP_4(z, v, k) __builtin_shufflevector(z, v, 4 - k, 5 - k, 6 - k, 7 - k)
    #endif
    static inline convops_u16v convops_prefix_16(convops_u16v v) {
        convops_u16v zero = {0};
        v += CONVOPS_UP_2(zero, v, 1);
        v += CONVOPS_UP_2(zero, v, 2);
        v += CONVOPS_UP_2(zero, v, 4);
    #if CONVOPS_VECTOR > 16
        v += CONVOPS_UP_2(zero, v, 8);
    #endif
    #if CONVOPS_VECTOR > 32
        v += CONVOPS_UP_2(zero, v, 16);
    #endif
        return v;
    }
    static inline convops_u32v convops_prefix_32(convops_u32v v) {
        convops_u32v zero = {0};
        v += CONVOPS_UP_4(zero, v, 1);
        v += CONVOPS_UP_4(zero, v, 2);
    #if CONVOPS_VECTOR > 16
        v += CONVOPS_UP_4(zero, v, 4);
    #endif
    #if CONVOPS_VECTOR > 32
        v += CONVOPS_UP_4(zero, v, 8);
    #endif
        return v;
    }
    static inline convops_u16v convops_last_16(convops_u16v v) {
        convops_u16v zero = {0};
        return v[CONVOPS_VECTOR / 2 - 1] + zero;
    }
    static inline convops_u32v convops_last_32(convops_u32v v) {
        convops_u32v zero = {0};
        return v[CONVOPS_VECTOR / 4 - 1] + zero;
    }
    /* Lanes of two vectors, or of one, by their numbers; the numbers of some lanes again and again. */
    #define convops_among(z, v, places) __builtin_shuffle((z), (v), (places))
    #define convops_spread(v, places) __builtin_shuffle((v), (places))
    static inline convops_u16v convops_places_16(Py_ssize_t first, Py_ssize_t count) {
        convops_u16v v;
        for (int i = 0; i < CONVOPS_VECTOR / 2; i++) v[i] = first + i % count;
        return v;
    }
    static inline convops_u32v convops_places_32(Py_ssize_t first, Py_ssize_t count) {
        convops_u32v v;
        for (int i = 0; i < CONVOPS_VECTOR / 4; i++) v[i] = first + i % count;
        return v;
    }
    """
    ctypedef unsigned short u16v "convops_u16v"
    ctypedef unsigned int u32v "convops_u32v"
    u16v prefix_16 "convops_prefix_16"(u16v) nogil
    u32v prefix_32 "convops_prefix_32"(u32v) nogil
    u16v last_16 "convops_last_16"(u16v) nogil
    u32v last_32 "convops_last_32"(u32v) nogil
    u16v among_16 "convops_among"(u16v, u16v, u16v) nogil
    u32v among_32 "convops_among"(u32v, u32v, u32v) nogil
    u16v spread_16 "convops_spread"(u16v, u16v) nogil
    u32v spread_32 "convops_spread"(u32v, u32v) nogil
    u16v places_16 "convops_places_16"(Py_ssize_t first, Py_ssize_t count) nogil
    u32v places_32 "convops_places_32"(Py_ssize_t first, Py_ssize_t count) nogil

cdef enum:
    STEPS = 5                  # of sums of 1, 2, 4, ... lanes of a vector
    SHUFFLED = 32              # bytes of vectors whose lanes are moved at little cost

ctypedef fused Total:
    uint16_t
    uint32_t
    uint64_t


cdef inline outlined sum_up(const Total* items, Total* sums, Py_ssize_t count) noexcept nogil:
    """sums[i] = items[0] + ... + items[i], in whole vectors."""
    cdef Py_ssize_t i = 0
    cdef u16v halves, halves_before
    cdef u32v words, words_before
    cdef uint64_t total = 0
    if Total is uint16_t:
        halves_before = (<const u16v*> items)[0]
        halves_before = halves_before - halves_before
        while i < count:
            halves = prefix_16((<const u16v*> (items + i))[0])
            (<u16v*> (sums + i))[0] = halves + halves_before
            halves_before = halves_before + last_16(halves)
            i = i + VECTOR_BYTES // 2
    elif Total is uint32_t:
        words_before = (<const u32v*> items)[0]
        words_before = words_before - words_before
        while i < count:
            words = prefix_32((<const u32v*> (items + i))[0])
            (<u32v*> (sums + i))[0] = words + words_before
            words_before = words_before + last_32(words)
            i = i + VECTOR_BYTES // 4
    else:
        for i in range(count):
            total = total + items[i]
            sums[i] = total


cdef inline int steps_of(Py_ssize_t lanes, Py_ssize_t unit) noexcept nogil:
    """How often sums of one lane of every `unit` are doubled."""
    cdef int steps = 0
    while unit << steps < lanes:
        steps = steps + 1
    return steps


cdef inline outlined sum_halves_apart(const uint16_t* items, uint16_t* sums, Py_ssize_t unit,
                                      Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i = 0, lanes = VECTOR_BYTES // 2
    cdef u16v value, last = places_16(lanes - unit, unit)
    cdef u16v zero = last - last
    cdef u16v before = zero
    cdef u16v places[STEPS]
    cdef int k, steps = steps_of(lanes, unit)
    for k in range(steps):
        places[k] = places_16(lanes - (unit << k), lanes)
    while i < count:
        value = (<const u16v*> (items + i))[0]
        for k in range(steps):
            value = value + among_16(zero, value, places[k])
        value = value + before
        (<u16v*> (sums + i))[0] = value
        before = spread_16(value, last)
        i = i + lanes


cdef inline outlined sum_words_apart(const uint32_t* items, uint32_t* sums, Py_ssize_t unit,
                                     Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i = 0, lanes = VECTOR_BYTES // 4
    cdef u32v value, last = places_32(lanes - unit, unit)
    cdef u32v zero = last - last
    cdef u32v before = zero
    cdef u32v places[STEPS]
    cdef int k, steps = steps_of(lanes, unit)
    for k in range(steps):
        places[k] = places_32(lanes - (unit << k), lanes)
    while i < count:
        value = (<const u32v*> (items + i))[0]
        for k in range(steps):
            value = value + among_32(zero, value, places[k])
        value = value + before
        (<u32v*> (sums + i))[0] = value
        before = spread_32(value, last)
        i = i + lanes


cdef inline void sum_up_apart(const Total* items, Total* sums, Py_ssize_t unit, Py_ssize_t count) noexcept nogil:
    """The same of every `unit`-th item."""
    cdef Py_ssize_t i
    if Total is uint16_t:
        if unit <= VECTOR_BYTES // 2 and VECTOR_BYTES >= SHUFFLED:
            sum_halves_apart(items, sums, unit, count)
            return
    elif Total is uint32_t:
        if unit <= VECTOR_BYTES // 4 and VECTOR_BYTES >= SHUFFLED:
            sum_words_apart(items, sums, unit, count)
            return
    for i in range(count):
        sums[i] = <Total> (items[i] + (sums[i - unit] if i >= unit else 0))
