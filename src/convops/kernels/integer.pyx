# cython: language_level=3
"""Convolution of integers of 8 and 16 bits, exact, with vectors over output channels.

Called by `backends/integer.py` through `bind.pyx`; hands runs of pixels to the micro-kernels of `micro_integer.pyx`. A
tile is a box of output pixels times a range of panels of output channels; its halo is copied as words of two or four
channels. Sums of 32 bits wrap around, which is right where 32 bits hold the result; elsewhere reduction blocks so short
that they do hold theirs, and as many limbs of the weights, are added up as doubles. Start reading at `tile_f`.
"""
from libc.stdint cimport int32_t, uint32_t

from convops.kernels.abi cimport MOST_PIXELS, Args, Turned
from convops.kernels.halo cimport Input
from convops.kernels.halo_words cimport copy_words
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.store_words cimport LINE, Sum, store_panel
from convops.kernels.tile cimport Tile, ceil_div, locate_box, minimum, packed_row, panel_height

cdef enum:
    SEGMENT_RUNS = 16               # runs of pixels that are summed before they are stored


cdef inline void list_offsets(const Args* a, Input* input, Py_ssize_t* offsets, Py_ssize_t words) noexcept nogil:
    """Bytes from a pixel to what each step of a reduction block reads: taps, words inside."""
    cdef Py_ssize_t kd, kh, kw, c, offset
    if words == input.listed:
        return
    input.listed = words
    for kd in range(a.axis[0].window):
        for kh in range(a.axis[1].window):
            for kw in range(a.axis[2].window):
                offset = (kd * a.axis[0].dilation * input.step[0] + kh * a.axis[1].dilation * input.step[1]
                          + kw * a.axis[2].dilation * input.step[2])
                for c in range(words):
                    offsets[c] = offset + c * input.channel
                offsets = offsets + words


