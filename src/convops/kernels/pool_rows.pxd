# Rows of windows: the items of each are folded one after the other, a vector of neighbouring windows at a time.
from convops.kernels.fold cimport MEAN, SUM
from convops.kernels.pool_lanes cimport Wide, from_zero, item_bytes, join, pick, pick_pair, put, stream
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch

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
    bint streams               # results go past the caches
    Py_ssize_t ahead           # so many bytes behind what is read are asked for


cdef inline Run row_of(Py_ssize_t n, Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole) noexcept nogil:
    cdef Run run
    run.n, run.shift, run.step, run.count, run.whole = n, shift, step, count, whole
    run.times, run.next_items, run.next_to = 1, 0, 0
    run.divisors, run.scaled = NULL, False
    run.streams, run.ahead = False, 0
    return run


cdef inline inlined divide(Wide* sum, const char* divisors) noexcept nogil:
    if Wide is f32v or Wide is f64v:
        sum[0] = sum[0] / (<const Wide*> divisors)[0]


cdef inline inlined scale(Wide* sum, const char* factors) noexcept nogil:
    if Wide is f32v or Wide is f64v:
        sum[0] = sum[0] * (<const Wide*> factors)[0]


cdef inline inlined fold_vector(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t shift,
                                Py_ssize_t step, Py_ssize_t count, bint streams, const char* divisors,
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
    if streams:
        stream(to, &best)
    else:
        put(&best, to, count)


cdef inline inlined fold_four(int kind, Py_ssize_t n, char* to, const char* items, const Run* run, Py_ssize_t i,
                              const Wide* tag) noexcept nogil:
    """Four vectors of neighbouring windows, from window number i on."""
    cdef Wide best[4]
    cdef Wide value
    cdef int v
    cdef Py_ssize_t _k, size = item_bytes(tag), shift = run.shift, ahead = run.ahead
    cdef const char* divisors = run.divisors + i * size
    items, to = items + i * size, to + i * size
    for v in range(4):
        if ahead:
            prefetch(items + v * VECTOR_BYTES + ahead, 0, 3)
        best[v] = (<const Wide*> (items + v * VECTOR_BYTES))[0]
        if kind == SUM:
            from_zero(&best[v])
    for _k in range(1, n):
        items = items + shift
        for v in range(4):
            value = (<const Wide*> (items + v * VECTOR_BYTES))[0]
            join(kind, &best[v], &value)
    for v in range(4):
        if kind == MEAN:
            divide(&best[v], divisors + v * VECTOR_BYTES)
        elif kind == SCALED:
            scale(&best[v], divisors + v * VECTOR_BYTES)
        if run.streams:
            stream(to + v * VECTOR_BYTES, &best[v])
        else:
            (<Wide*> (to + v * VECTOR_BYTES))[0] = best[v]


cdef inline inlined fold_row(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t step,
                             Py_ssize_t done, const Run* run, const Wide* tag) noexcept nogil:
    """From window number `done` on; where there is a vector or more, the last one overlaps the one before it."""
    cdef Py_ssize_t i = done, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), count = run.count
    cdef Py_ssize_t shift = size if paired else run.shift
    cdef const char* divisors = run.divisors
    while i + lanes <= count:
        while step == 1 and i + 4 * lanes <= count:
            fold_four(kind, n, to, items, run, i, tag)
            i = i + 4 * lanes
        if i + lanes > count:
            break
        if run.ahead:
            prefetch(items + i * step * size + run.ahead, 0, 3)
            if step == 2:
                prefetch(items + i * step * size + VECTOR_BYTES + run.ahead, 0, 3)
        fold_vector(kind, n, paired, to + i * size, items + i * step * size, shift, step, lanes, run.streams,
                    divisors + i * size, tag)
        i = i + lanes
    if i == count:
        return
    if count > lanes and not run.whole:
        i = count - lanes
    fold_vector(kind, n, paired, to + i * size, items + i * step * size, shift, step,
                lanes if run.whole else count - i, False, divisors + i * size, tag)


cdef inline inlined fold_twice(int kind, Py_ssize_t n, char* to, const char* items, const Run* run,
                               const Wide* tag) noexcept nogil:
    """Four vectors of extremes and those of the next row, which share all items but one each."""
    cdef Wide best[4]
    cdef Wide value
    cdef int v
    cdef Py_ssize_t _k, shift = run.shift, next_to = run.next_to    # which stores of results cannot change
    cdef const char* line = items + shift
    for v in range(4):
        best[v] = (<const Wide*> (line + v * VECTOR_BYTES))[0]
    for _k in range(2, n):
        line = line + shift
        for v in range(4):
            value = (<const Wide*> (line + v * VECTOR_BYTES))[0]
            join(kind, &best[v], &value)
    line = line + shift
    for v in range(4):
        value = (<const Wide*> (items + v * VECTOR_BYTES))[0]
        join(kind, &value, &best[v])
        (<Wide*> (to + v * VECTOR_BYTES))[0] = value
    for v in range(4):
        value = (<const Wide*> (line + v * VECTOR_BYTES))[0]
        join(kind, &best[v], &value)
        (<Wide*> (to + next_to + v * VECTOR_BYTES))[0] = best[v]


cdef inline inlined fold_two_rows(int kind, Py_ssize_t n, char* to, const char* items, const Run* run,
                                  const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, size = item_bytes(tag), block = 4 * VECTOR_BYTES // item_bytes(tag)
    while i + block <= run.count:
        fold_twice(kind, n, to + i * size, items + i * size, run, tag)
        i = i + block
    fold_row(kind, n, False, to, items, 1, i, run, tag)
    fold_row(kind, n, False, to + run.next_to, items + run.next_items, 1, i, run, tag)


cdef inline inlined fold_rows(int kind, Py_ssize_t n, bint paired, char* to, const char* items, Py_ssize_t step,
                              const Run* run, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef bint extremes = kind != SUM and kind != MEAN and kind != SCALED
    cdef bint shared = extremes and step == 1 and n > 2 and run.next_items == run.shift
    # Two lines at once past the caches would be slower.
    while shared and not run.streams and i + 2 <= run.times:
        fold_two_rows(kind, n, to + i * run.next_to, items + i * run.next_items, run, tag)
        i = i + 2
    while i < run.times:
        fold_row(kind, n, paired, to + i * run.next_to, items + i * run.next_items, step, 0, run, tag)
        i = i + 1
