# cython: language_level=3
"""Depthwise convolution of integers of 8 and 16 bits, exact: sums of 32 bits, which wrap around.

Called by `backends/integer.py` through `bind.pyx`. A tile is a box of output pixels times a range of input channels,
each of which has `panel_rows` outputs. Its halo is copied as words of two neighbouring taps, so that one multiply-add
takes two of them; vectors run over channels where those lie together, over pixels elsewhere. Start reading at `tile_f`.
"""
from libc.stdint cimport int32_t, uint32_t

from convops.kernels.abi cimport RELU, Args
from convops.kernels.halo_pairs cimport Pairs, copy_pairs, place_of
from convops.kernels.pairs cimport add_pairs, all_pairs, pairs, relu_pairs, store_pairs
from convops.kernels.simd cimport VECTOR_BYTES, inlined, outlined
from convops.kernels.store_words cimport LINE, finish_words, stores_plainly
from convops.kernels.tile cimport Tile, ceil_div, line_of, locate_box, minimum

cdef enum:
    SUMS = 8                   # vectors of sums that stay in registers
    LANES = VECTOR_BYTES // 4

# Vectors of sums: `across` neighbours of each of SUMS / across lines, which are pixels where lanes are channels.
cdef struct Block:
    const char* x
    Py_ssize_t hop             # bytes from line to line
    const Py_ssize_t* offsets  # and to each pair of taps
    Py_ssize_t steps
    const char* weights
    Py_ssize_t tap             # bytes from pair to pair
    bint spread                # one weight and bias for all lanes
    const char* bias
    bint relu
    char* out
    Py_ssize_t out_hop
    Py_ssize_t lines           # that count
    Py_ssize_t count           # and lanes of a line
    # Runs, one behind the other: bytes and lanes from each to the next.
    Py_ssize_t runs
    Py_ssize_t next_x
    Py_ssize_t next_weights
    Py_ssize_t next_out
    Py_ssize_t next_lines
    Py_ssize_t next_count


cdef inline inlined multiply(int across, const Block* b, const char* x, const char* weights, pairs* acc) noexcept nogil:
    cdef Py_ssize_t k
    cdef pairs w
    cdef int i
    for k in range(b.steps):
        if b.spread:
            w = all_pairs((<const int32_t*> weights)[0])
        else:
            w = (<const pairs*> weights)[0]
        for i in range(SUMS):
            acc[i] = add_pairs(acc[i], (<const pairs*> (x + b.offsets[k] + i // across * b.hop
                                                        + i % across * VECTOR_BYTES))[0], w)
        weights = weights + b.tap


cdef inline inlined sum_block(int across, const Block* block) noexcept nogil:
    cdef Block here = block[0]   # which stores of results cannot change
    cdef Block* b = &here
    cdef pairs acc[SUMS]
    cdef pairs bias
    cdef Py_ssize_t _
    cdef int i
    for _ in range(b.runs):
        if b.spread:
            bias = all_pairs((<const int32_t*> b.bias)[0])
        else:
            bias = (<const pairs*> b.bias)[0]
        for i in range(SUMS):
            acc[i] = bias
        multiply(across, b, b.x, b.weights, acc)
        for i in range(SUMS):
            if i // across < b.lines:
                store_pairs(relu_pairs(acc[i]) if b.relu else acc[i],
                            b.out + i // across * b.out_hop + i % across * VECTOR_BYTES,
                            b.count - i % across * LANES)
        b.x, b.weights, b.bias = b.x + b.next_x, b.weights + b.next_weights, b.bias + b.next_weights
        b.out, b.lines, b.count = b.out + b.next_out, b.lines - b.next_lines, b.count - b.next_count


cdef outlined sum_block_1(const Block* b) noexcept nogil:
    sum_block(1, b)


cdef outlined sum_block_2(const Block* b) noexcept nogil:
    sum_block(2, b)


