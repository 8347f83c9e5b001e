# Extremes of windows of 3x3 and 5x5 that share all items but a line or a column: from the input to the result in
# registers, a few lines of results at once.
#
# Items are joined along each line, then the lines, as windows are wherever else they are folded axis by axis. What
# padding leaves out is replaced by the window's nearest item, which changes no extreme. Start reading at `near_block`.
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item
from convops.kernels.past_caches cimport congruent
from convops.kernels.pool_band cimport Job
from convops.kernels.pool_extremes cimport i8v, i16v, i32v, u8v, u16v
from convops.kernels.pool_lanes cimport CLEAN, Wide, is_real, item_bytes, join, move, put, stream
from convops.kernels.pool_middle cimport (
    ASIDE_BYTES, END_BYTES, LINES, SHIFTED, Seen, aside_line_of, find_seen, is_dense, join_two, part_of,
    put_aside)
from convops.kernels.pool_run cimport shift_taps
from convops.kernels.pool_watch cimport begin_watch, is_watched_clean, watch
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    HIGHEST = 5                # lines of a window


cdef inline inlined join_along(int kind, int n, const char* items, const Wide* first, const Wide* second,
                               Wide* to) noexcept nogil:
    """The windows of a line, whose vectors these are."""
    cdef Wide value
    cdef int k
    to[0] = first[0]
    if SHIFTS and item_bytes(to) >= SHIFTED:
        shift_taps(kind, 1, n, first, second, to)
        return
    for k in range(1, n):
        value = (<const Wide*> (items + k * item_bytes(to)))[0]
        join(kind, to, &value)


cdef inline inlined join_across(int kind, int n, const Wide* lines, Wide* best) noexcept nogil:
    """All results of the lines; what several share is joined once."""
    cdef Wide tail
    cdef int k
    if n == 3:
        join_two(kind, lines, best)
        join_two(kind, lines + 2, best + 2)
        return
    best[3] = lines[3]
    for k in range(LINES, n):
        join(kind, &best[3], &lines[k])
    for k in range(2, -1, -1):
        best[k] = lines[k]
        join(kind, &best[k], &best[k + 1])
    tail = lines[n]
    join(kind, &best[1], &tail)
    join(kind, &tail, &lines[n + 1])
    join(kind, &best[2], &tail)
    join(kind, &tail, &lines[n + 2])
    join(kind, &best[3], &tail)


cdef inline inlined fold_near(int kind, int n, const Seen* near, bint* clean, const Wide* tag) noexcept nogil:
    """Vector by vector; whether none of the items was NaN or infinite."""
    cdef Seen w = near[0]
    cdef Wide first[LINES + HIGHEST - 1]
    cdef Wide lines[LINES + HIGHEST - 1]
    cdef Wide best[LINES]
    cdef Wide second, watched
    cdef Py_ssize_t i = 0, at, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef int k
    begin_watch(&watched)
    for k in range(LINES + n - 1):
        first[k] = (<const Wide*> w.rows[k])[0]
        watch(&first[k], &watched)
    while i < w.count:
        at = i * size
        for k in range(LINES + n - 1):
            if k >= n - 1 and w.ahead:
                prefetch(w.rows[k] + at + w.ahead, 0, 3)
            second = (<const Wide*> (w.rows[k] + at + VECTOR_BYTES))[0]
            watch(&second, &watched)
            join_along(kind, n, w.rows[k] + at, &first[k], &second, &lines[k])
            first[k] = second
        join_across(kind, n, lines, best)
        for k in range(LINES):
            if i + lanes > w.count:
                put(&best[k], w.out + k * w.out_line + at, w.count - i)
            elif w.streams:
                stream(w.out + k * w.out_line + at, &best[k])
            else:
                (<Wide*> (w.out + k * w.out_line + at))[0] = best[k]
        i = i + lanes
    clean[0] = not is_real(tag) or is_watched_clean(&watched)


cdef inline inlined fold_kind(int kind, const Seen* near, Py_ssize_t n, bint* clean, const Wide* tag) noexcept nogil:
    if n == 3:
        fold_near(kind, 3, near, clean, tag)
    else:
        fold_near(kind, 5, near, clean, tag)


cdef inline bint fold_clean(int kind, const Seen* near, Py_ssize_t n, const Wide* tag) noexcept nogil:
    """As if there were no NaN; whether there was none."""
    cdef bint clean
    if kind == MAXIMUM:
        fold_kind(CLEAN + MAXIMUM if Wide is f32v or Wide is f64v else MAXIMUM, near, n, &clean, tag)
    else:
        fold_kind(CLEAN + MINIMUM if Wide is f32v or Wide is f64v else MINIMUM, near, n, &clean, tag)
    return clean


