# cython: language_level=3
"""Convolution of single channels with vectors over pixels: depthwise layers in planes, image filters, signals.

Called by `backends/direct.py` through `bind.pyx`; `sum_block.pxd` hands blocks of a tile to the micro-kernels. A tile
is a box of output pixels times a range of input channels, each of which has `panel_rows` outputs. Input lines are read
where they lie; only where a window meets padding at a line's end, or the input needs conversion or has a stride, a few
lines are copied, split by phase (position mod stride). Start reading at `tile_f`.
"""
from convops.kernels.abi cimport NONE, RELU, Args, Axis
from convops.kernels.block cimport ALONE, LINES, SPAN, THREE, Block
from convops.kernels.counted cimport can_count
from convops.kernels.nine cimport HIGH, Nine, can_sum_nine, sum_nine, takes_nine
from convops.kernels.past_caches cimport fence, goes_past, move_past
from convops.kernels.plane_tile cimport LONG, Job, begin_tile, judge, next_channel
from convops.kernels.rolling cimport LEAST_ROLLED, MOST_ROLLED, can_roll, roll_block, rolled_vectors
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.sum_block cimport (
    APART, COPIED, INSIDE, MASKED, SMALL, Kind, masked_at_once, sum_block, vectors_at_once)
from convops.kernels.tile cimport blank_run, ceil_div, finish, gather_run, line_of, locate_box, minimum, source

cdef enum:
    SHORT = 1024               # pixels of a plane that is worth no call of a micro-kernel of its own


cdef inline void end_lines(const Args* a, Job* j, Py_ssize_t channel, Py_ssize_t d, Py_ssize_t h, Py_ssize_t column,
                           const Real* tag) noexcept nogil:
    """Sums through an epilogue that is none for vectors."""
    cdef Py_ssize_t r, high
    cdef const char* add = NULL
    cdef bint only_cast = a.epilogue.cast != NULL and a.epilogue.activation == NONE and a.epilogue.add.data == NULL
    for r in range(j.block.lines):
        high = h + r * j.spacing
        if only_cast:
            a.epilogue.cast(j.sums + r * j.block.out_line, 1,
                            <char*> line_of(&a.out, &j.tile, channel, d, high, column), a.out.step[2], j.block.count,
                            a.epilogue.policy, a.epilogue.status)
            continue
        if a.epilogue.add.data != NULL:
            add = line_of(&a.epilogue.add, &j.tile, channel, d, high, column)
        # The bias is in the sums; -0.0 leaves every number as it is.
        finish(&a.epilogue, <Real*> (j.sums + r * j.block.out_line), <Real> -0.0,
               <char*> line_of(&a.out, &j.tile, channel, d, high, column), a.out.step[2], add,
               a.epilogue.add.step[2], j.block.count)


cdef inline void store_lines(const Args* a, Job* j, Py_ssize_t channel, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t column) noexcept nogil:
    """Results that were kept aside."""
    cdef Py_ssize_t r
    for r in range(j.block.lines):
        move_past(<char*> line_of(&a.out, &j.tile, channel, d, h + r * j.spacing, column),
                  j.sums + r * j.block.out_line, j.block.count * j.item)


cdef inline void sum_lines(Block* b, int vectors, Kind kind, const Real* tag) noexcept nogil:
    cdef bint rolls = kind <= MASKED and can_roll(b)
    if Real is float:
        if rolls:
            roll_block(b, vectors, kind == MASKED, <f32v*> NULL)
        else:
            sum_block(b, vectors, kind, <f32v*> NULL)
    elif rolls:
        roll_block(b, vectors, kind == MASKED, <f64v*> NULL)
    else:
        sum_block(b, vectors, kind, <f64v*> NULL)


cdef inline void run_columns(const Args* a, Job* j, Py_ssize_t channel, Py_ssize_t d, Py_ssize_t h, Py_ssize_t begin,
                             Py_ssize_t end, Kind kind, const Real* tag) noexcept nogil:
    """A block of output lines from column `begin` to `end`, in one output channel."""
    cdef Block* b = &j.block
    cdef Py_ssize_t c = begin, stride = a.axis[2].stride, span
    cdef int lanes = VECTOR_BYTES // sizeof(Real), vectors
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window
    b.weights = a.weights + channel * taps * sizeof(Real)
    b.bias = a.epilogue.bias + channel * sizeof(Real)
    b.masks = j.masks + (3 if j.small and begin == j.lead else 0)
    while c < end:
        vectors = vectors_at_once(b, kind, ceil_div(end - c, lanes))
        span = (end - c) // (vectors * lanes) * (vectors * lanes)
        if kind >= MASKED or span == 0:
            span = end - c
        if j.aside or not j.plain:
            span = minimum(span, SPAN * lanes)
        b.count, b.position = span, (j.tile.origin[2] + c) * stride
        b.base = (c - begin if kind == COPIED else c * stride) * <Py_ssize_t> sizeof(Real)
        b.out = j.sums
        if j.plain and not j.aside:
            b.out = <char*> line_of(&a.out, &j.tile, channel, d, h, c)
        if j.plain and a.epilogue.add.data != NULL:
            b.add = line_of(&a.epilogue.add, &j.tile, channel, d, h, c)
        b.past = a.past_caches and j.plain and not j.aside and b.channels == 1 and goes_past(b.out, b.out_line)
        sum_lines(b, vectors, kind, tag)
        if j.aside:
            store_lines(a, j, channel, d, h, c)
        elif not j.plain:
            end_lines(a, j, channel, d, h, c, tag)
        c = c + span


