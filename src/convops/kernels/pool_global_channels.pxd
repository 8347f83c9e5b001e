# A global pool where channels lie side by side: vectors run over these. Start reading at `fold_run`.
from convops.kernels.abi cimport Args
from convops.kernels.pool_global cimport HALF, PARTS, Block, join_parts, neutral, tap
from convops.kernels.pool_lanes cimport item_bytes, join, take
from convops.kernels.simd cimport VECTOR_BYTES, Vector, inlined
from convops.kernels.tile cimport ceil_div

cdef enum:
    ROOM = 1 << 14             # bytes of the parts of the channels that are folded together: they stay in a cache
    TOGETHER = 4               # taps of a part that are folded at once


cdef enum Step:
    BEGIN                      # a part's first taps
    GO_ON                      # the next ones
    JOIN                       # all of another part, which is then joined with this one


cdef inline inlined fold_some(int kind, int n, Step step, const char* const* taps, Py_ssize_t count, char* part,
                              const Vector* tag) noexcept nogil:
    """Neighbouring channels of `n` taps of a part into it."""
    cdef Py_ssize_t c = 0, at = 0, lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Vector best, value
    cdef int k
    while c < count:
        neutral(kind, &best)
        if step == GO_ON:
            best = (<const Vector*> (part + at))[0]
        for k in range(n):
            if c + lanes <= count:
                value = (<const Vector*> (taps[k] + at))[0]
            else:
                take(taps[k] + at, count - c, &value)
            join(kind, &best, &value)
        if step == JOIN:
            value = (<const Vector*> (part + at))[0]
            join(kind, &value, &best)
            best = value
        (<Vector*> (part + at))[0] = best
        c, at = c + lanes, at + VECTOR_BYTES


cdef inline inlined fold_taps(int kind, int n, Step step, const char* const* taps, Py_ssize_t count, char* part,
                              const Vector* tag) noexcept nogil:
    if step == BEGIN:
        fold_some(kind, n, BEGIN, taps, count, part, tag)
    elif step == GO_ON:
        fold_some(kind, n, GO_ON, taps, count, part, tag)
    else:
        fold_some(kind, n, JOIN, taps, count, part, tag)


cdef inline inlined fold_these(int kind, int n, Step step, const char* const* taps, Py_ssize_t count, char* part,
                               const Vector* tag) noexcept nogil:
    """Loops of their own for each number of taps."""
    if n == 4:
        fold_taps(kind, 4, step, taps, count, part, tag)
    elif n == 3:
        fold_taps(kind, 3, step, taps, count, part, tag)
    elif n == 2:
        fold_taps(kind, 2, step, taps, count, part, tag)
    elif n == 1:
        fold_taps(kind, 1, step, taps, count, part, tag)
    elif step == BEGIN:
        fold_taps(kind, 0, BEGIN, taps, count, part, tag)


cdef inline int find_taps(const Args* a, const Block* b, const char* items, Py_ssize_t first,
                          const char** taps) noexcept nogil:
    """The next taps of a part, at most TOGETHER."""
    cdef int n = 0
    while n < TOGETHER and first + n * PARTS < b.size:
        taps[n] = tap(a, b, items, first + n * PARTS)
        n = n + 1
    return n


cdef inline int parts_of(const Block* b) noexcept nogil:
    """Parts that are kept: halves of those whose taps are all folded at once are joined without delay."""
    return HALF if b.size <= TOGETHER * PARTS else PARTS


cdef inline inlined fold_run(const Args* a, int kind, const Block* b, const char* items, Py_ssize_t count, char* parts,
                             const Vector* tag) noexcept nogil:
    """Channels side by side, of which all parts have room, TOGETHER taps of a part at once; the results are the first
    part."""
    cdef const char* taps[TOGETHER]
    cdef Py_ssize_t first = 0, pitch = ROOM // parts_of(b), _
    cdef int p, n
    while first == 0 or first < b.size:
        for p in range(PARTS):
            n = find_taps(a, b, items, first + p, taps)
            if parts_of(b) == HALF:
                fold_these(kind, n, BEGIN if p < HALF else JOIN, taps, count, parts + p % HALF * pitch, tag)
            else:
                fold_these(kind, n, GO_ON if first else BEGIN, taps, count, parts + p * pitch, tag)
        first = first + TOGETHER * PARTS
    for _ in range(ceil_div(count * item_bytes(tag), VECTOR_BYTES)):
        if parts_of(b) == HALF:
            join_parts(kind, HALF, parts, pitch, tag)
        else:
            join_parts(kind, PARTS, parts, pitch, tag)
        parts = parts + VECTOR_BYTES