cdef inline bint fold_items(int kind, const Seen* near, Py_ssize_t n, const Item* tag) noexcept nogil:
    if Item is float:
        return fold_clean(kind, near, n, <const f32v*> NULL)
    elif Item is double:
        return fold_clean(kind, near, n, <const f64v*> NULL)
    elif Item is uint8_t:
        return fold_clean(kind, near, n, <const u8v*> NULL)
    elif Item is int8_t:
        return fold_clean(kind, near, n, <const i8v*> NULL)
    elif Item is uint16_t:
        return fold_clean(kind, near, n, <const u16v*> NULL)
    elif Item is int16_t:
        return fold_clean(kind, near, n, <const i16v*> NULL)
    elif Item is int32_t:
        return fold_clean(kind, near, n, <const i32v*> NULL)
    else:
        return False


cdef inline bint fold_pieces(int kind, const Seen* near, Py_ssize_t n, const Item* tag) noexcept nogil:
    """All results, piece by piece if they wait; whether there was no NaN."""
    cdef Seen piece = near[0]
    cdef Py_ssize_t k, size = sizeof(Item), at = 0, end = near.count * size
    if near.aside == NULL:
        return fold_items(kind, near, n, tag)
    piece.out, piece.out_line, piece.streams = (
        congruent(near.aside, near.rows[0], near.out), aside_line_of(near.out_line), False)
    while at < end:
        piece.count = minimum(ASIDE_BYTES, end - at) // size
        if not fold_items(kind, &piece, n, tag):
            return False
        put_aside(near, at, &piece, piece.count * size, at + ASIDE_BYTES >= end)
        for k in range(LINES + n - 1):
            piece.rows[k] = piece.rows[k] + ASIDE_BYTES
        at = at + ASIDE_BYTES
    return True


cdef inline void copy_end(const Axis* axis, const Item* line, Py_ssize_t first, Py_ssize_t count,
                          Item* to) noexcept nogil:
    """So many positions of a padded line, those of padding with the nearest item."""
    cdef Py_ssize_t i, begin = minimum(count, maximum(0, axis.shift - first))
    cdef Py_ssize_t end = maximum(begin, minimum(count, axis.shift + axis.size - first))
    move(<char*> (to + begin), <const char*> (line + first + begin - axis.shift), (end - begin) * sizeof(Item), 0,
         <const u8v*> NULL)
    for i in range(begin):
        to[i] = line[0]
    for i in range(end, count):
        to[i] = line[axis.size - 1]


cdef inline bint fold_end(const Args* a, int kind, const Seen* w, Py_ssize_t first, Py_ssize_t end, char* copies,
                          const Item* tag) noexcept nogil:
    """Results of some lines from `first` to `end`, near an end of theirs."""
    cdef Seen here = w[0]
    cdef Py_ssize_t k, n = a.axis[2].window
    here.count, here.ahead, here.out = end - first, 0, w.out + first * <Py_ssize_t> sizeof(Item)
    for k in range(LINES + n - 1):
        here.rows[k] = copies + k * END_BYTES
        copy_end(&a.axis[2], <const Item*> w.rows[k], first, here.count + n - 1, <Item*> here.rows[k])
    return end == first or fold_items(kind, &here, n, tag)


cdef inline bint is_near(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Whether windows are such ones; a window's vectors are two at most. Loads that take the place of shifts cost more
    in 5x5 than lines that are folded and kept."""
    cdef Py_ssize_t size = sizeof(Item), window = a.axis[2].window
    return ((kind == MAXIMUM or kind == MINIMUM) and (window == 3 or (window == 5 and size >= SHIFTED))
            and a.axis[1].window == window and (window - 1) * size <= VECTOR_BYTES and is_dense(a, j, tag))


cdef inline bint near_block(const Args* a, int kind, const Job* j, Py_ssize_t h, Py_ssize_t begin, Py_ssize_t end,
                            const Item* tag) noexcept nogil:
    """All results of some lines, those from `begin` to `end` where their items lie, others in copies; False where
    there may be NaN."""
    cdef Seen w, middle
    cdef char copies[(LINES + HIGHEST - 1) * END_BYTES]
    find_seen(a, j, h, sizeof(Item), &w)
    if begin or end < w.count:
        memset(copies, 0, (LINES + HIGHEST - 1) * END_BYTES)     # vectors may read beyond what is copied
    if not fold_end(a, kind, &w, 0, begin, copies, tag) or not fold_end(a, kind, &w, end, w.count, copies, tag):
        return False
    middle = part_of(a, &w, begin, end, sizeof(Item))
    middle.ahead = LINES * a.x.step[1]
    return fold_pieces(kind, &middle, a.axis[2].window, tag)
