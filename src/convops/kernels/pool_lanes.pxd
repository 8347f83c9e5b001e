# Vectors of items for the pools that fold many of them at once: two are joined, items picked from a line, the ends of
# lines taken and put.
from libc.string cimport memcpy

from convops.kernels.along cimport shift_f32, shift_f64
from convops.kernels.fold cimport MAXIMUM, MINIMUM
from convops.kernels.lanes cimport (
    even_f32, even_f64, load_f32, load_f64, odd_f32, odd_f64, splat_f32, splat_f64, store_f32, store_f64)
from convops.kernels.past_caches cimport store_past
from convops.kernels.pool_extremes cimport (
    even_u16, even_u8, i16v, i32v, i8v, load_u8, max_f32, max_f64, max_i16, max_i32, max_i8, max_u16, max_u8,
    min_f32, min_f64, min_i16, min_i32, min_i8, min_u16, min_u8, odd_u16, odd_u8, plain_max_f32, plain_max_f64,
    plain_min_f32, plain_min_f64, shift_i32, shift_u8, store_u8, u16v, u8v, unordered_f32, unordered_f64)
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport minimum

ctypedef fused Wide:
    f32v
    f64v
    u8v
    i8v
    u16v
    i16v
    i32v


cdef inline Py_ssize_t item_bytes(const Wide* tag) noexcept nogil:
    if Wide is f64v:
        return 8
    elif Wide is f32v or Wide is i32v:
        return 4
    elif Wide is u16v or Wide is i16v:
        return 2
    else:
        return 1


cdef inline bint is_real(const Wide* tag) noexcept nogil:
    return Wide is f32v or Wide is f64v


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


cdef inline inlined join_u8(int kind, u8v* best, u8v value) noexcept nogil:
    best[0] = max_u8(best[0], value) if kind == MAXIMUM else min_u8(best[0], value)


cdef inline inlined join_i8(int kind, i8v* best, i8v value) noexcept nogil:
    best[0] = max_i8(best[0], value) if kind == MAXIMUM else min_i8(best[0], value)


cdef inline inlined join_u16(int kind, u16v* best, u16v value) noexcept nogil:
    best[0] = max_u16(best[0], value) if kind == MAXIMUM else min_u16(best[0], value)


cdef inline inlined join_i16(int kind, i16v* best, i16v value) noexcept nogil:
    best[0] = max_i16(best[0], value) if kind == MAXIMUM else min_i16(best[0], value)


cdef inline inlined join_i32(int kind, i32v* best, i32v value) noexcept nogil:
    best[0] = max_i32(best[0], value) if kind == MAXIMUM else min_i32(best[0], value)


cdef inline inlined join(int kind, Wide* best, const Wide* value) noexcept nogil:
    """Of equal extremes the first; NaN beats everything, and nothing beats it."""
    if Wide is f32v:
        join_f32(kind, best, value[0])
    elif Wide is f64v:
        join_f64(kind, best, value[0])
    elif Wide is u8v:
        join_u8(kind, best, value[0])
    elif Wide is i8v:
        join_i8(kind, best, value[0])
    elif Wide is u16v:
        join_u16(kind, best, value[0])
    elif Wide is i16v:
        join_i16(kind, best, value[0])
    else:
        join_i32(kind, best, value[0])


cdef inline inlined shift_lanes(int k, const Wide* first, const Wide* second, Wide* to) noexcept nogil:
    """The lanes of two vectors from lane k on."""
    if k * item_bytes(to) >= VECTOR_BYTES:
        to[0] = second[0]
    elif Wide is f32v:
        to[0] = shift_f32(first[0], second[0], k)
    elif Wide is f64v:
        to[0] = shift_f64(first[0], second[0], k)
    elif Wide is i32v:
        to[0] = shift_i32(first[0], second[0], k)
    else:
        (<u8v*> to)[0] = shift_u8((<const u8v*> first)[0], (<const u8v*> second)[0], k * <int> item_bytes(to))


cdef inline inlined stream(char* to, const Wide* value) noexcept nogil:
    """A whole vector past the caches where it begins with a cache line."""
    if <size_t> to % VECTOR_BYTES:
        (<Wide*> to)[0] = value[0]
    else:
        store_past(to, (<const f32v*> value)[0])


cdef inline bint are_unordered(const Wide* first, const Wide* second) noexcept nogil:
    """Whether there may be NaN in either."""
    if Wide is f32v:
        return unordered_f32(first[0], second[0])
    elif Wide is f64v:
        return unordered_f64(first[0], second[0])
    else:
        return False


