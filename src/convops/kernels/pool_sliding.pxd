# Windows that slide over lines, in time that does not depend on how long they are (van Herk 1992; Gil and Werman 1993).
#
# Positions are cut into blocks as long as a window, the first of which begins at position 0 of the padded axis. A
# window is the end of one block, folded from behind, and the beginning of the next, folded from the front: three joins
# per item. Sums are made likewise; as nothing is taken away again they do not drift, and NaN does not stay. What is
# joined with what depends on the position alone. Where windows are dilated, so many chains take turns.
#
# Lines lie in a ring of slots: those of a block, and the group that was folded along itself ahead of them.
from convops.kernels.abi cimport Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, item_bytes, join, put, stream
from convops.kernels.pool_rows cimport divide
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined
from convops.kernels.tile cimport ceil_div, minimum


cdef enum:
    COLUMNS = 8                # vectors of a line that are folded from behind together: each waits for the line before
    GROUP = 8                  # lines that are folded along before any is folded across


# Windows that slide over lines; of dilated ones one line at a time is taken.
cdef struct Slide:
    Py_ssize_t block           # positions
    Py_ssize_t dilation
    Py_ssize_t place           # of the next position in its block
    Py_ssize_t slot            # of the next position in the ring
    Py_ssize_t ring
    Py_ssize_t ready           # position that completes the next window, and from one window to the next
    Py_ssize_t stride
    Py_ssize_t position
    Py_ssize_t length          # items of a line
    Py_ssize_t pitch           # bytes between slots
    char* slots
    char* chains               # what was folded from the front
    bint streams               # results go past the caches


# What a few neighbouring lines of one block are joined with, and where their results go; NULL: nothing, nowhere.
cdef struct Lines:
    int count
    bint begins                # the first begins a chain
    const char* rest[GROUP]
    char* to[GROUP]


cdef inline Py_ssize_t ring_lines(Py_ssize_t block) noexcept nogil:
    return block + GROUP


cdef inline Slide slide_from(const Axis* axis, Py_ssize_t output, Py_ssize_t length, Py_ssize_t pitch,
                             char* scratch) noexcept nogil:
    """Before the first line that output number `output` sees."""
    cdef Slide s
    s.dilation, s.stride, s.block = axis.dilation, axis.stride, axis.window * axis.dilation
    s.ring, s.slot = ring_lines(s.block), 0
    s.position = output * axis.stride
    s.place, s.ready = s.position % s.block, s.position + s.block - axis.dilation
    s.length, s.pitch, s.streams = length, pitch, False
    s.slots = scratch
    s.chains = scratch + s.ring * pitch
    return s


cdef inline char* slot_at(const Slide* s, Py_ssize_t later) noexcept nogil:
    """Of the line so many positions later, or earlier: less than a ring."""
    cdef Py_ssize_t slot = s.slot + later
    if slot < 0:
        slot = slot + s.ring
    elif slot >= s.ring:
        slot = slot - s.ring
    return s.slots + slot * s.pitch


cdef inline Py_ssize_t free_slots(const Slide* s, Py_ssize_t lines) noexcept nogil:
    """How many of the next lines lie behind each other."""
    return minimum(minimum(GROUP, lines), s.ring - s.slot)


cdef inline bint completes(const Slide* s, Py_ssize_t k) noexcept nogil:
    """Whether the line k positions later, of the same block, completes a window."""
    return s.position + k >= s.ready and (s.position + k - s.ready) % s.stride == 0


cdef inline Py_ssize_t lines_together(const Slide* s, Py_ssize_t lines) noexcept nogil:
    """How many of the next lines may be taken at once."""
    return 1 if s.dilation > 1 else minimum(lines, s.block - s.place)


cdef inline void find_rests(const Slide* s, Lines* lines) noexcept nogil:
    """The ends of the blocks before."""
    cdef int k
    lines.begins = s.place < s.dilation
    for k in range(lines.count):
        lines.rest[k] = NULL
        if s.place + k + s.dilation < s.block:
            lines.rest[k] = slot_at(s, k + s.dilation - s.block)


cdef inline inlined finish(int kind, const Wide* front, const char* rest, Py_ssize_t at, char* to, Py_ssize_t count,
                           bint streams, const char* divisors) noexcept nogil:
    """A vector of results."""
    cdef Wide best = front[0]
    if rest != NULL:
        best = (<const Wide*> (rest + at))[0]
        join(kind, &best, front)
    if kind == MEAN:
        divide(&best, divisors)
    if streams:
        stream(to, &best)
    else:
        put(&best, to, count)


