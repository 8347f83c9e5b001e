# cython: language_level=3
"""Pooling of planes axis by axis: maxima, minima, sums and means, in time that hardly depends on the window.

Called by `backends/pool_separable.py` through `bind.pyx`; hands nothing on. A band of output lines is made in two
steps: every input line is folded along the line, then the results are folded across the lines. Vectors run over
pixels, or over channels where those lie side by side; both take the same steps in the same order.

Windows of up to MOST items, and those that do not overlap, are folded from the first item to the last. Longer ones
are cut by the digits of their length in base MOST, lowest first: as many items as the lowest digit says, then so
many runs of MOST items as the next, and so on; runs are folded once for all windows, from the MOST runs before them.
The order depends on the length alone, so results do not depend on the layout, the cut into bands, or the place of a
window; and as nothing is taken away again, sums do not drift. Start reading at `tile_s`.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, Item, beats, is_nan
from convops.kernels.pool_band cimport (
    Job, bytes_of, cut, find_inner, identity, in_order, is_run, line_at, out_line, seen)
from convops.kernels.pool_run cimport MOST, divide_run, fold_run, u8v
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.window cimport SHORT, Taps, counted, taps_of

cdef inline void fold_items(int kind, Py_ssize_t n, Item* to, const Item* before, const Item* items,
                            Py_ssize_t shift, Py_ssize_t step, Py_ssize_t count, bint whole) noexcept nogil:
    """`n` items each for `count` results, behind those in `before`; `whole` vectors may be read and written."""
    cdef Py_ssize_t i
    if n == 0:
        for i in range(count):
            to[i] = identity(kind, to) if before == NULL else before[i]
    elif Item is float:
        fold_run(kind, n, <char*> to, <const char*> before, <const char*> items, shift * <Py_ssize_t> sizeof(Item),
                 step, count, whole, <const f32v*> NULL)
    elif Item is double:
        fold_run(kind, n, <char*> to, <const char*> before, <const char*> items, shift * <Py_ssize_t> sizeof(Item),
                 step, count, whole, <const f64v*> NULL)
    elif Item is uint8_t:
        fold_run(kind, n, <char*> to, <const char*> before, <const char*> items, shift, step, count, whole,
                 <const u8v*> NULL)


cdef inline Item joined(int kind, Item best, Item value) noexcept nogil:
    if kind == MAXIMUM or kind == MINIMUM:
        return value if beats(kind, value, best) | is_nan(value) else best
    return best + value


cdef inline void fold_few(int kind, Py_ssize_t n, Item* to, const Item* items, Py_ssize_t shift,
                          Py_ssize_t count) noexcept nogil:
    """The same item by item, for less than a chunk where nothing else may be read."""
    cdef Py_ssize_t i, k
    cdef Item best
    if n == 0:
        fold_items(kind, 0, to, NULL, items, shift, 1, count, False)
        return
    for i in range(count):
        best = items[i]
        if kind != MAXIMUM and kind != MINIMUM:
            best = best + 0
        for k in range(1, n):
            best = joined(kind, best, items[k * shift + i])
        to[i] = best


cdef inline void fold_pixel(const Args* a, int kind, const Job* j, Item* to, const char* line,
                            const Taps* taps) noexcept nogil:
    """One output where its line lies; taps on padding are left out."""
    cdef const Item* items = <const Item*> (line + (taps.origin + taps.begin * taps.step) * a.x.step[2])
    cdef Py_ssize_t shift = taps.step * a.x.step[2] // <Py_ssize_t> sizeof(Item)
    if j.unit * sizeof(Item) >= VECTOR_BYTES:
        fold_items(kind, maximum(0, taps.end - taps.begin), to, NULL, items, shift, 1, j.unit, False)
    else:
        fold_few(kind, maximum(0, taps.end - taps.begin), to, items, shift, j.unit)


cdef inline void fold_pixels(const Args* a, int kind, const Job* j, Py_ssize_t begin, Py_ssize_t end,
                             const Item* tag) noexcept nogil:
    """Outputs of all lines of the band, one by one."""
    cdef Py_ssize_t w, i
    cdef Taps taps
    cdef const char* line
    for w in range(begin, end):
        taps = taps_of(&a.axis[2], w)
        for i in range(j.lines):
            line = line_at(a, j, i)
            if line != NULL:
                fold_pixel(a, kind, j, <Item*> j.folded + i * j.out_pitch + (w - j.w) * j.unit, line, &taps)


cdef inline void fold_in_place(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Along all lines of the band where they lie."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t i
    cdef const char* line
    for i in range(j.lines if j.begin < j.end else 0):
        line = line_at(a, j, i)
        if line != NULL:
            fold_items(kind, axis.window, <Item*> j.folded + i * j.out_pitch + (j.begin - j.w), NULL,
                       <const Item*> (line + (j.begin * axis.stride - axis.shift) * a.x.step[2]), axis.dilation,
                       axis.stride, j.end - j.begin, False)
    fold_pixels(a, kind, j, j.w, j.begin, tag)
    fold_pixels(a, kind, j, j.end, j.w + j.wide, tag)


cdef inline void copy_line(const Args* a, int kind, const Job* j, Item* to, const char* line) noexcept nogil:
    """What the band sees of a line, identities where it is padding."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = j.w * axis.stride, count = seen(axis, j.wide), i
    cdef Py_ssize_t begin = minimum(count, maximum(0, axis.inner_begin - first))
    cdef Py_ssize_t end = maximum(begin, minimum(count, axis.inner_end - first))
    for i in range(begin * j.unit):
        to[i] = identity(kind, to)
    for i in range(end * j.unit, count * j.unit):
        to[i] = identity(kind, to)
    line = line + (first - axis.shift) * a.x.step[2]
    if j.unit == 1 and a.x.step[2] == sizeof(Item):
        memcpy(to + begin, line + begin * a.x.step[2], (end - begin) * sizeof(Item))
    elif j.together and a.x.step[2] == j.unit * <Py_ssize_t> sizeof(Item):
        memcpy(to + begin * j.unit, line + begin * a.x.step[2], (end - begin) * a.x.step[2])
    elif j.together:
        for i in range(begin, end):
            memcpy(to + i * j.unit, line + i * a.x.step[2], j.unit * sizeof(Item))
    else:
        for i in range(begin, end):
            to[i] = (<const Item*> (line + i * a.x.step[2]))[0]


