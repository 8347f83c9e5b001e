# What separable pools do innermost: fold the items of windows, a vector of neighbouring windows at a time. A vector is
# written only when all that it is made of has been read, so a line may be folded in place.
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM
from convops.kernels.pool_lanes cimport Wide, from_zero, item_bytes, join, pick, pick_pair, put, u8v
from convops.kernels.simd cimport VECTOR_BYTES, inlined


cdef enum:
    SCALED = 64                # a mean whose divisors are powers of two: by their reciprocals, with the same bits


# Windows along a line, or across lines; `times` rows of neighbouring ones.
cdef struct Run:
    Py_ssize_t n               # items of a window
    Py_ssize_t shift           # bytes between them
    Py_ssize_t step            # items from window to window
    Py_ssize_t count           # windows of a row
    bint whole                 # whole vectors may be read and written at the end of a row
    Py_ssize_t times
    Py_ssize_t next_items      # bytes from row to row
    Py_ssize_t next_to
    const char* divisors       # of means: one per window of a row
    bint scaled                # they are reciprocals


cdef inline Run row_of(Py_ssize_t n, Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole) noexcept nogil:
    cdef Run run
    run.n, run.shift, run.step, run.count, run.whole = n, shift, step, count, whole
    run.times, run.next_items, run.next_to = 1, 0, 0
    run.divisors, run.scaled = NULL, False
    return run


cdef inline inlined divide(Wide* sum, const char* divisors) noexcept nogil:
    if Wide is not u8v:
        sum[0] = sum[0] / (<const Wide*> divisors)[0]


cdef inline inlined scale(Wide* sum, const char* factors) noexcept nogil:
    if Wide is not u8v:
        sum[0] = sum[0] * (<const Wide*> factors)[0]


cdef inline inlined fold_vector(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t shift,
                                Py_ssize_t step, Py_ssize_t count, const char* divisors,
                                const Wide* tag) noexcept nogil:
    """`n` items for each result of a vector, of which `count` are written."""
    cdef Wide best, value, odd
    cdef Py_ssize_t k = 1
    if paired:
        pick_pair(items, &best, &odd)
    else:
        pick(items, step, &best)
    if kind == SUM:
        from_zero(&best)
    if paired and n > 1:
        join(kind, &best, &odd)
        k = 2
    while k < n:
        if paired:
            pick_pair(items + k * shift, &value, &odd)
        else:
            pick(items + k * shift, step, &value)
        join(kind, &best, &value)
        k = k + 1
        if paired and k < n:
            join(kind, &best, &odd)
            k = k + 1
    if kind == MEAN:
        divide(&best, divisors)
    elif kind == SCALED:
        scale(&best, divisors)
    put(&best, to, count)


cdef inline inlined fold_row(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t step,
                             const Run* run, const Wide* tag) noexcept nogil:
    """Where there is a vector or more, the last one overlaps the one before it."""
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), count = run.count
    cdef Py_ssize_t shift = size if paired else run.shift
    cdef const char* divisors = run.divisors
    while i + lanes <= count:
        fold_vector(kind, n, paired, to + i * size, items + i * step * size, shift, step, lanes, divisors + i * size,
                    tag)
        i = i + lanes
    if i == count:
        return
    if count > lanes and not run.whole:
        i = count - lanes
    fold_vector(kind, n, paired, to + i * size, items + i * step * size, shift, step,
                lanes if run.whole else count - i, divisors + i * size, tag)


cdef inline inlined fold_rows(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t step,
                              const Run* run, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(run.times):
        fold_row(kind, n, paired, to + i * run.next_to, items + i * run.next_items, step, run, tag)


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
    if run.step == 1 or kind == MEAN or kind == SCALED:
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
    elif Wide is not u8v:
        if kind == MEAN and run.scaled:
            fold_kind(SCALED, to, items, run, tag)
        elif kind == MEAN:
            fold_kind(MEAN, to, items, run, tag)
        else:
            fold_kind(SUM, to, items, run, tag)
