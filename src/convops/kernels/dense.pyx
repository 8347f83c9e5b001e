# cython: language_level=3
"""Direct convolution with vectors over output channels: pixels are read one by one, so that no line is too short.

Called by `backends/direct.py` through `bind.pyx`; hands runs of pixels to the micro-kernels of `micro_channels.pyx`.
A tile is a box of output pixels times a range of panels of output channels. Its input is read where it lies, or from
a copy of the halo where that needs padding or conversion. Start reading at `tile_f`.
"""
from convops.kernels.abi cimport MOST_PIXELS, RELU, Args, Edge, Finish, Turned
from convops.kernels.edges cimport cut_taps, leaves_out_edges, lines_alike, sum_edges
from convops.kernels.halo cimport Input, copy_halo, read_in_place
from convops.kernels.simd cimport VECTOR_BYTES, Real, prefetch
from convops.kernels.store_channels cimport LINE, is_continued, is_finished_in_registers, store_panel, store_pixels
from convops.kernels.tile cimport (
    Tile, ceil_div, line_of, locate_box, maximum, minimum, packed_row, panel_count, panel_height)

cdef enum:
    CACHE_LINE = 64
    SEGMENT_RUNS = 16               # runs of pixels that are summed before they are stored
    STORED_RUNS = 64                # the same where the micro-kernel itself stores them


# What a worker's scratch memory holds from one range of tiles to the next: before the offsets, of which tile it is.
cdef struct Held:
    Tile tile
    Input input


cdef inline void list_offsets(const Args* a, const Input* input, Py_ssize_t* offsets,
                              Py_ssize_t channels) noexcept nogil:
    """Bytes from a pixel to what each step of a reduction block reads: taps, channels inside."""
    cdef Py_ssize_t kd, kh, kw, c, offset
    for kd in range(a.axis[0].window):
        for kh in range(a.axis[1].window):
            for kw in range(a.axis[2].window):
                offset = (kd * a.axis[0].dilation * input.step[0] + kh * a.axis[1].dilation * input.step[1]
                          + kw * a.axis[2].dilation * input.step[2])
                for c in range(channels):
                    offsets[c] = offset + c * input.channel
                offsets = offsets + channels


