# cython: language_level=3
"""Convolution with kernels that are sums of few products of a column and a row, line by line.

Called by `backends/separable_run.py` through `bind.pyx`; the micro-kernels of `sliding.pxd` sum across the lines, those
of `along.pxd` along them, and products of short ones go through `product.pxd` at once. Otherwise a few output lines at
a time: the columns of a kernel's `panel_rows` components first, over lines of the input where they lie, or over copies
of them in a ring; then the rows, over these sums. With a stride only the lines that are wanted are summed, and of their
pixels those that are wanted are kept. What padding repeats along a line is copied from sums where they are at hand. The
order of a sum is that of its component, tap by tap, wherever bands are cut and lines are copied. Start reading at
`tile_s`.
"""
from libc.string cimport memcpy

from convops.kernels.abi cimport Args
from convops.kernels.along cimport SHIFTS, halve_along_line, sum_along_line
from convops.kernels.along_apart cimport can_shift, sum_apart_line
from convops.kernels.block cimport LINES, Block
from convops.kernels.columns cimport sum_most
from convops.kernels.lines_band cimport (
    AHEAD, Band, ask_for, begin_band, copy_line, dense_pixels, end_line, line_ahead, result_line, store_line)
from convops.kernels.past_caches cimport fence, goes_past, move_past, waits
from convops.kernels.product cimport HIGH, Product, sum_product
from convops.kernels.product_lines cimport find_product, find_rows
from convops.kernels.separable_job cimport Job, begin_job, begin_lines
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.sum_block cimport COPIED, INSIDE, Kind, sum_block, vectors_at_once
from convops.kernels.tile cimport ceil_div, maximum, minimum, source


cdef inline void sum_run(Block* block, int vectors, Kind kind, Py_ssize_t at, Py_ssize_t count, char* out,
                         const Real* tag) noexcept nogil:
    block.count, block.base = count, at * <Py_ssize_t> sizeof(Real)
    block.out = out + block.base
    if Real is float:
        sum_block(block, vectors, kind, <f32v*> NULL)
    else:
        sum_block(block, vectors, kind, <f64v*> NULL)


cdef inline void sum_items(Block* block, Kind kind, char* out, Py_ssize_t begin, Py_ssize_t end,
                           const Real* tag) noexcept nogil:
    """Items of the block's lines, in runs of as many vectors as a micro-kernel takes.

    Where lines end with the input, the last vector ends there, too, and overlaps the one before.
    """
    cdef Py_ssize_t c = begin, span, left
    cdef int lanes = VECTOR_BYTES // sizeof(Real), vectors
    while c < end:
        left = ceil_div(end - c, lanes) if kind == COPIED else (end - c) // lanes
        if left == 0:
            c, left = end - lanes, 1
        vectors = vectors_at_once(block, kind, left)
        span = (end - c) // (vectors * lanes) * (vectors * lanes)
        if span == 0:
            span = end - c
        sum_run(block, vectors, kind, c, span, out, tag)
        c = c + span


