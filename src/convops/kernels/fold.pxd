# What the pools do innermost: fold a run of items into a line of values, start such a line, store it.
#
# A line holds items for MAXIMUM and MINIMUM, int64 for sums of integers, doubles for the norms, and the items' own
# type for other sums. Items may lie at any address.
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport inlined

cdef extern from "<math.h>" nogil:
    double INFINITY
    double fabs(double)
    double pow(double, double)
    double sqrt(double)

# In the order of `backends.pool_window.KINDS`.
cdef enum Kind:
    MAXIMUM
    MINIMUM
    SUM
    MEAN
    MAGNITUDES                 # sum |x|
    SQUARES                    # sqrt(sum x^2)
    POWERS                     # (sum |x|^p)^(1/p)
    LARGEST                    # max |x|

# Sums of powers outside of these may have lost digits to underflow, or overflowed.
cdef enum:
    SAFE_EXPONENT = 960
    MOST_FACTORS = 16

ctypedef fused Item:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    float
    double


cdef inline bint is_norm(int kind) noexcept nogil:
    return kind >= MAGNITUDES


cdef inline Item lowest(const Item* tag) noexcept nogil:
    """What every item is at least."""
    if Item is float or Item is double:
        return -<Item> INFINITY
    else:
        return 0 if <Item> -1 > 0 else <Item> (<uint64_t> 1 << (8 * sizeof(Item) - 1))


cdef inline Item highest(const Item* tag) noexcept nogil:
    """What every item is at most."""
    if Item is float or Item is double:
        return <Item> INFINITY
    else:
        return <Item> ~lowest(tag)


cdef inline Item item_at(const char* items, Py_ssize_t step, Py_ssize_t j, const Item* tag) noexcept nogil:
    return (<const Item*> (items + j * step))[0]


cdef inline bint is_nan(Item value) noexcept nogil:
    if Item is float or Item is double:
        return value != value
    else:
        return False


cdef inline bint beats(int kind, Item value, Item best) noexcept nogil:
    return value > best if kind == MAXIMUM else value < best


cdef inline inlined fold_extreme(int kind, Item* best, const char* items, Py_ssize_t step,
                                 Py_ssize_t count) noexcept nogil:
    """NaN beats everything, and nothing beats it."""
    cdef Py_ssize_t j
    cdef Item value
    for j in range(count):
        value = item_at(items, step, j, best)
        best[j] = value if beats(kind, value, best[j]) | is_nan(value) else best[j]


cdef inline inlined fold_first_extreme(int kind, Item* best, int64_t* taps, const char* items, Py_ssize_t step,
                                       Py_ssize_t count, int64_t tap) noexcept nogil:
    """NumPy's argmax rule: the first of equals, and the first NaN before all."""
    cdef Py_ssize_t j
    cdef Item value
    cdef bint better
    for j in range(count):
        value = item_at(items, step, j, best)
        better = beats(kind, value, best[j]) | (taps[j] < 0) | (is_nan(value) & (not is_nan(best[j])))
        best[j] = value if better else best[j]
        taps[j] = tap if better else taps[j]


cdef inline inlined fold_sum(char* sums, const char* items, Py_ssize_t step, Py_ssize_t count,
                             const Item* tag) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(count):
        if Item is float or Item is double:
            (<Item*> sums)[j] = (<Item*> sums)[j] + item_at(items, step, j, tag)
        else:
            (<int64_t*> sums)[j] = (<int64_t*> sums)[j] + <int64_t> item_at(items, step, j, tag)


cdef inline double power(double value, double norm, int halves) noexcept nogil:
    """value^norm; `halves` is 2 norm where that is a small integer, which products and one root raise faster."""
    cdef double result = sqrt(value) if halves & 1 else 1.0
    if halves < 0:
        return pow(value, norm)
    halves = halves >> 1
    while halves:
        if halves & 1:
            result = result * value
        value = value * value
        halves = halves >> 1
    return result


cdef inline int halves_of(double norm) noexcept nogil:
    """2 norm, or -1 where that is no small integer."""
    return <int> (2 * norm) if norm <= MOST_FACTORS and 2 * norm == <int> (2 * norm) else -1


cdef inline inlined fold_norm(int kind, double norm, double* sums, const double* scales, const char* items,
                              Py_ssize_t step, Py_ssize_t count, const Item* tag) noexcept nogil:
    """Powers of magnitudes, each divided by the scale of its place if there are scales."""
    cdef Py_ssize_t j
    cdef int halves = halves_of(norm)
    cdef double value
    for j in range(count):
        value = fabs(<double> item_at(items, step, j, tag))
        if scales != NULL:
            value = value / scales[j]
        if kind == SQUARES:
            sums[j] = sums[j] + value * value
        elif kind == MAGNITUDES:
            sums[j] = sums[j] + value
        elif kind == POWERS:
            sums[j] = sums[j] + power(value, norm, halves)
        else:
            sums[j] = value if (value > sums[j]) | (value != value) else sums[j]


cdef inline inlined fold_floats(const Args* a, int kind, char* values, const double* scales, const char* items,
                                Py_ssize_t step, Py_ssize_t count, const Item* tag) noexcept nogil:
    """Every kind with its own loop, so that the compiler sees what is constant in it."""
    if kind == SUM or kind == MEAN:
        fold_sum(values, items, step, count, tag)
    elif kind == MAGNITUDES:
        fold_norm(MAGNITUDES, 1, <double*> values, NULL, items, step, count, tag)
    elif kind == SQUARES and scales == NULL:
        fold_norm(SQUARES, 2, <double*> values, NULL, items, step, count, tag)
    elif kind == SQUARES:
        fold_norm(SQUARES, 2, <double*> values, scales, items, step, count, tag)
    elif kind == LARGEST:
        fold_norm(LARGEST, 0, <double*> values, NULL, items, step, count, tag)
    else:
        fold_norm(POWERS, a.norm, <double*> values, scales, items, step, count, tag)


