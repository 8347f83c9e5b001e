# cython: language_level=3
"""Means of integers of 8 and 16 bits: exact sums in integers, and one division each.

Called by `backends/pool_short.py` through `bind.pyx`. Every output line has the sums of its columns, which are those of
the line before where windows overlap by much: lines that came are added and lines left behind taken away, which loses
nothing. Windows along the line are sums of neighbouring columns, or differences of two running sums. The division is
correctly rounded, so that results do not depend on how tiles are cut. Channels side by side are lines of so many times
as many items. Start reading at `tile_i`.
"""
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.moving_sums cimport Item, add_line, real_of, take_line
from convops.kernels.prefix cimport Total, sum_up
from convops.kernels.simd cimport Real, inlined, outlined
from convops.kernels.tile cimport Tile, line_of, locate_box, maximum, minimum, source
from convops.kernels.window cimport counted

cdef enum:
    MARGIN = 64                # bytes before the running sums: room for a pixel
    MOST_SCALED = 1 << 20      # divisors whose reciprocals are looked at

# A tile at work: some lines of one plane, or pieces of them.
cdef struct Job:
    Tile tile
    Py_ssize_t unit            # channels that are pooled together
    Py_ssize_t width           # items of an output line
    Py_ssize_t reach           # columns, padding included
    Py_ssize_t begin           # those inside the input
    Py_ssize_t end
    bint dense                 # lines are items side by side
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
    locate_box(a, number, &j.tile)
    j.unit = a.channels if lie_together(a, kind) else 1
    j.width = j.tile.extent[2] * j.unit
    first = j.tile.origin[2] * a.axis[2].stride
    j.reach = ((j.tile.extent[2] - 1) * a.axis[2].stride + a.axis[2].window) * j.unit
    j.begin = minimum(j.reach, maximum(0, a.axis[2].inner_begin - first) * j.unit)
    j.end = maximum(j.begin, minimum(j.reach, (a.axis[2].inner_end - first) * j.unit))
    j.dense = a.x.step[2] == j.unit * <Py_ssize_t> sizeof(Item) or a.axis[2].size == 1
    j.dense = j.dense and (<size_t> a.x.data | a.x.batch | a.x.channel | a.x.step[1]) % sizeof(Item) == 0
    j.outer = -1
    j.values, j.divisors = scratch, scratch + a.scratch_line
    j.columns, j.running, j.totals = scratch + a.scratch_columns, scratch + a.scratch_offsets, scratch + a.scratch_sums
    j.copied = scratch + a.scratch_halo


cdef inline const Item* line_items(const Args* a, Job* j, Py_ssize_t i, const Item* kind) noexcept nogil:
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


cdef inline void move_down(const Args* a, Job* j, Py_ssize_t h, Total* columns, const Item* kind) noexcept nogil:
    """Columns of output line `h` of the tile, after those of the line before."""
    cdef Py_ssize_t stride = a.axis[1].stride, window = a.axis[1].window
    cdef Py_ssize_t first = (j.tile.origin[1] + h) * stride
    if h == 0 or window <= 2 * stride:
        memset(columns, 0, j.reach * sizeof(Total))
        add_lines(a, j, first, first + window, False, columns, kind)
        return
    add_lines(a, j, first + window - stride, first + window, False, columns, kind)
    add_lines(a, j, first - stride, first, True, columns, kind)


cdef inline inlined sum_along(int taps, Py_ssize_t stride, Py_ssize_t unit, const Total* columns, const Total* running,
                              Py_ssize_t window, Total* totals, Py_ssize_t count) noexcept nogil:
    """Windows of so many columns, or of 0: differences of running sums. To neighbours it is `unit` columns."""
    cdef Py_ssize_t w
    if taps == 1:
        for w in range(count):
            totals[w] = columns[w * stride]
    elif taps == 2:
        for w in range(count):
            totals[w] = <Total> (columns[w * stride] + columns[w * stride + unit])
    elif taps == 3:
        for w in range(count):
            totals[w] = <Total> (columns[w * stride] + columns[w * stride + unit] + columns[w * stride + 2 * unit])
    else:
        for w in range(count):
            totals[w] = <Total> (running[w * stride + window * unit] - running[w * stride])


cdef inline outlined sum_all(int taps, Py_ssize_t unit, const Total* columns, const Total* running, Py_ssize_t window,
                             Total* totals, Py_ssize_t count) noexcept nogil:
    sum_along(taps, 1, unit, columns, running, window, totals, count)


cdef inline void add_up(const Total* columns, Total* running, Py_ssize_t unit, Py_ssize_t count) noexcept nogil:
    """Running sums of every channel; `unit` zeros are before them."""
    cdef Py_ssize_t i
    memset(running - unit, 0, unit * sizeof(Total))
    if unit == 1:
        sum_up(columns, running, count)
        return
    for i in range(count):
        running[i] = <Total> (running[i - unit] + columns[i])


