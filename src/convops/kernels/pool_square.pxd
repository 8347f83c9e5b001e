# Extremes of square windows of 3 to 9 items that share all items but a line or a column: a few lines of results at
# once, from the input to the result in registers. Higher windows see more lines than the level-1 cache has places for,
# where these lie a power of two apart.
#
# Columns come first (`pool_columns.pxd`), in another order than that of windows that are folded axis by axis. It cannot
# be seen but where 0.0 and -0.0 meet, of which the first one counts, or NaN: then the block is refused. What padding
# leaves out is replaced by the window's nearest item. Start reading at `square_block`.
from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item
from convops.kernels.past_caches cimport congruent, items_before
from convops.kernels.pool_band cimport Job
from convops.kernels.pool_columns cimport (
    HELD, begin_along, find_places, fold_along, fold_down, pad_before, pad_behind, pick_between, picks,
    turn_lanes)
from convops.kernels.pool_extremes cimport i8v, i16v, i32v, u8v, u16v
from convops.kernels.pool_lanes cimport CLEAN, Wide, is_real, item_bytes, put, stream, take
from convops.kernels.pool_middle cimport (
    ASIDE_BYTES, LINES, SHIFTED, Seen, aside_line_of, find_seen, is_dense, part_of, put_aside)
from convops.kernels.pool_watch cimport begin_watch, is_watched_clean, is_without_negative_zero, watch, watch_zeros
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    LEAST = 3
    MOST = 9
    LARGE = 64                 # bytes of the vectors of levels that gain by it


cdef inline Py_ssize_t ahead_of_line(const Seen* f, int n, Py_ssize_t size) noexcept nogil:
    """Bytes up to the next cache line from the last item of the first window on; 0 where items lie across them."""
    return items_before(f.rows[0] + (n - 1) * size, size) * size


cdef inline inlined begin_lines(int kind, int n, const Seen* f, Py_ssize_t lead, Wide held[LINES][HELD],
                                Wide* windows, Wide* watched, i32v* least) noexcept nogil:
    """The windows that end before byte `lead` of the lines, from items that begin with the lines."""
    cdef Wide columns[LINES]
    cdef Wide before
    cdef Py_ssize_t lanes = VECTOR_BYTES // item_bytes(watched)
    cdef bint twice = lead > VECTOR_BYTES
    cdef i32v places
    cdef int k
    find_places(lead - VECTOR_BYTES if twice else lead, &places, watched)
    fold_down(kind, n, f, 0, lanes, columns, watched, least)
    for k in range(LINES):
        if picks(watched):
            pick_between(places, &columns[k], &columns[k], &before)
        else:
            turn_lanes(n - 1, &columns[k], &before)
        begin_along(kind, n, held[k], &before, &windows[k])
    if twice:
        fold_down(kind, n, f, lead - VECTOR_BYTES, lanes, columns, watched, least)
        for k in range(LINES):
            fold_along(kind, n, held[k], &columns[k], &windows[k])


cdef inline inlined fold_middle(int kind, int n, const Seen* f, Wide* watched, i32v* least) noexcept nogil:
    """Vector by vector, each from a cache line if items begin with one: those that are met twice would drive out
    others, where lines lie a power of two apart. Windows end with them, results are picked from two of these."""
    cdef Wide held[LINES][HELD]
    cdef Wide windows[LINES]
    cdef Wide columns[LINES]
    cdef Wide best, result
    cdef Py_ssize_t i = 0, at, size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched)
    cdef Py_ssize_t past = ahead_of_line(f, n, size) if picks(watched) else 0, lead = (n - 1) * size + past
    cdef i32v places
    cdef int k
    find_places(VECTOR_BYTES - past, &places, watched)
    begin_lines(kind, n, f, lead, held, windows, watched, least)
    while i < f.count:
        at = i * size
        fold_down(kind, n, f, lead + at, lanes, columns, watched, least)
        for k in range(LINES):
            fold_along(kind, n, held[k], &columns[k], &best)
            result = best
            if picks(watched):
                pick_between(places, &windows[k], &best, &result)
                windows[k] = best
            if f.streams:
                stream(f.out + k * f.out_line + at, &result)
            else:
                (<Wide*> (f.out + k * f.out_line + at))[0] = result
        i = i + lanes