cdef inline bint may_have_nan(const char* items, Py_ssize_t count, Py_ssize_t ahead, const Wide* tag) noexcept nogil:
    """Whether there may be NaN among neighbouring items; what lies `ahead` bytes behind them is asked for."""
    cdef Py_ssize_t size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), i = 0
    cdef const Wide* first
    cdef const Wide* second
    if count < lanes:
        return is_real(tag)
    while i < count:
        prefetch(items + i * size + ahead, 0, 2)
        prefetch(items + i * size + ahead + VECTOR_BYTES, 0, 2)
        first = <const Wide*> (items + (i if i + lanes <= count else count - lanes) * size)
        i = i + lanes
        second = <const Wide*> (items + (i if i + lanes <= count else count - lanes) * size)
        i = i + lanes
        if are_unordered(first, second):
            return True
    return False


cdef inline inlined from_zero(Wide* sum) noexcept nogil:
    """No sum is -0.0."""
    if Wide is f32v:
        sum[0] = sum[0] + splat_f32(0)
    elif Wide is f64v:
        sum[0] = sum[0] + splat_f64(0)


cdef inline inlined part(Wide first, Wide second, Wide* even, Wide* odd) noexcept nogil:
    """The items of even and of odd places of two vectors."""
    if Wide is f32v:
        even[0], odd[0] = even_f32(first, second), odd_f32(first, second)
    elif Wide is f64v:
        even[0], odd[0] = even_f64(first, second), odd_f64(first, second)
    elif Wide is i32v:
        (<f32v*> even)[0] = even_f32((<f32v*> &first)[0], (<f32v*> &second)[0])
        (<f32v*> odd)[0] = odd_f32((<f32v*> &first)[0], (<f32v*> &second)[0])
    elif Wide is u16v or Wide is i16v:
        (<u16v*> even)[0] = even_u16((<u16v*> &first)[0], (<u16v*> &second)[0])
        (<u16v*> odd)[0] = odd_u16((<u16v*> &first)[0], (<u16v*> &second)[0])
    else:
        (<u8v*> even)[0] = even_u8((<u8v*> &first)[0], (<u8v*> &second)[0])
        (<u8v*> odd)[0] = odd_u8((<u8v*> &first)[0], (<u8v*> &second)[0])


cdef inline inlined pick_pair(const char* items, Wide* even, Wide* odd) noexcept nogil:
    part((<const Wide*> items)[0], (<const Wide*> (items + VECTOR_BYTES))[0], even, odd)


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
        (<u8v*> to)[0] = load_u8(items, count * item_bytes(to))


cdef inline inlined put(const Wide* value, char* to, Py_ssize_t count) noexcept nogil:
    """The first `count` items of a vector."""
    if count * item_bytes(value) >= VECTOR_BYTES:
        (<Wide*> to)[0] = value[0]
    elif Wide is f32v:
        store_f32(to, value[0], count)
    elif Wide is f64v:
        store_f64(to, value[0], count)
    else:
        store_u8(to, (<const u8v*> value)[0], count * item_bytes(value))


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


cdef inline bint move_clean(char* to, const char* items, Py_ssize_t count, Py_ssize_t ahead,
                            const Wide* tag) noexcept nogil:
    """The same; whether certainly none of them is NaN."""
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Wide first, second
    cdef bint found = False
    while i + 2 * lanes <= count:
        prefetch(items + i * size + ahead, 0, 3)
        prefetch(items + i * size + ahead + VECTOR_BYTES, 0, 3)
        first, second = (<const Wide*> (items + i * size))[0], (<const Wide*> (items + i * size + VECTOR_BYTES))[0]
        (<Wide*> (to + i * size))[0], (<Wide*> (to + i * size + VECTOR_BYTES))[0] = first, second
        found = found | are_unordered(&first, &second)
        i = i + 2 * lanes
    while i < count:
        prefetch(items + i * size + ahead, 0, 3)
        take(items + i * size, minimum(lanes, count - i), &first)
        put(&first, to + i * size, minimum(lanes, count - i))
        found = found | are_unordered(&first, &first)
        i = i + lanes
    return not found


cdef inline void repeat(char* to, const Wide* value, Py_ssize_t count) noexcept nogil:
    """The same vector again and again."""
    cdef Py_ssize_t i = 0, size = item_bytes(value), lanes = VECTOR_BYTES // item_bytes(value)
    while i < count:
        put(value, to + i * size, lanes if i + lanes <= count else count - i)
        i = i + lanes
