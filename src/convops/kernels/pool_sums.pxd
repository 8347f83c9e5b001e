# Sums and means of square windows of 3, 5, 7 and 9 items that share all items but a line or a column: a few lines of
# results at once, from the input to the result in registers.
#
# Every input line is summed along itself once. The sums of the last lines, which the next results see, too, are kept,
# in the order of results: those of a line's beginning, of its middle, of its end. Items are added along each line, then
# the lines, as windows are wherever else they are folded axis by axis. Start reading at `sum_lines`.
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport MEAN, SUM, Item
from convops.kernels.past_caches cimport PAGE, congruent
from convops.kernels.pool_band cimport Job, line_at, out_line, whole_vectors
from convops.kernels.pool_lanes cimport Wide, from_zero, item_bytes, join, put, stream
from convops.kernels.pool_means cimport divisors_of
from convops.kernels.pool_middle cimport (
    ASIDE_BYTES, END_BYTES, LINES, Seen, aside_line_of, find_middle, is_aligned, is_dense, is_met, put_aside)
from convops.kernels.pool_near cimport join_along
from convops.kernels.pool_output cimport alike
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, outlined, prefetch
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    HIGHEST = 9                # lines of a window

# A plane at work; `new` are the lines that no results before have seen.
cdef struct Sums:
    Seen new
    Py_ssize_t begin           # of the results in the middle of a line
    Py_ssize_t end
    Py_ssize_t before          # items that are kept of its beginning
    char* kept                 # sums of earlier lines, the oldest first, so many bytes apart
    Py_ssize_t pitch
    const char* divisors       # NULL: sums
    char* zeros                # a line of padding
    char* copies               # of the ends of lines
    char* aside


cdef inline inlined sum_along(int n, const char* items, Wide* first, Wide* to) noexcept nogil:
    """A vector of sums of a line whose vector is `first`, which is then the next one."""
    cdef Wide second = (<const Wide*> (items + VECTOR_BYTES))[0]
    join_along(SUM, n, items, first, &second, to)
    from_zero(to)
    first[0] = second


cdef inline inlined add_lines(int n, const Wide* lines, const char* divisors, Wide* to) noexcept nogil:
    cdef int k
    to[0] = lines[0]
    for k in range(1, n):
        join(SUM, to, &lines[k])
    if Wide is f32v or Wide is f64v:
        if divisors != NULL:
            to[0] = to[0] / (<const Wide*> divisors)[0]


cdef inline inlined put_result(const Seen* new, int k, Py_ssize_t i, const Wide* result) noexcept nogil:
    cdef Py_ssize_t size = item_bytes(result), lanes = VECTOR_BYTES // item_bytes(result)
    cdef char* to = new.out + k * new.out_line + i * size
    if i + lanes > new.count:
        put(result, to, new.count - i)
    elif new.streams:
        stream(to, result)
    else:
        (<Wide*> to)[0] = result[0]


cdef inline inlined sum_vectors(int n, int lines, const Seen* lying, char* kept, Py_ssize_t pitch,
                                const char* divisors, const Wide* tag) noexcept nogil:
    """So many new lines, and as many lines of results."""
    cdef Seen new = lying[0]
    cdef Wide first[LINES]
    cdef Wide sums[HIGHEST - 1 + LINES]
    cdef Wide result
    cdef Py_ssize_t i = 0, at, size = item_bytes(tag)
    cdef int k
    for k in range(lines):
        first[k] = (<const Wide*> new.rows[k])[0]
    while i < new.count:
        at = i * size
        for k in range(n - 1):
            sums[k] = (<const Wide*> (kept + k * pitch + at))[0]
        for k in range(lines):
            prefetch(new.rows[k] + at + new.ahead, 0, 3)
            sum_along(n, new.rows[k] + at, &first[k], &sums[n - 1 + k])
        for k in range(n - 1):
            (<Wide*> (kept + k * pitch + at))[0] = sums[lines + k]
        for k in range(lines):
            add_lines(n, &sums[k], NULL if divisors == NULL else divisors + at, &result)
            put_result(&new, k, i, &result)
        i = i + VECTOR_BYTES // size


cdef inline inlined sum_first(int n, const Seen* lying, char* kept, const Wide* tag) noexcept nogil:
    """A line that comes before the first that completes results."""
    cdef Wide first = (<const Wide*> lying.rows[0])[0], sum
    cdef Py_ssize_t i = 0, size = item_bytes(tag)
    while i < lying.count:
        sum_along(n, lying.rows[0] + i * size, &first, &sum)
        (<Wide*> (kept + i * size))[0] = sum
        i = i + VECTOR_BYTES // size


