# cython: language_level=3
"""im2col as a packed matrix product that never holds the whole matrix.

Called by `backends/im2col.py` through `bind.pyx`; hands packed tiles to the micro-kernel. A tile is a run of
output pixels (in C order over all spatial axes) times a range of output channels. Start reading at `tile_f`.
"""
from libc.stdint cimport uint32_t, uint64_t

from convops.kernels.abi cimport Args
from convops.kernels.pack cimport pack_block
from convops.kernels.simd cimport Real
from convops.kernels.sweep cimport sweep
from convops.kernels.tile cimport (
    Place, Tile, blank_run, ceil_div, gather_run, minimum, next_line, packed_row, panel_count, panel_height, place_of,
    source)


cdef inline void locate(const Args* a, Py_ssize_t number, Tile* t) noexcept nogil:
    """Batch, group, run of pixels and row panels of tile `number`, the row panels fastest."""
    cdef Py_ssize_t panels = panel_count(a), row_tiles = ceil_div(panels, a.tile_panels)
    cdef Py_ssize_t pixels = a.axis[0].out * a.axis[1].out * a.axis[2].out
    cdef Py_ssize_t runs = ceil_div(pixels, a.tile_columns), i
    t.panel_begin = number % row_tiles * a.tile_panels
    t.panel_end = minimum(t.panel_begin + a.tile_panels, panels)
    number = number // row_tiles
    t.first_slot = number % runs * a.tile_columns
    t.slots = minimum(a.tile_columns, pixels - t.first_slot)
    number = number // runs
    t.group = number % a.groups
    t.batch = number // a.groups
    t.lines = a.axis[1].out
    t.pitch = a.axis[2].out
    for i in range(3):
        t.origin[i] = 0
        t.extent[i] = a.axis[i].out


cdef inline void pack_panel(const Args* a, const Tile* t, Real* to, Py_ssize_t slot, Py_ssize_t count,
                            Py_ssize_t channel, Py_ssize_t channels, Py_ssize_t tap) noexcept nogil:
    """One tap's `count` pixels from `slot` on: row c of the panel holds channel c."""
    cdef Py_ssize_t kw = tap % a.axis[2].window, kh = tap // a.axis[2].window % a.axis[1].window
    cdef Py_ssize_t kd = tap // a.axis[2].window // a.axis[1].window, j = 0, h, d, run, first
    cdef const char* image = a.x.data + t.batch * a.x.batch + (t.group * a.channels + channel) * a.x.channel
    cdef Place at = place_of(t, slot)
    while j < count:
        run = minimum(t.pitch - at.w, count - j)
        d = source(&a.axis[0], at.d * a.axis[0].stride + kd * a.axis[0].dilation)
        h = source(&a.axis[1], at.h * a.axis[1].stride + kh * a.axis[1].dilation)
        first = at.w * a.axis[2].stride + kw * a.axis[2].dilation
        if d < 0 or h < 0:
            blank_run(a, to + j, a.panel_columns, d, h, first, a.axis[2].stride, channels, run)
        else:
            gather_run(a, to + j, a.panel_columns, image + d * a.x.step[0] + h * a.x.step[1], first,
                       a.axis[2].stride, channels, run)
        next_line(t, &at)
        j = j + run
    for h in range(channels):
        for j in range(count, a.panel_columns):
            to[h * a.panel_columns + j] = 0


cdef inline void pack(const Args* a, const Tile* t, Real* columns, Py_ssize_t channel, Py_ssize_t channels,
                      Py_ssize_t step, Py_ssize_t steps) noexcept nogil:
    """Steps [step, step + steps) of a channel block, panel after panel. Blocks that are cut have one channel."""
    cdef Py_ssize_t slot = t.first_slot, end = t.first_slot + t.slots, tap
    while slot < end:
        for tap in range(step // channels, (step + steps) // channels):
            pack_panel(a, t, columns + (tap * channels - step) * a.panel_columns, slot,
                       minimum(a.panel_columns, end - slot), channel, channels, tap)
        columns = columns + steps * a.panel_columns
        slot = slot + a.panel_columns


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Tile t
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, c = 0, s, k, channels, steps
    cdef char* columns = scratch + a.scratch_columns
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch + a.scratch_offsets)
    locate(a, number, &t)
    for k in range(a.block_steps):
        offsets[k] = k * a.panel_columns * sizeof(Real)
    while c < a.channels:
        channels = minimum(a.block_channels, a.channels - c)
        s = 0
        while s < taps * channels:
            steps = minimum(a.block_steps, taps * channels - s)
            pack(a, &t, <Real*> columns, c, channels, s, steps)
            sweep(a, &t, <Real*> scratch, columns, steps * a.panel_columns * sizeof(Real), offsets, c * taps + s, steps)
            s = s + steps
        c = c + channels


cdef inline bint is_finite(const Real* items, Py_ssize_t count) noexcept nogil:
    """By the exponents, which gcc compares as vectors of integers."""
    cdef Py_ssize_t i
    cdef uint32_t narrow = 0
    cdef uint64_t wide = 0, one = 1
    if Real is float:
        for i in range(count):
            narrow = narrow | (((<const uint32_t*> items)[i] & 0x7f800000) + 0x00800000)
        return narrow >> 31 == 0
    else:
        for i in range(count):
            wide = wide | (((<const uint64_t*> items)[i] & (2047 * (one << 52))) + (one << 52))
        return wide >> 63 == 0


cdef void pack_rows(const Args* a, Py_ssize_t number, Real* to) noexcept nogil:
    """Panel `number` of the weights, in the order in which `multiply` reads it. Here x holds the weights.

    The status becomes 1 where one is not finite.
    """
    cdef Py_ssize_t c = 0, channels, panels = panel_count(a)
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window
    cdef Py_ssize_t group = number // panels, panel = number % panels, height = panel_height(a, panel)
    cdef Py_ssize_t first = panel * a.panel_rows, valid = minimum(height, a.rows - first)
    cdef const char* filters = a.x.data + (group * a.rows + first) * a.x.batch
    to = to + packed_row(a, group, panel) * taps * a.channels
    while c < a.channels:
        channels = minimum(a.block_channels, a.channels - c)
        pack_block(a, filters + c * a.x.channel, channels, height, valid, to)
        to = to + taps * channels * height
        c = c + channels
    if not is_finite(to - taps * a.channels * height, taps * a.channels * height):
        a.epilogue.status[0] = 1


cdef inline void run_pack(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        pack_rows(a, number, <Real*> a.out.data)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)


cdef api void im2col_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void im2col_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


cdef api void pack_weights_f32(const Args* a) noexcept nogil:
    run_pack(a, <const float*> NULL)


cdef api void pack_weights_f64(const Args* a) noexcept nogil:
    run_pack(a, <const double*> NULL)
