# Exact sums of windows of integers of 8, 16 and 32 bits, line by line.
#
# Every output line has the sums of its columns, which are those of the line before where windows overlap by much: lines
# that came are added and lines left behind taken away, which loses nothing. Windows along the line are sums of
# neighbouring columns, or differences of two running sums. Channels side by side are lines of so many times as many
# items.
from libc.stdint cimport uint16_t
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.lines_band cimport ask_for
from convops.kernels.moving_sums cimport Fixed, Item, add_line, counted_out, counted_sum, slide, take_line
from convops.kernels.prefix cimport Total, sum_up, sum_up_apart
from convops.kernels.simd cimport inlined, outlined
from convops.kernels.tile cimport Tile, locate_box, maximum, minimum, source


# A tile at work: some lines of one plane, or pieces of them.
cdef struct Job:
    Tile tile
    Py_ssize_t unit            # channels that are pooled together
    Py_ssize_t width           # items of an output line
    Py_ssize_t reach           # columns, padding included
    Py_ssize_t begin           # those inside the input
    Py_ssize_t end
    bint dense                 # lines are items side by side
    Fixed fixed                # in place of the division by a whole window
    double outer               # divisor of the line's first axis, for which `divisors` hold
    double whole               # that of windows without padding, which are those from `first` to `last`
    Py_ssize_t first
    Py_ssize_t last
    char* copied               # a line that is not
    char* columns
    char* running
    char* totals
    char* values
    char* divisors


cdef inline bint lie_together(const Args* a, const Item* kind) noexcept nogil:
    return (a.halo_channels > 1 and a.x.channel == sizeof(Item) and a.x.step[2] == a.channels * a.x.channel
            and a.out.step[2] == a.channels * a.out.channel)


cdef inline void begin_job(const Args* a, Job* j, Py_ssize_t number, char* scratch, const Item* kind) noexcept nogil:
    cdef Py_ssize_t first
    cdef const uint16_t* fixed = <const uint16_t*> a.weights
    locate_box(a, number, &j.tile)
    j.unit = a.channels if lie_together(a, kind) else 1
    j.width = j.tile.extent[2] * j.unit
    first = j.tile.origin[2] * a.axis[2].stride
    j.reach = ((j.tile.extent[2] - 1) * a.axis[2].stride + a.axis[2].window) * j.unit
    j.begin = minimum(j.reach, maximum(0, a.axis[2].inner_begin - first) * j.unit)
    j.end = maximum(j.begin, minimum(j.reach, (a.axis[2].inner_end - first) * j.unit))
    j.dense = a.x.step[2] == j.unit * <Py_ssize_t> sizeof(Item) or a.axis[2].size == 1
    j.dense = j.dense and (<size_t> a.x.data | a.x.batch | a.x.channel | a.x.step[1]) % sizeof(Item) == 0
    j.fixed.multiplier, j.fixed.added, j.fixed.shift = fixed[0], fixed[1], fixed[2]
    j.outer = -1
    j.values, j.divisors = scratch, scratch + a.scratch_line
    j.columns, j.running, j.totals = scratch + a.scratch_columns, scratch + a.scratch_offsets, scratch + a.scratch_sums
    j.copied = scratch + a.scratch_halo


