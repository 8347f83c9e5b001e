# Windows that share all items but a line or a column: some lines of results at once, each cut into a middle of whole
# vectors and two ends, from the lines that they see to the output.
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport Item
from convops.kernels.past_caches cimport CACHE_LINE, PAGE, items_before, meet, move_lines_past
from convops.kernels.pool_band cimport Job, out_line
from convops.kernels.pool_lanes cimport Wide, join
from convops.kernels.simd cimport VECTOR_BYTES, inlined
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    LINES = 4                  # of results at once
    SHIFTED = 4                # bytes of the smallest items that are shifted: others take more steps than loads
    LEAST_BYTES = 1 << 9       # of a line of results
    END_BYTES = 64 + 3 * VECTOR_BYTES  # of what the results at an end of a line see
    ASIDE_BYTES = 1 << 12      # of a line of results that waits until its cache lines are full
    SEEN = 12                  # lines of the input, at most: windows are 9 high


# Some lines of results, and the input lines that they see, from the first item on.
cdef struct Seen:
    const char* rows[SEEN]
    char* out
    Py_ssize_t out_line
    Py_ssize_t count           # results of a line
    Py_ssize_t ahead           # so many bytes behind the last lines are asked for
    bint streams               # results go past the caches
    char* aside                # where pieces of them wait if their lines do not begin with cache lines; NULL: nowhere


cdef inline bint is_aligned(const Args* a) noexcept nogil:
    """Whether a vector begins a cache line in all lines of results if it does so in one."""
    return not (a.out.step[1] | a.out.channel) % CACHE_LINE


cdef inline bint is_dense(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether windows share all items but a line or a column, and lines are long."""
    cdef Py_ssize_t size = sizeof(Item)
    return (a.axis[1].stride == a.axis[1].dilation == 1 and a.axis[2].stride == a.axis[2].dilation == 1
            and not j.together and a.x.step[2] == size and a.out.step[2] == size
            and a.axis[2].out * size >= LEAST_BYTES)


cdef inline bint find_middle(const Args* a, const Job* j, Py_ssize_t* begin, Py_ssize_t* end,
                             const Item* tag) noexcept nogil:
    """The results of a line whose vectors are whole and, with the next one, read where they lie; those of the first
    line begin with a cache line if items do. False where there are none."""
    cdef Py_ssize_t size = sizeof(Item), lanes = VECTOR_BYTES // size, shift = a.axis[2].shift
    # Short items are not made so much faster that results might wait.
    if j.streams and (<size_t> out_line(a, j, 0) % size or (size < SHIFTED and not is_aligned(a))):
        return False
    begin[0] = items_before(out_line(a, j, 0), size)
    begin[0] = begin[0] + (lanes if begin[0] < shift else 0)
    end[0] = begin[0] + (a.axis[2].size + shift - lanes - begin[0]) // lanes * lanes
    return (begin[0] >= shift and end[0] > begin[0]
            and (a.axis[2].out - end[0]) * size + VECTOR_BYTES <= END_BYTES)


cdef inline void put_aside(const Seen* s, Py_ssize_t at, const Seen* piece, Py_ssize_t bytes, bint ends) noexcept nogil:
    """A piece of the results that waited, from byte `at` on."""
    cdef int k
    for k in range(LINES):
        if s.streams:
            move_lines_past(s.out + at + k * s.out_line, piece.out + k * piece.out_line, bytes, at == 0, ends)
        else:
            memcpy(s.out + at + k * s.out_line, piece.out + k * piece.out_line, bytes)


cdef inline Py_ssize_t aside_line_of(Py_ssize_t pitch) noexcept nogil:
    """From line to line of those that wait."""
    return ASIDE_BYTES + 2 * CACHE_LINE + (pitch & (CACHE_LINE - 1))


cdef inline bint is_met(const Args* a, const Seen* s, Py_ssize_t size) noexcept nogil:
    """Whether lines of all arrays begin alike in a page, or every other one, and results a little ahead of items."""
    cdef Py_ssize_t steps = a.x.step[1] | a.out.step[1], page = PAGE // 2 if steps % PAGE else PAGE
    return steps % page == 0 and meet(s.rows[0] + (a.axis[2].window - 1 - a.axis[2].shift) * size, s.out, page)


cdef inline void find_seen(const Args* a, const Job* j, Py_ssize_t h, Py_ssize_t size, Seen* s) noexcept nogil:
    """The lines of results from `h` on, and those that they see; lines of padding are replaced by the nearest."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t k, line
    s.out, s.out_line, s.count = out_line(a, j, h - j.h), a.out.step[1], a.axis[2].out
    s.streams, s.aside = j.streams, NULL
    for k in range(LINES + axis.window - 1):
        line = minimum(axis.size - 1, maximum(0, h + k - axis.shift))
        s.rows[k] = a.x.data + j.number * a.x.batch + j.channel * a.x.channel + line * a.x.step[1]
    if (j.streams and not is_aligned(a)) or is_met(a, s, size):
        s.aside = j.scratch


cdef inline Seen part_of(const Args* a, const Seen* s, Py_ssize_t begin, Py_ssize_t end,
                         Py_ssize_t size) noexcept nogil:
    """The results from `begin` to `end`, whose items lie in the lines."""
    cdef Seen part = s[0]
    cdef Py_ssize_t k
    part.out, part.count = s.out + begin * size, end - begin
    for k in range(LINES + a.axis[1].window - 1):
        part.rows[k] = s.rows[k] + (begin - a.axis[2].shift) * size
    return part


cdef inline inlined join_two(int kind, const Wide* lines, Wide* best) noexcept nogil:
    """Two results of three lines each, of four."""
    best[1] = lines[1]
    join(kind, &best[1], &lines[2])
    best[0] = lines[0]
    join(kind, &best[0], &best[1])
    join(kind, &best[1], &lines[3])