cdef inline void sum_line(const Args* a, const char* x, Py_ssize_t step, Py_ssize_t count, Py_ssize_t steps,
                          const char* weights, const Py_ssize_t* offsets, Real* totals, Py_ssize_t height,
                          bint first, Finish* finish) noexcept nogil:
    """A line of pixels in runs of nearly equal length, so that none is short."""
    cdef Py_ssize_t runs = (count + a.panel_columns - 1) // a.panel_columns, pixels = count // runs
    cdef Py_ssize_t longer = count - runs * pixels, done = longer * (pixels + 1)
    cdef const Turned* turned = a.turned + (height * <Py_ssize_t> sizeof(Real) // VECTOR_BYTES - 1) * MOST_PIXELS
    if longer:
        turned[pixels](steps, x, step, weights, offsets, <char*> totals, first, longer, finish)
        if finish.out != NULL:
            finish.out = finish.out + done * finish.pitch
        finish.ahead = finish.ahead + done * finish.forth
    turned[pixels - 1](steps, x + done * step, step, weights, offsets, <char*> (totals + done * height), first,
                       runs - longer, finish)


cdef inline void fetch_ahead(const char* weights, Py_ssize_t size, Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """One of so many parts of the next block's weights, on the way from the third-level cache."""
    cdef Py_ssize_t at = size * part // parts // CACHE_LINE * CACHE_LINE
    while at < size * (part + 1) // parts:
        prefetch(weights + at, 0, 2)
        at = at + CACHE_LINE


cdef inline Py_ssize_t joined_lines(const Args* a, const Tile* t, const Input* input) noexcept nogil:
    """Lines that follow each other without gaps, where they are read and where they are written, are one."""
    if a.skipped_axis >= 0 or input.hop[1] != t.extent[2] * input.hop[2] or not is_continued(&a.out, t):
        return 1
    return t.extent[1]


cdef inline bint passes_by(const Args* a, const Real* tag) noexcept nogil:
    """Whether pixels are read in place, once per panel, and hold their channels together."""
    return (not a.halo_channels and a.x.channel == sizeof(Real)
            and a.axis[0].window * a.axis[1].window * a.axis[2].window == 1)


cdef inline bint reads_planes(const Args* a, const Input* input, const Real* tag) noexcept nogil:
    """Whether pixels are read in place, and lie side by side in the plane of each channel: far apart for hardware."""
    return (not a.halo_channels and input.hop[2] == sizeof(Real) and a.x.channel != sizeof(Real)
            and a.axis[0].window * a.axis[1].window * a.axis[2].window == 1)


cdef inline void locate(const Args* a, Py_ssize_t number, Tile* t, const Real* tag) noexcept nogil:
    """Tile `number`; where pixels pass by, those of all images take the same weights, one after the other."""
    cdef Py_ssize_t row_tiles = ceil_div(panel_count(a), a.tile_panels), boxes = 1, box, image, rows
    cdef int i
    if passes_by(a, tag) and row_tiles > 1:
        for i in range(3):
            boxes = boxes * ceil_div(a.axis[i].out, a.axis[i].tile)
        box, number = number % boxes, number // boxes
        image, number = number % a.images, number // a.images
        rows, number = number % row_tiles, number // row_tiles
        number = ((image * a.groups + number) * boxes + box) * row_tiles + rows
    locate_box(a, number, t)


cdef inline Py_ssize_t distance_behind(const Args* a, const Tile* t, const Input* input,
                                       const Real* tag) noexcept nogil:
    """From the pixels of a box to those of the next, where they pass by."""
    if not passes_by(a, tag):
        return 0
    if t.extent[2] < a.axis[2].out:
        return t.extent[2] * input.hop[2]
    return t.extent[1] * input.hop[1]


cdef inline void ask_ahead(const Args* a, const Input* input, const char* pixels, Py_ssize_t behind, bint is_first,
                           const char* weights, Py_ssize_t size, Py_ssize_t steps, Finish* finish,
                           const Real* tag) noexcept nogil:
    """What the sums of pixels ask for: those of the next box, the next weights, or pixels further on in each plane."""
    finish.ahead, finish.apart, finish.hop, finish.forth = weights, 0, CACHE_LINE, 0
    if behind:
        finish.ahead, finish.apart = pixels + behind, input.hop[2]
    elif is_first and reads_planes(a, input, tag):
        finish.ahead, finish.apart = pixels + 2 * CACHE_LINE, a.x.channel
        finish.hop, finish.forth = CACHE_LINE // <Py_ssize_t> sizeof(Real) * a.x.channel, input.hop[2]
        return
    elif a.look_ahead and size:
        finish.ahead, finish.apart = weights + size, ceil_div(steps * sizeof(Real), CACHE_LINE) * CACHE_LINE
    finish.forth = finish.apart


cdef inline void sum_block(const Args* a, const Tile* t, const Input* input, const char* x, Py_ssize_t begin,
                           Py_ssize_t steps, Py_ssize_t per_tap, const char* weights, const Py_ssize_t* offsets,
                           Real* totals, Py_ssize_t panel, bint first, bint finishes) noexcept nogil:
    """Steps [begin, begin + steps) of a channel block for every line; `per_tap` of them along the skipped axis."""
    cdef Py_ssize_t i, j, k, low, high, lines = joined_lines(a, t, input), height = panel_height(a, panel)
    cdef Py_ssize_t size = steps * height * <Py_ssize_t> sizeof(Real), parts = t.extent[0] * t.extent[1]
    cdef Py_ssize_t channel = t.group * a.rows + panel * a.panel_rows
    cdef Py_ssize_t per_line = per_tap // (a.axis[1].window if a.skipped_axis == 0 else 1)
    cdef bint edged = leaves_out_edges(a, t, height, begin, steps, per_line, totals)
    cdef Py_ssize_t behind = distance_behind(a, t, input, totals) if panel == t.panel_begin else 0
    cdef Finish finish
    cdef Edge edge
    edge.hop, edge.steps, edge.ahead = input.hop[1], per_line, size if a.look_ahead else 0
    finish.pitch, finish.relu = a.out.step[2], a.epilogue.activation == RELU
    finish.bias = a.epilogue.bias + channel * <Py_ssize_t> sizeof(Real)
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            if edged and (not finishes or is_continued(&a.out, t)):
                lines = lines_alike(a, t, i, j, begin, begin + steps, per_tap)
            if a.look_ahead and not edged and lines == 1 and not behind:    # all at once would hold the rest up
                fetch_ahead(weights + size, size, i * t.extent[1] + j, parts)
            low, high = begin, begin + steps
            cut_taps(a, t, i, j, per_tap, &low, &high)
            finish.out = <char*> line_of(&a.out, t, channel, i, j, 0) if finishes else NULL
            if low >= high:
                for k in range(lines * t.extent[2] * height if first else 0):
                    totals[k] = 0
                for k in range(lines if finishes else 0):
                    store_pixels(a, t, channel, height, height, i, j + k, totals + k * t.extent[2] * height)
            elif edged:
                edge.groups = (high - low) // per_line
                sum_edges(a, t, &edge, lines, high - low == steps, x + i * input.hop[0] + j * input.hop[1],
                          input.hop[2], weights + (low - begin) * height * sizeof(Real), offsets + low, totals, height,
                          first, &finish if finishes else NULL)
            else:
                ask_ahead(a, input, x + i * input.hop[0] + j * input.hop[1] + offsets[low], behind,
                          panel == t.panel_begin, weights, size if lines > 1 else 0, steps, &finish, totals)
                sum_line(a, x + i * input.hop[0] + j * input.hop[1], input.hop[2], lines * t.extent[2], high - low,
                         weights + (low - begin) * height * sizeof(Real), offsets + low, totals, height, first,
                         &finish)
            totals = totals + lines * t.extent[2] * height
            j = j + lines


cdef inline bint sum_segment(const Args* a, const Tile* t, Input* input, const char* x, Py_ssize_t panel,
                             Py_ssize_t channel, Py_ssize_t channels, Real* totals,
                             Py_ssize_t* offsets) noexcept nogil:
    """One panel of output channels over the channels that the input holds, reduction block by reduction block.

    Whether the sums are already stored.
    """
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, c = 0, s, steps, block
    cdef Py_ssize_t inner = a.axis[2].window * (a.axis[1].window if a.skipped_axis == 0 else 1)
    cdef Py_ssize_t height = panel_height(a, panel)
    cdef bint finishes = is_finished_in_registers(a, minimum(height, a.rows - panel * a.panel_rows), sizeof(Real))
    cdef bint last = False
    cdef const char* weights = a.weights + (
        (packed_row(a, t.group, panel) * a.channels + channel * height) * taps * sizeof(Real))
    while c < channels:
        block = minimum(a.block_channels, channels - c)
        if block != input.listed:
            list_offsets(a, input, offsets, block)
            input.listed = block
        s = 0
        while s < taps * block:
            steps = minimum(a.block_steps, taps * block - s)
            last = channel + c + block == a.channels and s + steps == taps * block
            sum_block(a, t, input, x + c * input.channel, s, steps, inner * block, weights, offsets, totals, panel,
                      channel + c + s == 0, last and finishes)
            weights = weights + steps * height * sizeof(Real)
            s = s + steps
        c = c + block
    return last and finishes


cdef inline bint is_one_block(const Args* a) noexcept nogil:
    return a.channels * a.axis[0].window * a.axis[1].window * a.axis[2].window <= a.block_steps


cdef inline Py_ssize_t segment_pixels(const Args* a, const Tile* t, Py_ssize_t runs) noexcept nogil:
    """Pixels of a line whose sums or results stay in a near cache for all panels, in whole runs."""
    cdef Py_ssize_t parts = ceil_div(t.extent[2], runs * a.panel_columns)
    return ceil_div(ceil_div(t.extent[2], parts), a.panel_columns) * a.panel_columns


cdef inline void compute_panels(const Args* a, const Tile* t, Input* input, const char* x, Py_ssize_t channel,
                                Py_ssize_t channels, Real* totals, Py_ssize_t kept, char* scratch) noexcept nogil:
    """A segment of a tile, panel by panel; `kept` totals of each wait for more channels."""
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch + a.scratch_offsets + sizeof(Held))
    cdef Py_ssize_t p
    cdef bint stored
    for p in range(t.panel_begin, t.panel_end):
        stored = sum_segment(a, t, input, x, p, channel, channels, totals, offsets)
        if channel + channels == a.channels and not stored:
            store_panel(a, t, p, panel_height(a, p), totals, <Real*> (scratch + a.scratch_line))
        totals = totals + kept


cdef inline void compute_tile(const Args* a, const Tile* t, Input* input, Py_ssize_t channel, Py_ssize_t channels,
                              char* scratch, const Real* tag) noexcept nogil:
    """At once where weights pass by in several blocks, else a few lines or a part of one at a time."""
    cdef Tile s = t[0]
    cdef Py_ssize_t i = 0, j, w, pixels = t.extent[2], lines = t.extent[1], deep = t.extent[0], kept = 0
    cdef Py_ssize_t runs = STORED_RUNS if is_finished_in_registers(a, a.panel_rows, sizeof(Real)) else SEGMENT_RUNS
    cdef const char* x
    if is_one_block(a):
        pixels, lines, deep = segment_pixels(a, t, runs), maximum(1, runs * a.panel_columns // t.extent[2]), 1
    elif channels < a.channels:
        kept = pixels * lines * deep * a.panel_rows
    while i < t.extent[0]:
        s.origin[0], s.extent[0] = t.origin[0] + i, deep
        j = 0
        while j < t.extent[1]:
            s.origin[1], s.extent[1] = t.origin[1] + j, minimum(lines, t.extent[1] - j)
            w = 0
            while w < t.extent[2]:
                s.origin[2], s.extent[2] = t.origin[2] + w, minimum(pixels, t.extent[2] - w)
                x = input.first + i * input.hop[0] + j * input.hop[1] + w * input.hop[2]
                compute_panels(a, &s, input, x, channel, channels, <Real*> scratch, kept, scratch)
                w = w + pixels
            j = j + lines
        i = i + deep


cdef inline bint is_same_box(const Tile* t, const Tile* other) noexcept nogil:
    return (t.batch == other.batch and t.group == other.group and t.origin[0] == other.origin[0]
            and t.origin[1] == other.origin[1] and t.origin[2] == other.origin[2])


cdef void tile_f(const Args* a, const Tile* t, Input* input, bint copied, char* scratch,
                 const Real* tag) noexcept nogil:
    """`copied` says that `input` holds the halo of this box already."""
    cdef Py_ssize_t c = 0, channels, chunk = a.halo_channels if a.halo_channels else a.channels
    while c < a.channels:
        channels = minimum(chunk, a.channels - c)
        if not a.halo_channels:
            read_in_place(a, t, input)
        elif channels < a.channels or not copied:
            copy_halo(a, t, <Real*> (scratch + a.scratch_columns), c, channels, input)
        compute_tile(a, t, input, c, channels, scratch, tag)
        c = c + channels


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Held* held = <Held*> (a.scratch + a.scratch_offsets)
    cdef Tile t
    cdef Input input = held.input
    cdef Py_ssize_t number
    if a.fresh:
        held.tile.batch = -1
    for number in range(a.tile_begin, a.tile_end):
        locate(a, number, &t, tag)
        # Tiles of the same box follow one another: mostly, its halo is at hand.
        tile_f(a, &t, &input, is_same_box(&t, &held.tile), a.scratch, tag)
        held.tile = t
    held.input = input


cdef api void dense_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void dense_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def block_items(int itemsize):
    """Results in transposition, behind `Args.scratch_line`."""
    return LINE * VECTOR_BYTES // itemsize


def held_items():
    """Offsets that would take as much memory as what stands before them."""
    return (sizeof(Held) + sizeof(Py_ssize_t) - 1) // sizeof(Py_ssize_t)
