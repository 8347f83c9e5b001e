# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Pooling by folding whole lines, tap after tap.

Called by `backends/pool_window.py` through `bind.pyx`; hands nothing on. The inner loop runs over the pixels of
an output line, or over the channels of one output where those lie side by side in memory; every output folds its
taps in C order of the window either way. Start reading at `fold_window`.
"""
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from convops.kernels.abi cimport Args, Axis, Operand
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport ceil_div, minimum

cdef extern from "<math.h>" nogil:
    double INFINITY

cdef enum Kind:
    MAXIMUM
    MEAN


cdef inline void fold_maximum(Real* best, const char* items, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    cdef Real value
    if step == sizeof(Real):
        for j in range(count):
            value = (<const Real*> items)[j]
            best[j] = value if (value > best[j]) | (value != value) else best[j]
    else:
        for j in range(count):
            value = (<const Real*> (items + j * step))[0]
            best[j] = value if (value > best[j]) | (value != value) else best[j]


cdef inline void fold_argmax(Real* best, int64_t* taps, const char* items, Py_ssize_t step, Py_ssize_t count,
                             int64_t tap) noexcept nogil:
    """NumPy's argmax rule: the first of equals, and the first NaN before all."""
    cdef Py_ssize_t j
    cdef Real value
    for j in range(count):
        value = (<const Real*> (items + j * step))[0]
        if (value > best[j]) | (taps[j] < 0) | ((value != value) & (best[j] == best[j])):
            best[j] = value
            taps[j] = tap