cdef inline void fold_copy(const Args* a, int kind, const Job* j, Item* to, const Item* before, const Item* items,
                           Py_ssize_t n, Py_ssize_t shift) noexcept nogil:
    """`n` taps of all windows along a copied line."""
    cdef Py_ssize_t w, stride = a.axis[2].stride
    if j.unit == 1 or stride == 1:
        fold_items(kind, n, to, before, items, shift, stride, j.wide * j.unit, True)
        return
    for w in range(j.wide):
        fold_items(kind, n, to + w * j.unit, NULL if before == NULL else before + w * j.unit,
                   items + w * stride * j.unit, shift, 1, j.unit, False)


cdef inline void fold_copies(const Args* a, int kind, const Job* j, Py_ssize_t begin, Py_ssize_t end,
                             const Item* tag) noexcept nogil:
    """Along some lines of the band, in a copy."""
    cdef Py_ssize_t i, n = a.axis[2].window, shift = a.axis[2].dilation * j.unit, offset = 0, digit
    cdef const char* line
    cdef bint first = True
    cdef Item* copy = <Item*> j.copy
    cdef Item* to
    for i in range(begin, end):
        line = line_at(a, j, i)
        if line != NULL:
            copy_line(a, kind, j, copy + (i - begin) * j.pitch, line)
    while n > 0:
        digit = n if in_order(&a.axis[2]) else n % MOST
        n = (n - digit) // MOST
        for i in range(begin, end if digit else begin):
            to = <Item*> j.folded + i * j.out_pitch
            if line_at(a, j, i) != NULL:
                fold_copy(a, kind, j, to, NULL if first else to, copy + (i - begin) * j.pitch + offset, digit, shift)
        first, offset = first and digit == 0, offset + digit * shift
        if n > 0:
            fold_items(kind, MOST, copy, NULL, copy, shift, 1, (end - begin) * j.pitch, True)
            shift = shift * MOST


