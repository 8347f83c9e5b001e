# Windows that share all items but a line or a column: some lines of results at once, each cut into a middle of whole
# vectors and two ends, on their way to the output.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport Item
from convops.kernels.past_caches cimport CACHE_LINE, items_before, move_lines_past
from convops.kernels.pool_band cimport Job, out_line
from convops.kernels.simd cimport VECTOR_BYTES

cdef enum:
    LINES = 4                  # of results at once
    SHIFTED = 4                # bytes of the smallest items that are shifted: others take more steps than loads
    LEAST_BYTES = 1 << 9       # of a line of results
    END_BYTES = 64 + 3 * VECTOR_BYTES  # of what the results at an end of a line see
    ASIDE_BYTES = 1 << 12      # of a line of results that waits until its cache lines are full


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


cdef inline void put_aside(char* out, Py_ssize_t pitch, char* aside, Py_ssize_t aside_line, Py_ssize_t bytes,
                           bint begins, bint ends) noexcept nogil:
    """Results that waited go past the caches."""
    cdef int k
    for k in range(LINES):
        move_lines_past(out + k * pitch, aside + k * aside_line, bytes, begins, ends)


cdef inline Py_ssize_t aside_line_of(Py_ssize_t pitch) noexcept nogil:
    """From line to line of those that wait."""
    return ASIDE_BYTES + 2 * CACHE_LINE + (pitch & (CACHE_LINE - 1))
