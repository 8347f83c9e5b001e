# Extremes of square windows of 3 to 9 items, a few lines of results at once: down the columns first, then along the
# lines, from vectors that are kept in registers.
#
# Along a line, windows end with the items of a vector, so that everything comes from it and from those before.
from libc.stdint cimport uint16_t

from convops.kernels.pool_extremes cimport i16v, i32v, u16v
from convops.kernels.pool_lanes cimport Wide, is_real, item_bytes, join, shift_lanes, take
from convops.kernels.pool_middle cimport LINES, SEEN, Seen, join_two
from convops.kernels.pool_watch cimport begin_watch, watch, watch_zeros
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch

cdef extern from *:
    """
    #define convops_between(a, b, places) \\
        ((__typeof__(a)) __builtin_shuffle((convops_i32v) (a), (convops_i32v) (b), (places)))
    #define convops_between_16(a, b, places) \\
        ((__typeof__(a)) __builtin_shuffle((convops_u16v) (a), (convops_u16v) (b), (convops_u16v) (places)))
    """
    # Lanes of two vectors, in words of 32 bits or of 16.
    f32v between_f32 "convops_between"(f32v, f32v, i32v) nogil
    f64v between_f64 "convops_between"(f64v, f64v, i32v) nogil
    i32v between_i32 "convops_between"(i32v, i32v, i32v) nogil
    u16v between_u16 "convops_between_16"(u16v, u16v, i32v) nogil
    i16v between_i16 "convops_between_16"(i16v, i16v, i32v) nogil


cdef enum:
    HELD = 3                   # vectors of a line that the next one needs


cdef inline inlined take_new_row(const Seen* f, int k, Py_ssize_t at, Py_ssize_t count, Wide* value, Wide* sum,
                                 i32v* least) noexcept nogil:
    """A vector of a line that no results before have seen; what the next ones see is asked for."""
    take(f.rows[k] + at, count, value)
    prefetch(f.rows[k] + at + f.ahead, 0, 3)
    if is_real(value):
        sum[0] = sum[0] + value[0]
        watch_zeros(value, least)


cdef inline inlined fold_down(int kind, int high, const Seen* f, Py_ssize_t at, Py_ssize_t count, Wide* best,
                              Wide* watched, i32v* least) noexcept nogil:
    """A vector of columns of all lines, at byte `at`; what several windows share is joined once."""
    cdef Wide rows[SEEN]
    cdef Wide sum
    cdef int k
    begin_watch(&sum)
    for k in range(high - 1):
        take(f.rows[k] + at, count, &rows[k])
    for k in range(high - 1, high + LINES - 1):
        take_new_row(f, k, at, count, &rows[k], &sum, least)
    if high == LINES - 1:
        join_two(kind, rows, best)
        join_two(kind, rows + 2, best + 2)
    else:
        best[LINES - 1] = rows[LINES - 1]
        for k in range(LINES, high):
            join(kind, &best[LINES - 1], &rows[k])
        for k in range(LINES - 2, -1, -1):
            best[k] = rows[k]
            join(kind, &best[k], &best[k + 1])
        for k in range(high, high + LINES - 1):
            if k > high:
                join(kind, &rows[k], &rows[k - 1])
            join(kind, &best[k - high + 1], &rows[k])
    watch(&sum, watched)


cdef inline inlined join_earlier(int kind, int k, const Wide* before, const Wide* items, Wide* to) noexcept nogil:
    """With the items k places earlier, of two vectors."""
    cdef Wide value
    shift_lanes(VECTOR_BYTES // <int> item_bytes(to) - k, before, items, &value)
    join(kind, to, &value)


cdef inline inlined fold_along(int kind, int n, Wide* held, const Wide* items, Wide* to) noexcept nogil:
    """Windows that end with the items of a vector, from those of 1, 2 and 4; `held` are these of the vector before."""
    cdef Wide two = items[0], four
    join_earlier(kind, 1, &held[0], items, &two)
    four = two
    if n >= 4:
        join_earlier(kind, 2, &held[1], &two, &four)
    to[0] = four
    if n == 3 or n == 5:
        join_earlier(kind, n - 1, &held[0], items, to)
    elif n >= 6:
        join_earlier(kind, 4 if n > 8 else n - 4, &held[2], &four, to)
    if n > 8:
        join_earlier(kind, 8, &held[0], items, to)
    held[0], held[1], held[2] = items[0], two, four


cdef inline inlined begin_along(int kind, int n, Wide* held, const Wide* items, Wide* to) noexcept nogil:
    """The same of a vector before which nothing counts: windows that would reach there are wrong."""
    held[0], held[1], held[2] = items[0], items[0], items[0]
    fold_along(kind, n, held, items, to)


cdef inline inlined turn_lanes(int n, const Wide* items, Wide* to) noexcept nogil:
    """The items before lane n as the last ones."""
    shift_lanes(n, items, items, to)


cdef inline bint picks(const Wide* tag) noexcept nogil:
    """Whether a vector is picked from two by one instruction."""
    return item_bytes(tag) > 1


cdef inline inlined find_places(Py_ssize_t byte, i32v* places, const Wide* tag) noexcept nogil:
    """For the vector that begins at that byte of two."""
    cdef int i
    if item_bytes(tag) == 2:
        for i in range(VECTOR_BYTES // 2):
            (<uint16_t*> places)[i] = <uint16_t> (byte // 2 + i)
    else:
        for i in range(VECTOR_BYTES // 4):
            (<int*> places)[i] = <int> (byte // 4) + i


cdef inline inlined pick_between(i32v places, const Wide* first, const Wide* second, Wide* to) noexcept nogil:
    if Wide is f32v:
        to[0] = between_f32(first[0], second[0], places)
    elif Wide is f64v:
        to[0] = between_f64(first[0], second[0], places)
    elif Wide is i32v:
        to[0] = between_i32(first[0], second[0], places)
    elif Wide is u16v:
        to[0] = between_u16(first[0], second[0], places)
    elif Wide is i16v:
        to[0] = between_i16(first[0], second[0], places)


cdef inline inlined pad_before(Py_ssize_t count, Wide* items) noexcept nogil:
    """The first item so many times more, before it; the last ones go."""
    cdef Wide turned
    cdef Py_ssize_t _
    turn_lanes(1, items, &turned)
    for _ in range(count):
        shift_lanes(VECTOR_BYTES // <int> item_bytes(items) - 1, &turned, items, items)


cdef inline inlined pad_behind(Py_ssize_t count, Wide* items) noexcept nogil:
    """The last item so many times more, behind it; the first ones go."""
    cdef Wide turned
    cdef Py_ssize_t _
    turn_lanes(VECTOR_BYTES // <int> item_bytes(items) - 1, items, &turned)
    for _ in range(count):
        shift_lanes(1, items, &turned, items)
