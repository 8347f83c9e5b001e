# cython: language_level=3
"""Pooling by order statistics: the windows of many outputs are sorted side by side.

Called by `backends/pool_sort.py` through `bind.pyx`; hands nothing on. Windows that meet no padding go through a
network made for them (`rank_tile.pxd`). For all others the taps of a line of outputs are gathered into rows, one row
per tap, and Batcher's sorting network compares whole rows. Either way every step is the same for all outputs and needs
no branch. Start reading at `tile`.
"""
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

from convops.kernels.abi cimport Args, Axis
from convops.kernels.rank_rows cimport ROW_BYTES, Key, exchange, highest_key, is_nan_bits, key_of
from convops.kernels.rank_tile cimport Rows, begin_part, begin_rows, select_pair, select_part
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.window cimport (
    Line, Taps, begin_lines, end_output, end_tap, first_output, first_tap, next_line, place, taps_of)

# In the order of `backends.pool_sort.KINDS`.
cdef enum Kind:
    RANK
    MEDIAN                     # the lower middle


cdef void sort_rows(Key* rows, Py_ssize_t taps, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
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
                    exchange(<char*> (rows + i * pitch), <char*> (rows + (i + d) * pitch), <char*> (rows + i * pitch),
                             <char*> (rows + (i + d) * pitch), count * <Py_ssize_t> sizeof(Key), rows)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p = p // 2


cdef inline void copy_items(Key* row, Key* nan, const char* items, Py_ssize_t step, Py_ssize_t count,
                            bint floats) noexcept nogil:
    """One tap of some of the line's windows; a NaN, which no network sorts, is also kept apart."""
    cdef Py_ssize_t j
    cdef Key bits
    for j in range(count):
        bits = (<const Key*> (items + j * step))[0]
        row[j] = key_of(bits, floats)
        nan[j] = bits if is_nan_bits(bits, floats) else nan[j]


cdef inline void fill(Key* row, Py_ssize_t begin, Py_ssize_t end, Key value) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(begin, end):
        row[j] = value


cdef inline Py_ssize_t gather_along(const Args* a, const Line* to, Key* rows, Key* nan,
                                    const char* line, bint floats) noexcept nogil:
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
        fill(rows, 0, first - to.w, highest_key(rows))
        fill(rows, end - to.w, to.count, highest_key(rows))
        items = line + (first * axis.stride + offset - axis.shift) * a.x.step[2]
        if step == sizeof(Key):
            copy_items(rows + first - to.w, nan + first - to.w, items, sizeof(Key), end - first, floats)
        else:
            copy_items(rows + first - to.w, nan + first - to.w, items, step, end - first, floats)
        rows = rows + a.panel_columns
        filled = filled + 1
    return filled


cdef inline Py_ssize_t gather_pixel(const Args* a, const Line* to, Key* rows, Key* nan,
                                    const char* line, bint floats) noexcept nogil:
    """The same for the channels of one pixel."""
    cdef Taps taps = taps_of(&a.axis[2], to.w)
    cdef Py_ssize_t kw
    for kw in range(taps.begin, taps.end):
        copy_items(rows, nan, line + (taps.origin + kw * taps.step) * a.x.step[2], sizeof(Key), to.count, floats)
        rows = rows + a.panel_columns
    return taps.end - taps.begin


cdef inline Py_ssize_t rank_among(const Args* a, Py_ssize_t items) noexcept nogil:
    if a.pooling == MEDIAN:
        return (items - 1) // 2
    return a.rank if a.rank >= 0 else items + a.rank


cdef inline void store(const Args* a, const Line* to, const Key* rows, const Key* nan,
                       Py_ssize_t outer, bint floats) noexcept nogil:
    """The item of the rank wanted; `outer` counts real taps along the other axes."""
    cdef Py_ssize_t step = a.out.step[2] if to.along else a.out.channel, j, rank
    cdef Taps taps = taps_of(&a.axis[2], to.w)
    cdef char* out = place(&a.out, to)
    for j in range(to.count):
        if to.along and j > 0:
            taps = taps_of(&a.axis[2], to.w + j)
        rank = rank_among(a, outer * (taps.end - taps.begin))
        (<Key*> (out + j * step))[0] = (
            nan[j] if is_nan_bits(nan[j], floats) else key_of(rows[rank * a.panel_columns + j], floats))


cdef void sort_windows(const Args* a, const Line* to, Key* rows, Key* nan, bint floats) noexcept nogil:
    """One line of outputs."""
    cdef Taps deep = taps_of(&a.axis[0], to.d), high = taps_of(&a.axis[1], to.h)
    cdef Py_ssize_t kd, kh, filled = 0, lanes = ROW_BYTES // <Py_ssize_t> sizeof(Key)
    cdef const char* line
    fill(nan, 0, to.count, 0)
    for kd in range(deep.begin, deep.end):
        for kh in range(high.begin, high.end):
            line = (to.image + (deep.origin + kd * deep.step) * a.x.step[0]
                    + (high.origin + kh * high.step) * a.x.step[1])
            if to.along:
                filled = filled + gather_along(a, to, rows + filled * a.panel_columns, nan, line, floats)
            else:
                filled = filled + gather_pixel(a, to, rows + filled * a.panel_columns, nan, line, floats)
    # Whole vectors: what the columns behind the last window hold does not matter.
    sort_rows(rows, filled, a.panel_columns, minimum(ceil_div(to.count, lanes) * lanes, a.panel_columns))
    store(a, to, rows, nan, (deep.end - deep.begin) * (high.end - high.begin), floats)


cdef void sort_piece(const Args* a, Line* to, Py_ssize_t unit, Py_ssize_t begin, Py_ssize_t end, char* scratch,
                     bint floats, const Key* tag) noexcept nogil:
    """Outputs [begin, end) of a line in `unit` channels, by sorting."""
    cdef Py_ssize_t first = to.channel, c
    for c in range(first, first + unit if begin < end else first):
        to.channel, to.image, to.w = c, a.x.data + to.number * a.x.batch + c * a.x.channel, begin
        while to.w < end:
            to.count = minimum(a.panel_columns, end - to.w)
            sort_windows(a, to, <Key*> scratch, <Key*> (scratch + a.scratch_offsets), floats)
            to.w = to.w + to.count
    to.channel, to.image = first, a.x.data + to.number * a.x.batch + first * a.x.channel


cdef Py_ssize_t gather_column(const Args* a, const Line* to, Key* rows, Key* nan, bint floats) noexcept nogil:
    """The taps of outputs below each other, whose windows meet padding along their lines only."""
    cdef Taps deep = taps_of(&a.axis[0], to.d), high = taps_of(&a.axis[1], to.h), wide = taps_of(&a.axis[2], to.w)
    cdef Py_ssize_t kd, kh, kw, filled = 0
    cdef const char* line
    for kd in range(deep.begin, deep.end):
        for kh in range(high.begin, high.end):
            line = (to.image + (deep.origin + kd * deep.step) * a.x.step[0]
                    + (high.origin + kh * high.step) * a.x.step[1])
            for kw in range(wide.begin, wide.end):
                copy_items(rows + filled * a.panel_columns, nan, line + (wide.origin + kw * wide.step) * a.x.step[2],
                           a.axis[1].stride * a.x.step[1], to.count, floats)
                filled = filled + 1
    return filled


cdef void sort_columns(const Args* a, Line* to, Py_ssize_t unit, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t first,
                       Py_ssize_t last, char* scratch, bint floats, const Key* tag) noexcept nogil:
    """Columns [begin, end) of the output lines [first, last) in `unit` channels, by sorting."""
    cdef Key* rows = <Key*> scratch
    cdef Key* nan = <Key*> (scratch + a.scratch_offsets)
    cdef Py_ssize_t channel = to.channel, i, j, items, lanes = ROW_BYTES // <Py_ssize_t> sizeof(Key)
    cdef const Key* ranked
    cdef char* out
    for i in range(unit * (end - begin)):
        to.channel, to.w, to.h = channel + i // (end - begin), begin + i % (end - begin), first
        to.image = a.x.data + to.number * a.x.batch + to.channel * a.x.channel
        while to.h < last:
            to.count = minimum(a.panel_columns, last - to.h)
            fill(nan, 0, to.count, 0)
            items, out = gather_column(a, to, rows, nan, floats), place(&a.out, to)
            sort_rows(rows, items, a.panel_columns, minimum(ceil_div(to.count, lanes) * lanes, a.panel_columns))
            ranked = rows + rank_among(a, items) * a.panel_columns
            for j in range(to.count):
                (<Key*> (out + j * a.out.step[1]))[0] = (
                    nan[j] if is_nan_bits(nan[j], floats) else key_of(ranked[j], floats))
            to.h = to.h + to.count
    to.channel, to.image = channel, a.x.data + to.number * a.x.batch + channel * a.x.channel


cdef void select_channels(const Args* a, Line* to, Rows* r, Py_ssize_t begin, Py_ssize_t end, char* scratch,
                          bint floats, const Key* tag) noexcept nogil:
    """Output lines [begin, end) in the channels of a column: with padding by sorting, without by the network."""
    cdef bint inner = r.begin[0] <= to.d < r.end[0] and r.begin[2] < r.end[2], tall
    cdef Py_ssize_t first = maximum(begin, r.begin[1]), last = minimum(end, r.end[1]), wide = a.axis[2].out
    tall = inner and last - first >= maximum(r.begin[2], wide - r.end[2])
    for to.h in range(begin, end):
        if not (inner and first <= to.h < last):
            sort_piece(a, to, r.unit, 0, wide, scratch, floats, tag)
        elif not tall:
            sort_piece(a, to, r.unit, 0, r.begin[2], scratch, floats, tag)
            sort_piece(a, to, r.unit, r.end[2], wide, scratch, floats, tag)
    r.first = r.begin[2]
    while inner and r.first < r.end[2]:
        begin_part(a, r, to.image, to.d, floats, tag)
        to.h = first
        while to.h < last:
            to.w = r.first
            if r.pairs and to.h + 1 < last and select_pair(a, r, to.h, place(&a.out, to), floats, tag):
                to.h = to.h + 2
                continue
            if not select_part(a, r, to.h, place(&a.out, to), floats, tag):
                sort_piece(a, to, r.unit, r.first, r.first + r.count, scratch, floats, tag)
            to.h = to.h + 1
        r.first = r.first + r.count
    # Last, as the lines are in a cache now.
    if tall:
        sort_columns(a, to, r.unit, 0, r.begin[2], first, last, scratch, floats, tag)
        sort_columns(a, to, r.unit, r.end[2], wide, first, last, scratch, floats, tag)


cdef void select_tile(const Args* a, Py_ssize_t number, char* scratch, bint floats, const Key* tag) noexcept nogil:
    """Some output lines of one image, in all channels."""
    cdef Py_ssize_t blocks = ceil_div(a.axis[1].out, a.tile_columns), begin
    cdef bint together = a.x.channel == sizeof(Key) and a.x.step[2] != sizeof(Key)
    cdef Line to
    cdef Rows r
    begin = number % blocks * a.tile_columns
    to.d, to.number = number // blocks % a.axis[0].out, number // blocks // a.axis[0].out
    to.along, to.channel = True, 0
    while to.channel < a.channels:
        to.image = a.x.data + to.number * a.x.batch + to.channel * a.x.channel
        begin_rows(a, scratch, minimum(a.block_channels, a.channels - to.channel) if together else 1, sizeof(Key), &r)
        select_channels(a, &to, &r, begin, minimum(begin + a.tile_columns, a.axis[1].out), scratch, floats, tag)
        to.channel = to.channel + r.unit


cdef void tile(const Args* a, Py_ssize_t number, char* scratch, bint floats, const Key* tag) noexcept nogil:
    cdef Line line
    if a.epilogue.bias != NULL:
        select_tile(a, number, scratch, floats, tag)
        return
    begin_lines(a, number, sizeof(Key), &line)
    while next_line(a, &line):
        sort_windows(a, &line, <Key*> scratch, <Key*> (scratch + a.scratch_offsets), floats)


cdef inline void run(const Args* a, bint floats, const Key* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, a.scratch, floats, tag)


cdef api void sort_int8(const Args* a) noexcept nogil:
    run(a, False, <const int8_t*> NULL)


cdef api void sort_int16(const Args* a) noexcept nogil:
    run(a, False, <const int16_t*> NULL)


cdef api void sort_int32(const Args* a) noexcept nogil:
    run(a, False, <const int32_t*> NULL)


cdef api void sort_int64(const Args* a) noexcept nogil:
    run(a, False, <const int64_t*> NULL)


cdef api void sort_uint8(const Args* a) noexcept nogil:
    run(a, False, <const uint8_t*> NULL)


cdef api void sort_uint16(const Args* a) noexcept nogil:
    run(a, False, <const uint16_t*> NULL)


cdef api void sort_uint32(const Args* a) noexcept nogil:
    run(a, False, <const uint32_t*> NULL)


cdef api void sort_uint64(const Args* a) noexcept nogil:
    run(a, False, <const uint64_t*> NULL)


cdef api void sort_float32(const Args* a) noexcept nogil:
    run(a, True, <const int32_t*> NULL)


cdef api void sort_float64(const Args* a) noexcept nogil:
    run(a, True, <const int64_t*> NULL)