cdef inline void pad_sums(const Args* a, const Job* j, Real* sums, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """What padding repeats."""
    cdef Py_ssize_t c, i, at, unit = j.band.unit
    for c in range(begin, end):
        at = source(&a.axis[2], j.band.first_pixel + c)
        for i in range(unit):
            if at < 0:
                sums[c * unit + i] = (<const Real*> (j.padding + j.pitch))[0]
            else:
                sums[c * unit + i] = sums[(at + a.axis[2].shift - j.band.first_pixel) * unit + i]


cdef inline void sum_padding(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """A vector of sums across lines of nothing but padding."""
    cdef const char* lines[1]
    lines[0] = j.padding
    j.across.rows, j.across.lines, j.across.line, j.across.weights = lines, 1, 0, j.columns
    sum_items(&j.across, COPIED, j.padding + j.pitch, 0, 1, tag)
    j.across.line = a.axis[1].dilation


cdef inline void make_lines(const Args* a, Job* j, Py_ssize_t h, Py_ssize_t count, const Real* tag) noexcept nogil:
    """The copies that so many lines of results need, from line `h` on."""
    cdef Band* b = &j.band
    cdef Py_ssize_t needed = (h + count - 1) * a.axis[1].stride + (a.axis[1].window - 1) * a.axis[1].dilation + 1
    j.made = maximum(j.made, h * a.axis[1].stride)
    while j.made < needed and not j.in_place:
        ask_for(line_ahead(a, b, j.made + AHEAD), b.reach // b.unit, a.x.step[2])
        copy_line(a, b, j.made, <Real*> j.rows[j.made])
        j.made = j.made + 1


cdef inline void sum_across(const Args* a, Job* j, Py_ssize_t h, Py_ssize_t count, const Real* tag) noexcept nogil:
    """So many lines of sums from line `h` on, in every component."""
    cdef Band* b = &j.band
    cdef Py_ssize_t i, k, done, first = h * a.axis[1].stride
    make_lines(a, j, h, count, tag)
    j.across.rows, j.across.lines = j.rows + first, count
    for k in range(a.panel_rows):
        j.across.weights = j.columns + k * a.axis[1].window * b.item
        done = sum_most(&j.across, <char*> j.parts[k * LINES], j.begin * b.unit, j.end * b.unit, tag)
        sum_items(&j.across, INSIDE if j.in_place else COPIED, <char*> j.parts[k * LINES], done, j.end * b.unit, tag)
    for i in range(count if j.in_place else 0):
        pad_sums(a, j, <Real*> j.parts[i], 0, j.begin)
        pad_sums(a, j, <Real*> j.parts[i], j.end, b.reach // b.unit)


cdef inline void ask_ahead(const Args* a, Job* j, Py_ssize_t i, const char* out, Py_ssize_t vectors) noexcept nogil:
    """What the sums along line `i` ask for, vector by vector: results below, or the lines that the next block copies.

    All of a line at once would find no room among the loads under way.
    """
    cdef Band* b = &j.band
    cdef Py_ssize_t pixels = b.reach // b.unit
    j.along.ahead, j.along.hop = out, VECTOR_BYTES if b.plain else 0
    if b.plain:
        j.along.ahead = out + a.out.step[1]
    elif not j.in_place and 0 < a.x.step[2] and j.made + (i + 1) * a.axis[1].stride < b.lines:
        j.along.ahead = line_ahead(a, b, j.made + i * a.axis[1].stride)
        j.along.hop = minimum(64, ceil_div((a.axis[1].stride - 1) * a.x.step[1] + pixels * a.x.step[2], vectors))


cdef inline void sum_dense(const Args* a, Job* j, Py_ssize_t i, char* out, Py_ssize_t items,
                           const Real* tag) noexcept nogil:
    """A line of results from the sums of line `i`, as if there were no stride."""
    cdef Py_ssize_t spacing = j.band.unit * a.axis[2].dilation, bytes = items * j.band.item
    j.along.lines, j.apart.rows = j.parts[i], j.parts + i
    if can_shift(spacing):
        if Real is float:
            sum_apart_line(spacing, &j.along, out, bytes, <f32v*> NULL)
        else:
            sum_apart_line(spacing, &j.along, out, bytes, <f64v*> NULL)
    elif SHIFTS and spacing > 1:
        sum_items(&j.apart, COPIED, out, 0, items, tag)
    elif Real is float:
        sum_along_line(&j.along, out, bytes, <f32v*> NULL)
    else:
        sum_along_line(&j.along, out, bytes, <f64v*> NULL)


cdef inline void sum_halved(const Args* a, Job* j, Py_ssize_t i, char* out, const Real* tag) noexcept nogil:
    """A line of results from the sums of line `i`, of which a stride takes every second."""
    j.along.lines = j.parts[i]
    if Real is float:
        halve_along_line(&j.along, out, j.band.width * j.band.item, <f32v*> NULL)
    else:
        halve_along_line(&j.along, out, j.band.width * j.band.item, <f64v*> NULL)


cdef inline void pick(const Real* dense, Py_ssize_t stride, Py_ssize_t unit, Real* to,
                      Py_ssize_t pixels) noexcept nogil:
    """Every so-many-th pixel."""
    cdef Py_ssize_t c, i
    if unit == 1 and stride == 2:
        for c in range(pixels):
            to[c] = dense[2 * c]
        return
    for c in range(pixels):
        for i in range(unit):
            to[c * unit + i] = dense[c * stride * unit + i]


cdef inline void sum_along(const Args* a, Job* j, Py_ssize_t h, Py_ssize_t i, const Real* tag) noexcept nogil:
    """Output line `h` from the sums of line `i`, all epilogues included."""
    cdef Band* b = &j.band
    cdef char* out = result_line(a, b, h) if b.plain else b.sums
    cdef char* dense = b.sums + j.pitch
    if not b.plain and h + AHEAD < b.tile.extent[1]:
        ask_for(result_line(a, b, h + AHEAD), b.width // b.unit, a.out.step[2])
    ask_ahead(a, j, i, out, ceil_div(b.width * b.item, VECTOR_BYTES))
    if a.axis[2].stride == 1:
        sum_dense(a, j, i, out, b.width, tag)
    elif SHIFTS and a.axis[2].stride == 2 and b.unit == 1 and a.axis[2].dilation == 1:
        sum_halved(a, j, i, out, tag)
    else:
        sum_dense(a, j, i, dense, dense_pixels(a, b) * b.unit, tag)
        pick(<const Real*> dense, a.axis[2].stride, b.unit, <Real*> out, b.width // b.unit)
    end_line(a, b, h, out, tag)


cdef inline void sum_both(const Args* a, Job* j, Product* p, Py_ssize_t h, const Real* tag) noexcept nogil:
    """HIGH lines of results at once, from line `h` on."""
    cdef Band* b = &j.band
    cdef Py_ssize_t i, middle = p.taps // 2
    cdef bint aside = not b.plain or (
        not p.bytes and waits(p.rows[middle] + middle * b.item, result_line(a, b, h), a.x.step[1] | a.out.step[1]))
    p.out, p.out_line, p.past = b.sums, j.pitch, False
    if not aside:
        p.out, p.out_line = result_line(a, b, h), a.out.step[1]
        p.past = a.past_caches and goes_past(p.out, p.out_line)
    sum_product(a, p, tag)
    for i in range(HIGH if aside else 0):
        if not b.plain:
            store_line(a, b, h + i, b.sums + i * j.pitch, tag)
        elif a.past_caches:
            move_past(result_line(a, b, h + i), b.sums + i * j.pitch, b.width * b.item)
        else:
            memcpy(result_line(a, b, h + i), b.sums + i * j.pitch, b.width * b.item)


cdef inline Py_ssize_t sum_some(const Args* a, Job* j, Py_ssize_t h, Py_ssize_t most, const Real* tag) noexcept nogil:
    """The next lines of results, from line `h` on; how many."""
    cdef Py_ssize_t i, count = minimum(most, j.band.tile.extent[1] - h)
    sum_across(a, j, h, count, tag)
    for i in range(count):
        sum_along(a, j, h + i, i, tag)
    return count


cdef void tile_s(const Args* a, Py_ssize_t number, bint bytes, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Product p
    # Dilated columns meet at no neighbouring lines.
    cdef Py_ssize_t h = 0, most = LINES if a.axis[1].dilation == 1 else 1
    cdef bint short
    begin_band(a, &j.band, number, scratch, tag)
    j.band.plain = j.band.plain and a.epilogue.add.data == NULL
    begin_lines(a, &j, tag)
    begin_job(a, &j, tag)
    if j.in_place or bytes:
        sum_padding(a, &j, tag)
    short = find_product(a, &j, bytes, &p, tag)
    while h < j.band.tile.extent[1]:
        if short and h + HIGH <= j.band.tile.extent[1] and find_rows(a, &j, &p, h):
            sum_both(a, &j, &p, h, tag)
            h = h + HIGH
        else:
            h = h + sum_some(a, &j, h, HIGH if short else most, tag)


cdef inline void run(const Args* a, bint bytes, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_s(a, number, bytes, a.scratch, tag)
    if a.past_caches:
        fence()


cdef api void separable_f32(const Args* a) noexcept nogil:
    run(a, False, <const float*> NULL)


cdef api void separable_bytes_f32(const Args* a) noexcept nogil:
    run(a, True, <const float*> NULL)


cdef api void separable_f64(const Args* a) noexcept nogil:
    run(a, False, <const double*> NULL)


def lines():
    """Output lines of a block at most, which the ring holds beyond the reach of a column."""
    return LINES
