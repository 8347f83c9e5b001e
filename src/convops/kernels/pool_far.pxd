# Extremes of windows of 6 to 9 items along a line that share all items but a line or a column: a few lines of results
# at once, from the input to the result in registers, first down the columns, then along. Higher windows see more lines
# than the level-1 cache has places for, where these lie a power of two apart.
#
# This is another order than that of windows that are folded axis by axis. It cannot be seen but where 0.0 and -0.0
# meet, of which the first one counts, or NaN; the caller goes the other way then. What padding leaves out is replaced
# by the window's nearest item. Start reading at `far_lines`.
from libc.stdint cimport int32_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item
from convops.kernels.past_caches cimport congruent
from convops.kernels.pool_band cimport Job, out_line
from convops.kernels.pool_extremes cimport i32v
from convops.kernels.pool_lanes cimport CLEAN, Wide, is_real, item_bytes, join, put, shift_lanes, stream, take
from convops.kernels.pool_middle cimport (
    ASIDE_BYTES, LINES, SHIFTED, aside_line_of, find_middle, is_aligned, is_dense, put_aside)
from convops.kernels.pool_watch cimport begin_watch, is_watched_clean, is_without_negative_zero, watch, watch_zeros
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    LEAST = 6
    MOST = 9
    SEEN = 12                  # lines of the input, at most
    LARGE = 64                 # bytes of the vectors of levels that gain by it
    PIECE = 6 * VECTOR_BYTES   # of a line of columns near an end: what its results see, in whole vectors


# Some lines of results, and the input lines that they see, from the first item on.
cdef struct Far:
    const char* rows[SEEN]
    Py_ssize_t high            # lines of a window
    char* out
    Py_ssize_t out_line
    Py_ssize_t count           # results of a line
    Py_ssize_t ahead           # so many bytes behind the last lines are asked for
    bint streams               # results go past the caches
    char* aside                # where pieces of them wait if their lines do not begin with cache lines; NULL: nowhere


cdef inline inlined join_row(int kind, const char* items, Py_ssize_t count, Wide* best) noexcept nogil:
    cdef Wide value
    take(items, count, &value)
    join(kind, best, &value)


cdef inline inlined join_new_row(int kind, const char* items, Py_ssize_t count, Wide* best, Wide* sum,
                                 i32v* least) noexcept nogil:
    """The same of a line that no results before have seen."""
    cdef Wide value
    take(items, count, &value)
    join(kind, best, &value)
    if is_real(best):
        sum[0] = sum[0] + value
        watch_zeros(&value, least)


cdef inline inlined fold_down(int kind, const Far* f, Py_ssize_t at, Py_ssize_t count, Wide* best, Wide* watched,
                              i32v* least) noexcept nogil:
    """A vector of columns of all lines, at byte `at`; what several windows share is joined once."""
    cdef Wide core, tail, sum
    cdef Py_ssize_t k, high = f.high
    begin_watch(&sum)
    for k in range(high - 1, high + LINES - 1):
        prefetch(f.rows[k] + at + f.ahead, 0, 3)
    take(f.rows[LINES - 1] + at, count, &core)
    for k in range(LINES, high - 1):
        join_row(kind, f.rows[k] + at, count, &core)
    join_new_row(kind, f.rows[high - 1] + at, count, &core, &sum, least)
    best[3] = core
    for k in range(LINES - 2, -1, -1):
        join_row(kind, f.rows[k] + at, count, &core)
        best[k] = core
    take(f.rows[high] + at, count, &tail)
    join_new_row(kind, f.rows[high] + at, count, &tail, &sum, least)
    join(kind, &best[1], &tail)
    join_new_row(kind, f.rows[high + 1] + at, count, &tail, &sum, least)
    join(kind, &best[2], &tail)
    join_new_row(kind, f.rows[high + 2] + at, count, &tail, &sum, least)
    join(kind, &best[3], &tail)
    watch(&sum, watched)


cdef inline inlined join_shifted(int kind, int k, Wide* items, const Wide* later) noexcept nogil:
    """With the items k places later."""
    cdef Wide value
    shift_lanes(k, items, later, &value)
    join(kind, items, &value)


cdef inline inlined fold_along(int kind, int n, const Wide* first, const Wide* second, Wide* to) noexcept nogil:
    """Windows of 2 and 4 items, and of two of these. Of the later vectors, as many items are right as are needed."""
    cdef Wide later = second[0], tail
    to[0] = first[0]
    join_shifted(kind, 1, to, &later)
    join_shifted(kind, 1, &later, &later)
    join_shifted(kind, 2, to, &later)
    join_shifted(kind, 2, &later, &later)
    join_shifted(kind, 4 if n > 8 else n - 4, to, &later)
    if n > 8:
        shift_lanes(8, first, second, &tail)
        join(kind, to, &tail)


