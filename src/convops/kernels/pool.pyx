# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Pooling by folding whole lines, tap after tap.

Called by `backends/pool_window.py` through `bind.pyx`; hands nothing on. The inner loop runs over the pixels of
an output line, or over the channels of one output where those lie side by side in memory; every output folds its
taps in C order of the window either way. Start reading at `fold_line`.
"""
from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport ceil_div, minimum, source

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


cdef inline Py_ssize_t counted(const Args* a, const Axis* axis, Py_ssize_t output) noexcept nogil:
    """Taps of one output that the mean's divisor counts, along one axis."""
    cdef Py_ssize_t first = output * axis.stride, below = 0, upto
    cdef Py_ssize_t begin = 0 if a.count_padding else axis.inner_begin
    cdef Py_ssize_t end = axis.counted if a.count_padding else axis.inner_end
    if begin > first:
        below = ceil_div(begin - first, axis.dilation)
    upto = (end - 1 - first) // axis.dilation + 1 if end > first else 0
    upto = minimum(upto, axis.window)
    return upto - below if upto > below else 0


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


cdef void fold_line(const Args* a, int kind, Real* values, int64_t* taps, const char* image, char* out,
                    char* index, Py_ssize_t d, Py_ssize_t h) noexcept nogil:
    """One output line, its pixels side by side."""
    cdef Py_ssize_t kd, kh, kw, at_d, at_h, offset, first, end, step = a.x.step[2]
    cdef const char* line
    start(a, kind, values, taps, a.axis[2].out)
    for kd in range(a.axis[0].window):
        at_d = source(&a.axis[0], d * a.axis[0].stride + kd * a.axis[0].dilation)
        for kh in range(a.axis[1].window):
            at_h = source(&a.axis[1], h * a.axis[1].stride + kh * a.axis[1].dilation)
            if at_d < 0 or at_h < 0:
                continue
            line = image + at_d * a.x.step[0] + at_h * a.x.step[1]
            for kw in range(a.axis[2].window):
                offset = kw * a.axis[2].dilation
                first = first_output(&a.axis[2], offset)
                end = end_output(&a.axis[2], offset)
                if first < end:
                    fold(a, kind, values + first, taps + first,
                         line + (first * a.axis[2].stride + offset - a.axis[2].shift) * step,
                         a.axis[2].stride * step, end - first,
                         (kd * a.axis[1].window + kh) * a.axis[2].window + kw)
    store(a, kind, values, taps, out, a.out.step[2], index, a.index.step[2], a.axis[2].out,
          counted(a, &a.axis[0], d) * counted(a, &a.axis[1], h), 0, True)


cdef void fold_channels(const Args* a, int kind, Real* values, int64_t* taps, const char* image, char* out,
                        char* index, Py_ssize_t d, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    """One output position, its channels side by side."""
    cdef Py_ssize_t kd, kh, kw, at_d, at_h, at_w
    start(a, kind, values, taps, a.channels)
    for kd in range(a.axis[0].window):
        at_d = source(&a.axis[0], d * a.axis[0].stride + kd * a.axis[0].dilation)
        for kh in range(a.axis[1].window):
            at_h = source(&a.axis[1], h * a.axis[1].stride + kh * a.axis[1].dilation)
            if at_d < 0 or at_h < 0:
                continue
            for kw in range(a.axis[2].window):
                at_w = source(&a.axis[2], w * a.axis[2].stride + kw * a.axis[2].dilation)
                if at_w >= 0:
                    fold(a, kind, values, taps,
                         image + at_d * a.x.step[0] + at_h * a.x.step[1] + at_w * a.x.step[2], sizeof(Real),
                         a.channels, (kd * a.axis[1].window + kh) * a.axis[2].window + kw)
    store(a, kind, values, taps, out, a.out.channel, index, a.index.channel, a.channels,
          counted(a, &a.axis[0], d) * counted(a, &a.axis[1], h), w, False)


cdef inline Py_ssize_t place(const Py_ssize_t* step, Py_ssize_t d, Py_ssize_t h) noexcept nogil:
    return d * step[0] + h * step[1]


cdef void tile_f(const Args* a, int kind, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """A run of output lines of one image: of one channel, or of all where channels lie side by side."""
    cdef Py_ssize_t lines = a.axis[0].out * a.axis[1].out, runs = ceil_div(lines, a.tile_columns), n, c, w
    cdef Py_ssize_t first = number % runs * a.tile_columns, image = number // runs, d, h
    cdef bint together = a.x.channel == sizeof(Real) and a.x.step[2] != sizeof(Real)
    cdef int64_t* taps = <int64_t*> (scratch + a.scratch_offsets)
    cdef const char* x
    cdef char* out
    cdef char* index
    for n in range(first, minimum(first + a.tile_columns, lines)):
        d = n // a.axis[1].out
        h = n % a.axis[1].out
        x = a.x.data + image * a.x.batch
        out = a.out.data + image * a.out.batch + place(a.out.step, d, h)
        index = a.index.data + image * a.index.batch + place(a.index.step, d, h) if a.index.data != NULL else NULL
        if together:
            for w in range(a.axis[2].out):
                fold_channels(a, kind, <Real*> scratch, taps, x, out + w * a.out.step[2],
                              index + w * a.index.step[2] if index != NULL else NULL, d, h, w)
            continue
        for c in range(a.channels):
            fold_line(a, kind, <Real*> scratch, taps, x + c * a.x.channel, out + c * a.out.channel,
                      index + c * a.index.channel if index != NULL else NULL, d, h)


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
