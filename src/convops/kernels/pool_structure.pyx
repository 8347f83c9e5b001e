# cython: language_level=3
"""Maxima and minima of items with a structure added to them: grey dilation and erosion.

Called by `backends/pool_structure.py` through `bind.pyx`; hands nothing on. A line of results meets one tap of all its
windows after the other, in C order. Start reading at `extremes`.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport INFINITY, MAXIMUM, MINIMUM
from convops.kernels.tile cimport maximum, minimum
from convops.kernels.window cimport (
    Line, Taps, begin_lines, end_output, end_tap, first_output, first_tap, next_line, place, taps_of)

ctypedef fused Number:
    int32_t
    int64_t
    float
    double


cdef inline void meet(int kind, Number* best, int64_t* taps, const char* items, Py_ssize_t step, Py_ssize_t count,
                      Number added, int64_t tap) noexcept nogil:
    """The first of equals stays, and the first NaN before all."""
    cdef Py_ssize_t j
    cdef Number value
    cdef bint better
    for j in range(count):
        value = (<const Number*> (items + j * step))[0]
        value = value + added if kind == MAXIMUM else value - added
        better = (value > best[j] if kind == MAXIMUM else value < best[j]) | (value != value)
        if taps != NULL:
            better = (better | (taps[j] < 0)) & (best[j] == best[j])
            taps[j] = tap if better else taps[j]
        best[j] = value if better else best[j]


cdef inline void meet_run(int kind, Number* best, int64_t* taps, const char* items, Py_ssize_t step,
                          Py_ssize_t count, Number added, int64_t tap) noexcept nogil:
    """Every case with its own loop, which becomes vectors."""
    if taps != NULL:
        meet(kind, best, taps, items, step, count, added, tap)
    elif step != sizeof(Number):
        meet(kind, best, NULL, items, step, count, added, tap)
    elif kind == MAXIMUM:
        meet(MAXIMUM, best, NULL, items, sizeof(Number), count, added, tap)
    else:
        meet(MINIMUM, best, NULL, items, sizeof(Number), count, added, tap)


cdef inline void meet_line(const Args* a, const Line* to, Number* best, int64_t* taps, const char* line,
                           int64_t number) noexcept nogil:
    """The taps of one input line, of which the first has this number."""
    cdef const Axis* axis = &a.axis[2]
    cdef const Number* structure = <const Number*> a.weights + number
    cdef Taps wide = taps_of(axis, to.w)
    cdef Py_ssize_t kw, first, end, offset
    if not to.along:
        for kw in range(wide.begin, wide.end):
            meet_run(a.pooling, best, taps, line + (wide.origin + kw * wide.step) * a.x.step[2], a.x.channel,
                     to.count, structure[kw], number + kw)
        return
    for kw in range(first_tap(axis, to.w + to.count - 1, axis.inner_begin), end_tap(axis, to.w, axis.inner_end)):
        offset = kw * axis.dilation
        first, end = maximum(to.w, first_output(axis, offset)), minimum(to.w + to.count, end_output(axis, offset))
        if first < end:
            meet_run(a.pooling, best + (first - to.w), NULL if taps == NULL else taps + (first - to.w),
                     line + (first * axis.stride + offset - axis.shift) * a.x.step[2], axis.stride * a.x.step[2],
                     end - first, structure[kw], number + kw)


cdef inline void start(int kind, Number* best, int64_t* taps, Py_ssize_t count) noexcept nogil:
    """Below, or above, everything."""
    cdef Py_ssize_t j
    cdef Number least
    if Number is float or Number is double:
        least = -<Number> INFINITY
    else:
        least = -<Number> (<uint64_t> 1 << (8 * sizeof(Number) - 2)) * 2 + 1
    for j in range(count):
        best[j] = least if kind == MAXIMUM else -least
        if taps != NULL:
            taps[j] = -1


cdef void extremes(const Args* a, const Line* to, Number* best, int64_t* taps) noexcept nogil:
    """One line of outputs."""
    cdef Taps deep = taps_of(&a.axis[0], to.d), high = taps_of(&a.axis[1], to.h)
    cdef Py_ssize_t kd, kh, j, step = a.out.step[2] if to.along else a.out.channel
    cdef char* out = place(&a.out, to)
    cdef char* index = place(&a.index, to)
    start(a.pooling, best, taps, to.count)
    for kd in range(deep.begin, deep.end):
        for kh in range(high.begin, high.end):
            meet_line(a, to, best, taps,
                      to.image + (deep.origin + kd * deep.step) * a.x.step[0]
                      + (high.origin + kh * high.step) * a.x.step[1],
                      (kd * a.axis[1].window + kh) * a.axis[2].window)
    for j in range(to.count):
        (<Number*> (out + j * step))[0] = best[j]
    step = a.index.step[2] if to.along else a.index.channel
    for j in range(0 if taps == NULL else to.count):
        (<int64_t*> (index + j * step))[0] = taps[j]


cdef void tile(const Args* a, Py_ssize_t number, char* scratch, const Number* tag) noexcept nogil:
    cdef Line line
    begin_lines(a, number, sizeof(Number), &line)
    while next_line(a, &line):
        extremes(a, &line, <Number*> scratch,
                 NULL if a.index.data == NULL else <int64_t*> (scratch + a.scratch_offsets))


cdef inline void run(const Args* a, const Number* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, a.scratch, tag)


cdef api void structure_int32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL)


cdef api void structure_int64(const Args* a) noexcept nogil:
    run(a, <const int64_t*> NULL)


cdef api void structure_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void structure_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
