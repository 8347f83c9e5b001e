# cython: language_level=3
"""Pooling of planes axis by axis: maxima, minima, sums and means, in time that hardly depends on the window.

Called by `backends/pool_separable.py` through `bind.pyx`; hands nothing on. Wide planes are cut into strips that stay
in the level-1 cache. Bands of output lines are made in two steps: every input line is folded along the line
(`pool_along.pxd`), then the results are folded across the lines. Vectors run over pixels, of several planes where lines
are short, or over channels where those lie side by side; all take the same steps in the same order.

Short windows, and those that do not overlap, are folded from the first item to the last. Longer ones climb along lines
(`pool_climb.pxd`) and slide across them (`pool_sliding.pxd`). Which is which depends on what is asked for alone, so
results do not depend on the layout or on the cut into strips and bands. Start reading at `tile_s`.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM, Item
from convops.kernels.past_caches cimport CACHE_LINE, fence
from convops.kernels.pool_along cimport clear_copy, fold_lines, kind_of
from convops.kernels.pool_band cimport (
    COPIED_BYTES, MOST_ACROSS, Job, climbs, cut, find_inner, out_line, reach_of, seen, set_length, slides)
from convops.kernels.pool_blocks cimport Blocks, block_done, find_blocks, lines_left_out
from convops.kernels.pool_items cimport fold_items, fold_quad_items, move_items, slide_items
from convops.kernels.pool_means cimport divisors_of
from convops.kernels.pool_middle cimport LINES
from convops.kernels.pool_output cimport alike, goes_straight, put_line, writes_rows
from convops.kernels.pool_pixels cimport pixel_lines
from convops.kernels.pool_quads cimport Quads, is_quad
from convops.kernels.pool_rows cimport Run, row_of
from convops.kernels.pool_sliding cimport (
    Lines, Slide, completes, find_rests, free_slots, lines_together, slide_from, slot_at)
from convops.kernels.pool_sums cimport sum_lines
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.tile cimport ceil_div, maximum, minimum


cdef enum:
    STREAMED_BYTES = 1 << 23   # images from this size on leave the caches before anybody reads the result


cdef inline void fold_rows_across(const Args* a, int kind, Job* j, Py_ssize_t i, Run* run,
                                  const Item* tag) noexcept nogil:
    """Lines of several planes one by one, plane by plane; else all that are alike at once."""
    cdef Py_ssize_t size = sizeof(Item)
    cdef const Item* items = <const Item*> j.folded + i * a.axis[1].stride * j.out_pitch
    if j.planes > 1:
        run.count, run.times, run.next_items, run.next_to = j.wide, j.planes, j.out_span * size, a.out.channel
    else:
        run.next_items, run.next_to = a.axis[1].stride * j.out_pitch * size, a.out.step[1]
    run.streams = j.streams and j.planes == 1
    fold_items(kind_of(kind, j), <Item*> out_line(a, j, i), items, run)


cdef inline void fold_across(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """The second step: across the lines, into the output."""
    cdef Py_ssize_t i = 0
    cdef bint direct = writes_rows(a, j, tag)
    cdef Run run = row_of(a.axis[1].window, a.axis[1].dilation * j.out_pitch * <Py_ssize_t> sizeof(Item), 1, j.length,
                          not direct)
    while i < j.high:
        run.times = alike(a, kind, j, i, j.high - i) if direct and j.planes == 1 else 1
        if kind == MEAN:
            run.divisors, run.scaled = <const char*> divisors_of(a, j, i, True, tag), j.scaled
        if direct:
            fold_rows_across(a, kind, j, i, &run, tag)
            i = i + (run.times if j.planes == 1 else 1)
            continue
        fold_items(kind_of(kind, j), <Item*> j.totals,
                   <const Item*> j.folded + i * a.axis[1].stride * j.out_pitch, &run)
        put_line(a, j, i, <const Item*> j.totals)
        i = i + 1


cdef inline Py_ssize_t find_outputs(const Args* a, const Job* j, const Slide* s, Lines* lines, Py_ssize_t output,
                                    bint direct) noexcept nogil:
    """Where the results of lines go; the number of the next output line."""
    cdef int k
    for k in range(lines.count):
        lines.to[k] = NULL
        if completes(s, k):
            lines.to[k] = out_line(a, j, output) if direct else j.totals
            output = output + 1
    return output


cdef inline Py_ssize_t slide_some(const Args* a, int kind, Job* j, Slide* s, Py_ssize_t most, Py_ssize_t output,
                                  const Item* tag) noexcept nogil:
    """As many of the next lines as can be taken at once; the number of the next output line."""
    cdef bint direct = goes_straight(a, j, tag)
    cdef Py_ssize_t i = output
    cdef Item* divisors = <Item*> j.divisors
    cdef Lines lines
    lines.count = <int> lines_together(s, alike(a, kind, j, output, most) if direct else 1)
    find_rests(s, &lines)
    output = find_outputs(a, j, s, &lines, output, direct)
    if kind == MEAN and output > i:
        divisors = divisors_of(a, j, i, False, tag)
    slide_items(kind_of(kind, j), s, &lines, divisors, not direct)
    if output > i and not direct:
        put_line(a, j, i, <const Item*> j.totals)
    return output


cdef inline void slide_across(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """Both steps where windows slide across the lines: a group of lines along, then all of them across."""
    cdef Py_ssize_t line = j.line, end = line + j.lines, output = 0
    cdef Slide s = slide_from(&a.axis[1], j.h, j.length, j.out_pitch * <Py_ssize_t> sizeof(Item), j.slots)
    s.streams = j.streams and goes_straight(a, j, tag)
    while j.line < end:
        j.lines = free_slots(&s, end - j.line)
        j.folded = slot_at(&s, 0)
        fold_lines(a, SUM if kind == MEAN else kind, j, tag)
        j.line = j.line + j.lines
        while s.position < j.line:
            output = slide_some(a, kind, j, &s, j.line - s.position, output, tag)
    j.line = line


cdef inline void fold_band(const Args* a, int kind, Job* j, Py_ssize_t kept, const Item* tag) noexcept nogil:
    """Some output lines of the strip; the first `kept` of their input lines are folded already."""
    cdef Py_ssize_t begin = kept * j.out_pitch * <Py_ssize_t> sizeof(Item)
    j.line, j.lines = j.h * a.axis[1].stride + kept, seen(&a.axis[1], j.high) - kept
    if slides(&a.axis[1], MOST_ACROSS):
        slide_across(a, kind, j, tag)
        return
    j.folded = j.folded + begin
    fold_lines(a, SUM if kind == MEAN else kind, j, tag)
    j.folded = j.folded - begin
    fold_across(a, kind, j, tag)


cdef inline void fold_strip(const Args* a, int kind, Job* j, Py_ssize_t h, Py_ssize_t end,
                            const Item* tag) noexcept nogil:
    """Output lines [h, end) of some pixels and channels; lines that two bands see are folded along once."""
    cdef Py_ssize_t shared = maximum(0, reach_of(&a.axis[1]) - a.axis[1].stride), kept = 0
    cdef Py_ssize_t i
    cdef Item* folded = <Item*> j.folded
    j.h = h
    while j.h < end:
        j.high = minimum(j.most_high, end - j.h)
        fold_band(a, kind, j, kept, tag)
        j.h, kept = j.h + j.high, shared
        for i in range(shared if j.h < end and not slides(&a.axis[1], MOST_ACROSS) else 0):
            move_items(folded + i * j.out_pitch, folded + (i + j.high * a.axis[1].stride) * j.out_pitch, j.length, 0)


cdef inline bint meets_padding(const Axis* axis, Py_ssize_t w, Py_ssize_t wide) noexcept nogil:
    return w * axis.stride < axis.inner_begin or w * axis.stride + seen(axis, wide) > axis.inner_end


cdef void strip(const Args* a, int kind, Job* j, Py_ssize_t h, Py_ssize_t end, const Item* tag) noexcept nogil:
    """The same in all channels."""
    cdef Py_ssize_t units = j.unit, planes = j.planes
    cdef bint copies = j.copies
    if not j.together and j.planes == 1 and not climbs(a):
        j.copies = (a.x.step[2] != sizeof(Item) or meets_padding(&a.axis[2], j.w, j.wide)
                    or j.wide * <Py_ssize_t> sizeof(Item) < COPIED_BYTES)
    j.channel = 0
    while j.channel < a.channels:
        if j.together:
            j.unit = minimum(units, a.channels - j.channel)
        else:
            j.planes = minimum(planes, a.channels - j.channel)
        if j.channel == 0 or j.unit < units or j.planes < planes:
            j.outer = j.largest = -1
            j.clean = (Item is float or Item is double) and (kind == MAXIMUM or kind == MINIMUM)
            set_length(a, j, tag)
            find_inner(a, j, tag)
            clear_copy(a, kind, j, tag)
        fold_strip(a, kind, j, h, end, tag)
        j.channel = j.channel + (j.unit if j.together else j.planes)
    j.unit, j.planes, j.copies = units, planes, copies


cdef inline bint may_copy(const Args* a, bint together, const Item* tag) noexcept nogil:
    """Whether lines may be copied: with their padding, without gaps, with a margin that vectors may read."""
    return not together or climbs(a) or a.channels * <Py_ssize_t> sizeof(Item) < VECTOR_BYTES


cdef inline Py_ssize_t image_bytes(const Args* a, const Item* tag) noexcept nogil:
    """Of what is read and written."""
    return a.channels * <Py_ssize_t> sizeof(Item) * (
        a.axis[1].size * a.axis[2].size + a.axis[1].out * a.axis[2].out)


cdef void quad_lines(const Args* a, int kind, const Job* j, Py_ssize_t h, Py_ssize_t end,
                     const Item* tag) noexcept nogil:
    """Output lines [h, end) of windows of 2x2."""
    cdef Py_ssize_t channel, i, _
    cdef Quads q
    q.right, q.below, q.divisor = a.x.step[2], a.x.step[1], a.divisor if a.divisor else 4
    q.count = a.channels if j.together else a.axis[2].out
    for channel in range(1 if j.together else a.channels):
        for i in range(h, end):
            q.x = (a.x.data + j.number * a.x.batch + channel * a.x.channel + (2 * i - a.axis[1].shift) * a.x.step[1]
                   - a.axis[2].shift * a.x.step[2])
            q.out = a.out.data + j.number * a.out.batch + channel * a.out.channel + i * a.out.step[1]
            q.streams = j.streams and (<size_t> q.out | (a.out.step[2] if j.together else 0)) % CACHE_LINE == 0
            for _ in range(a.axis[2].out if j.together else 1):
                fold_quad_items(kind, &q, tag)
                q.x, q.out = q.x + 2 * a.x.step[2], q.out + a.out.step[2]


cdef void fold_strips(const Args* a, int kind, Job* j, Py_ssize_t h, Py_ssize_t end, const Item* tag) noexcept nogil:
    """The same of other windows."""
    cut(a, j, end - h, tag)
    while j.w < a.axis[2].out:
        j.wide = minimum(j.most_wide, a.axis[2].out - j.w)
        strip(a, kind, j, h, end, tag)
        j.w = j.w + j.wide


cdef void fold_plane(const Args* a, int kind, const Job* j, Py_ssize_t h, Py_ssize_t end,
                     const Item* tag) noexcept nogil:
    """The same in one channel."""
    cdef Args plane = a[0]
    cdef Job other = j[0]
    plane.x.data, plane.out.data = a.x.data + j.channel * a.x.channel, a.out.data + j.channel * a.out.channel
    plane.channels, other.w = 1, 0
    fold_strips(&plane, kind, &other, h, end, tag)


cdef bint fold_blocks(const Args* a, int kind, Job* j, Py_ssize_t first, Py_ssize_t end,
                      const Item* tag) noexcept nogil:
    """Output lines [first, end) where blocks of them may go a faster way; False where none may."""
    cdef Py_ssize_t h, lines
    cdef Blocks b
    j.h, j.channel = first, 0
    if end - first < LINES or not find_blocks(a, kind, j, &b, tag):
        return False
    for j.channel in range(a.channels):
        h, b.follows = first, False
        while h < end:
            h, lines = minimum(h, end - LINES), LINES
            if not block_done(a, kind, j, &b, h, tag):
                lines = minimum(lines_left_out(&b), end - h)
                fold_plane(a, kind, j, h, h + lines, tag)
            h = h + lines
    return True


cdef void tile_s(const Args* a, int kind, Py_ssize_t number, char* scratch, const Item* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t runs = ceil_div(a.axis[1].out, a.tile_columns), h = number % runs * a.tile_columns
    cdef Py_ssize_t end = minimum(a.axis[1].out, h + a.tile_columns)
    j.number, j.w = number // runs, 0
    j.together = a.channels > 1 and a.x.channel == sizeof(Item) and a.x.step[2] != sizeof(Item)
    j.copies, j.scratch = may_copy(a, j.together, tag), scratch
    j.streams = image_bytes(a, tag) >= STREAMED_BYTES
    if is_quad(a, j.together, tag):
        quad_lines(a, kind, &j, h, end, tag)
        return
    if sum_lines(a, kind, &j, h, end, tag) or fold_blocks(a, kind, &j, h, end, tag):
        return
    if not pixel_lines(a, kind, &j, h, end, tag):
        fold_strips(a, kind, &j, h, end, tag)


cdef inline void run(const Args* a, const Item* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_s(a, a.pooling, number, a.scratch, tag)
    fence()


cdef api void separable_uint8(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL)


cdef api void separable_int8(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL)


cdef api void separable_uint16(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL)


cdef api void separable_int16(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL)


cdef api void separable_int32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL)


cdef api void separable_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void separable_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
