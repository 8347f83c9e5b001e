# cython: language_level=3
"""Direct convolution with vectors over output channels: pixels are read one by one, so that no line is too short.

Called by `backends/direct.py` through `bind.pyx`; hands runs of pixels to the micro-kernels of `micro_channels.pyx`.
A tile is a box of output pixels times a range of panels of output channels. Its input is read where it lies, or from
a copy of the halo where that needs padding or conversion. Start reading at `tile_f`.
"""
from cython.parallel cimport prange, threadid
from libc.string cimport memcpy

from convops.kernels.abi cimport MOST_PIXELS, Args, Axis, Turned
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.store_channels cimport LINE, store_panel
from convops.kernels.tile cimport (
    Tile, blank_run, ceil_div, fill_run, gather_run, locate_box, maximum, minimum, packed_row, panel_height, source)


# Where a tile reads its input: the item of its first output's first tap in the first channel, and bytes from one
# padded position or channel to the next.
cdef struct Input:
    const char* first
    Py_ssize_t channel
    Py_ssize_t step[3]


cdef inline Py_ssize_t halo_size(const Args* a, const Tile* t, int axis) noexcept nogil:
    return (t.extent[axis] - 1) * a.axis[axis].stride + (a.axis[axis].window - 1) * a.axis[axis].dilation + 1


cdef inline void read_in_place(const Args* a, const Tile* t, Input* to) noexcept nogil:
    cdef int i
    to.first = a.x.data + t.batch * a.x.batch + t.group * a.channels * a.x.channel
    to.channel = a.x.channel
    for i in range(3):
        to.step[i] = a.x.step[i]
        to.first = to.first + (t.origin[i] * a.axis[i].stride - a.axis[i].shift) * a.x.step[i]


