# cython: language_level=3
"""Pooling by folding whole lines, tap after tap.

Called by `backends/pool_window.py` through `bind.pyx`; hands nothing on. The inner loop runs over the pixels of
an output line, or over the channels of one output where those lie side by side in memory; every output folds its
taps in C order of the window either way. Start reading at `fold_window`.
"""
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport (
    LARGEST, MEAN, POWERS, SQUARES, Item, all_safe, find_scales, fold, fold_down, start, store_value, value_bytes)
from convops.kernels.tile cimport minimum
from convops.kernels.window cimport (
    Line, Taps, begin_lines, counted, end_output, end_tap, first_output, first_tap, next_line, place, taps_of)


cdef inline void fold_row(const Args* a, int kind, const Line* to, char* values, char* second, const char* line,
                          int64_t tap, const Item* tag) noexcept nogil:
    """One input line into the pixels of an output line; its taps begin with number `tap`."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t kw, first, end, offset, size = value_bytes(kind, tag)
    for kw in range(first_tap(axis, to.w + to.count - 1, axis.inner_begin), end_tap(axis, to.w, axis.inner_end)):
        offset = kw * axis.dilation
        first = max(to.w, first_output(axis, offset))
        end = minimum(to.w + to.count, end_output(axis, offset))
        if first < end:
            fold(a, kind, values + (first - to.w) * size,
                 second + (first - to.w) * <Py_ssize_t> sizeof(int64_t) if second != NULL else NULL,
                 line + (first * axis.stride + offset - axis.shift) * a.x.step[2], axis.stride * a.x.step[2],
                 end - first, tap + kw, tag)


cdef inline void fold_pixel(const Args* a, int kind, const Line* to, char* values, char* second, const char* line,
                            int64_t tap, const Item* tag) noexcept nogil:
    """One input line into the channels of one output pixel."""
    cdef Taps taps = taps_of(&a.axis[2], to.w)
    cdef Py_ssize_t step = taps.step * a.x.step[2], kw
    line = line + taps.origin * a.x.step[2]
    if to.count == 1:
        fold_down(a, kind, values, second, line + taps.begin * step, step, taps.end - taps.begin, tap + taps.begin, tag)
        return
    for kw in range(taps.begin, taps.end):
        fold(a, kind, values, second, line + kw * step, sizeof(Item), to.count, tap + kw, tag)


cdef void sweep(const Args* a, int kind, const Line* to, char* values, char* second, const Item* tag) noexcept nogil:
    """All taps of the line's windows, in C order."""
    cdef Taps deep = taps_of(&a.axis[0], to.d), high = taps_of(&a.axis[1], to.h)
    cdef Py_ssize_t kd, kh, width = taps_of(&a.axis[2], to.w).width
    cdef const char* line
    for kd in range(deep.begin, deep.end):
        for kh in range(high.begin, high.end):
            line = (to.image + (deep.origin + kd * deep.step) * a.x.step[0]
                    + (high.origin + kh * high.step) * a.x.step[1])
            if to.along:
                fold_row(a, kind, to, values, second, line, (kd * high.width + kh) * width, tag)
            else:
                fold_pixel(a, kind, to, values, second, line, (kd * high.width + kh) * width, tag)


cdef inline Py_ssize_t alike(const Args* a, const Line* to, Py_ssize_t j) noexcept nogil:
    """How many outputs from j on have as many counted taps as the window; one where that is not so."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t begin = 0 if a.count_padding else axis.inner_begin
    cdef Py_ssize_t end = axis.counted if a.count_padding else axis.inner_end
    cdef Py_ssize_t first = (to.w + j) * axis.stride, reach = (axis.window - 1) * axis.dilation
    if axis.border != NULL or first < begin or first + reach >= end:
        return 1
    return minimum(to.count - j, (end - 1 - reach - first) // axis.stride + 1)


cdef inline void store(const Args* a, int kind, const Line* to, const char* values, const double* scales,
                       const Item* tag) noexcept nogil:
    cdef Py_ssize_t step = a.out.step[2] if to.along else a.out.channel, j = 0, end = to.count
    cdef double divisor = a.divisor, outer = 1
    cdef char* out = place(&a.out, to)
    cdef bint counts = kind == MEAN and a.divisor == 0
    if counts:
        outer = <double> counted(a, &a.axis[0], to.d) * counted(a, &a.axis[1], to.h)
    while j < to.count:
        if counts:
            divisor = outer * counted(a, &a.axis[2], to.w + j if to.along else to.w)
            end = j + alike(a, to, j) if to.along else to.count
        for j in range(j, end):
            store_value(a, kind, values, scales, j, divisor, out + j * step, tag)
        j = end


cdef inline void store_taps(const Args* a, const Line* to, const int64_t* taps) noexcept nogil:
    cdef Py_ssize_t step = a.index.step[2] if to.along else a.index.channel, j
    cdef char* index = place(&a.index, to)
    for j in range(to.count):
        (<int64_t*> (index + j * step))[0] = taps[j]


cdef inline bint may_leave_range(const Args* a, int kind, const Item* tag) noexcept nogil:
    """Whether powers of finite items may over- or underflow in a double."""
    return (kind == SQUARES or kind == POWERS) and (sizeof(Item) == 8 or a.norm > 6)


cdef void fold_window(const Args* a, int kind, const Line* to, char* values, char* second,
                      const Item* tag) noexcept nogil:
    """One line of outputs; `second` has room for its tap numbers, or for the scales of norms."""
    cdef Py_ssize_t j
    cdef double* scales = NULL
    start(kind, values, to.count, tag)
    if a.index.data != NULL:
        for j in range(to.count):
            (<int64_t*> second)[j] = -1
    sweep(a, kind, to, values, second if a.index.data != NULL else NULL, tag)
    if may_leave_range(a, kind, tag) and not all_safe(<const double*> values, to.count):
        scales = <double*> second
        start(LARGEST, second, to.count, tag)
        sweep(a, LARGEST, to, second, NULL, tag)
        find_scales(<double*> values, scales, to.count)
        sweep(a, kind, to, values, second, tag)
    store(a, kind, to, values, scales, tag)
    if a.index.data != NULL:
        store_taps(a, to, <const int64_t*> second)


cdef void tile(const Args* a, int kind, Py_ssize_t number, char* scratch, const Item* tag) noexcept nogil:
    cdef Line line
    begin_lines(a, number, sizeof(Item), &line)
    while next_line(a, &line):
        fold_window(a, kind, &line, scratch, scratch + a.scratch_offsets, tag)


cdef inline void run(const Args* a, const Item* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, a.pooling, number, a.scratch, tag)


cdef api void pool_int8(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL)


cdef api void pool_int16(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL)


cdef api void pool_int32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL)


cdef api void pool_int64(const Args* a) noexcept nogil:
    run(a, <const int64_t*> NULL)


cdef api void pool_uint8(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL)


cdef api void pool_uint16(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL)


cdef api void pool_uint32(const Args* a) noexcept nogil:
    run(a, <const uint32_t*> NULL)


cdef api void pool_uint64(const Args* a) noexcept nogil:
    run(a, <const uint64_t*> NULL)


cdef api void pool_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void pool_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
