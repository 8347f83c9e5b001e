# The bands of separable pools: how large they are, where their lines lie, in which way windows are folded.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, Item, highest, lowest
from convops.kernels.pool_rise cimport MOST_DOUBLINGS, most_doublings
from convops.kernels.pool_sliding cimport ring_lines
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.tile cimport ceil_div, maximum, minimum

cdef enum:
    MOST_ALONG = 16            # items that are folded one after the other along a line
    MOST_EXTREMES = 10         # the same of extremes of windows an item apart
    MOST_ACROSS = 10           # across lines
    FEW = 64                   # channels that are not split further
    ROW_BYTES = 512            # of folded lines of planes side by side
    COPIED_BYTES = 1 << 10     # shorter lines are copied, so that vectors may pass their ends
    NEAR_BYTES = 1 << 13       # of lines that are copied at once, to stay in the level-1 cache
    STRIP_LEAST = 1 << 11      # bytes of a line: strips are narrower than their line to stay in the level-1 cache
    STRIP_MOST = 3 << 13       # bytes of a band of theirs
    LEAST_HIGH = 4             # lines of a band, whose last ones move to the front of the next


# A tile at work; lengths are in items.
cdef struct Job:
    Py_ssize_t number          # image
    Py_ssize_t channel
    Py_ssize_t h               # first output line and pixel of the band
    Py_ssize_t w
    Py_ssize_t high            # its output lines and pixels
    Py_ssize_t wide
    Py_ssize_t line            # first padded input line of those at work, and how many
    Py_ssize_t lines
    bint together              # channels lie side by side
    bint copies                # lines are folded in a copy with its padding, not where they lie
    Py_ssize_t unit            # channels of a pixel
    Py_ssize_t planes          # side by side in a line, so many pixels apart in the copy and when folded
    Py_ssize_t span
    Py_ssize_t out_span
    Py_ssize_t length          # of a folded line
    Py_ssize_t most_high       # of every band but the last
    Py_ssize_t most_wide
    Py_ssize_t begin           # first pixel of the band whose taps are all real, and the first behind these
    Py_ssize_t end
    Py_ssize_t pitch           # between copied lines
    Py_ssize_t group           # lines that are copied at once
    Py_ssize_t out_pitch       # between folded lines
    char* scratch
    char* copy                 # placed so that the items copied of the first line begin at a vector's place
    char* folded
    char* totals
    char* divisors
    char* slots                # of windows that slide across lines
    char* sums                 # of a copied line
    char* levels               # of sums of ever more items of it
    bint clean                 # no NaN was met
    bint streams               # results go past the caches
    double* counts             # counted taps along the line of every result
    double largest             # of them if all are powers of two, else 0; -1: not counted yet
    bint scaled                # the divisors were made reciprocals
    double outer               # what the divisors were made for: the taps counted across the lines


cdef inline Py_ssize_t reach_of(const Axis* axis) noexcept nogil:
    return (axis.window - 1) * axis.dilation + 1


cdef inline Py_ssize_t seen(const Axis* axis, Py_ssize_t outputs) noexcept nogil:
    """Positions that so many neighbouring outputs see."""
    return (outputs - 1) * axis.stride + reach_of(axis)


cdef inline bint slides(const Axis* axis, Py_ssize_t most) noexcept nogil:
    """Whether windows share what was folded, else they are folded from the first item to the last."""
    return axis.window > most and axis.stride < reach_of(axis) and axis.out > 1


cdef inline bint climbs(const Args* a) noexcept nogil:
    """Whether windows along lines are made of ever longer ones."""
    cdef bint extremes = a.pooling == MAXIMUM or a.pooling == MINIMUM
    return slides(&a.axis[2], MOST_EXTREMES if extremes and a.axis[2].stride == 1 else MOST_ALONG)


cdef inline bint rises(const Args* a, const Job* j) noexcept nogil:
    """Whether that may be done in registers: the items of a window are neighbours."""
    return SHIFTS and not j.together and a.axis[2].dilation == 1


cdef inline Py_ssize_t whole_vectors(Py_ssize_t items, const Item* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Item)
    return ceil_div(items, lanes) * lanes