cdef inline inlined sum_some(int n, int lines, const Seen* new, char* kept, Py_ssize_t pitch, const char* divisors,
                             const Wide* tag) noexcept nogil:
    if lines == LINES:
        sum_vectors(n, LINES, new, kept, pitch, divisors, tag)
    elif lines == 1:
        sum_vectors(n, 1, new, kept, pitch, divisors, tag)
    else:
        sum_first(n, new, kept, tag)


cdef inline outlined sum_3(int lines, const Seen* new, char* kept, Py_ssize_t pitch, const char* divisors,
                           const Wide* tag) noexcept nogil:
    sum_some(3, lines, new, kept, pitch, divisors, tag)


cdef inline outlined sum_5(int lines, const Seen* new, char* kept, Py_ssize_t pitch, const char* divisors,
                           const Wide* tag) noexcept nogil:
    sum_some(5, lines, new, kept, pitch, divisors, tag)


cdef inline outlined sum_7(int lines, const Seen* new, char* kept, Py_ssize_t pitch, const char* divisors,
                           const Wide* tag) noexcept nogil:
    sum_some(7, lines, new, kept, pitch, divisors, tag)


cdef inline outlined sum_9(int lines, const Seen* new, char* kept, Py_ssize_t pitch, const char* divisors,
                           const Wide* tag) noexcept nogil:
    sum_some(9, lines, new, kept, pitch, divisors, tag)


cdef inline void sum_window(Py_ssize_t n, int lines, const Seen* new, char* kept, Py_ssize_t pitch,
                            const char* divisors, const Wide* tag) noexcept nogil:
    if n == 3:
        sum_3(lines, new, kept, pitch, divisors, tag)
    elif n == 5:
        sum_5(lines, new, kept, pitch, divisors, tag)
    elif n == 7:
        sum_7(lines, new, kept, pitch, divisors, tag)
    else:
        sum_9(lines, new, kept, pitch, divisors, tag)


cdef inline void sum_items(Py_ssize_t n, int lines, const Seen* new, char* kept, Py_ssize_t pitch,
                           const char* divisors, const Item* tag) noexcept nogil:
    if Item is float:
        sum_window(n, lines, new, kept, pitch, divisors, <const f32v*> NULL)
    elif Item is double:
        sum_window(n, lines, new, kept, pitch, divisors, <const f64v*> NULL)


cdef inline const char* behind(const char* divisors, Py_ssize_t bytes) noexcept nogil:
    return NULL if divisors == NULL else divisors + bytes


cdef inline void sum_end(const Args* a, const Sums* s, int lines, Py_ssize_t first, Py_ssize_t end, char* kept,
                         const Item* tag) noexcept nogil:
    """The results from `first` to `end`, near an end of their lines, from copies with what padding adds."""
    cdef Seen here = s.new
    cdef Py_ssize_t k, size = sizeof(Item), n = a.axis[2].window, shift = a.axis[2].shift
    cdef Py_ssize_t begin = maximum(first, shift), stop = minimum(end + n - 1, shift + a.axis[2].size)
    if first == end:
        return
    here.count, here.ahead, here.streams, here.out = end - first, 0, False, s.new.out + first * size
    for k in range(maximum(1, lines)):
        here.rows[k] = s.copies + k * END_BYTES
        memset(s.copies + k * END_BYTES, 0, END_BYTES)
        if begin < stop:
            memcpy(s.copies + k * END_BYTES + (begin - first) * size, s.new.rows[k] + (begin - shift) * size,
                   (stop - begin) * size)
    sum_items(n, lines, &here, kept, s.pitch, behind(s.divisors, first * size), tag)


cdef inline void sum_pieces(const Args* a, const Sums* s, const Seen* middle, char* kept,
                            const Item* tag) noexcept nogil:
    """The results in the middle of LINES lines, piece by piece, which wait until their cache lines are full."""
    cdef Seen piece = middle[0]
    cdef Py_ssize_t k, size = sizeof(Item), at = 0, end = middle.count * size
    piece.out, piece.out_line, piece.streams = (
        congruent(s.aside, middle.rows[0], middle.out), aside_line_of(middle.out_line), False)
    while at < end:
        piece.count = minimum(ASIDE_BYTES, end - at) // size
        sum_items(a.axis[2].window, LINES, &piece, kept + at, s.pitch,
                  behind(s.divisors, s.begin * size + at), tag)
        put_aside(middle, at, &piece, piece.count * size, at + ASIDE_BYTES >= end)
        for k in range(LINES):
            piece.rows[k] = piece.rows[k] + ASIDE_BYTES
        at = at + ASIDE_BYTES