cdef inline inlined fold_far(int kind, int n, const Far* f, Wide* watched, i32v* least) noexcept nogil:
    """Vector by vector; each is read with the next one."""
    cdef Wide columns[LINES]
    cdef Wide later[LINES]
    cdef Wide best
    cdef Py_ssize_t i = 0, at, lanes = VECTOR_BYTES // item_bytes(watched)
    cdef int k
    fold_down(kind, f, 0, lanes, columns, watched, least)
    while i < f.count:
        at = i * item_bytes(watched)
        fold_down(kind, f, at + VECTOR_BYTES, lanes, later, watched, least)
        for k in range(LINES):
            fold_along(kind, n, &columns[k], &later[k], &best)
            columns[k] = later[k]
            if f.streams:
                stream(f.out + k * f.out_line + at, &best)
            else:
                (<Wide*> (f.out + k * f.out_line + at))[0] = best
        i = i + lanes


cdef inline inlined fold_pieces(int kind, int n, const Far* f, Wide* watched, i32v* least) noexcept nogil:
    """The same, piece by piece, which wait."""
    cdef Far piece = f[0]
    cdef Py_ssize_t k, size = item_bytes(watched), at = 0, end = f.count * item_bytes(watched)
    piece.out, piece.out_line, piece.streams = congruent(f.aside, f.out), aside_line_of(f.out_line), False
    while at < end:
        piece.count = minimum(ASIDE_BYTES, end - at) // size
        fold_far(kind, n, &piece, watched, least)
        put_aside(f.out + at, f.out_line, piece.out, piece.out_line, piece.count * size, at == 0,
                  at + ASIDE_BYTES >= end)
        for k in range(f.high + LINES - 1):
            piece.rows[k] = piece.rows[k] + ASIDE_BYTES
        at = at + ASIDE_BYTES


cdef inline void repeat_ends(char* line, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t length,
                             const Wide* tag) noexcept nogil:
    """Items before `begin` like the first, those from `end` on like the last."""
    cdef Py_ssize_t i
    for i in range(length):
        if Wide is f64v:
            (<double*> line)[i] = (<double*> line)[minimum(end - 1, maximum(begin, i))]
        else:
            (<int32_t*> line)[i] = (<int32_t*> line)[minimum(end - 1, maximum(begin, i))]


cdef inline inlined fold_end(int kind, int n, const Far* f, const Axis* axis, Py_ssize_t first, Py_ssize_t end,
                             Wide* watched, i32v* least) noexcept nogil:
    """Results from `first` to `end`, near an end of their lines: in a copy of columns with their padding."""
    cdef char lines[LINES * PIECE]
    cdef Wide best[LINES]
    cdef Wide result
    cdef Py_ssize_t size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched)
    cdef Py_ssize_t length = end - first + n - 1
    cdef Py_ssize_t begin = maximum(0, axis.shift - first), last = minimum(length, axis.size + axis.shift - first)
    cdef Py_ssize_t i = begin
    cdef int k
    while i < last:
        fold_down(kind, f, (first + i - axis.shift) * size, minimum(lanes, last - i), best, watched, least)
        for k in range(LINES):
            (<Wide*> (lines + k * PIECE + i * size))[0] = best[k]
        i = i + lanes
    for k in range(LINES):
        repeat_ends(lines + k * PIECE, begin, last, length, watched)
        i = 0
        while i < end - first:
            fold_along(kind, n, <const Wide*> (lines + k * PIECE + i * size),
                       <const Wide*> (lines + k * PIECE + i * size + VECTOR_BYTES), &result)
            put(&result, f.out + k * f.out_line + (first + i) * size, minimum(lanes, end - first - i))
            i = i + lanes


cdef inline inlined fold_window(int kind, int n, const Args* a, const Far* f, Py_ssize_t begin, Py_ssize_t end,
                                Wide* watched, i32v* least) noexcept nogil:
    cdef Far middle = f[0]
    cdef Py_ssize_t k, size = item_bytes(watched)
    if begin:
        fold_end(kind, n, f, &a.axis[2], 0, begin, watched, least)
    if end < a.axis[2].out:
        fold_end(kind, n, f, &a.axis[2], end, a.axis[2].out, watched, least)
    middle.out, middle.count = f.out + begin * size, end - begin
    for k in range(f.high + LINES - 1):
        middle.rows[k] = f.rows[k] + (begin - a.axis[2].shift) * size
    if f.aside == NULL:
        fold_far(kind, n, &middle, watched, least)
    else:
        fold_pieces(kind, n, &middle, watched, least)


