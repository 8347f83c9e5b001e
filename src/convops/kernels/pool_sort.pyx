# cython: language_level=3
"""Pooling by order statistics: the windows of many outputs are sorted side by side.

Called by `backends/pool_sort.py` through `bind.pyx`; hands nothing on. The taps of a line of outputs are gathered into
rows, one row per tap, and Batcher's sorting network compares whole rows, so that every step is the same for all
outputs and needs no branch. Start reading at `sort_windows`.
"""
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport Item, highest, is_nan
from convops.kernels.tile cimport ceil_div, minimum
from convops.kernels.window cimport (
    Line, Taps, begin_lines, end_output, end_tap, first_output, first_tap, next_line, place, taps_of)

# In the order of `backends.pool_sort.KINDS`.
cdef enum Kind:
    RANK
    MEDIAN                     # the lower middle


cdef enum:
    VECTOR = 64                # bytes: the longest of all levels


cdef inline void compare(Item* low, Item* high, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    cdef Item first, second
    for j in range(count):
        first, second = low[j], high[j]
        low[j] = second if second < first else first
        high[j] = first if second < first else second


cdef void sort_rows(Item* rows, Py_ssize_t taps, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    """Every column ascending: Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M."""
    cdef Py_ssize_t top = 1, p, q, r, d, i
    while 2 * top < taps:
        top = 2 * top
    p = top if taps > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(taps - d):
                if i & p == r:
                    compare(rows + i * pitch, rows + (i + d) * pitch, count)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p = p // 2


cdef inline void copy_items(Item* row, Item* nan, const char* items, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    """One tap of some of the line's windows; a NaN, which no network sorts, is also kept apart."""
    cdef Py_ssize_t j
    cdef Item value
    for j in range(count):
        value = (<const Item*> (items + j * step))[0]
        row[j] = value
        nan[j] = value if is_nan(value) else nan[j]


cdef inline void fill(Item* row, Py_ssize_t begin, Py_ssize_t end, Item value) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(begin, end):
        row[j] = value


cdef inline Py_ssize_t gather_along(const Args* a, const Line* to, Item* rows, Item* nan,
                                    const char* line) noexcept nogil:
    """The taps of one input line, real ones and the largest number for those on padding; how many rows they fill."""
    cdef const Axis* axis = &a.axis[2]
    cdef const char* items
    cdef Py_ssize_t kw, first, end, offset, step = axis.stride * a.x.step[2], filled = 0
    for kw in range(first_tap(axis, to.w + to.count - 1, axis.inner_begin), end_tap(axis, to.w, axis.inner_end)):
        offset = kw * axis.dilation
        first = max(to.w, first_output(axis, offset))
        end = minimum(to.w + to.count, end_output(axis, offset))
        if first >= end:
            continue
        fill(rows, 0, first - to.w, highest(rows))
        fill(rows, end - to.w, to.count, highest(rows))
        items = line + (first * axis.stride + offset - axis.shift) * a.x.step[2]
        if step == sizeof(Item):
            copy_items(rows + first - to.w, nan + first - to.w, items, sizeof(Item), end - first)
        else:
            copy_items(rows + first - to.w, nan + first - to.w, items, step, end - first)
        rows = rows + a.panel_columns
        filled = filled + 1
    return filled


cdef inline Py_ssize_t gather_pixel(const Args* a, const Line* to, Item* rows, Item* nan,
                                    const char* line) noexcept nogil:
    """The same for the channels of one pixel."""
    cdef Taps taps = taps_of(&a.axis[2], to.w)
    cdef Py_ssize_t kw
    for kw in range(taps.begin, taps.end):
        copy_items(rows, nan, line + (taps.origin + kw * taps.step) * a.x.step[2], sizeof(Item), to.count)
        rows = rows + a.panel_columns
    return taps.end - taps.begin


cdef inline void store(const Args* a, const Line* to, const Item* rows, const Item* nan,
                       Py_ssize_t outer) noexcept nogil:
    """The item of the rank wanted; `outer` counts real taps along the other axes."""
    cdef Py_ssize_t step = a.out.step[2] if to.along else a.out.channel, j, items, rank
    cdef Taps taps = taps_of(&a.axis[2], to.w)
    cdef char* out = place(&a.out, to)
    for j in range(to.count):
        if to.along and j > 0:
            taps = taps_of(&a.axis[2], to.w + j)
        items = outer * (taps.end - taps.begin)
        if a.pooling == MEDIAN:
            rank = (items - 1) // 2
        else:
            rank = a.rank if a.rank >= 0 else items + a.rank
        (<Item*> (out + j * step))[0] = nan[j] if is_nan(nan[j]) else rows[rank * a.panel_columns + j]


cdef void sort_windows(const Args* a, const Line* to, Item* rows, Item* nan) noexcept nogil:
    """One line of outputs."""
    cdef Taps deep = taps_of(&a.axis[0], to.d), high = taps_of(&a.axis[1], to.h)
    cdef Py_ssize_t kd, kh, filled = 0, lanes = VECTOR // <Py_ssize_t> sizeof(Item)
    cdef const char* line
    fill(nan, 0, to.count, 0)
    for kd in range(deep.begin, deep.end):
        for kh in range(high.begin, high.end):
            line = (to.image + (deep.origin + kd * deep.step) * a.x.step[0]
                    + (high.origin + kh * high.step) * a.x.step[1])
            if to.along:
                filled = filled + gather_along(a, to, rows + filled * a.panel_columns, nan, line)
            else:
                filled = filled + gather_pixel(a, to, rows + filled * a.panel_columns, nan, line)
    # Whole vectors: what the columns behind the last window hold does not matter.
    sort_rows(rows, filled, a.panel_columns, minimum(ceil_div(to.count, lanes) * lanes, a.panel_columns))
    store(a, to, rows, nan, (deep.end - deep.begin) * (high.end - high.begin))


cdef void tile(const Args* a, Py_ssize_t number, char* scratch, const Item* tag) noexcept nogil:
    cdef Line line
    begin_lines(a, number, sizeof(Item), &line)
    while next_line(a, &line):
        sort_windows(a, &line, <Item*> scratch, <Item*> (scratch + a.scratch_offsets))


cdef inline void run(const Args* a, const Item* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, a.scratch, tag)


cdef api void sort_int8(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL)


cdef api void sort_int16(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL)


cdef api void sort_int32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL)


cdef api void sort_int64(const Args* a) noexcept nogil:
    run(a, <const int64_t*> NULL)


cdef api void sort_uint8(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL)


cdef api void sort_uint16(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL)


cdef api void sort_uint32(const Args* a) noexcept nogil:
    run(a, <const uint32_t*> NULL)


cdef api void sort_uint64(const Args* a) noexcept nogil:
    run(a, <const uint64_t*> NULL)


cdef api void sort_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void sort_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
