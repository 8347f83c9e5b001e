# Windows that slide over lines, in time that does not depend on how long they are (van Herk 1992; Gil and Werman 1993).
#
# Positions are cut into blocks as long as a window, the first of which begins at position 0 of the padded axis. A
# window is the end of one block, folded from behind, and the beginning of the next, folded from the front: three joins
# per item. Sums are made likewise; as nothing is taken away again they do not drift, and NaN does not stay. What is
# joined with what depends on the position alone. Where windows are dilated, so many chains take turns.
from convops.kernels.abi cimport Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, item_bytes, join, put, stream
from convops.kernels.pool_run cimport divide
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined
from convops.kernels.tile cimport ceil_div


cdef enum:
    COLUMNS = 4                # vectors of a line that are folded from behind together: each waits for the line before


cdef struct Slide:
    Py_ssize_t block           # positions
    Py_ssize_t dilation
    Py_ssize_t place           # of the next position in its block
    Py_ssize_t ready           # position that completes the next window, and from one window to the next
    Py_ssize_t stride
    Py_ssize_t position
    Py_ssize_t length          # items of a line
    Py_ssize_t pitch           # bytes between slots
    char* slots                # lines of the block that still may be read
    char* chains               # what was folded from the front
    bint streams               # results go past the caches


cdef inline Slide slide_from(const Axis* axis, Py_ssize_t output, Py_ssize_t length, Py_ssize_t pitch,
                             char* scratch) noexcept nogil:
    """Before the first line that output number `output` sees."""
    cdef Slide s
    s.dilation, s.stride, s.block = axis.dilation, axis.stride, axis.window * axis.dilation
    s.position = output * axis.stride
    s.place, s.ready = s.position % s.block, s.position + s.block - axis.dilation
    s.length, s.pitch, s.streams = length, pitch, False
    s.slots = scratch
    s.chains = scratch + s.block * pitch
    return s


cdef inline bint completes(const Slide* s) noexcept nogil:
    """Whether the next line completes a window."""
    return s.position == s.ready


cdef inline inlined slide_vector(int kind, bint begins, bint ends, bint joined, char* chain, char* slot,
                                 const char* rest, const char* items, char* to, Py_ssize_t count,
                                 bint streams, const char* divisors, const Wide* tag) noexcept nogil:
    """A vector of a line: `begins` a chain, `ends` a window, which is `joined` from two blocks."""
    cdef Wide value = (<const Wide*> items)[0], front = value, best
    if not begins:
        front = (<const Wide*> chain)[0]
        join(kind, &front, &value)
    elif kind == SUM or kind == MEAN:
        from_zero(&front)
    (<Wide*> chain)[0] = front
    (<Wide*> slot)[0] = value
    if ends:
        best = front
        if joined:
            best = (<const Wide*> rest)[0]
            join(kind, &best, &front)
        if kind == MEAN:
            divide(&best, divisors)
        if streams:
            stream(to, &best)
        else:
            put(&best, to, count)


cdef inline inlined slide_vectors(int kind, bint begins, bint ends, bint joined, const Slide* s, const char* items,
                                  char* to, const char* divisors, bint whole, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), length = s.length
    cdef char* slot = s.slots + s.place * s.pitch
    cdef char* chain = s.chains + (s.place % s.dilation if s.dilation > 1 else 0) * s.pitch
    cdef const char* rest = slot + s.dilation * s.pitch
    if whole:
        length = ceil_div(length, lanes) * lanes
    while i + lanes <= length:
        slide_vector(kind, begins, ends, joined, chain + i * size, slot + i * size, rest + i * size, items + i * size,
                     to + i * size, lanes, s.streams, divisors + i * size, tag)
        i = i + lanes
    if i < length:
        slide_vector(kind, begins, ends, joined, chain + i * size, slot + i * size, rest + i * size, items + i * size,
                     to + i * size, length - i, False, divisors + i * size, tag)


cdef inline inlined fold_columns(int kind, int columns, const Slide* s, char* first, const Wide* tag) noexcept nogil:
    """All lines of a block from behind, some neighbouring vectors of each."""
    cdef Py_ssize_t k, ahead = s.dilation * s.pitch
    cdef int v
    cdef char* slot
    cdef Wide best[COLUMNS]
    cdef Wide value
    for k in range(s.dilation):
        slot = first + (s.block - 1 - k) * s.pitch
        for v in range(columns):
            best[v] = (<const Wide*> (slot + v * VECTOR_BYTES))[0]
            if kind == SUM or kind == MEAN:
                from_zero(&best[v])
            (<Wide*> (slot + v * VECTOR_BYTES))[0] = best[v]
        while slot - ahead >= first:
            slot = slot - ahead
            for v in range(columns):
                value = (<const Wide*> (slot + v * VECTOR_BYTES))[0]
                join(kind, &value, &best[v])
                best[v] = value
                (<Wide*> (slot + v * VECTOR_BYTES))[0] = value


cdef inline inlined fold_back(int kind, const Slide* s, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, end = s.length * item_bytes(tag)
    while i + COLUMNS * VECTOR_BYTES <= end:
        fold_columns(kind, COLUMNS, s, s.slots + i, tag)
        i = i + COLUMNS * VECTOR_BYTES
    while i < end:
        fold_columns(kind, 1, s, s.slots + i, tag)
        i = i + VECTOR_BYTES


cdef inline inlined slide_kind(int kind, Slide* s, const char* items, char* to, const char* divisors, bint whole,
                               const Wide* tag) noexcept nogil:
    cdef bint begins = s.place < s.dilation, joined = s.place + s.dilation < s.block
    if completes(s):
        if begins:
            slide_vectors(kind, True, True, True, s, items, to, divisors, whole, tag)
        elif joined:
            slide_vectors(kind, False, True, True, s, items, to, divisors, whole, tag)
        else:
            slide_vectors(kind, False, True, False, s, items, to, divisors, whole, tag)
        s.ready = s.ready + s.stride
    elif begins:
        slide_vectors(kind, True, False, False, s, items, to, divisors, whole, tag)
    else:
        slide_vectors(kind, False, False, False, s, items, to, divisors, whole, tag)
    s.position, s.place = s.position + 1, s.place + 1
    if s.place == s.block:
        fold_back(kind, s, tag)
        s.place = 0


cdef inline void slide(int kind, Slide* s, const char* items, char* to, const char* divisors, bint whole,
                       const Wide* tag) noexcept nogil:
    """Take the next line; the window that it completes, if any, goes to `to`, divided if a mean."""
    if kind == MAXIMUM:
        slide_kind(MAXIMUM, s, items, to, divisors, whole, tag)
    elif kind == MINIMUM:
        slide_kind(MINIMUM, s, items, to, divisors, whole, tag)
    elif Wide is f32v or Wide is f64v:
        if kind == CLEAN + MAXIMUM:
            slide_kind(CLEAN + MAXIMUM, s, items, to, divisors, whole, tag)
        elif kind == CLEAN + MINIMUM:
            slide_kind(CLEAN + MINIMUM, s, items, to, divisors, whole, tag)
        elif kind == MEAN:
            slide_kind(MEAN, s, items, to, divisors, whole, tag)
        else:
            slide_kind(SUM, s, items, to, divisors, whole, tag)
