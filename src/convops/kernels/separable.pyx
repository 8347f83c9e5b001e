# cython: language_level=3
"""Convolution with kernels that are sums of few products of a column and a row, line by line.

Called by `backends/separable_run.py` through `bind.pyx`; the micro-kernels of `sliding.pxd` do the sums. A band of
output lines keeps only as many lines of sums along the input's lines as the column reaches: a ring, which the sums
across them follow. `panel_rows` components of a kernel are `panel_rows` rings, and the sums across run over all of
them. The order of a sum is that of its component, tap by tap, wherever bands are cut. Start reading at `tile_s`.
"""
from convops.kernels.abi cimport Args
from convops.kernels.along cimport SHIFTS, sum_along_line
from convops.kernels.block cimport LINES, Block
from convops.kernels.lines_band cimport (
    AHEAD, Band, added_line, begin_band, copy_line, end_line, line_ahead, result_line)
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.sum_block cimport COPIED, sum_block, vectors_at_once
from convops.kernels.tile cimport ceil_div, minimum


# The sums along lines, and across the lines of the rings.
cdef struct Job:
    Band band
    Block along
    Block across
    Py_ssize_t ring            # lines of one
    Py_ssize_t made            # input lines done
    const char** rows          # sums along the input lines of the band, component by component
    const char* copied[1]
    Py_ssize_t first[1]        # the column of the only tap across
    double nothing             # a bias
    const char* row_weights


cdef inline void begin_job(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """What the micro-kernels are told of all lines."""
    cdef Band* b = &j.band
    cdef Py_ssize_t i, k, taps = a.axis[2].window
    cdef Py_ssize_t* columns
    j.ring = minimum(b.lines, (a.axis[1].window - 1) * a.axis[1].dilation + LINES)
    j.rows = <const char**> b.tables
    columns = <Py_ssize_t*> (j.rows + a.panel_rows * b.lines)
    for k in range(a.panel_rows):
        for i in range(b.lines):
            j.rows[k * b.lines + i] = b.held + (k * j.ring + i % j.ring) * b.pitch
    for k in range(taps):
        columns[k] = k * a.axis[2].dilation * b.unit * b.item
    j.copied[0], j.first[0], j.nothing, j.made = b.copy, 0, 0, 0
    j.along.rows, j.along.columns, j.along.bias = j.copied, columns, <const char*> &j.nothing
    j.along.window[0], j.along.window[1], j.along.window[2] = 1, 1, taps
    j.across.columns, j.across.plane, j.across.line = j.first, b.lines, a.axis[1].dilation
    j.across.window[0], j.across.window[1], j.across.window[2] = a.panel_rows, a.axis[1].window, 1
    j.across.weights = a.weights + b.tile.group * a.panel_rows * (taps + a.axis[1].window) * b.item
    j.across.bias = a.epilogue.bias + b.tile.group * b.item
    j.row_weights = j.across.weights + a.panel_rows * a.axis[1].window * b.item
    j.along.slide, j.across.slide = 1, 1
    j.along.plane, j.along.line, j.along.lines = 0, 0, 1
    j.along.out_line, j.across.out_line = 0, a.out.step[1] if b.plain else b.pitch
    j.along.add, j.across.add, j.across.add_line = NULL, NULL, a.epilogue.add.step[1]
    j.along.relu = j.across.relu = j.along.past = j.across.past = False
    j.along.ahead, j.across.ahead = 0, 0


cdef inline void sum_items(Block* block, char* out, const char* add, Py_ssize_t count, const Real* tag) noexcept nogil:
    """All items of the block's lines, in runs of as many vectors as a micro-kernel takes."""
    cdef Py_ssize_t c = 0, span
    cdef int lanes = VECTOR_BYTES // sizeof(Real), vectors
    while c < count:
        vectors = vectors_at_once(block, COPIED, ceil_div(count - c, lanes))
        span = (count - c) // (vectors * lanes) * (vectors * lanes)
        if span == 0:
            span = count - c
        block.count, block.base = span, c * <Py_ssize_t> sizeof(Real)
        block.out = out + block.base
        block.add = NULL if add == NULL else add + block.base
        if Real is float:
            sum_block(block, vectors, COPIED, <f32v*> NULL)
        else:
            sum_block(block, vectors, COPIED, <f64v*> NULL)
        c = c + span


cdef inline void sum_line(const Args* a, Job* j, const char* weights, char* out, const Real* tag) noexcept nogil:
    """The copied line into a line of a ring."""
    cdef Band* b = &j.band
    cdef const char* ahead = line_ahead(a, b, j.made + AHEAD)
    if not SHIFTS or b.unit > 1 or a.axis[2].dilation > 1:
        j.along.weights = weights
        sum_items(&j.along, out, NULL, b.width, tag)
    elif Real is float:
        sum_along_line(b.copy, a.axis[2].window, weights, out, b.width * b.item, ahead, <f32v*> NULL)
    else:
        sum_along_line(b.copy, a.axis[2].window, weights, out, b.width * b.item, ahead, <f64v*> NULL)


cdef inline void sum_along(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """The next input line, in every component."""
    cdef Band* b = &j.band
    cdef Py_ssize_t k
    copy_line(a, b, j.made, <Real*> b.copy)
    for k in range(a.panel_rows):
        sum_line(a, j, j.row_weights + k * a.axis[2].window * b.item, <char*> j.rows[k * b.lines + j.made], tag)
    j.made = j.made + 1


cdef inline void sum_across(const Args* a, Job* j, Py_ssize_t h, Py_ssize_t count, const Real* tag) noexcept nogil:
    """So many output lines, all epilogues included."""
    cdef Band* b = &j.band
    cdef Py_ssize_t i
    cdef char* out = result_line(a, b, h) if b.plain else b.sums
    j.across.rows, j.across.lines = j.rows + h, count
    sum_items(&j.across, out, added_line(a, b, h) if b.plain else NULL, b.width, tag)
    for i in range(count):
        end_line(a, b, h + i, out + i * j.across.out_line, tag)


cdef void tile_s(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    # Dilated columns meet at no neighbouring lines.
    cdef Py_ssize_t h = 0, count, most = LINES if a.axis[1].dilation == 1 else 1
    begin_band(a, &j.band, number, scratch, tag)
    begin_job(a, &j, tag)
    while h < j.band.tile.extent[1]:
        count = minimum(most, j.band.tile.extent[1] - h)
        while j.made < h + count + (a.axis[1].window - 1) * a.axis[1].dilation:
            sum_along(a, &j, tag)
        sum_across(a, &j, h, count, tag)
        h = h + count


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_s(a, number, a.scratch, tag)


cdef api void separable_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void separable_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def lines():
    """Output lines of a block at most, which the ring holds beyond the reach of a column."""
    return LINES