cdef inline inlined fold_kind(int kind, const Args* a, const Far* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                              i32v* least) noexcept nogil:
    """A loop of its own for every window."""
    if a.axis[2].window == 6:
        fold_window(kind, 6, a, f, begin, end, watched, least)
    elif a.axis[2].window == 7:
        fold_window(kind, 7, a, f, begin, end, watched, least)
    elif a.axis[2].window == 8:
        fold_window(kind, 8, a, f, begin, end, watched, least)
    else:
        fold_window(kind, 9, a, f, begin, end, watched, least)


cdef inline inlined watch_lines(const Args* a, const Far* f, Wide* watched, i32v* least) noexcept nogil:
    """The lines that the first results see, but for those that are new to every result."""
    cdef Py_ssize_t k, i, size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched)
    cdef Wide value
    for k in range(f.high - 1):
        i = 0
        while i < a.axis[2].size:
            take(f.rows[k] + i * size, minimum(lanes, a.axis[2].size - i), &value)
            watch(&value, watched)
            watch_zeros(&value, least)
            i = i + lanes


cdef inline bint fold_lines(const Args* a, int kind, const Far* f, bint first, Py_ssize_t begin, Py_ssize_t end,
                            const Wide* tag) noexcept nogil:
    """Whether no other order could have another result."""
    cdef Wide watched
    cdef i32v least
    if VECTOR_BYTES != LARGE or not SHIFTS:
        return False
    begin_watch(&watched)
    least = (<i32v*> &watched)[0] if is_real(tag) else (<const i32v*> f.rows[0])[0]
    if first and is_real(tag):
        watch_lines(a, f, &watched, &least)
    if kind == MAXIMUM:
        fold_kind(CLEAN + MAXIMUM if Wide is f32v or Wide is f64v else MAXIMUM, a, f, begin, end, &watched, &least)
    else:
        fold_kind(CLEAN + MINIMUM if Wide is f32v or Wide is f64v else MINIMUM, a, f, begin, end, &watched, &least)
    return not is_real(tag) or (is_watched_clean(&watched) and is_without_negative_zero(least))


cdef inline bint far_block(const Args* a, int kind, const Job* j, Py_ssize_t h, bint first, Py_ssize_t begin,
                           Py_ssize_t end, const Item* tag) noexcept nogil:
    """All results of some lines, from line `h` on; lines of padding are replaced by the nearest."""
    cdef Far f
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t k, line
    f.high, f.streams, f.ahead = axis.window, j.streams, LINES * a.x.step[1]
    f.aside = j.scratch if j.streams and not is_aligned(a) else NULL
    f.out, f.out_line, f.count = out_line(a, j, h - j.h), a.out.step[1], 0
    for k in range(LINES + axis.window - 1):
        line = minimum(axis.size - 1, maximum(0, h + k - axis.shift))
        f.rows[k] = a.x.data + j.number * a.x.batch + j.channel * a.x.channel + line * a.x.step[1]
    if Item is float:
        return fold_lines(a, kind, &f, first, begin, end, <const f32v*> NULL)
    elif Item is double:
        return fold_lines(a, kind, &f, first, begin, end, <const f64v*> NULL)
    elif Item is int32_t:
        return fold_lines(a, kind, &f, first, begin, end, <const i32v*> NULL)
    else:
        return False


cdef inline bint is_far(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Whether windows are such ones, of items that are shifted at little cost."""
    cdef Py_ssize_t size = sizeof(Item), window = a.axis[2].window
    return (SHIFTS and VECTOR_BYTES == LARGE and size >= SHIFTED and (kind == MAXIMUM or kind == MINIMUM)
            and LEAST <= window <= MOST and (window - 1) * size <= VECTOR_BYTES
            and LINES < a.axis[1].window <= MOST and is_dense(a, j, tag))


cdef inline bint far_lines(const Args* a, int kind, Job* j, Py_ssize_t first, Py_ssize_t last,
                           const Item* tag) noexcept nogil:
    """Output lines [first, last) of such windows; False where they must go another way."""
    cdef Py_ssize_t begin, end, h
    j.h, j.channel = first, 0
    if last - first < LINES or not is_far(a, kind, j, tag) or not find_middle(a, j, &begin, &end, tag):
        return False
    for j.channel in range(a.channels):
        h = first
        while h < last:
            if not far_block(a, kind, j, minimum(h, last - LINES), h == first, begin, end, tag):
                return False
            h = h + LINES
    return True
