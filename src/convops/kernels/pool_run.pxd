# What separable pools do innermost: fold the items of windows, a vector of neighbouring windows at a time. A vector is
# written only when all that it is made of has been read, so a line may be folded in place.
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, item_bytes, join, shift_lanes
from convops.kernels.pool_rows cimport SCALED, Run, fold_row, fold_rows
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport minimum

cdef enum:
    MOST_SHIFTED = 16          # items of a window


cdef inline inlined shift_tap(int kind, int k, int unit, Py_ssize_t n, const Wide* first, const Wide* second,
                              Wide* best) noexcept nogil:
    cdef Wide value
    if k < n and k * unit * item_bytes(best) <= VECTOR_BYTES:
        shift_lanes(k * unit, first, second, &value)
        join(kind, best, &value)


cdef inline inlined shift_taps(int kind, int unit, Py_ssize_t n, const Wide* first, const Wide* second,
                               Wide* best) noexcept nogil:
    """Counted out: what is shifted by must be known to the compiler."""
    shift_tap(kind, 1, unit, n, first, second, best)
    if n <= 2:
        return
    shift_tap(kind, 2, unit, n, first, second, best)
    if n <= 3:
        return
    shift_tap(kind, 3, unit, n, first, second, best)
    if n <= 4 or unit > 1:
        return
    shift_tap(kind, 4, unit, n, first, second, best)
    shift_tap(kind, 5, unit, n, first, second, best)
    shift_tap(kind, 6, unit, n, first, second, best)
    if n <= 7:
        return
    shift_tap(kind, 7, unit, n, first, second, best)
    shift_tap(kind, 8, unit, n, first, second, best)
    shift_tap(kind, 9, unit, n, first, second, best)
    shift_tap(kind, 10, unit, n, first, second, best)
    shift_tap(kind, 11, unit, n, first, second, best)
    shift_tap(kind, 12, unit, n, first, second, best)
    shift_tap(kind, 13, unit, n, first, second, best)
    shift_tap(kind, 14, unit, n, first, second, best)
    shift_tap(kind, 15, unit, n, first, second, best)


cdef inline bint shifts(Py_ssize_t n, int unit, const Wide* tag) noexcept nogil:
    """Whether windows of items `unit` places apart may be folded by shifts of neighbouring vectors."""
    return SHIFTS and 1 < n <= (MOST_SHIFTED if unit == 1 else 4) and (n - 1) * unit * item_bytes(tag) <= VECTOR_BYTES


cdef inline inlined shift_row(int kind, int unit, Py_ssize_t n, char* to, const char* items, const Run* run,
                              Py_ssize_t* done, const Wide* tag) noexcept nogil:
    """Windows one item apart, and how many are done; every vector is loaded once, as loads across cache lines are slow.
    """
    cdef Wide first = (<const Wide*> items)[0], second, best
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), count = run.count
    cdef Py_ssize_t end = count + lanes - 1 if run.whole else minimum(count, count + (n - 1) * unit - lanes)
    cdef Py_ssize_t ahead = run.ahead
    while i + lanes <= end:
        second = (<const Wide*> (items + (i + lanes) * size))[0]
        if ahead:
            prefetch(items + i * size + ahead, 0, 3)
        best = first
        if kind == SUM:
            from_zero(&best)
        shift_taps(kind, unit, n, &first, &second, &best)
        (<Wide*> (to + i * size))[0] = best
        first, i = second, i + lanes
    done[0] = i


cdef inline inlined shift_rows(int kind, int unit, Py_ssize_t n, char* to, const char* items, const Run* run,
                               const Wide* tag) noexcept nogil:
    cdef Py_ssize_t _i, done = 0
    for _i in range(run.times):
        shift_row(kind, unit, n, to, items, run, &done, tag)
        if done < run.count:
            fold_row(kind, n, False, to, items, 1, done, run, tag)
        to, items = to + run.next_to, items + run.next_items