cdef inline void sum_line(const Args* a, Job* j, Total* columns, Total* running, Total* totals) noexcept nogil:
    cdef Py_ssize_t window = a.axis[2].window, stride = a.axis[2].stride, w
    cdef int taps = <int> window if window <= 3 else 0
    if taps == 0:
        add_up(columns, running, j.unit, j.reach)
    running = running - j.unit
    if stride == 1:
        sum_all(taps, j.unit, columns, running, window, totals, j.width)
    elif stride == 2 and j.unit == 1:
        sum_along(taps, 2, 1, columns, running, window, totals, j.width)
    elif j.unit == 1:
        sum_along(taps, stride, 1, columns, running, window, totals, j.width)
    else:
        for w in range(j.tile.extent[2]):
            sum_all(taps, j.unit, columns + w * stride * j.unit, running + w * stride * j.unit, window,
                    totals + w * j.unit, j.unit)


cdef inline bint has_reciprocal(const Args* a, double divisor) noexcept nogil:
    """Whether products with it round as quotients do: powers of two, and of integer results the odd ones, as none of
    their quotients lies half-way between two integers."""
    cdef int64_t whole
    if not 1 <= divisor <= MOST_SCALED:
        return False
    whole = <int64_t> divisor
    return <double> whole == divisor and (whole & (whole - 1) == 0 or (whole & 1 and a.epilogue.cast != NULL))


cdef inline void find_divisors(const Args* a, Job* j, Py_ssize_t h, const Real* tag) noexcept nogil:
    """Of a line's outputs; kept for lines that have the same."""
    cdef Real* divisors = <Real*> j.divisors
    cdef double outer = a.divisor if a.divisor else <double> counted(a, &a.axis[1], j.tile.origin[1] + h)
    cdef Py_ssize_t w
    if outer == j.outer:
        return
    j.outer, j.whole = outer, outer if a.divisor else outer * a.axis[2].window
    for w in range(j.width):
        divisors[w] = <Real> (
            outer if a.divisor else outer * counted(a, &a.axis[2], j.tile.origin[2] + w // j.unit))
    j.first, j.last = 0, j.width
    while j.first < j.last and divisors[j.first] != j.whole:
        j.first = j.first + 1
    while j.last > j.first and divisors[j.last - 1] != j.whole:
        j.last = j.last - 1


cdef inline outlined divide_all(bint scaled, const Total* totals, Real divisor, Real* values, Py_ssize_t count,
                                const Item* kind) noexcept nogil:
    cdef Py_ssize_t w
    if scaled:
        divisor = 1 / divisor
        for w in range(count):
            values[w] = real_of(totals[w], kind, values) * divisor
    else:
        for w in range(count):
            values[w] = real_of(totals[w], kind, values) / divisor


cdef inline void divide_each(const Total* totals, const Real* divisors, Real* values, Py_ssize_t begin, Py_ssize_t end,
                             const Item* kind) noexcept nogil:
    cdef Py_ssize_t w
    for w in range(begin, end):
        values[w] = real_of(totals[w], kind, values) / divisors[w]


cdef inline void divide(const Args* a, const Job* j, const Total* totals, Real* values,
                        const Item* kind) noexcept nogil:
    """Windows that meet padding have fewer items than others, on both sides."""
    cdef const Real* divisors = <const Real*> j.divisors
    divide_each(totals, divisors, values, 0, j.first, kind)
    divide_all(has_reciprocal(a, j.whole), totals + j.first, <Real> j.whole, values + j.first, j.last - j.first, kind)
    divide_each(totals, divisors, values, j.last, j.width, kind)


cdef inline void end_line(const Args* a, Job* j, Py_ssize_t h, const Total* totals, const Item* kind,
                          const Real* tag) noexcept nogil:
    cdef char* out = <char*> line_of(&a.out, &j.tile, j.tile.group, 0, h, 0)
    cdef Py_ssize_t w, step = a.out.step[2] // j.unit
    cdef Real* values = <Real*> j.values
    find_divisors(a, j, h, tag)
    if a.epilogue.cast == NULL and step == sizeof(Real):
        divide(a, j, totals, <Real*> out, kind)
        return
    divide(a, j, totals, values, kind)
    if a.epilogue.cast != NULL:
        a.epilogue.cast(<const char*> values, 1, out, step, j.width, a.epilogue.policy, a.epilogue.status)
        return
    for w in range(j.width):
        (<Real*> (out + w * step))[0] = values[w]


cdef void tile_i(const Args* a, Py_ssize_t number, char* scratch, const Item* kind, const Total* width,
                 const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t h
    cdef Total* columns
    cdef Total* running
    begin_job(a, &j, number, scratch, kind)
    columns, running = <Total*> j.columns, <Total*> (j.running + MARGIN)
    if j.unit > 1 and j.tile.group > 0:
        return    # done with the first
    for h in range(j.tile.extent[1]):
        move_down(a, &j, h, columns, kind)
        sum_line(a, &j, columns, running, <Total*> j.totals)
        end_line(a, &j, h, <Total*> j.totals, kind, tag)


cdef inline void run(const Args* a, const Item* kind, const Total* width, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_i(a, number, a.scratch, kind, width, tag)


cdef api void mean_int8_16_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void mean_int8_32_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_uint8_16_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void mean_uint8_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_int16_32_f32(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_uint16_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_int8_16_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void mean_int8_32_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_uint8_16_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void mean_uint8_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_int16_32_f64(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_uint16_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)