cdef inline void sum_parts(const Args* a, const Job* j, const Sums* s, int lines, char* kept,
                           const Item* tag) noexcept nogil:
    """New lines from end to end: as many as results, or one that completes none."""
    cdef Seen middle = s.new
    cdef Py_ssize_t k, size = sizeof(Item)
    sum_end(a, s, lines, 0, s.begin, kept, tag)
    kept = kept + s.before * size
    middle.count, middle.out = s.end - s.begin, s.new.out + s.begin * size
    middle.streams = s.new.streams and lines == LINES
    for k in range(maximum(1, lines)):
        middle.rows[k] = s.new.rows[k] + (s.begin - a.axis[2].shift) * size
    if lines == LINES and ((j.streams and not is_aligned(a)) or is_met(a, &s.new, size)):
        sum_pieces(a, s, &middle, kept, tag)
    else:
        sum_items(a.axis[2].window, lines, &middle, kept, s.pitch, behind(s.divisors, s.begin * size), tag)
    sum_end(a, s, lines, s.end, s.new.count, kept + middle.count * size, tag)


cdef inline void find_rows(const Args* a, const Job* j, Sums* s, Py_ssize_t first, int count) noexcept nogil:
    cdef int k
    for k in range(count):
        s.new.rows[k] = line_at(a, j, first + k)
        if s.new.rows[k] == NULL:
            s.new.rows[k] = s.zeros


cdef inline void sum_plane(const Args* a, int kind, Job* j, Sums* s, const Item* tag) noexcept nogil:
    cdef Py_ssize_t i, n = a.axis[1].window
    cdef int lines
    j.line, j.largest, j.outer = j.h, -1, -1
    for i in range(n - 1):
        find_rows(a, j, s, i, 1)
        sum_parts(a, j, s, 0, s.kept + i * s.pitch, tag)
    i = 0
    while i < j.high:
        lines = LINES if i + LINES <= j.high and alike(a, kind, j, i, LINES) >= LINES else 1
        find_rows(a, j, s, i + n - 1, lines)
        s.new.out = out_line(a, j, i)
        s.divisors = <const char*> divisors_of(a, j, i, False, tag) if kind == MEAN else NULL
        sum_parts(a, j, s, lines, s.kept, tag)
        i = i + lines


cdef inline bint find_room(const Args* a, int kind, Job* j, Sums* s, const Item* tag) noexcept nogil:
    """In the scratch memory; False where it is too small."""
    cdef Py_ssize_t size = sizeof(Item), spare = 4 * VECTOR_BYTES // sizeof(Item)
    cdef Py_ssize_t items = whole_vectors(maximum(a.axis[2].size, a.axis[2].out), tag) + spare
    j.out_pitch = items
    s.before = whole_vectors(s.begin, tag)
    # An odd number of vectors: lines a power of two apart would compete for the same few places of the cache.
    s.pitch = ((s.before + s.end - s.begin + whole_vectors(a.axis[2].out - s.end, tag)) * size) | VECTOR_BYTES
    s.zeros = j.scratch
    s.kept = s.zeros + items * size
    s.copies = s.kept + (a.axis[1].window - 1) * s.pitch
    s.aside = s.copies + LINES * END_BYTES
    j.divisors = s.aside + PAGE + (LINES + 1) * aside_line_of(a.out.step[1])
    j.counts = <double*> (j.divisors + items * size)
    return <char*> (j.counts + (items if kind == MEAN else 0)) - j.scratch <= a.block_steps


cdef inline bint sum_lines(const Args* a, int kind, Job* j, Py_ssize_t h, Py_ssize_t end,
                           const Item* tag) noexcept nogil:
    """Output lines [h, end) of such windows; False where they are none, or lines are too short or too long."""
    cdef Py_ssize_t n = a.axis[2].window
    cdef Sums s
    j.h, j.high, j.w, j.wide, j.channel, j.unit, j.planes = h, end - h, 0, a.axis[2].out, 0, 1, 1
    if ((kind != SUM and kind != MEAN) or n not in (3, 5, 7, 9) or a.axis[1].window != n
            or (n - 1) * <Py_ssize_t> sizeof(Item) > VECTOR_BYTES or a.axis[2].shift >= n
            or a.axis[2].out - a.axis[2].shift > a.axis[2].size or not is_dense(a, j, tag)
            or not find_middle(a, j, &s.begin, &s.end, tag) or not find_room(a, kind, j, &s, tag)):
        return False
    s.new.out_line, s.new.count, s.new.streams, s.new.aside = a.out.step[1], a.axis[2].out, j.streams, NULL
    s.new.ahead = LINES * a.x.step[1]
    memset(s.zeros, 0, j.out_pitch * sizeof(Item))
    for j.channel in range(a.channels):
        sum_plane(a, kind, j, &s, tag)
    return True
