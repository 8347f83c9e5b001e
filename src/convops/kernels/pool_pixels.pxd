# Windows of few pixels whose channels lie side by side: every result from its items, in registers.
#
# Items are joined along each line, then the lines, as windows are wherever else they are folded axis by axis. Start
# reading at `pixel_lines`.
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM, Item
from convops.kernels.lanes cimport spread
from convops.kernels.pool_band cimport Job
from convops.kernels.pool_extremes cimport i8v, i16v, i32v, u8v, u16v
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, item_bytes, join, stream
from convops.kernels.pool_watch cimport begin_watch, is_watched_clean, watch
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport maximum, minimum
from convops.kernels.window cimport Taps, counted, end_output, first_output, taps_of

cdef enum:
    MOST_TAPS = 3              # along an axis: of more, neighbouring windows share too much
    AHEAD = 1 << 12            # bytes between what is read of a line and what is asked for


# Neighbouring windows of a line of results.
cdef struct Pixels:
    const char* x              # the first item of the first window
    char* out
    Py_ssize_t count
    Py_ssize_t bytes           # of the channels of a pixel
    Py_ssize_t next_x          # from window to window
    Py_ssize_t next_out
    Py_ssize_t high            # taps of a window
    Py_ssize_t wide
    Py_ssize_t below           # bytes from tap to tap
    Py_ssize_t right
    Py_ssize_t seen            # lines of taps that windows of the line before saw, too
    double divisor             # of means
    bint streams               # results go past the caches


cdef inline inlined divide_by(double divisor, Wide* sum) noexcept nogil:
    cdef Wide divisors
    if Wide is f32v or Wide is f64v:
        spread(divisor, &divisors)
        sum[0] = sum[0] / divisors


cdef inline inlined fold_line(int kind, Py_ssize_t wide, const Pixels* p, const char* x, bint ahead, Wide* line,
                              Wide* sum) noexcept nogil:
    """A vector of one line of a window."""
    cdef Wide value
    cdef Py_ssize_t v
    for v in range(wide):
        if ahead:
            prefetch(x + v * p.right + AHEAD, 0, 3)
    line[0] = (<const Wide*> x)[0]
    if kind == SUM or kind == MEAN:
        from_zero(line)
    if kind >= CLEAN:
        sum[0] = sum[0] + line[0]
    for v in range(1, wide):
        value = (<const Wide*> (x + v * p.right))[0]
        join(kind, line, &value)
        if kind >= CLEAN:
            sum[0] = sum[0] + value


cdef inline inlined fold_pixel(int kind, Py_ssize_t high, Py_ssize_t wide, const Pixels* p, const char* x, char* out,
                               Wide* watched) noexcept nogil:
    """A vector of results."""
    cdef Wide best, line, sum
    cdef Py_ssize_t k
    begin_watch(&sum)
    fold_line(kind, wide, p, x, p.seen == 0, &best, &sum)
    for k in range(1, high):
        fold_line(kind, wide, p, x + k * p.below, k >= p.seen, &line, &sum)
        join(kind, &best, &line)
    if kind == MEAN:
        divide_by(p.divisor, &best)
    if kind >= CLEAN:
        watch(&sum, watched)
    if p.streams:
        stream(out, &best)
    else:
        (<Wide*> out)[0] = best


cdef inline inlined fold_taps(int kind, Py_ssize_t high, Py_ssize_t wide, const Pixels* pixels, bint* clean,
                              const Wide* tag) noexcept nogil:
    """Pixel by pixel, the last vector of one overlaps the one before; whether no item was NaN or infinite."""
    cdef Pixels p = pixels[0]  # which stores of results cannot change
    cdef Wide watched
    cdef Py_ssize_t _, at, here
    begin_watch(&watched)
    for _ in range(p.count):
        at = 0
        while at < p.bytes:
            here = minimum(at, p.bytes - VECTOR_BYTES)
            fold_pixel(kind, high, wide, &p, p.x + here, p.out + here, &watched)
            at = at + VECTOR_BYTES
        p.x, p.out = p.x + p.next_x, p.out + p.next_out
    clean[0] = kind < CLEAN or is_watched_clean(&watched)


cdef inline inlined fold_pixels(int kind, const Pixels* p, bint* clean, const Wide* tag) noexcept nogil:
    """A loop of its own for the window that is met most."""
    if p.high == 3 and p.wide == 3:
        fold_taps(kind, 3, 3, p, clean, tag)
    else:
        fold_taps(kind, p.high, p.wide, p, clean, tag)