cdef inline const Item* line_items(const Args* a, const Job* j, Py_ssize_t i, const Item* kind) noexcept nogil:
    """The items inside the input of padded line `i`; NULL where it is padding."""
    cdef Py_ssize_t h = source(&a.axis[1], i), step = a.x.step[2] // j.unit, c
    cdef const char* line
    if h < 0:
        return NULL
    line = (a.x.data + j.tile.batch * a.x.batch + j.tile.group * a.x.channel + h * a.x.step[1]
            + (j.tile.origin[2] * a.axis[2].stride + j.begin // j.unit - a.axis[2].shift) * a.x.step[2])
    if j.dense:
        return <const Item*> line
    for c in range(j.end - j.begin):
        memcpy(j.copied + c * <Py_ssize_t> sizeof(Item), line + c * step, sizeof(Item))
    return <const Item*> j.copied


cdef inline void add_lines(const Args* a, Job* j, Py_ssize_t first, Py_ssize_t end, bint leave, Total* columns,
                           const Item* kind) noexcept nogil:
    cdef const Item* line
    cdef Py_ssize_t i
    for i in range(first, end):
        line = line_items(a, j, i, kind)
        if line != NULL and leave:
            take_line(columns + j.begin, line, j.end - j.begin)
        elif line != NULL:
            add_line(columns + j.begin, line, j.end - j.begin)


cdef inline bint slide_down(const Args* a, const Job* j, Py_ssize_t first, bint goes_on, Total* columns,
                            const Item* kind) noexcept nogil:
    """Columns of windows from line `first` on, after those one line above; not where a line is padding."""
    cdef Py_ssize_t last = first + a.axis[1].window - 1
    cdef const Item* line = line_items(a, j, last, kind)
    cdef const Item* left = line_items(a, j, first - 1, kind)
    if line == NULL or left == NULL:
        return False
    if goes_on:
        ask_for(<const char*> line_items(a, j, last + 1, kind), j.end - j.begin, sizeof(Item))
    slide(columns + j.begin, line, left, j.end - j.begin)
    return True


cdef inline void move_down(const Args* a, Job* j, Py_ssize_t h, Total* columns, const Item* kind) noexcept nogil:
    """Columns of output line `h` of the tile, after those of the line before."""
    cdef Py_ssize_t stride = a.axis[1].stride, window = a.axis[1].window
    cdef Py_ssize_t first = (j.tile.origin[1] + h) * stride
    if h == 0 or window <= 2 * stride:
        memset(columns, 0, j.reach * sizeof(Total))
        add_lines(a, j, first, first + window, False, columns, kind)
        return
    if stride == 1 and j.dense and slide_down(a, j, first, h + 1 < j.tile.extent[1], columns, kind):
        return
    add_lines(a, j, first + window - stride, first + window, False, columns, kind)
    add_lines(a, j, first - stride, first, True, columns, kind)


cdef inline inlined sum_taps(int taps, Py_ssize_t stride, Py_ssize_t unit, const Total* columns, Total* totals,
                             Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t w
    for w in range(count):
        totals[w] = counted_sum(taps, columns + w * stride, unit)


cdef inline inlined sum_along(int taps, Py_ssize_t stride, Py_ssize_t unit, const Total* columns, const Total* running,
                              Py_ssize_t window, Total* totals, Py_ssize_t count) noexcept nogil:
    """Windows of so many columns, or of 0: differences of running sums. To neighbours it is `unit` columns."""
    cdef Py_ssize_t w
    if taps == 1:
        sum_taps(1, stride, unit, columns, totals, count)
    elif taps == 2:
        sum_taps(2, stride, unit, columns, totals, count)
    elif taps == 3:
        sum_taps(3, stride, unit, columns, totals, count)
    elif taps == 4:
        sum_taps(4, stride, unit, columns, totals, count)
    elif taps == 5:
        sum_taps(5, stride, unit, columns, totals, count)
    else:
        for w in range(count):
            totals[w] = <Total> (running[w * stride + window * unit] - running[w * stride])


cdef inline outlined sum_all(int taps, Py_ssize_t unit, const Total* columns, const Total* running, Py_ssize_t window,
                             Total* totals, Py_ssize_t count) noexcept nogil:
    sum_along(taps, 1, unit, columns, running, window, totals, count)


cdef inline void add_up(const Total* columns, Total* running, Py_ssize_t unit, Py_ssize_t count) noexcept nogil:
    """Running sums of every channel; `unit` zeros are before them."""
    memset(running - unit, 0, unit * sizeof(Total))
    if unit == 1:
        sum_up(columns, running, count)
    else:
        sum_up_apart(columns, running, unit, count)


cdef inline void sum_line(const Args* a, const Job* j, const Total* columns, const Total* running, Py_ssize_t first,
                          Py_ssize_t end, Total* totals) noexcept nogil:
    """Of windows along a line, items from `first` to `end` of them, or all where windows are strided; `running` has a
    sum before every column."""
    cdef Py_ssize_t window = a.axis[2].window, stride = a.axis[2].stride, w
    cdef int taps = counted_out(window)
    if stride == 1:
        sum_all(taps, j.unit, columns + first, running + first, window, totals + first, end - first)
    elif stride == 2 and j.unit == 1:
        sum_along(taps, 2, 1, columns, running, window, totals, j.width)
    elif j.unit == 1:
        sum_along(taps, stride, 1, columns, running, window, totals, j.width)
    else:
        for w in range(j.tile.extent[2]):
            sum_all(taps, j.unit, columns + w * stride * j.unit, running + w * stride * j.unit, window,
                    totals + w * j.unit, j.unit)