cdef inline inlined fold_pieces(int kind, int n, const Seen* f, Wide* watched, i32v* least) noexcept nogil:
    """The same, piece by piece, which wait."""
    cdef Seen piece = f[0]
    cdef Py_ssize_t k, size = item_bytes(watched), at = 0, end = f.count * item_bytes(watched)
    piece.out, piece.out_line, piece.streams = (
        congruent(f.aside, f.rows[0], f.out), aside_line_of(f.out_line), False)
    while at < end:
        piece.count = minimum(ASIDE_BYTES, end - at) // size
        fold_middle(kind, n, &piece, watched, least)
        put_aside(f, at, &piece, piece.count * size, at + ASIDE_BYTES >= end)
        for k in range(n + LINES - 1):
            piece.rows[k] = piece.rows[k] + ASIDE_BYTES
        at = at + ASIDE_BYTES


cdef inline inlined begin_windows(int kind, int n, const Wide* columns, Wide held[LINES][HELD]) noexcept nogil:
    """From the first n - 1 columns."""
    cdef Wide before, ignored
    cdef int k
    for k in range(LINES):
        turn_lanes(n - 1, &columns[k], &before)
        begin_along(kind, n, held[k], &before, &ignored)


cdef inline inlined fold_begin(int kind, int n, const Seen* f, const Axis* axis, Py_ssize_t count, Wide* watched,
                               i32v* least) noexcept nogil:
    """The first results of some lines, some of which may see padding."""
    cdef Wide held[LINES][HELD]
    cdef Wide columns[LINES]
    cdef Wide result
    cdef Py_ssize_t i = 0, size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched)
    cdef int k
    fold_down(kind, n, f, 0, lanes, columns, watched, least)
    for k in range(LINES):
        pad_before(axis.shift, &columns[k])
    begin_windows(kind, n, columns, held)
    while i < count:
        fold_down(kind, n, f, (i + n - 1 - axis.shift) * size, lanes, columns, watched, least)
        for k in range(LINES):
            fold_along(kind, n, held[k], &columns[k], &result)
            put(&result, f.out + k * f.out_line + i * size, minimum(lanes, count - i))
        i = i + lanes


cdef inline inlined fold_rest(int kind, int n, const Seen* f, const Axis* axis, Py_ssize_t count, Wide* watched,
                              i32v* least) noexcept nogil:
    """The last results, of which the very last may see padding, and some before them in whole vectors."""
    cdef Wide held[LINES][HELD]
    cdef Wide columns[LINES]
    cdef Wide result
    cdef Py_ssize_t size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched), first, beyond
    cdef Py_ssize_t i = f.count - (count + lanes - 1) // lanes * lanes
    cdef int k
    fold_down(kind, n, f, (i - axis.shift) * size, lanes, columns, watched, least)
    begin_windows(kind, n, columns, held)
    while i < f.count:
        first = i + n - 1 - axis.shift
        beyond = maximum(0, first + lanes - axis.size)
        fold_down(kind, n, f, (first - beyond) * size, lanes, columns, watched, least)
        for k in range(LINES):
            pad_behind(beyond, &columns[k])
            fold_along(kind, n, held[k], &columns[k], &result)
            (<Wide*> (f.out + k * f.out_line + i * size))[0] = result
        i = i + lanes


cdef inline inlined fold_parts(int kind, int n, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end,
                               Wide* watched, i32v* least) noexcept nogil:
    """All results of some lines: those from `begin` to `end` where their items lie, and both ends."""
    cdef Wide seen = watched[0]    # which stores of results cannot change
    cdef i32v low = least[0]
    cdef Py_ssize_t size = item_bytes(watched)
    cdef Seen middle = part_of(a, f, begin, end, size)
    # A vector more is read where those of the lines lie that far ahead.
    if picks(watched) and (n - 1) * size + ahead_of_line(&middle, n, size) > VECTOR_BYTES:
        middle.count = middle.count - VECTOR_BYTES // size
    if begin:
        fold_begin(kind, n, f, &a.axis[2], begin, &seen, &low)
    if begin + middle.count < f.count:
        fold_rest(kind, n, f, &a.axis[2], f.count - begin - middle.count, &seen, &low)
    if f.aside == NULL:
        fold_middle(kind, n, &middle, &seen, &low)
    else:
        fold_pieces(kind, n, &middle, &seen, &low)
    watched[0], least[0] = seen, low


cdef inline inlined fold_kind(int kind, int n, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end,
                              Wide* watched, i32v* least) noexcept nogil:
    if kind == MAXIMUM:
        fold_parts(CLEAN + MAXIMUM if is_real(watched) else MAXIMUM, n, a, f, begin, end, watched, least)
    else:
        fold_parts(CLEAN + MINIMUM if is_real(watched) else MINIMUM, n, a, f, begin, end, watched, least)