cdef inline void sum_line(const Args* a, const char* x, Py_ssize_t step, Py_ssize_t count, Py_ssize_t steps,
                          const char* weights, const Py_ssize_t* offsets, int32_t* totals, Py_ssize_t height,
                          bint first) noexcept nogil:
    """A line of pixels in runs of nearly equal length, so that none is short."""
    cdef Py_ssize_t runs = ceil_div(count, a.panel_columns), pixels = count // runs
    cdef Py_ssize_t longer = count - runs * pixels, done = longer * (pixels + 1)
    cdef const Turned* turned = a.turned + (height * <Py_ssize_t> sizeof(int32_t) // VECTOR_BYTES - 1) * MOST_PIXELS
    if longer:
        turned[pixels](steps, x, step, weights, offsets, <char*> totals, first, longer, NULL)
    turned[pixels - 1](steps, x + done * step, step, weights, offsets, <char*> (totals + done * height), first,
                       runs - longer, NULL)


cdef inline void add_line(const int32_t* sums, double scale, double* totals, Py_ssize_t count,
                          bint first) noexcept nogil:
    cdef Py_ssize_t i
    if first:
        for i in range(count):
            totals[i] = scale * sums[i]
    else:
        for i in range(count):
            totals[i] = totals[i] + scale * sums[i]


cdef inline void sum_block(const Args* a, const Tile* t, const Input* input, const char* x, Py_ssize_t steps,
                           const char* weights, const Py_ssize_t* offsets, Sum* totals, int32_t* line, double scale,
                           Py_ssize_t height, bint first) noexcept nogil:
    """A reduction block for every line; lines that follow each other without gaps are one."""
    cdef Py_ssize_t lines = t.extent[1] if input.hop[1] == t.extent[2] * input.hop[2] else 1, i, j
    cdef Py_ssize_t pixels = lines * t.extent[2]
    cdef const char* from_line
    if Sum is double:
        lines, pixels = 1, t.extent[2]      # `line` has room for one
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            from_line = x + i * input.hop[0] + j * input.hop[1]
            if Sum is int32_t:
                sum_line(a, from_line, input.hop[2], pixels, steps, weights, offsets, totals, height, first)
            else:
                sum_line(a, from_line, input.hop[2], pixels, steps, weights, offsets, line, height, True)
                add_line(line, scale, totals, pixels * height, first)
            totals = totals + pixels * height
            j = j + lines


cdef inline void sum_panel(const Args* a, const Tile* t, Input* input, const char* weights, Py_ssize_t height,
                           Sum* totals, int32_t* line, double scale, bint first, Py_ssize_t* offsets) noexcept nogil:
    """One limb of the weights of a panel, reduction block by reduction block."""
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, c = 0, s, steps, block
    cdef Py_ssize_t words = ceil_div(a.channels, a.word_items)
    while c < words:
        block = minimum(a.block_channels, words - c)
        list_offsets(a, input, offsets, block)
        s = 0
        while s < taps * block:
            steps = minimum(a.block_steps, taps * block - s)
            sum_block(a, t, input, input.first + c * input.channel, steps, weights, offsets + s, totals, line, scale,
                      height, first and c + s == 0)
            weights = weights + steps * height * sizeof(int32_t)
            s = s + steps
        c = c + block


cdef inline void compute_panel(const Args* a, const Tile* t, Input* input, Py_ssize_t panel, char* scratch,
                               const Sum* tag) noexcept nogil:
    cdef Py_ssize_t height = panel_height(a, panel), limb, first = panel * a.panel_rows
    cdef Py_ssize_t row = ceil_div(a.channels, a.word_items) * <Py_ssize_t> sizeof(int32_t)
    cdef char* block = scratch + a.scratch_line
    cdef double scale = 1
    row = row * a.axis[0].window * a.axis[1].window * a.axis[2].window
    for limb in range(a.limbs):
        sum_panel(a, t, input, a.weights + (packed_row(a, a.groups, 0) * limb + packed_row(a, t.group, panel)) * row,
                  height, <Sum*> scratch, <int32_t*> (block + LINE * VECTOR_BYTES), scale, limb == 0,
                  <Py_ssize_t*> (scratch + a.scratch_offsets))
        scale = scale * a.limb_ratio
    store_panel(a, t, t.group * a.rows + first, minimum(height, a.rows - first), height, <Sum*> scratch, <Sum*> block)


cdef inline void compute_panels(const Args* a, const Tile* t, Input* input, char* scratch,
                                const Sum* tag) noexcept nogil:
    cdef Py_ssize_t panel
    for panel in range(t.panel_begin, t.panel_end):
        compute_panel(a, t, input, panel, scratch, tag)


cdef inline void compute_lines(const Args* a, const Tile* t, Input* input, char* scratch,
                               const Sum* tag) noexcept nogil:
    """A few lines at a time, whose sums stay in the first-level cache until they are stored."""
    cdef Tile s = t[0]
    cdef const char* first = input.first
    cdef Py_ssize_t lines = ceil_div(SEGMENT_RUNS * a.panel_columns, t.extent[2]), i, j
    s.extent[0] = 1
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            s.origin[0], s.origin[1], s.extent[1] = t.origin[0] + i, t.origin[1] + j, minimum(lines, t.extent[1] - j)
            input.first = first + i * input.hop[0] + j * input.hop[1]
            compute_panels(a, &s, input, scratch, tag)
            j = j + lines


cdef inline bint is_one_block(const Args* a) noexcept nogil:
    cdef Py_ssize_t words = ceil_div(a.channels, a.word_items)
    return a.limbs == 1 and words * a.axis[0].window * a.axis[1].window * a.axis[2].window <= a.block_steps


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Sum* tag) noexcept nogil:
    cdef Tile t
    cdef Input input
    locate_box(a, number, &t)
    copy_words(a, &t, <uint32_t*> (scratch + a.scratch_columns), &input)
    if is_one_block(a):
        compute_lines(a, &t, &input, scratch, tag)
    else:
        compute_panels(a, &t, &input, scratch, tag)


cdef inline void run(const Args* a, const Sum* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)


cdef api void integer_i32(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL)


cdef api void integer_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def block_bytes():
    """Sums in transposition, behind `Args.scratch_line`."""
    return LINE * VECTOR_BYTES