cdef inline inlined slide_vector(int kind, const Slide* s, const Lines* lines, char* chain, const char* slot,
                                 Py_ssize_t at, Py_ssize_t count, bint streams, const char* divisors,
                                 const Wide* tag) noexcept nogil:
    """A vector of every line, at byte `at`."""
    cdef Wide front = (<const Wide*> (slot + at))[0]
    cdef int k
    if not lines.begins:
        front = (<const Wide*> (chain + at))[0]
        join(kind, &front, <const Wide*> (slot + at))
    elif kind == SUM or kind == MEAN:
        from_zero(&front)
    for k in range(lines.count):
        if k:
            join(kind, &front, <const Wide*> (slot + k * s.pitch + at))
        if lines.to[k] != NULL:
            finish(kind, &front, lines.rest[k], at, lines.to[k] + at, count, streams, divisors + at)
    (<Wide*> (chain + at))[0] = front


cdef inline inlined slide_lines(int kind, const Slide* s, const Lines* lines, const char* divisors, bint whole,
                                const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), length = s.length
    cdef const char* slot = slot_at(s, 0)
    cdef char* chain = s.chains + (s.place % s.dilation if s.dilation > 1 else 0) * s.pitch
    if whole:
        length = ceil_div(length, lanes) * lanes
    while i + lanes <= length:
        slide_vector(kind, s, lines, chain, slot, i * size, lanes, s.streams, divisors, tag)
        i = i + lanes
    if i < length:
        slide_vector(kind, s, lines, chain, slot, i * size, length - i, False, divisors, tag)


cdef inline inlined fold_columns(int kind, int columns, const Slide* s, Py_ssize_t at, const Wide* tag) noexcept nogil:
    """All lines of a block from behind, some neighbouring vectors of each."""
    cdef Py_ssize_t k, _, ahead = s.dilation * s.pitch
    cdef int v
    cdef char* slot
    cdef Wide best[COLUMNS]
    cdef Wide value
    for k in range(s.dilation):
        slot = slot_at(s, -1 - k) + at
        for v in range(columns):
            best[v] = (<const Wide*> (slot + v * VECTOR_BYTES))[0]
            if kind == SUM or kind == MEAN:
                from_zero(&best[v])
            (<Wide*> (slot + v * VECTOR_BYTES))[0] = best[v]
        for _ in range(s.block // s.dilation - 1):
            slot = slot - ahead
            if slot < s.slots:
                slot = slot + s.ring * s.pitch
            for v in range(columns):
                value = (<const Wide*> (slot + v * VECTOR_BYTES))[0]
                join(kind, &value, &best[v])
                best[v] = value
                (<Wide*> (slot + v * VECTOR_BYTES))[0] = value


cdef inline inlined fold_back(int kind, const Slide* s, const Wide* tag) noexcept nogil:
    """The block before the next position."""
    cdef Py_ssize_t at = 0, end = s.length * item_bytes(tag)
    while at + COLUMNS * VECTOR_BYTES <= end:
        fold_columns(kind, COLUMNS, s, at, tag)
        at = at + COLUMNS * VECTOR_BYTES
    while at < end:
        fold_columns(kind, 1, s, at, tag)
        at = at + VECTOR_BYTES


cdef inline inlined slide_kind(int kind, Slide* s, const Lines* lines, const char* divisors, bint whole,
                               const Wide* tag) noexcept nogil:
    slide_lines(kind, s, lines, divisors, whole, tag)
    while s.ready < s.position + lines.count:
        s.ready = s.ready + s.stride
    s.position, s.place = s.position + lines.count, s.place + lines.count
    s.slot = (s.slot + lines.count) % s.ring
    if s.place == s.block:
        fold_back(kind, s, tag)
        s.place = 0


cdef inline void slide(int kind, Slide* s, const Lines* lines, const char* divisors, bint whole,
                       const Wide* tag) noexcept nogil:
    """Take the next lines from their slots; windows that they complete go to `lines.to`, divided if means."""
    if kind == MAXIMUM:
        slide_kind(MAXIMUM, s, lines, divisors, whole, tag)
    elif kind == MINIMUM:
        slide_kind(MINIMUM, s, lines, divisors, whole, tag)
    elif Wide is f32v or Wide is f64v:
        if kind == CLEAN + MAXIMUM:
            slide_kind(CLEAN + MAXIMUM, s, lines, divisors, whole, tag)
        elif kind == CLEAN + MINIMUM:
            slide_kind(CLEAN + MINIMUM, s, lines, divisors, whole, tag)
        elif kind == MEAN:
            slide_kind(MEAN, s, lines, divisors, whole, tag)
        else:
            slide_kind(SUM, s, lines, divisors, whole, tag)