cdef inline void fold_sum(Real* sums, const char* items, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    if step == sizeof(Real):
        for j in range(count):
            sums[j] = sums[j] + (<const Real*> items)[j]
    else:
        for j in range(count):
            sums[j] = sums[j] + (<const Real*> (items + j * step))[0]


cdef inline void start(const Args* a, int kind, Real* values, int64_t* taps, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(count):
        values[j] = -<Real> INFINITY if kind == MAXIMUM else <Real> 0
    if a.index.data != NULL:
        for j in range(count):
            taps[j] = -1


cdef inline void fold(const Args* a, int kind, Real* values, int64_t* taps, const char* items, Py_ssize_t step,
                      Py_ssize_t count, int64_t tap) noexcept nogil:
    if kind == MEAN:
        fold_sum(values, items, step, count)
    elif a.index.data != NULL:
        fold_argmax(values, taps, items, step, count, tap)
    else:
        fold_maximum(values, items, step, count)


cdef inline Py_ssize_t first_output(const Axis* axis, Py_ssize_t offset) noexcept nogil:
    """The first output whose tap at `offset` is a real item; it may lie past the end."""
    return ceil_div(axis.inner_begin - offset, axis.stride) if axis.inner_begin > offset else 0


cdef inline Py_ssize_t end_output(const Axis* axis, Py_ssize_t offset) noexcept nogil:
    if axis.inner_end <= offset:
        return 0
    return minimum(axis.out, (axis.inner_end - 1 - offset) // axis.stride + 1)


cdef inline Py_ssize_t first_tap(const Axis* axis, Py_ssize_t output, Py_ssize_t begin) noexcept nogil:
    """The first tap of one output at or behind the padded position `begin`."""
    cdef Py_ssize_t first = output * axis.stride
    return ceil_div(begin - first, axis.dilation) if begin > first else 0


cdef inline Py_ssize_t end_tap(const Axis* axis, Py_ssize_t output, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t first = output * axis.stride
    return minimum(axis.window, (end - 1 - first) // axis.dilation + 1) if end > first else 0


cdef inline Py_ssize_t counted(const Args* a, const Axis* axis, Py_ssize_t output) noexcept nogil:
    """Taps of one output that the mean's divisor counts, along one axis."""
    cdef Py_ssize_t begin = 0 if a.count_padding else axis.inner_begin, first = output * axis.stride, count
    cdef Py_ssize_t end = axis.counted if a.count_padding else axis.inner_end
    if begin <= first and first + (axis.window - 1) * axis.dilation < end:
        return axis.window
    count = end_tap(axis, output, end) - first_tap(axis, output, begin)
    return count if count > 0 else 0


cdef inline bint is_sparse(const Axis* axis) noexcept nogil:
    """Whether a window is so wide that most of its taps meet padding in every output."""
    cdef Py_ssize_t taps = end_tap(axis, 0, axis.inner_end) - first_tap(axis, axis.out - 1, axis.inner_begin)
    return taps > axis.out * (axis.size // axis.dilation + 1)


cdef inline void store(const Args* a, int kind, const Real* values, const int64_t* taps, char* out,
                       Py_ssize_t out_step, char* index, Py_ssize_t index_step, Py_ssize_t count, Py_ssize_t lines,
                       Py_ssize_t output, bint along) noexcept nogil:
    """Write one line; `lines` counts the divisor's taps on the outer axes, `output` is the first place on the
    last axis, and `along` says that the line runs along it."""
    cdef Py_ssize_t j
    cdef Real divisor = <Real> a.divisor
    for j in range(count):
        if kind == MAXIMUM:
            (<Real*> (out + j * out_step))[0] = values[j]
            continue
        if a.divisor == 0 and (along or j == 0):
            divisor = <Real> (lines * counted(a, &a.axis[2], output + j))
        (<Real*> (out + j * out_step))[0] = values[j] / divisor
    if a.index.data != NULL:
        for j in range(count):
            (<int64_t*> (index + j * index_step))[0] = taps[j]


cdef inline Py_ssize_t tap_number(const Args* a, Py_ssize_t kd, Py_ssize_t kh, Py_ssize_t kw) noexcept nogil:
    return (kd * a.axis[1].window + kh) * a.axis[2].window + kw


cdef inline void fold_row(const Args* a, int kind, Real* values, int64_t* taps, const char* line, Py_ssize_t kd,
                          Py_ssize_t kh, Py_ssize_t w, Py_ssize_t count) noexcept nogil:
    """One input line into `count` pixels of an output line, from w on."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t kw, first, end, offset
    for kw in range(first_tap(axis, w + count - 1, axis.inner_begin), end_tap(axis, w, axis.inner_end)):
        offset = kw * axis.dilation
        first = max(w, first_output(axis, offset))
        end = minimum(w + count, end_output(axis, offset))
        if first < end:
            fold(a, kind, values + first - w, taps + first - w,
                 line + (first * axis.stride + offset - axis.shift) * a.x.step[2], axis.stride * a.x.step[2],
                 end - first, tap_number(a, kd, kh, kw))


cdef inline void fold_pixel(const Args* a, int kind, Real* values, int64_t* taps, const char* line, Py_ssize_t kd,
                            Py_ssize_t kh, Py_ssize_t w, Py_ssize_t channels) noexcept nogil:
    """One input line into one output pixel of `channels` channels."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t kw
    for kw in range(first_tap(axis, w, axis.inner_begin), end_tap(axis, w, axis.inner_end)):
        fold(a, kind, values, taps,
             line + (w * axis.stride + kw * axis.dilation - axis.shift) * a.x.step[2], sizeof(Real), channels,
             tap_number(a, kd, kh, kw))


cdef void fold_window(const Args* a, int kind, Real* values, int64_t* taps, const char* image, char* out,
                      char* index, Py_ssize_t d, Py_ssize_t h, Py_ssize_t w, Py_ssize_t count,
                      bint along) noexcept nogil:
    """From output pixel w on, `count` pixels of one channel (along the line) or `count` channels of one pixel."""
    cdef Py_ssize_t kd, kh
    cdef const Axis* deep = &a.axis[0]
    cdef const Axis* high = &a.axis[1]
    cdef const char* line
    start(a, kind, values, taps, count)
    for kd in range(first_tap(deep, d, deep.inner_begin), end_tap(deep, d, deep.inner_end)):
        for kh in range(first_tap(high, h, high.inner_begin), end_tap(high, h, high.inner_end)):
            line = (image + (d * deep.stride + kd * deep.dilation - deep.shift) * a.x.step[0]
                    + (h * high.stride + kh * high.dilation - high.shift) * a.x.step[1])
            if along:
                fold_row(a, kind, values, taps, line, kd, kh, w, count)
            else:
                fold_pixel(a, kind, values, taps, line, kd, kh, w, count)
    store(a, kind, values, taps, out, a.out.step[2] if along else a.out.channel, index,
          a.index.step[2] if along else a.index.channel, count, counted(a, deep, d) * counted(a, high, h), w, along)


cdef inline char* place(const Operand* o, Py_ssize_t image, Py_ssize_t channel, Py_ssize_t d, Py_ssize_t h,
                        Py_ssize_t w) noexcept nogil:
    if o.data == NULL:
        return NULL
    return o.data + image * o.batch + channel * o.channel + d * o.step[0] + h * o.step[1] + w * o.step[2]


cdef void tile_f(const Args* a, int kind, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Pieces of output lines of one image, at most axis[2].tile pixels each, in all channels."""
    cdef Py_ssize_t parts = ceil_div(a.axis[2].out, a.panel_columns), pieces = a.axis[0].out * a.axis[1].out * parts
    cdef Py_ssize_t runs = ceil_div(pieces, a.tile_columns), first = number % runs * a.tile_columns, n, c, w, d, h
    cdef bint together = a.x.channel == sizeof(Real) and a.x.step[2] != sizeof(Real)
    cdef bint along = not (together or is_sparse(&a.axis[2]))
    cdef Py_ssize_t width, end, count
    cdef const char* x
    cdef int64_t* taps = <int64_t*> (scratch + a.scratch_offsets)
    number = number // runs
    for n in range(first, minimum(first + a.tile_columns, pieces)):
        d = n // parts // a.axis[1].out
        h = n // parts % a.axis[1].out
        c = 0
        while c < a.channels:
            width = minimum(a.panel_columns, a.channels - c) if together else 1
            x = a.x.data + number * a.x.batch + c * a.x.channel
            w = n % parts * a.panel_columns
            end = minimum(w + a.panel_columns, a.axis[2].out)
            while w < end:
                count = end - w if along else width
                fold_window(a, kind, <Real*> scratch, taps, x, place(&a.out, number, c, d, h, w),
                            place(&a.index, number, c, d, h, w), d, h, w, count, along)
                w = end if along else w + 1
            c = c + width


cdef inline void run(const Args* a, int kind, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(a.tile_begin, a.tile_end, schedule="dynamic", chunksize=1, num_threads=a.workers):
        tile_f(a, kind, number, a.scratch + threadid() * a.scratch_stride, tag)


cdef api void max_pool_f32(const Args* a) noexcept nogil:
    run(a, MAXIMUM, <const float*> NULL)


cdef api void max_pool_f64(const Args* a) noexcept nogil:
    run(a, MAXIMUM, <const double*> NULL)


cdef api void avg_pool_f32(const Args* a) noexcept nogil:
    run(a, MEAN, <const float*> NULL)


cdef api void avg_pool_f64(const Args* a) noexcept nogil:
    run(a, MEAN, <const double*> NULL)