cdef inline void set_length(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Lengths of lines for the present band."""
    j.span = ceil_div(seen(&a.axis[2], j.wide), a.axis[2].stride) * a.axis[2].stride
    j.out_span = j.span // a.axis[2].stride
    j.length = j.wide * j.unit if j.together else (j.planes - 1) * j.out_span + j.wide


cdef inline Py_ssize_t level_bytes(Py_ssize_t pitch, const Item* tag) noexcept nogil:
    """Of sums of so many items at all positions of a line; what comes behind them may be anything."""
    return pitch * <Py_ssize_t> sizeof(Item) + (MOST_DOUBLINGS + 1) * VECTOR_BYTES


cdef inline Py_ssize_t climb_bytes(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Scratch memory of long windows along a line; sets places."""
    cdef Py_ssize_t levels = 0, spare = 2 * VECTOR_BYTES
    if not climbs(a):
        return spare
    j.levels = j.sums + j.pitch * <Py_ssize_t> sizeof(Item) + spare
    if (Item is float or Item is double) and a.pooling != MAXIMUM and a.pooling != MINIMUM:
        levels = most_doublings(sizeof(Item)) if rises(a, j) else 0
    return j.levels - j.sums + levels * level_bytes(j.pitch, tag)


cdef inline Py_ssize_t bytes_of(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Scratch memory of the largest band; sets pitches and places."""
    cdef Py_ssize_t lines = 0, spare = 2 * VECTOR_BYTES // sizeof(Item), copy = 0, slots = 0
    cdef Py_ssize_t size = sizeof(Item)
    j.wide = j.most_wide
    set_length(a, j, tag)
    j.pitch = whole_vectors(j.span * (j.unit if j.together else j.planes), tag)
    j.group = 1 if climbs(a) else maximum(1, NEAR_BYTES // (j.pitch * size))
    # An odd number of vectors: lines a power of two apart would compete for the same few places of the cache.
    j.out_pitch = (whole_vectors(j.length, tag) * size | VECTOR_BYTES) // size
    if j.copies:
        copy = (reach_of(&a.axis[2]) + a.axis[2].stride * spare) * j.unit + 2 * spare
        copy = whole_vectors(j.group * j.pitch + copy, tag)
    if slides(&a.axis[1], MOST_ACROSS):
        slots = (ring_lines(a.axis[1].window * a.axis[1].dilation) + a.axis[1].dilation) * j.out_pitch
    else:
        lines = seen(&a.axis[1], j.most_high)
    j.folded = j.scratch + copy * size
    j.totals = j.folded + (lines * j.out_pitch + spare) * size
    j.divisors = j.totals + (j.out_pitch + spare) * size
    j.counts = <double*> (j.divisors + (j.out_pitch + spare) * size)
    j.slots = j.divisors + (j.out_pitch + spare) * size
    if a.pooling == MEAN:
        j.slots = j.slots + j.out_pitch * <Py_ssize_t> sizeof(double)
    j.sums = j.slots + (slots + spare) * size
    return j.sums - j.scratch + climb_bytes(a, j, tag)


cdef inline void find_planes(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Short lines of several planes go side by side."""
    j.unit, j.planes = (a.channels if j.together else 1), 1
    j.wide = j.most_wide
    set_length(a, j, tag)
    if not j.together:
        j.planes = minimum(a.channels, ceil_div(ROW_BYTES, j.out_span * <Py_ssize_t> sizeof(Item)))
        j.copies = j.copies or j.planes > 1


cdef inline void cut(const Args* a, Job* j, Py_ssize_t lines, const Item* tag) noexcept nogil:
    """Choose bands that fit the scratch memory; those with overlapping windows high enough not to be
    moved all the time."""
    cdef Py_ssize_t line, least = 1, size = sizeof(Item), most = a.block_steps
    if a.axis[1].stride < reach_of(&a.axis[1]):
        least = minimum(lines, maximum(LEAST_HIGH, ceil_div(reach_of(&a.axis[1]), a.axis[1].stride)))
    j.most_wide, j.most_high = a.axis[2].out, least
    find_planes(a, j, tag)
    while bytes_of(a, j, tag) > a.block_steps:
        if j.planes > 1:
            j.planes = ceil_div(j.planes, 2)
        elif j.unit > FEW:
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
    if slides(&a.axis[1], MOST_ACROSS):
        # Lines stay whole where they can: narrow strips touch more pages, and more is folded along twice.
        j.most_high = lines
        return
    while (j.planes == 1 and not j.together and j.most_wide * size > STRIP_LEAST
            and bytes_of(a, j, tag) > STRIP_MOST):
        j.most_wide = whole_vectors(ceil_div(j.most_wide, 2), tag)
        most = minimum(most, STRIP_MOST)
    line = j.most_high
    while j.most_high < lines and bytes_of(a, j, tag) <= most:
        line, j.most_high = j.most_high, minimum(lines, 2 * j.most_high)
    if bytes_of(a, j, tag) > most:
        j.most_high = line
        bytes_of(a, j, tag)


cdef inline Item identity(int kind, const Item* tag) noexcept nogil:
    if kind == MAXIMUM:
        return lowest(tag)
    return highest(tag) if kind == MINIMUM else 0


cdef inline const char* line_at(const Args* a, const Job* j, Py_ssize_t i) noexcept nogil:
    """Input line i of those at work; NULL where it is padding."""
    cdef Py_ssize_t high = j.line + i
    if not (a.axis[1].inner_begin <= high < a.axis[1].inner_end):
        return NULL
    return (a.x.data + j.number * a.x.batch + j.channel * a.x.channel + (high - a.axis[1].shift) * a.x.step[1])


cdef inline char* out_line(const Args* a, const Job* j, Py_ssize_t i) noexcept nogil:
    return (a.out.data + j.number * a.out.batch + j.channel * a.out.channel + (j.h + i) * a.out.step[1]
            + j.w * a.out.step[2])


cdef inline bint is_run(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether the band's results of a line lie side by side in the output."""
    if j.planes > 1 or (j.unit > 1 and a.out.channel != sizeof(Item)):
        return False
    return j.wide == 1 or a.out.step[2] == j.unit * <Py_ssize_t> sizeof(Item)


cdef inline void find_inner(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """The pixels that vectors make where lines lie: all taps are real, and no vector reads past the line."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t last = axis.inner_end - reach_of(axis)
    if not j.together and axis.stride == 2 and axis.window % 2:
        last = last - 1
    j.begin = minimum(j.w + j.wide, maximum(j.w, ceil_div(axis.inner_begin, axis.stride)))
    j.end = maximum(j.begin, minimum(j.w + j.wide, last // axis.stride + 1 if last >= 0 else 0))
    if not j.together and (j.end - j.begin) * <Py_ssize_t> sizeof(Item) < VECTOR_BYTES:
        j.begin = j.end = j.w + j.wide