cdef inline inlined shift_few(int kind, int unit, char* to, const char* items, const Run* run,
                              const Wide* tag) noexcept nogil:
    """Loops of their own for the windows that are met most."""
    if run.n == 3:
        shift_rows(kind, unit, 3, to, items, run, tag)
    elif run.n == 5 and unit == 1:
        shift_rows(kind, unit, 5, to, items, run, tag)
    else:
        shift_rows(kind, unit, run.n, to, items, run, tag)


cdef inline inlined fold_taps(int kind, bint paired, char* to, const char* items, Py_ssize_t step, const Run* run,
                              const Wide* tag) noexcept nogil:
    """Loops of their own for few items."""
    if run.n == 2:
        fold_rows(kind, 2, paired, to, items, step, run, tag)
    elif run.n == 3:
        fold_rows(kind, 3, paired, to, items, step, run, tag)
    else:
        fold_rows(kind, run.n, paired, to, items, step, run, tag)


cdef inline inlined fold_kind(int kind, char* to, const char* items, const Run* run, const Wide* tag) noexcept nogil:
    cdef int size = item_bytes(tag)
    if kind != MEAN and kind != SCALED and run.step == 1 and run.shift == size and shifts(run.n, 1, tag):
        shift_few(kind, 1, to, items, run, tag)
    elif kind != MEAN and kind != SCALED and run.step == 1 and run.shift == 4 * size and shifts(run.n, 4, tag):
        shift_few(kind, 4, to, items, run, tag)
    elif run.step == 1 or kind == MEAN or kind == SCALED:
        fold_taps(kind, False, to, items, 1, run, tag)
    elif run.step == 2 and run.shift == item_bytes(tag):
        fold_taps(kind, True, to, items, 2, run, tag)
    else:
        fold_rows(kind, run.n, False, to, items, run.step, run, tag)


cdef inline void fold_run(int kind, char* to, const char* items, const Run* run, const Wide* tag) noexcept nogil:
    """All windows of a run; means only across lines."""
    if kind == MAXIMUM:
        fold_kind(MAXIMUM, to, items, run, tag)
    elif kind == MINIMUM:
        fold_kind(MINIMUM, to, items, run, tag)
    elif Wide is f32v or Wide is f64v:
        if kind == CLEAN + MAXIMUM:
            fold_kind(CLEAN + MAXIMUM, to, items, run, tag)
            return
        if kind == CLEAN + MINIMUM:
            fold_kind(CLEAN + MINIMUM, to, items, run, tag)
            return
        if kind == MEAN and run.scaled:
            fold_kind(SCALED, to, items, run, tag)
        elif kind == MEAN:
            fold_kind(MEAN, to, items, run, tag)
        else:
            fold_kind(SUM, to, items, run, tag)


cdef inline void add_run(char* to, const char* sums, const char* items, const Run* run,
                         const Wide* tag) noexcept nogil:
    """The items of every window after its sum so far, one after the other; whole vectors of one row."""
    cdef Py_ssize_t i = 0, k, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Wide sum, value
    while i < run.count:
        sum = (<const Wide*> (sums + i * size))[0]
        for k in range(run.n):
            value = (<const Wide*> (items + i * size + k * run.shift))[0]
            join(SUM, &sum, &value)
        (<Wide*> (to + i * size))[0] = sum
        i = i + lanes


cdef inline void double_run(char* items, Py_ssize_t shift, Py_ssize_t count, bint twice,
                            const Wide* tag) noexcept nogil:
    """Each item and the one `shift` bytes behind it; `twice` the same with these sums, in pairs; whole vectors."""
    cdef Py_ssize_t i = 0, end = count * item_bytes(tag)
    cdef Wide sum, rest
    while i < end:
        sum = (<const Wide*> (items + i))[0]
        join(SUM, &sum, <const Wide*> (items + i + shift))
        if twice:
            rest = (<const Wide*> (items + i + 2 * shift))[0]
            join(SUM, &rest, <const Wide*> (items + i + 3 * shift))
            join(SUM, &sum, &rest)
        (<Wide*> (items + i))[0] = sum
        i = i + VECTOR_BYTES