cdef inline void fold_lines(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """The first step: every line of the band along itself."""
    cdef Py_ssize_t i, k
    for i in range(j.lines):
        if line_at(a, j, i) == NULL:
            for k in range(j.out_pitch):
                (<Item*> j.folded)[i * j.out_pitch + k] = identity(kind, tag)
    if not j.copies:
        fold_in_place(a, kind, j, tag)
        return
    i = 0
    while i < j.lines:
        fold_copies(a, kind, j, i, minimum(j.lines, i + j.group), tag)
        i = i + j.group


cdef inline void put_line(const Args* a, const Job* j, Py_ssize_t i, const Item* items) noexcept nogil:
    """Results to where they belong."""
    cdef char* out = out_line(a, j, i)
    cdef Py_ssize_t w, c
    for w in range(j.wide):
        for c in range(j.unit):
            (<Item*> (out + w * a.out.step[2] + c * a.out.channel))[0] = items[w * j.unit + c]


cdef inline void divide(const Args* a, Job* j, Py_ssize_t i, Item* sums) noexcept nogil:
    """Sums of one line to means; its divisors are kept for lines that have the same."""
    cdef Py_ssize_t k, c
    cdef double outer = a.divisor
    cdef Item* divisors = <Item*> j.divisors
    if a.divisor == 0:
        outer = <double> counted(a, &a.axis[0], j.d) * counted(a, &a.axis[1], j.h + i)
    if outer != j.outer:
        j.outer = outer
        for k in range(j.wide):
            for c in range(j.unit):
                divisors[k * j.unit + c] = <Item> (
                    outer if a.divisor else outer * counted(a, &a.axis[2], j.w + k))
    if Item is float:
        divide_run(<char*> sums, j.divisors, j.wide * j.unit, <const f32v*> NULL)
    elif Item is double:
        divide_run(<char*> sums, j.divisors, j.wide * j.unit, <const f64v*> NULL)


cdef inline void fold_across(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """The second step: across the lines, into the output."""
    cdef Py_ssize_t i, n = a.axis[1].window, shift = a.axis[1].dilation * j.out_pitch, offset = 0, digit
    cdef bint first = True, run = is_run(a, j, tag)
    cdef Item* folded = <Item*> j.folded
    cdef Item* totals
    cdef Item* to
    while n > 0:
        digit = n if in_order(&a.axis[1]) else n % MOST
        n = (n - digit) // MOST
        for i in range(j.high if digit else 0):
            totals = <Item*> j.totals + i * j.out_pitch
            to = <Item*> out_line(a, j, i) if run and n == 0 else totals
            fold_items(kind, digit, to, NULL if first else totals,
                       folded + i * a.axis[1].stride * j.out_pitch + offset, shift, 1, j.wide * j.unit, to == totals)
            if n == 0 and kind == MEAN:
                divide(a, j, i, to)
            if n == 0 and not run:
                put_line(a, j, i, to)
        first, offset = first and digit == 0, offset + digit * shift
        if n > 0:
            fold_items(kind, MOST, folded, NULL, folded, shift, 1, j.lines * j.out_pitch, True)
            shift = shift * MOST


cdef void band(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """A range of lines and pixels in all channels."""
    cdef Py_ssize_t most = j.unit
    j.lines = seen(&a.axis[1], j.high)
    j.channel, j.outer = 0, -1
    find_inner(a, j, tag)
    while j.channel < a.channels:
        if a.channels - j.channel < j.unit:
            j.unit, j.outer = a.channels - j.channel, -1
            bytes_of(a, j, tag)
        fold_lines(a, kind, j, tag)
        fold_across(a, kind, j, tag)
        j.channel = j.channel + j.unit
    if j.unit < most:
        j.unit = most
        bytes_of(a, j, tag)


cdef void tile_s(const Args* a, int kind, Py_ssize_t number, char* scratch, const Item* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t runs = ceil_div(a.axis[1].out, a.tile_columns), end
    j.number, j.d, j.h = number // (runs * a.axis[0].out), number // runs % a.axis[0].out, number % runs
    j.h = j.h * a.tile_columns
    end = minimum(a.axis[1].out, j.h + a.tile_columns)
    j.together = a.channels > 1 and a.x.channel == sizeof(Item) and a.x.step[2] != sizeof(Item)
    j.copies = not in_order(&a.axis[2])
    if j.together:
        j.copies = j.copies or a.channels * <Py_ssize_t> sizeof(Item) < VECTOR_BYTES
    else:
        j.copies = j.copies or a.x.step[2] != sizeof(Item)
        # The few outputs of short lines are summed one by one; comparisons one by one would be slow.
        j.copies = j.copies or (a.axis[2].out < VECTOR_BYTES // <Py_ssize_t> sizeof(Item)
                                and (a.axis[2].out >= SHORT or kind == MAXIMUM or kind == MINIMUM))
    j.copy = scratch
    cut(a, &j, end - j.h, tag)
    while j.h < end:
        j.high = minimum(j.most_high, end - j.h)
        j.w = 0
        while j.w < a.axis[2].out:
            j.wide = minimum(j.most_wide, a.axis[2].out - j.w)
            band(a, kind, &j, tag)
            j.w = j.w + j.wide
        j.h = j.h + j.high


cdef inline void run(const Args* a, const Item* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_s(a, a.pooling, number, a.scratch, tag)


cdef api void separable_uint8(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL)


cdef api void separable_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void separable_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
