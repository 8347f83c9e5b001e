# cython: language_level=3
"""Pooling of planes axis by axis: maxima, minima, sums and means, in time that hardly depends on the window.

Called by `backends/pool_separable.py` through `bind.pyx`; hands nothing on. A band of output lines is made in two
steps: every input line is folded along the line (`pool_along.pxd`), then the results are folded across the lines.
Vectors run over pixels, of several planes where lines are short, or over channels where those lie side by side; all
take the same steps in the same order.

Short windows, and those that do not overlap, are folded from the first item to the last. Longer ones slide
(`pool_sliding.pxd`). Which is which depends on the window alone, so results do not depend on the layout or on
the cut into bands. Start reading at `tile_s`.
"""
from libc.stdint cimport int64_t, uint8_t

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport MEAN, SUM, Item
from convops.kernels.pool_along cimport clear_copy, fold_items, fold_lines, move_items, slide_items
from convops.kernels.pool_band cimport (
    COPIED_BYTES, GROUP, MOST_ACROSS, MOST_ALONG, STRIP_BYTES, Job, cut, find_inner, is_padded, is_run, out_line, seen,
    set_length, slides)
from convops.kernels.pool_run cimport Run, row_of
from convops.kernels.pool_sliding cimport Slide, completes, slide_from
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.tile cimport ceil_div, minimum
from convops.kernels.window cimport counted


cdef enum:
    MOST_SCALED = 1 << 20      # divisors whose reciprocals are certainly exact


cdef inline void put_line(const Args* a, const Job* j, Py_ssize_t i, const Item* items) noexcept nogil:
    """Results to where they belong."""
    cdef char* out = out_line(a, j, i)
    cdef Py_ssize_t w, c
    if j.together and a.out.channel == sizeof(Item):
        for w in range(j.wide):
            move_items(<Item*> (out + w * a.out.step[2]), items + w * j.unit, j.unit, 0)
    elif j.together:
        for w in range(j.wide):
            for c in range(j.unit):
                (<Item*> (out + w * a.out.step[2] + c * a.out.channel))[0] = items[w * j.unit + c]
    else:
        for c in range(j.planes):
            if a.out.step[2] == sizeof(Item):
                move_items(<Item*> (out + c * a.out.channel), items + c * j.out_span, j.wide, 0)
                continue
            for w in range(j.wide):
                (<Item*> (out + c * a.out.channel + w * a.out.step[2]))[0] = items[c * j.out_span + w]


cdef inline double divisor_of(const Args* a, const Job* j, Py_ssize_t w, double outer) noexcept nogil:
    return outer if a.divisor else outer * counted(a, &a.axis[2], j.w + w)


cdef inline bint is_power_of_two(double value) noexcept nogil:
    cdef int64_t whole
    if not 1 <= value <= MOST_SCALED:
        return False
    whole = <int64_t> value
    return whole & (whole - 1) == 0 and <double> whole == value


cdef inline Item* divisors_of(const Args* a, Job* j, Py_ssize_t i, bint reciprocal, const Item* tag) noexcept nogil:
    """What the sums of a line are divided by; kept for lines that have the same.

    Where all are powers of two, their reciprocals if wanted: `j.scaled` says so.
    """
    cdef Py_ssize_t w, c, pixel = j.unit, plane = j.out_span
    cdef double outer = a.divisor if a.divisor else <double> counted(a, &a.axis[1], j.h + i)
    cdef Item* divisors = <Item*> j.divisors
    cdef Item divisor
    if outer == j.outer:
        return divisors
    j.outer, j.scaled = outer, reciprocal
    for w in range(j.wide):
        j.scaled = j.scaled and is_power_of_two(divisor_of(a, j, w, outer))
    for c in range(j.out_pitch):
        divisors[c] = 1
    for w in range(j.wide):
        divisor = <Item> divisor_of(a, j, w, outer)
        divisor = 1 / divisor if j.scaled else divisor
        if j.together:
            for c in range(j.unit):
                divisors[w * pixel + c] = divisor
        else:
            for c in range(j.planes):
                divisors[w + c * plane] = divisor
    return divisors