cdef outlined sum_block_4(const Block* b) noexcept nogil:
    sum_block(4, b)


cdef inline void list_offsets(const Args* a, const Pairs* halo, Py_ssize_t* offsets) noexcept nogil:
    """Bytes to every pair of taps, in the order of the weights."""
    cdef Py_ssize_t d, h, k, line
    for d in range(a.axis[0].window):
        for h in range(a.axis[1].window):
            line = d * a.axis[0].dilation * halo.reached[1] + h * a.axis[1].dilation
            for k in range(0, a.axis[2].window, 2):
                offsets[0] = (line * halo.line + place_of(a, halo, k * a.axis[2].dilation)) * 4
                offsets = offsets + 1


cdef inline void finish_line(const Args* a, const Tile* t, int32_t* sums, Py_ssize_t channel, Py_ssize_t d,
                             Py_ssize_t h, Py_ssize_t w, Py_ssize_t count) noexcept nogil:
    """`count` sums along channels or along pixels through the epilogue."""
    cdef Py_ssize_t j = 0, step = a.out.channel if a.pixels_first else a.out.step[2]
    cdef Py_ssize_t add_step = a.epilogue.add.channel if a.pixels_first else a.epilogue.add.step[2]
    cdef const char* add = NULL
    if a.epilogue.add.data != NULL:
        add = line_of(&a.epilogue.add, t, channel, d, h, w)
    while j < count:
        finish_words(a, sums + j, <char*> line_of(&a.out, t, channel, d, h, w) + j * step, step,
                     add + j * add_step if add != NULL else NULL, add_step, minimum(LINE, count - j))
        j = j + LINE


cdef inline bint is_plain(const Args* a) noexcept nogil:
    """Whether vectors of sums are results."""
    return (stores_plainly(a) and a.epilogue.add.data == NULL
            and (a.out.channel if a.pixels_first else a.out.step[2]) == sizeof(int32_t))


cdef inline void run_pixels(const Args* a, const Tile* t, Block* b, const Pairs* halo, char* sums, Py_ssize_t d,
                            Py_ssize_t h) noexcept nogil:
    """A line of pixels, a few at a time, with lanes over output channels."""
    cdef Py_ssize_t first = t.panel_begin * a.panel_rows, count = halo.pitch, w = 0, i
    cdef const char* line = b.x
    cdef bint plain = is_plain(a)
    b.spread, b.tap, b.hop = False, a.rows * <Py_ssize_t> sizeof(int32_t), halo.pitch * a.axis[2].stride * 4
    b.weights, b.bias = a.weights + first * 4, a.epilogue.bias + first * 4
    b.runs, b.next_x, b.next_weights, b.next_out = ceil_div(count, LANES), VECTOR_BYTES, VECTOR_BYTES, VECTOR_BYTES
    b.next_lines, b.next_count, b.count = 0, LANES, count
    b.out_hop = a.out.step[2] if plain else count * <Py_ssize_t> sizeof(int32_t)
    while w < t.extent[2]:
        b.x, b.lines = line + w * b.hop, minimum(SUMS, t.extent[2] - w)
        b.out = <char*> line_of(&a.out, t, first, d, h, w) if plain else sums
        sum_block_1(b)
        for i in range(0 if plain else b.lines):
            finish_line(a, t, <int32_t*> (sums + i * b.out_hop), first, d, h, w + i, count)
        w = w + SUMS


