# cython: language_level=3
"""Maxima and minima over flat structures: unions of runs of neighbouring items, some on every line of the window.

Called by `backends/pool_runs.py` through `bind.pyx`; hands nothing on. Extremes of the runs of an input line are made
once for each length that occurs, each from those of a shorter one, and kept until the last window has left the line.
An output line is the extreme of as many vectors as the structure has runs. Strips of columns keep all that in a cache.

Runs are joined in C order, and each covers its items without gaps: the first of equals stays, as by the definition.
Items that are out may be no numbers, and what those mean is not known here: they are only noted, as are arrays whose
lines are not dense. Start at `tile_r`.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t
from libc.string cimport memcpy

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport INFINITY, MAXIMUM, MINIMUM, Item, highest, lowest
from convops.kernels.past_caches cimport CACHE_LINE, fence
from convops.kernels.pool_extremes cimport i8v, i16v, i32v, u8v, u16v
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, is_real, item_bytes, join, put, repeat, stream
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined
from convops.kernels.tile cimport ceil_div, maximum, minimum

cdef enum:
    STREAMED_BYTES = 1 << 23   # results from this size on leave the caches before anybody reads them
    BLOCK = 4                  # vectors of results in registers
    BEHIND = 2 * VECTOR_BYTES  # what vectors may read behind a line
    LONG = 1 << 12             # bytes of lines whose ends are strips of their own

# How a line of extremes is made: of another one, at two or three places, `second` is 0 where there are two.
cdef struct Step:
    int64_t source
    int64_t length             # items of its runs
    int64_t first
    int64_t second

# A run of the structure.
cdef struct Taken:
    int64_t row
    int64_t line               # which of the lines of extremes
    int64_t offset

# A tile at work: some output lines of one plane, or of all channels where these lie side by side; one strip of it.
cdef struct Job:
    const Step* steps
    const Taken* taken
    Py_ssize_t lines
    const char* x
    char* out
    Py_ssize_t item            # bytes of a pixel
    Py_ssize_t origin          # input column of the strip, in bytes
    Py_ssize_t width           # bytes of an input line
    Py_ssize_t bytes           # of an output line of the strip
    Py_ssize_t capacity        # of a line of extremes
    bint streams
    const char** bases
    const char** slots
    char* fill
    char* kept


cdef inline inlined widen(int kind, const char* items, char* to, Py_ssize_t bytes, Py_ssize_t first,
                          Py_ssize_t second, const Wide* tag) noexcept nogil:
    """Extremes of longer runs."""
    cdef Py_ssize_t i = 0
    cdef Wide best
    while i < bytes:
        best = (<const Wide*> (items + i))[0]
        join(kind, &best, <const Wide*> (items + i + first))
        if second:
            join(kind, &best, <const Wide*> (items + i + second))
        (<Wide*> (to + i))[0] = best
        i = i + VECTOR_BYTES


cdef inline inlined join_block(int kind, const char* const* bases, Py_ssize_t count, Py_ssize_t i, int vectors,
                               Wide* best) noexcept nogil:
    """Neighbouring vectors of results."""
    cdef Py_ssize_t e
    cdef int k
    cdef const char* items = bases[0] + i
    for k in range(vectors):
        best[k] = (<const Wide*> (items + k * VECTOR_BYTES))[0]
    for e in range(1, count):
        items = bases[e] + i
        for k in range(vectors):
            join(kind, best + k, <const Wide*> (items + k * VECTOR_BYTES))
    if kind == MAXIMUM or kind == CLEAN + MAXIMUM:  # as in the sums with the structure, -0.0 becomes 0.0
        for k in range(vectors):
            from_zero(best + k)


cdef inline inlined join_line(int kind, const char* const* bases, Py_ssize_t count, char* out, Py_ssize_t bytes,
                              bint streams, const Wide* tag) noexcept nogil:
    """A line of results."""
    cdef Py_ssize_t i = 0
    cdef int k
    cdef Wide best[BLOCK]
    while i + BLOCK * VECTOR_BYTES <= bytes:
        join_block(kind, bases, count, i, BLOCK, best)
        for k in range(BLOCK):
            if streams:
                stream(out + i + k * VECTOR_BYTES, best + k)
            else:
                (<Wide*> (out + i + k * VECTOR_BYTES))[0] = best[k]
        i = i + BLOCK * VECTOR_BYTES
    while i < bytes:
        join_block(kind, bases, count, i, 1, best)
        put(best, out + i, minimum(VECTOR_BYTES, bytes - i) // item_bytes(tag))
        i = i + VECTOR_BYTES


cdef inline inlined note(int kind, const char* items, Py_ssize_t bytes, Wide* worst) noexcept nogil:
    """The extreme of all items, NaN before all."""
    cdef Py_ssize_t i = 0
    while i < bytes:
        join(kind, worst, <const Wide*> (items + i))
        i = i + VECTOR_BYTES


cdef inline const char* line_of(Job* j, const char* items, char* copy, const Wide* identity) noexcept nogil:
    """The items of the strip, as they lie where all that vectors may read is there, else with padding."""
    cdef Py_ssize_t before = minimum(j.capacity, maximum(0, -j.origin))
    cdef Py_ssize_t end = maximum(before, minimum(j.capacity, j.width - j.origin)), size = item_bytes(identity)
    if before == 0 and end == j.capacity:
        return items + j.origin
    repeat(copy, identity, before // size)
    memcpy(copy + before, items + j.origin + before, end - before)
    repeat(copy + end, identity, (j.capacity - end) // size)
    return copy


cdef inline inlined enter_line(const Args* a, int kind, Job* j, Py_ssize_t line, Py_ssize_t place,
                               const Wide* identity, Wide* worst) noexcept nogil:
    """All lines of extremes of an input line."""
    cdef Py_ssize_t s, reach = a.axis[2].window, plain = kind + CLEAN if is_real(identity) else kind
    cdef const char** slots = j.slots + place * j.lines
    cdef char* to = j.kept + place * j.lines * a.scratch_line
    cdef const Step* step
    if not 0 <= line < a.axis[1].size:
        for s in range(j.lines):
            slots[s] = j.fill
        return
    slots[0] = line_of(j, j.x + line * a.x.step[1], to, identity)
    if is_real(identity):
        note(kind, slots[0], j.bytes + (reach - 1) * j.item, worst)
    for s in range(1, j.lines):
        step, to = j.steps + s - 1, to + a.scratch_line
        slots[s] = to
        if step.second:
            widen(plain, slots[step.source], to, j.bytes + (reach - step.length) * j.item, step.first * j.item,
                  step.second * j.item, identity)
        else:
            widen(plain, slots[step.source], to, j.bytes + (reach - step.length) * j.item, step.first * j.item, 0,
                  identity)


cdef inline inlined leave_line(const Args* a, int kind, Job* j, Py_ssize_t first, char* out,
                               const Wide* tag) noexcept nogil:
    """An output line whose first input line is in slot `first`."""
    cdef Py_ssize_t e, place
    for e in range(a.segments):
        place = first + j.taken[e].row
        place = place - (a.axis[1].window if place >= a.axis[1].window else 0)
        j.bases[e] = j.slots[place * j.lines + j.taken[e].line] + j.taken[e].offset * j.item
    join_line(kind + CLEAN if is_real(tag) else kind, j.bases, a.segments, out, j.bytes, j.streams, tag)


cdef inline inlined strip(const Args* a, int kind, Job* j, Py_ssize_t h, Py_ssize_t end, const Wide* identity,
                          Wide* worst) noexcept nogil:
    """Output lines [h, end) of some columns."""
    cdef Py_ssize_t line = 0, place = 0, window = a.axis[1].window
    repeat(j.fill, identity, j.capacity // item_bytes(identity))
    while h < end:
        enter_line(a, kind, j, h - a.axis[1].shift + line, place, identity, worst)
        place = place + 1 if place + 1 < window else 0
        if line + 1 < window:
            line = line + 1
            continue
        leave_line(a, kind, j, place, j.out + h * a.out.step[1], identity)
        h = h + 1


cdef inline bint is_harmless(int kind, const Wide* worst) noexcept nogil:
    """Whether no lane is NaN or the infinity that makes one of what leaves it out."""
    cdef Py_ssize_t i
    cdef double sign = 1 if kind == MAXIMUM else -1
    for i in range(VECTOR_BYTES // item_bytes(worst)):
        if Wide is f32v:
            if not sign * (<const float*> worst)[i] < INFINITY:
                return False
        elif Wide is f64v:
            if not sign * (<const double*> worst)[i] < INFINITY:
                return False
    return True


cdef inline void lay_out(const Args* a, Job* j, char* scratch, const Wide* tag) noexcept nogil:
    """Where everything is in the scratch memory."""
    j.lines = a.rank + 1
    j.steps = <const Step*> a.weights
    j.taken = <const Taken*> (j.steps + a.rank)
    j.bases = <const char**> scratch
    j.slots = j.bases + a.segments
    j.fill = scratch + a.scratch_columns
    j.kept = j.fill + a.scratch_line
    j.item = item_bytes(tag) * (a.channels if a.pixels_first else 1)
    j.width = a.axis[2].size * j.item
    j.streams = a.axis[1].out * a.axis[2].out * a.channels * item_bytes(tag) >= STREAMED_BYTES
    j.streams = j.streams and not (<size_t> a.out.data | a.out.step[1]) % CACHE_LINE


cdef inline Py_ssize_t strip_width(const Args* a, const Job* j, Py_ssize_t w) noexcept nogil:
    """Columns from `w` on; only the ends of long lines are copied, what is between them is read where it lies."""
    cdef Py_ssize_t rest = minimum(a.panel_columns, a.axis[2].out - w), vector = maximum(1, VECTOR_BYTES // j.item)
    cdef Py_ssize_t inner = (j.width - VECTOR_BYTES - BEHIND) // j.item - (w - a.axis[2].shift) - a.axis[2].window + 1
    if a.axis[2].out * j.item < LONG:
        return rest
    if w < a.axis[2].shift:
        inner = a.axis[2].shift + vector - 1
    return minimum(rest, inner // vector * vector) if inner >= vector else rest


cdef inline inlined tile_r(const Args* a, int kind, Py_ssize_t number, const Wide* identity) noexcept nogil:
    cdef Job j
    cdef Wide worst = identity[0]
    cdef Py_ssize_t bands = ceil_div(a.axis[1].out, a.tile_columns), w = 0
    cdef Py_ssize_t planes = 1 if a.pixels_first else a.channels
    cdef Py_ssize_t h = number % bands * a.tile_columns, plane = number // bands % planes
    cdef Py_ssize_t image = number // bands // planes, wide
    lay_out(a, &j, a.scratch, identity)
    while w < a.axis[2].out:
        wide = strip_width(a, &j, w)
        j.x = a.x.data + image * a.x.batch + plane * a.x.channel
        j.out = a.out.data + image * a.out.batch + plane * a.out.channel + w * j.item
        j.origin, j.bytes = (w - a.axis[2].shift) * j.item, wide * j.item
        j.capacity = ceil_div(j.bytes + (a.axis[2].window - 1) * j.item, VECTOR_BYTES) * VECTOR_BYTES + BEHIND
        strip(a, kind, &j, h, minimum(a.axis[1].out, h + a.tile_columns), identity, &worst)
        w = w + wide
    if is_real(identity) and not is_harmless(kind, &worst):
        a.nonfinite[0] = 1


cdef inline bint is_dense(const Args* a, Py_ssize_t item) noexcept nogil:
    """Whether the items of a line lie side by side, those of all channels if these stay together."""
    if a.pixels_first:
        return a.x.channel == item and a.out.channel == item and a.x.step[2] == a.channels * item == a.out.step[2]
    return a.x.step[2] == item == a.out.step[2]


cdef inline void run(const Args* a, const Item* kind, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t number, i
    cdef Wide identity
    if not is_dense(a, sizeof(Item)):
        a.nonfinite[0] = 1
        return
    for i in range(VECTOR_BYTES // <Py_ssize_t> sizeof(Item)):
        (<Item*> &identity)[i] = lowest(kind) if a.pooling == MAXIMUM else highest(kind)
    for number in range(a.tile_begin, a.tile_end):
        if a.pooling == MAXIMUM:
            tile_r(a, MAXIMUM, number, &identity)
        else:
            tile_r(a, MINIMUM, number, &identity)
    fence()


cdef api void runs_uint8(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const u8v*> NULL)


cdef api void runs_int8(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const i8v*> NULL)


cdef api void runs_uint16(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const u16v*> NULL)


cdef api void runs_int16(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const i16v*> NULL)


cdef api void runs_int32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL, <const i32v*> NULL)


cdef api void runs_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL, <const f32v*> NULL)


cdef api void runs_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL, <const f64v*> NULL)