cdef inline bint writes_rows(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether the results of a line are folded into the output, plane by plane."""
    return is_run(a, j, tag) or not (j.together or a.out.step[2] != sizeof(Item))


cdef inline Py_ssize_t alike(const Args* a, int kind, const Job* j, Py_ssize_t i) noexcept nogil:
    """How many lines from i on have the same divisors."""
    cdef Py_ssize_t k = i + 1
    if kind != MEAN or a.divisor:
        return j.high - i
    while k < j.high and counted(a, &a.axis[1], j.h + k) == counted(a, &a.axis[1], j.h + i):
        k = k + 1
    return k - i


cdef inline void fold_rows_across(const Args* a, int kind, Job* j, Py_ssize_t i, Run* run,
                                  const Item* tag) noexcept nogil:
    """Lines of several planes one by one, plane by plane; else all that are alike at once."""
    cdef Py_ssize_t size = sizeof(Item)
    cdef const Item* items = <const Item*> j.folded + i * a.axis[1].stride * j.out_pitch
    if j.planes > 1:
        run.count, run.times, run.next_items, run.next_to = j.wide, j.planes, j.out_span * size, a.out.channel
    else:
        run.next_items, run.next_to = a.axis[1].stride * j.out_pitch * size, a.out.step[1]
    fold_items(kind, <Item*> out_line(a, j, i), items, run)


cdef inline void fold_across(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """The second step: across the lines, into the output."""
    cdef Py_ssize_t i = 0
    cdef bint direct = writes_rows(a, j, tag)
    cdef Run run = row_of(a.axis[1].window, a.axis[1].dilation * j.out_pitch * <Py_ssize_t> sizeof(Item), 1, j.length,
                          not direct)
    while i < j.high:
        run.times = alike(a, kind, j, i) if direct and j.planes == 1 else 1
        if kind == MEAN:
            run.divisors, run.scaled = <const char*> divisors_of(a, j, i, True, tag), j.scaled
        if direct:
            fold_rows_across(a, kind, j, i, &run, tag)
            i = i + (run.times if j.planes == 1 else 1)
            continue
        fold_items(kind, <Item*> j.totals, <const Item*> j.folded + i * a.axis[1].stride * j.out_pitch, &run)
        put_line(a, j, i, <const Item*> j.totals)
        i = i + 1


cdef inline Py_ssize_t slide_strip(const Args* a, int kind, Job* j, Slide* s, Py_ssize_t begin, Py_ssize_t output,
                                   const Item* tag) noexcept nogil:
    """A group of lines, from pixel `begin` on; the number of the next output line."""
    cdef Py_ssize_t i
    cdef bint done, direct = is_run(a, j, tag)
    cdef Item* divisors = <Item*> j.divisors
    cdef Item* to
    for i in range(j.lines):
        done = completes(s)
        to = <Item*> (out_line(a, j, output) if direct and done else j.totals)
        if kind == MEAN and done:
            divisors = divisors_of(a, j, output, False, tag)
        slide_items(kind, s, to + begin, <const Item*> j.folded + i * j.out_pitch + begin, divisors + begin,
                    not direct)
        if done and not direct:
            put_line(a, j, output, to)
        output = output + done
    return output


cdef inline void slide_across(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """Both steps where windows slide across the lines: a group of lines along, then each of them across."""
    cdef Py_ssize_t line = j.line, end = line + j.lines, size = sizeof(Item), output = 0, begin, next_output = 0
    cdef Py_ssize_t strip = STRIP_BYTES // size if is_run(a, j, tag) else j.length
    cdef Slide whole = slide_from(&a.axis[1], j.h, j.length, j.out_pitch * size, j.slots)
    cdef Slide part
    while j.line < end:
        j.lines = minimum(GROUP, end - j.line)
        fold_lines(a, SUM if kind == MEAN else kind, j, tag)
        begin = 0
        while begin < j.length:
            part = whole
            part.length = minimum(strip, j.length - begin)
            part.slots, part.chains = whole.slots + begin * size, whole.chains + begin * size
            next_output = slide_strip(a, kind, j, &part, begin, output, tag)
            begin = begin + strip
        whole.place, whole.position, whole.ready, output = part.place, part.position, part.ready, next_output
        j.line = j.line + j.lines
    j.line = line


cdef inline void fold_band(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """A range of lines and pixels in some channels."""
    j.line, j.lines = j.h * a.axis[1].stride, seen(&a.axis[1], j.high)
    if slides(&a.axis[1], MOST_ACROSS):
        slide_across(a, kind, j, tag)
        return
    fold_lines(a, SUM if kind == MEAN else kind, j, tag)
    fold_across(a, kind, j, tag)


cdef void band(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """The same in all channels."""
    cdef Py_ssize_t units = j.unit, planes = j.planes
    j.channel = 0
    while j.channel < a.channels:
        if j.together:
            j.unit = minimum(units, a.channels - j.channel)
        else:
            j.planes = minimum(planes, a.channels - j.channel)
        if j.channel == 0 or j.unit < units or j.planes < planes:
            j.outer = -1
            set_length(a, j, tag)
            find_inner(a, j, tag)
            clear_copy(a, kind, j, tag)
        fold_band(a, kind, j, tag)
        j.channel = j.channel + (j.unit if j.together else j.planes)
    j.unit, j.planes = units, planes


cdef inline bint needs_copy(const Args* a, bint together, const Item* tag) noexcept nogil:
    """Whether lines are copied: with their padding, without gaps, with a margin that vectors may read."""
    cdef Py_ssize_t size = sizeof(Item)
    if slides(&a.axis[2], MOST_ALONG):
        return together or size == 1
    if together:
        return a.channels * size < VECTOR_BYTES
    return a.x.step[2] != size or is_padded(&a.axis[2]) or a.axis[2].out * size < COPIED_BYTES


cdef void tile_s(const Args* a, int kind, Py_ssize_t number, char* scratch, const Item* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t runs = ceil_div(a.axis[1].out, a.tile_columns), end
    j.number, j.h = number // runs, number % runs * a.tile_columns
    end = minimum(a.axis[1].out, j.h + a.tile_columns)
    j.together = a.channels > 1 and a.x.channel == sizeof(Item) and a.x.step[2] != sizeof(Item)
    j.copies, j.scratch = needs_copy(a, j.together, tag), scratch
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