cdef inline void run_lines(const Args* a, const Tile* t, Block* b, const Pairs* halo, char* sums, Py_ssize_t channel,
                           Py_ssize_t d) noexcept nogil:
    """A plane in strips so wide that their lines fill vectors, with lanes over pixels."""
    cdef Py_ssize_t w = 0, width, across, j
    cdef const char* plane = b.x
    cdef bint plain = is_plain(a)
    b.spread, b.tap, b.hop = True, sizeof(int32_t), halo.line * a.axis[1].stride * 4
    b.weights, b.bias = a.weights + channel * b.steps * 4, a.epilogue.bias + channel * 4
    b.next_weights, b.next_count = 0, 0
    while w < t.extent[2]:
        across = ceil_div(t.extent[2] - w, LANES)
        across = 4 if across > 2 else across
        width = minimum(across * LANES, t.extent[2] - w)
        b.x, b.lines, b.count = plane + w * 4, t.extent[1], width
        b.next_lines = SUMS // across
        b.runs, b.next_x = ceil_div(t.extent[1], b.next_lines), b.next_lines * b.hop
        b.out_hop = a.out.step[1] if plain else across * VECTOR_BYTES
        b.out = <char*> line_of(&a.out, t, channel, d, 0, w) if plain else sums
        b.next_out = b.next_lines * b.out_hop
        if across == 1:
            sum_block_1(b)
        elif across == 2:
            sum_block_2(b)
        else:
            sum_block_4(b)
        for j in range(0 if plain else t.extent[1]):
            finish_line(a, t, <int32_t*> (sums + j * b.out_hop), channel, d, j, w, width)
        w = w + width


cdef inline void place_halo(const Args* a, const Tile* t, char* scratch, Pairs* halo) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(3):
        halo.reached[i] = (t.extent[i] - 1) * a.axis[i].stride + (a.axis[i].window - 1) * a.axis[i].dilation + 1
    halo.column = <uint32_t*> (scratch + a.scratch_columns)
    halo.words = halo.column + ceil_div(halo.reached[1], LANES) * LANES    # whole vectors
    halo.channels = t.panel_end - t.panel_begin if a.pixels_first else 1
    halo.repeats = a.panel_rows if a.pixels_first else 1
    halo.pitch = halo.channels * halo.repeats
    halo.phase = ceil_div(halo.reached[2], a.axis[2].stride)
    halo.line = halo.reached[2] * halo.pitch if a.pixels_first else halo.phase * a.axis[2].stride


cdef inline const char* first_tap(const Args* a, const Pairs* halo, Py_ssize_t d, Py_ssize_t h) noexcept nogil:
    """Of the first output of a line."""
    return <const char*> (halo.words + (d * a.axis[0].stride * halo.reached[1] + h * a.axis[1].stride) * halo.line)


cdef inline void run_planes(const Args* a, const Tile* t, Block* b, Pairs* halo, char* sums) noexcept nogil:
    cdef Py_ssize_t panel, r, d
    for panel in range(t.panel_begin, t.panel_end):
        copy_pairs(a, t, halo, panel)
        for r in range(a.panel_rows):
            for d in range(t.extent[0]):
                b.x = first_tap(a, halo, d, 0)
                run_lines(a, t, b, halo, sums, panel * a.panel_rows + r, d)


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch) noexcept nogil:
    cdef Tile t
    cdef Pairs halo
    cdef Block b
    cdef Py_ssize_t d, h
    locate_box(a, number, &t)
    place_halo(a, &t, scratch, &halo)
    list_offsets(a, &halo, <Py_ssize_t*> (scratch + a.scratch_offsets))
    b.offsets = <const Py_ssize_t*> (scratch + a.scratch_offsets)
    b.steps = a.axis[0].window * a.axis[1].window * ceil_div(a.axis[2].window, 2)
    b.relu = is_plain(a) and a.epilogue.activation == RELU
    if not a.pixels_first:
        run_planes(a, &t, &b, &halo, scratch)
        return
    copy_pairs(a, &t, &halo, t.panel_begin)
    for d in range(t.extent[0]):
        for h in range(t.extent[1]):
            b.x = first_tap(a, &halo, d, h)
            run_pixels(a, &t, &b, &halo, scratch, d, h)


cdef api void depthwise_words_i32(const Args* a) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch)


def sums():
    """Vectors of sums of a block."""
    return SUMS


def lanes():
    """Sums of a vector."""
    return LANES