cdef inline void copy_lines(const Args* a, Job* j, Py_ssize_t panel, Py_ssize_t d, Py_ssize_t h, Py_ssize_t begin,
                            Py_ssize_t end, const Real* tag) noexcept nogil:
    """What the block reads between two output columns, line by line, phase by phase."""
    cdef const Axis* last = &a.axis[2]
    cdef const char* image = a.x.data + j.tile.batch * a.x.batch + panel * a.x.channel
    cdef Py_ssize_t lines = (j.block.lines - 1) * j.slide + a.axis[1].window, length = end - begin + last.reach
    cdef Py_ssize_t i, k, phase, deep, high, w
    cdef Real* to = <Real*> j.copy
    for k in range(last.window):
        j.columns[last.window + k] = (k % last.phases * length + k * last.dilation // last.stride) * j.item
    for i in range(a.axis[0].window * lines):
        deep = source(&a.axis[0], (j.tile.origin[0] + d) * a.axis[0].stride + i // lines * a.axis[0].dilation)
        high = source(&a.axis[1], (j.tile.origin[1] + h) * a.axis[1].stride + i % lines * a.axis[1].dilation)
        j.copied[i] = <const char*> to
        for phase in range(last.phases):
            w = (j.tile.origin[2] + begin) * last.stride + phase * last.dilation % last.stride
            if deep < 0 or high < 0:
                blank_run(a, to, 0, deep, high, w, last.stride, 1, length)
            else:
                gather_run(a, to, 0, image + deep * a.x.step[0] + high * a.x.step[1], w, last.stride, 1, length)
            to = to + length


cdef inline void run_part(const Args* a, Job* j, Py_ssize_t panel, Py_ssize_t d, Py_ssize_t h, Py_ssize_t begin,
                          Py_ssize_t end, Kind kind, const Real* tag) noexcept nogil:
    """A block of lines of one input channel in all of its output channels."""
    cdef Block* b = &j.block
    cdef Py_ssize_t r
    # So few taps of so short items leave the least time to wait for memory.
    b.asks = j.tile.extent[2] * j.item < (2 * LONG if j.item == 4 and a.axis[2].window == 3 else LONG)
    b.asks = kind != COPIED and (b.asks or can_roll(b) or a.past_caches)
    if kind == COPIED:
        copy_lines(a, j, panel, d, h, begin, end, tag)
        b.rows, b.plane, b.line = <const char* const*> j.copied, (b.lines - 1) * j.slide + a.axis[1].window, 1
        b.columns, b.ahead = j.columns + a.axis[2].window, 0
    else:
        r = d * a.axis[0].stride * j.lines + h * a.axis[1].stride
        b.rows, b.advance = <const char* const*> j.rows + r, j.advance + r
        b.ahead = b.lines * j.spacing * a.axis[1].stride * a.x.step[1]
        b.plane, b.line, b.columns = a.axis[0].dilation * j.lines, a.axis[1].dilation, j.columns
    for r in range(a.panel_rows):
        run_columns(a, j, panel * a.panel_rows + r, d, h, begin, end, kind, tag)


cdef inline Py_ssize_t inside_of(Py_ssize_t inner, Py_ssize_t left, Py_ssize_t lanes, Py_ssize_t chunk) noexcept nogil:
    """Of the outputs that are left those in whole vectors inside, except what the last chunk takes at once."""
    if inner < lanes:
        return 0
    if left - inner // chunk * chunk <= chunk:
        return inner // chunk * chunk
    return inner // lanes * lanes


cdef inline void run_lines(const Args* a, Job* j, Py_ssize_t panel, Py_ssize_t d, Py_ssize_t h,
                           const Real* tag) noexcept nogil:
    """A block of lines from end to end, each part of it as it can be read."""
    cdef const Axis* last = &a.axis[2]
    cdef Py_ssize_t c = 0, width = j.tile.extent[2], first, beyond, n, lead = j.lead
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), chunk = masked_at_once(&j.block) * lanes if j.zeros else lanes
    if j.small:
        run_part(a, j, panel, d, h, 0, lead, APART if j.apart else SMALL, tag)
        run_part(a, j, panel, d, h, lead, width, APART if j.apart else SMALL, tag)
        return
    if not j.in_place:
        run_part(a, j, panel, d, h, 0, width, COPIED, tag)
        return
    first = last.inner_begin - j.tile.origin[2]
    beyond = minimum(width, last.inner_end - (last.window - 1) * last.dilation - j.tile.origin[2])
    while c < width:
        n = 0
        if first <= c:
            n = inside_of(beyond - c, width - c, lanes, chunk)
            n = minimum(n, lead - c) if c < lead else n
        if n > 0:
            run_part(a, j, panel, d, h, c, c + n, INSIDE, tag)
        else:
            n = lead - c if c < lead else ceil_div(first - c, chunk) * chunk if c < first else width - c
            n = minimum(n, width - c)
            run_part(a, j, panel, d, h, c, c + n, MASKED if j.zeros else COPIED, tag)
        c = c + n


cdef inline Py_ssize_t run_nine(const Args* a, Job* j, Nine* n, Py_ssize_t panel, Py_ssize_t d,
                                const Real* tag) noexcept nogil:
    """Lines of results, HIGH at once; how many of the tile's."""
    cdef Py_ssize_t h = 0, r, channel
    while h + HIGH <= j.tile.extent[1]:
        n.rows = <const char* const*> j.rows + d * a.axis[0].stride * j.lines + h
        for r in range(a.panel_rows):
            channel = panel * a.panel_rows + r
            n.weights, n.bias = a.weights + channel * 9 * j.item, a.epilogue.bias + channel * j.item
            n.out = <char*> line_of(&a.out, &j.tile, channel, d, h, 0)
            n.out_line = a.out.step[1]
            if not can_sum_nine(a, n):
                return h
            sum_nine(n, a.x.step[1] | a.out.step[1], tag)
        h = h + HIGH
    return h


cdef inline void run_plane(const Args* a, Job* j, Py_ssize_t panel, Py_ssize_t d, Py_ssize_t done,
                           const Real* tag) noexcept nogil:
    """The tile's lines, but for the first ones that are done, in blocks, lines that share input lines together.

    Blocks are of nearly equal height, unless only whole ones go the fastest way.
    """
    cdef Py_ssize_t offset, lines, blocks, i, begin, end, most = THREE if j.small else a.tile_columns
    cdef bint whole
    j.block.lines = most
    whole = j.small or can_count(&j.block)
    for offset in range(minimum(j.spacing, j.tile.extent[1])):
        lines = ceil_div(j.tile.extent[1] - offset, j.spacing) - done
        blocks, begin = ceil_div(lines, most), 0
        for i in range(blocks):
            end = minimum(lines, begin + most) if whole else lines * (i + 1) // blocks
            j.block.lines = end - begin
            run_lines(a, j, panel, d, offset + (done + begin) * j.spacing, tag)
            begin = end


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Nine nine
    cdef Py_ssize_t panel, d, done
    cdef bint is_nine
    locate_box(a, number, &j.tile)
    judge(a, &j, tag)
    is_nine = j.in_place and takes_nine(a, j.tile.origin[2], j.tile.extent[2], &nine, tag)
    j.block.inner_begin, j.block.inner_end = a.axis[2].inner_begin, a.axis[2].inner_end
    j.block.channels = j.tile.panel_end - j.tile.panel_begin
    if is_nine or not (j.small and j.plain and a.panel_rows == 1 and j.tile.extent[1] * j.tile.extent[2] <= SHORT):
        j.block.channels = 1
    begin_tile(a, &j, scratch, tag)
    j.sums, j.block.add = scratch, NULL
    j.block.slide, j.block.relu = j.slide, j.plain and a.epilogue.activation == RELU
    j.block.out_line = j.spacing * a.out.step[1] if j.plain and not j.aside else SPAN * VECTOR_BYTES
    j.block.out_channel, j.block.add_channel = a.out.channel, a.epilogue.add.channel
    j.block.add_line = j.spacing * a.epilogue.add.step[1]
    for d in range(3):
        j.block.window[d] = a.axis[d].window
    panel = j.tile.panel_begin
    while panel < j.tile.panel_end:
        for d in range(j.tile.extent[0]):
            done = run_nine(a, &j, &nine, panel, d, tag) if is_nine else 0
            run_plane(a, &j, panel, d, done, tag)
        if j.in_place:
            next_channel(&j)
        panel = panel + j.block.channels


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)
    if a.past_caches:
        fence()


cdef api void depthwise_planes_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void depthwise_planes_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def lines():
    """Output lines of a block at most."""
    return LINES


def lines_of_three():
    """The same for 3x3 windows on lines of zero padding."""
    return max(LINES, THREE)


def long_line():
    """Bytes of a line of results from which they go by the same blocks as others."""
    return LONG


def widest():
    """Vectors of a line of a block at most."""
    return ALONE


def sums(lines):
    """Vectors of the sums of a block of so many lines."""
    return max(lines, THREE) * SPAN


def rolled(window, item):
    """Outputs of a line of a block that may have any number of lines; 0 where the window has too many or too few."""
    return rolled_vectors(window) * VECTOR_BYTES // item if LEAST_ROLLED <= window <= MOST_ROLLED else 0