cdef inline void copy_pixels(const Args* a, Real* to, const char* line, Py_ssize_t d, Py_ssize_t h,
                             Py_ssize_t position, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """A line of the halo with the channels of each pixel together."""
    cdef Py_ssize_t j, c, at
    cdef const char* pixel
    for j in range(count):
        at = source(&a.axis[2], position + j)
        if at < 0 or d < 0 or h < 0:
            fill_run(a, to, 1, channels, 1, -1 if at == -1 or d == -1 or h == -1 else -2)
        else:
            pixel = line + at * a.x.step[2]
            if a.load != NULL:
                a.load(pixel, a.x.channel, <char*> to, 1, channels)
            elif a.x.channel == sizeof(Real):
                memcpy(to, pixel, channels * sizeof(Real))
            else:
                for c in range(channels):
                    to[c] = (<const Real*> (pixel + c * a.x.channel))[0]
        to = to + channels + a.halo_gap


cdef inline void copy_line(const Args* a, Real* to, Py_ssize_t pitch, const char* image, Py_ssize_t d, Py_ssize_t h,
                           Py_ssize_t w, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    cdef const char* line = image + d * a.x.step[0] + h * a.x.step[1]
    if a.pixels_first:
        copy_pixels(a, to, line, d, h, w, channels, count)
    elif d < 0 or h < 0:
        blank_run(a, to, pitch, d, h, w, 1, channels, count)
    else:
        gather_run(a, to, pitch, line, w, 1, channels, count)


cdef inline void copy_halo(const Args* a, const Tile* t, Real* to, Py_ssize_t channel, Py_ssize_t channels,
                           Input* input) noexcept nogil:
    cdef const char* image = a.x.data + t.batch * a.x.batch + (t.group * a.channels + channel) * a.x.channel
    cdef Py_ssize_t deep = halo_size(a, t, 0), high = halo_size(a, t, 1), wide = halo_size(a, t, 2), i, j, d, h
    cdef Py_ssize_t pitch = deep * high * wide, item = channels + a.halo_gap if a.pixels_first else 1
    input.first = <const char*> to
    input.channel = (1 if a.pixels_first else pitch) * <Py_ssize_t> sizeof(Real)
    input.step[2] = item * <Py_ssize_t> sizeof(Real)
    input.step[1] = input.step[2] * wide
    input.step[0] = input.step[1] * high
    for i in range(deep):
        d = source(&a.axis[0], t.origin[0] * a.axis[0].stride + i)
        for j in range(high):
            h = source(&a.axis[1], t.origin[1] * a.axis[1].stride + j)
            copy_line(a, to, pitch, image, d, h, t.origin[2] * a.axis[2].stride, channels, wide)
            to = to + wide * item


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
                          bint first) noexcept nogil:
    """A line of pixels in runs of nearly equal length, so that none is short."""
    cdef Py_ssize_t runs = (count + a.panel_columns - 1) // a.panel_columns, pixels = count // runs
    cdef Py_ssize_t longer = count - runs * pixels, done = longer * (pixels + 1)
    cdef const Turned* turned = a.turned + (height * <Py_ssize_t> sizeof(Real) // VECTOR_BYTES - 1) * MOST_PIXELS
    if longer:
        turned[pixels](steps, x, step, weights, offsets, <char*> totals, first, longer)
    turned[pixels - 1](steps, x + done * step, step, weights, offsets, <char*> (totals + done * height), first,
                       runs - longer)


cdef inline void skip_padding(const Args* a, Py_ssize_t output, Py_ssize_t* begin, Py_ssize_t* end) noexcept nogil:
    """Cut the taps to those that fall on the input along the skipped axis; products with zeros change no sum."""
    cdef const Axis* axis = &a.axis[a.skipped_axis]
    cdef Py_ssize_t at = output * axis.stride
    begin[0] = 0 if at >= axis.inner_begin else ceil_div(axis.inner_begin - at, axis.dilation)
    end[0] = 0 if at >= axis.inner_end else ceil_div(axis.inner_end - at, axis.dilation)
    end[0] = minimum(end[0], axis.window)


cdef inline void sum_block(const Args* a, const Tile* t, const char* x, Py_ssize_t step, Py_ssize_t begin,
                           Py_ssize_t steps, Py_ssize_t per_tap, const char* weights, const Py_ssize_t* offsets,
                           Real* totals, Py_ssize_t height, bint first, const Input* input) noexcept nogil:
    """Steps [begin, begin + steps) of a channel block for every line of a tile; `per_tap` along the skipped axis."""
    cdef Py_ssize_t i, j, k, low, high, line = t.extent[2] * height
    cdef Py_ssize_t at[2]
    for i in range(t.extent[0]):
        for j in range(t.extent[1]):
            low, high = begin, begin + steps
            if a.skipped_axis >= 0:
                at[0], at[1] = t.origin[0] + i, t.origin[1] + j
                skip_padding(a, at[a.skipped_axis], &low, &high)
                low, high = maximum(low * per_tap, begin), minimum(high * per_tap, begin + steps)
            if low < high:
                sum_line(a, x + i * a.axis[0].stride * input.step[0] + j * a.axis[1].stride * input.step[1], step,
                         t.extent[2], high - low, weights + (low - begin) * height * sizeof(Real), offsets + low,
                         totals, height, first)
            elif first:
                for k in range(line):
                    totals[k] = 0
            totals = totals + line


cdef inline void sum_panel(const Args* a, const Tile* t, const Input* input, Py_ssize_t panel, Py_ssize_t channel,
                           Py_ssize_t channels, Real* totals, Py_ssize_t* offsets) noexcept nogil:
    """One panel of output channels over the channels that the input holds, reduction block by reduction block."""
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, c = 0, s, steps, block
    cdef Py_ssize_t inner = a.axis[2].window * (a.axis[1].window if a.skipped_axis == 0 else 1), listed = 0
    cdef Py_ssize_t height = panel_height(a, panel)
    cdef const char* weights = a.weights + (
        (packed_row(a, t.group, panel) * a.channels + channel * height) * taps * sizeof(Real))
    while c < channels:
        block = minimum(a.block_channels, channels - c)
        if block != listed:
            list_offsets(a, input, offsets, block)
            listed = block
        s = 0
        while s < taps * block:
            steps = minimum(a.block_steps, taps * block - s)
            sum_block(a, t, input.first + c * input.channel, a.axis[2].stride * input.step[2], s, steps, inner * block,
                      weights, offsets, totals, height, channel + c + s == 0, input)
            weights = weights + steps * height * sizeof(Real)
            s = s + steps
        c = c + block


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Tile t
    cdef Input input
    cdef Py_ssize_t c = 0, channels, p, panel_items, chunk = a.halo_channels if a.halo_channels else a.channels
    cdef Real* totals
    locate_box(a, number, &t)
    panel_items = t.extent[0] * t.extent[1] * t.extent[2] * a.panel_rows
    while c < a.channels:
        channels = minimum(chunk, a.channels - c)
        if a.halo_channels:
            copy_halo(a, &t, <Real*> (scratch + a.scratch_columns), c, channels, &input)
        else:
            read_in_place(a, &t, &input)
        for p in range(t.panel_begin, t.panel_end):
            totals = <Real*> scratch
            if chunk < a.channels:
                totals = totals + (p - t.panel_begin) * panel_items
            sum_panel(a, &t, &input, p, c, channels, totals, <Py_ssize_t*> (scratch + a.scratch_offsets))
            if c + channels == a.channels:
                store_panel(a, &t, p, panel_height(a, p), totals, <Real*> (scratch + a.scratch_line))
        c = c + channels


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(a.tile_begin, a.tile_end, schedule="dynamic", chunksize=1, num_threads=a.workers):
        tile_f(a, number, a.scratch + threadid() * a.scratch_stride, tag)


cdef api void dense_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void dense_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


def block_items(int itemsize):
    """Results in transposition, behind `Args.scratch_line`."""
    return LINE * VECTOR_BYTES // itemsize
