# The bands of separable pools: how large they are, where their lines lie, in which order windows are folded.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item, highest, lowest
from convops.kernels.pool_run cimport MOST
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.tile cimport ceil_div, maximum, minimum

cdef enum:
    FEW = 64                   # channels that are not split further
    NEAR_BYTES = 1 << 13       # of lines that are copied at once, to stay in the level-1 cache


# A tile at work; lengths are in items.
cdef struct Job:
    Py_ssize_t number          # image
    Py_ssize_t d
    Py_ssize_t channel
    Py_ssize_t h               # first output line and pixel of the band
    Py_ssize_t w
    Py_ssize_t high            # its output lines and pixels
    Py_ssize_t wide
    bint together              # channels lie side by side
    bint copies                # lines are folded in a copy with its padding, not where they lie
    Py_ssize_t unit            # channels of a pixel
    Py_ssize_t most_high       # of every band but the last
    Py_ssize_t most_wide
    Py_ssize_t lines           # input lines that the band sees
    Py_ssize_t group           # of them are copied at once
    Py_ssize_t begin           # first pixel of the band whose taps are all real, and the first behind these
    Py_ssize_t end
    Py_ssize_t pitch           # between lines of the copy
    Py_ssize_t out_pitch       # between folded lines
    char* copy
    char* folded
    char* totals
    char* divisors
    double outer               # what the divisors were made for: the taps counted across the lines


cdef inline Py_ssize_t reach_of(const Axis* axis) noexcept nogil:
    return (axis.window - 1) * axis.dilation + 1


cdef inline Py_ssize_t seen(const Axis* axis, Py_ssize_t outputs) noexcept nogil:
    """Positions that so many neighbouring outputs see."""
    return (outputs - 1) * axis.stride + reach_of(axis)


cdef inline bint in_order(const Axis* axis) noexcept nogil:
    """Whether windows are folded from the first item to the last."""
    return axis.window <= MOST or axis.stride >= reach_of(axis) or axis.out == 1


cdef inline Py_ssize_t whole_vectors(Py_ssize_t items, const Item* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Item)
    return ceil_div(items, lanes) * lanes


cdef inline Py_ssize_t bytes_of(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Scratch memory of the largest band; sets the pitches."""
    cdef Py_ssize_t lines = seen(&a.axis[1], j.most_high), spare = 2 * VECTOR_BYTES // sizeof(Item), copy = 0
    j.pitch = seen(&a.axis[2], j.most_wide) * j.unit
    # An odd number of vectors: lines a power of two apart would compete for the same few places of the cache.
    j.out_pitch = (whole_vectors(j.most_wide * j.unit, tag) * <Py_ssize_t> sizeof(Item) | VECTOR_BYTES) // sizeof(Item)
    if j.copies:
        j.group = maximum(1, NEAR_BYTES // (j.pitch * <Py_ssize_t> sizeof(Item)))
        copy = minimum(lines, j.group) * j.pitch + (reach_of(&a.axis[2]) + a.axis[2].stride * spare) * j.unit + spare
    j.folded = j.copy + whole_vectors(copy, tag) * <Py_ssize_t> sizeof(Item)
    j.totals = j.folded + ((lines + reach_of(&a.axis[1])) * j.out_pitch + spare) * <Py_ssize_t> sizeof(Item)
    j.divisors = j.totals + (j.most_high * j.out_pitch + spare) * <Py_ssize_t> sizeof(Item)
    return j.divisors - j.copy + j.out_pitch * <Py_ssize_t> sizeof(Item)


cdef inline void cut(const Args* a, Job* j, Py_ssize_t lines, const Item* tag) noexcept nogil:
    """Choose bands that fit the scratch memory; those with overlapping windows high enough to share their lines."""
    cdef Py_ssize_t line, least = 1
    if a.axis[1].stride < reach_of(&a.axis[1]):
        least = minimum(lines, 2 * ceil_div(reach_of(&a.axis[1]), a.axis[1].stride))
    j.unit = a.channels if j.together else 1
    j.most_wide, j.most_high = a.axis[2].out, least
    while bytes_of(a, j, tag) > a.block_steps:
        if j.unit > FEW:
            j.unit = maximum(FEW, whole_vectors(ceil_div(j.unit, 2), tag))
        elif j.most_wide > FEW:
            j.most_wide = ceil_div(j.most_wide, 2)
        elif j.most_high > 1:
            j.most_high = j.most_high // 2
        elif j.unit > 1:
            j.unit = ceil_div(j.unit, 2)
        elif j.most_wide > 1:
            j.most_wide = ceil_div(j.most_wide, 2)
        else:
            break
    line = j.most_high
    while j.most_high < lines and bytes_of(a, j, tag) <= a.block_steps:
        line, j.most_high = j.most_high, minimum(lines, 2 * j.most_high)
    if bytes_of(a, j, tag) > a.block_steps:
        j.most_high = line
        bytes_of(a, j, tag)


cdef inline Item identity(int kind, const Item* tag) noexcept nogil:
    if kind == MAXIMUM:
        return lowest(tag)
    return highest(tag) if kind == MINIMUM else 0


cdef inline const char* line_at(const Args* a, const Job* j, Py_ssize_t i) noexcept nogil:
    """Input line i of the band; NULL where it is padding."""
    cdef Py_ssize_t high = j.h * a.axis[1].stride + i, deep = j.d * a.axis[0].stride
    if not (a.axis[1].inner_begin <= high < a.axis[1].inner_end):
        return NULL
    if not (a.axis[0].inner_begin <= deep < a.axis[0].inner_end):
        return NULL
    return (a.x.data + j.number * a.x.batch + j.channel * a.x.channel + (deep - a.axis[0].shift) * a.x.step[0]
            + (high - a.axis[1].shift) * a.x.step[1])


cdef inline char* out_line(const Args* a, const Job* j, Py_ssize_t i) noexcept nogil:
    return (a.out.data + j.number * a.out.batch + j.channel * a.out.channel + j.d * a.out.step[0]
            + (j.h + i) * a.out.step[1] + j.w * a.out.step[2])


cdef inline bint is_run(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether the band's results of a line lie side by side in the output."""
    if j.unit > 1 and a.out.channel != sizeof(Item):
        return False
    return j.wide == 1 or a.out.step[2] == j.unit * <Py_ssize_t> sizeof(Item)


cdef inline void find_inner(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """The pixels that vectors make where lines lie: all taps are real, and a last step stays inside the line."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t last = axis.inner_end - reach_of(axis) - (axis.stride - 1)
    j.begin = minimum(j.w + j.wide, maximum(j.w, ceil_div(axis.inner_begin, axis.stride)))
    j.end = maximum(j.begin, minimum(j.w + j.wide, last // axis.stride + 1 if last >= 0 else 0))
    if j.together or (j.end - j.begin) * <Py_ssize_t> sizeof(Item) < VECTOR_BYTES:
        j.begin = j.end = j.w + j.wide