cdef inline outlined fold_3(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 3, a, f, begin, end, watched, least)


cdef inline outlined fold_4(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 4, a, f, begin, end, watched, least)


cdef inline outlined fold_5(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 5, a, f, begin, end, watched, least)


cdef inline outlined fold_6(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 6, a, f, begin, end, watched, least)


cdef inline outlined fold_7(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 7, a, f, begin, end, watched, least)


cdef inline outlined fold_8(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 8, a, f, begin, end, watched, least)


cdef inline outlined fold_9(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                            i32v* least) noexcept nogil:
    fold_kind(kind, 9, a, f, begin, end, watched, least)


cdef inline void fold_window(int kind, const Args* a, const Seen* f, Py_ssize_t begin, Py_ssize_t end, Wide* watched,
                             i32v* least) noexcept nogil:
    """A loop of its own for every window; even ones of short items have none."""
    cdef Py_ssize_t n = a.axis[2].window
    cdef bint narrow = item_bytes(watched) < SHIFTED
    if n == 3:
        fold_3(kind, a, f, begin, end, watched, least)
    elif n == 5:
        fold_5(kind, a, f, begin, end, watched, least)
    elif n == 7:
        fold_7(kind, a, f, begin, end, watched, least)
    elif n == 9 or narrow:
        fold_9(kind, a, f, begin, end, watched, least)
    elif n == 4:
        fold_4(kind, a, f, begin, end, watched, least)
    elif n == 6:
        fold_6(kind, a, f, begin, end, watched, least)
    else:
        fold_8(kind, a, f, begin, end, watched, least)


cdef inline inlined watch_lines(const Args* a, const Seen* f, Wide* watched, i32v* least) noexcept nogil:
    """The lines that the first results see, but for those that are new to every result."""
    cdef Py_ssize_t k, i, size = item_bytes(watched), lanes = VECTOR_BYTES // item_bytes(watched)
    cdef Wide value
    for k in range(a.axis[1].window - 1):
        i = 0
        while i < a.axis[2].size:
            take(f.rows[k] + i * size, minimum(lanes, a.axis[2].size - i), &value)
            watch(&value, watched)
            watch_zeros(&value, least)
            i = i + lanes


cdef inline bint fold_lines(const Args* a, int kind, const Seen* f, bint first, Py_ssize_t begin, Py_ssize_t end,
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
    fold_window(kind, a, f, begin, end, &watched, &least)
    return not is_real(tag) or (is_watched_clean(&watched) and is_without_negative_zero(least))


cdef inline bint is_square(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Whether windows are such ones."""
    cdef Py_ssize_t size = sizeof(Item), window = a.axis[2].window
    return (SHIFTS and VECTOR_BYTES == LARGE and (kind == MAXIMUM or kind == MINIMUM)
            and LEAST <= window <= MOST and a.axis[1].window == window and (window - 1) * size <= VECTOR_BYTES
            and (window % 2 or size >= SHIFTED) and is_dense(a, j, tag)
            and a.axis[2].shift < window and a.axis[2].out - a.axis[2].shift <= a.axis[2].size)


cdef inline bint square_block(const Args* a, int kind, const Job* j, Py_ssize_t h, bint first, Py_ssize_t begin,
                              Py_ssize_t end, const Item* tag) noexcept nogil:
    """All results of some lines, from line `h` on, the `first` ones or behind others; False where another order of
    joining items may have another result."""
    cdef Seen f
    find_seen(a, j, h, sizeof(Item), &f)
    f.ahead = LINES * a.x.step[1] - VECTOR_BYTES
    if Item is float:
        return fold_lines(a, kind, &f, first, begin, end, <const f32v*> NULL)
    elif Item is double:
        return fold_lines(a, kind, &f, first, begin, end, <const f64v*> NULL)
    elif Item is int32_t:
        return fold_lines(a, kind, &f, first, begin, end, <const i32v*> NULL)
    elif Item is uint8_t:
        return fold_lines(a, kind, &f, first, begin, end, <const u8v*> NULL)
    elif Item is int8_t:
        return fold_lines(a, kind, &f, first, begin, end, <const i8v*> NULL)
    elif Item is uint16_t:
        return fold_lines(a, kind, &f, first, begin, end, <const u16v*> NULL)
    else:
        return fold_lines(a, kind, &f, first, begin, end, <const i16v*> NULL)