cdef inline void fold_any(int kind, const Pixels* p, const Wide* tag) noexcept nogil:
    """Extremes of reals as if there were no NaN, and again if there may be."""
    cdef bint clean = False
    if Wide is f32v or Wide is f64v:
        if kind == MEAN:
            fold_pixels(MEAN, p, &clean, tag)
        elif kind == SUM:
            fold_pixels(SUM, p, &clean, tag)
        elif kind == MAXIMUM:
            fold_pixels(CLEAN + MAXIMUM, p, &clean, tag)
        else:
            fold_pixels(CLEAN + MINIMUM, p, &clean, tag)
    if clean or kind == SUM or kind == MEAN:
        return
    if kind == MAXIMUM:
        fold_pixels(MAXIMUM, p, &clean, tag)
    else:
        fold_pixels(MINIMUM, p, &clean, tag)


cdef inline void fold_items(int kind, const Pixels* p, const Item* tag) noexcept nogil:
    if Item is float:
        fold_any(kind, p, <const f32v*> NULL)
    elif Item is double:
        fold_any(kind, p, <const f64v*> NULL)
    elif Item is uint8_t:
        fold_any(kind, p, <const u8v*> NULL)
    elif Item is int8_t:
        fold_any(kind, p, <const i8v*> NULL)
    elif Item is uint16_t:
        fold_any(kind, p, <const u16v*> NULL)
    elif Item is int16_t:
        fold_any(kind, p, <const i16v*> NULL)
    elif Item is int32_t:
        fold_any(kind, p, <const i32v*> NULL)


cdef inline void fold_some(const Args* a, int kind, const Pixels* line, double outer, Py_ssize_t w, Py_ssize_t count,
                           const Item* tag) noexcept nogil:
    """So many windows of a line from number `w` on, all with the same taps."""
    cdef Pixels p = line[0]
    cdef Taps along = taps_of(&a.axis[2], w)
    p.count, p.wide = count, along.end - along.begin
    p.divisor = a.divisor if a.divisor else outer * <double> counted(a, &a.axis[2], w)
    p.x = p.x + (along.origin + along.begin * along.step) * a.x.step[2]
    p.out = p.out + w * p.next_out
    fold_items(kind, &p, tag)


cdef inline void pixel_line(const Args* a, int kind, const Job* j, Py_ssize_t h, const Item* tag) noexcept nogil:
    """Output line `h`: the windows that meet no padding together, others one by one."""
    cdef Taps down = taps_of(&a.axis[1], h)
    cdef Py_ssize_t out = a.axis[2].out, w
    cdef Py_ssize_t begin = minimum(out, first_output(&a.axis[2], 0))
    cdef Py_ssize_t end = maximum(begin, end_output(&a.axis[2], (a.axis[2].window - 1) * a.axis[2].dilation))
    cdef double outer = <double> counted(a, &a.axis[1], h)
    cdef Pixels p
    p.x = (a.x.data + j.number * a.x.batch + (down.origin + down.begin * down.step) * a.x.step[1])
    p.out = a.out.data + j.number * a.out.batch + h * a.out.step[1]
    p.bytes, p.next_x, p.next_out = a.channels * sizeof(Item), a.axis[2].stride * a.x.step[2], a.out.step[2]
    p.high, p.below, p.right = down.end - down.begin, down.step * a.x.step[1], a.axis[2].dilation * a.x.step[2]
    p.seen, p.streams = maximum(0, a.axis[1].window - a.axis[1].stride), j.streams
    for w in range(begin):
        fold_some(a, kind, &p, outer, w, 1, tag)
    if begin < end:
        fold_some(a, kind, &p, outer, begin, end - begin, tag)
    for w in range(end, out):
        fold_some(a, kind, &p, outer, w, 1, tag)


cdef inline bint has_taps(const Axis* axis) noexcept nogil:
    """Whether every window has a real tap: those between the first and the last may step over a shorter line."""
    cdef Taps first = taps_of(axis, 0), last = taps_of(axis, axis.out - 1)
    return (first.begin < first.end and last.begin < last.end
            and axis.dilation <= axis.inner_end - axis.inner_begin)


cdef inline bint is_pixels(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether windows are such ones."""
    cdef Py_ssize_t size = sizeof(Item)
    return (j.together and a.out.channel == size and a.channels * size >= VECTOR_BYTES
            and a.axis[1].window <= MOST_TAPS and a.axis[2].window <= MOST_TAPS
            and has_taps(&a.axis[1]) and has_taps(&a.axis[2]))


cdef inline bint pixel_lines(const Args* a, int kind, const Job* j, Py_ssize_t first, Py_ssize_t last,
                             const Item* tag) noexcept nogil:
    """Output lines [first, last) of such windows; False where they must go another way."""
    cdef Py_ssize_t h
    if not is_pixels(a, j, tag):
        return False
    for h in range(first, last):
        pixel_line(a, kind, j, h, tag)
    return True