cdef inline inlined fold_run(const Args* a, int kind, char* values, char* second, const char* items, Py_ssize_t step,
                             Py_ssize_t count, int64_t tap, const Item* tag) noexcept nogil:
    """`second` holds the tap numbers of a first extreme, or the scales of a norm, or is NULL."""
    if kind == MAXIMUM and second == NULL:
        fold_extreme(MAXIMUM, <Item*> values, items, step, count)
    elif kind == MINIMUM and second == NULL:
        fold_extreme(MINIMUM, <Item*> values, items, step, count)
    elif kind == MAXIMUM:
        fold_first_extreme(MAXIMUM, <Item*> values, <int64_t*> second, items, step, count, tap)
    elif kind == MINIMUM:
        fold_first_extreme(MINIMUM, <Item*> values, <int64_t*> second, items, step, count, tap)
    elif Item is float or Item is double:
        fold_floats(a, kind, values, <const double*> second, items, step, count, tag)
    else:
        fold_sum(values, items, step, count, tag)


cdef inline void fold(const Args* a, int kind, char* values, char* second, const char* items, Py_ssize_t step,
                      Py_ssize_t count, int64_t tap, const Item* tag) noexcept nogil:
    """One item of each window; runs without gaps get loops of their own, which become vectors."""
    if step == sizeof(Item):
        fold_run(a, kind, values, second, items, sizeof(Item), count, tap, tag)
    else:
        fold_run(a, kind, values, second, items, step, count, tap, tag)


cdef inline void fold_down(const Args* a, int kind, char* values, char* second, const char* items, Py_ssize_t step,
                           Py_ssize_t taps, int64_t tap, const Item* tag) noexcept nogil:
    """Many items of one window, in the order in which `fold` takes them; sums and extremes stay in registers."""
    cdef Py_ssize_t k
    cdef Item value, best = (<const Item*> values)[0]
    cdef int64_t sum
    if second == NULL and (kind == MAXIMUM or kind == MINIMUM):
        for k in range(taps):
            value = item_at(items, step, k, tag)
            best = value if beats(kind, value, best) | is_nan(value) else best
        (<Item*> values)[0] = best
    elif kind == SUM or kind == MEAN:
        if Item is float or Item is double:
            for k in range(taps):
                best = best + item_at(items, step, k, tag)
            (<Item*> values)[0] = best
        else:
            sum = (<const int64_t*> values)[0]
            for k in range(taps):
                sum = sum + <int64_t> item_at(items, step, k, tag)
            (<int64_t*> values)[0] = sum
    else:
        for k in range(taps):
            fold_run(a, kind, values, second, items + k * step, step, 1, tap + k, tag)


cdef inline Py_ssize_t value_bytes(int kind, const Item* tag) noexcept nogil:
    """Bytes of a value in a line."""
    if Item is float:
        return 8 if is_norm(kind) else sizeof(Item)
    else:
        return sizeof(Item) if kind == MAXIMUM or kind == MINIMUM else 8


cdef inline void start(int kind, char* values, Py_ssize_t count, const Item* tag) noexcept nogil:
    """The identity of the fold."""
    cdef Py_ssize_t j
    if kind == MAXIMUM or kind == MINIMUM:
        for j in range(count):
            (<Item*> values)[j] = lowest(tag) if kind == MAXIMUM else highest(tag)
    else:
        for j in range(count * value_bytes(kind, tag)):
            values[j] = 0


cdef inline void find_scales(double* sums, double* scales, Py_ssize_t count) noexcept nogil:
    """Keep as scale the largest magnitude of each window whose sum of powers is not safe, else 1; clear the sums."""
    cdef Py_ssize_t j
    cdef double low = 2.0 ** -SAFE_EXPONENT, high = 2.0 ** SAFE_EXPONENT
    for j in range(count):
        if low <= sums[j] <= high or not 0 < scales[j] < INFINITY:
            scales[j] = 1
        sums[j] = 0


cdef inline bint all_safe(const double* sums, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    cdef double low = 2.0 ** -SAFE_EXPONENT, high = 2.0 ** SAFE_EXPONENT
    for j in range(count):
        if not low <= sums[j] <= high:
            return False
    return True


cdef inline double root(const Args* a, int kind, double value) noexcept nogil:
    if kind == SQUARES:
        return sqrt(value)
    return pow(value, 1 / a.norm) if kind == POWERS else value


cdef inline void store_value(const Args* a, int kind, const char* values, const double* scales, Py_ssize_t j,
                             double divisor, char* out, const Item* tag) noexcept nogil:
    cdef double value
    if kind == MAXIMUM or kind == MINIMUM:
        (<Item*> out)[0] = (<const Item*> values)[j]
        return
    if Item is float or Item is double:
        if is_norm(kind):
            value = root(a, kind, (<const double*> values)[j])
            (<Item*> out)[0] = <Item> (value if scales == NULL else value * scales[j])
        elif kind == MEAN:
            (<Item*> out)[0] = (<const Item*> values)[j] / <Item> divisor
        else:
            (<Item*> out)[0] = (<const Item*> values)[j]
    else:
        (<int64_t*> out)[0] = (<const int64_t*> values)[j]
