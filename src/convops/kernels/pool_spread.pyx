# cython: language_level=3
"""Every item collects the values of the outputs whose windows hold it: gradients of the pools that add.

Called by `backends/pool_spread.py` through `bind.pyx`; hands nothing on. `x` holds the outputs, each to be divided by
the taps that it counts. `border` of an axis tells for each item the first of its outputs and the one past the last,
then what each output counts. An item's outputs of one line are added first, then its lines, in C order, whatever the
layout. Start reading at `tile`.
"""
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.spread_lines cimport (
    FILLED, MOST_LINES, add_lines, fill_line, first_output, list_divisors, past_outputs, share_line, share_pixels,
    sum_line, sum_pixels)
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.turn cimport LANES, turn_in, turn_out


cdef inline void prepare(const Args* a, const char* x, Py_ssize_t d, Py_ssize_t h, Py_ssize_t channels, char* to,
                         const Real* tag) noexcept nogil:
    """A line of outputs, shared out; in a plane also summed for each item."""
    cdef const char* line = x + d * a.x.step[0] + h * a.x.step[1]
    cdef Real* shared = <Real*> (a.scratch + a.scratch_line)
    cdef Real* phases = <Real*> (a.scratch + a.scratch_columns)
    cdef const Real* divisors = <const Real*> (a.scratch + a.scratch_offsets)
    if a.pixels_first:
        if Real is float:
            share_pixels(a, line, d, h, channels, <Real*> to, <f32v*> NULL)
        else:
            share_pixels(a, line, d, h, channels, <Real*> to, <f64v*> NULL)
    elif Real is float:
        share_line(a, line, d, h, divisors, shared, <f32v*> NULL)
        sum_line(a, shared, <Real*> to, phases, <f32v*> NULL)
    else:
        share_line(a, line, d, h, divisors, shared, <f64v*> NULL)
        sum_line(a, shared, <Real*> to, phases, <f64v*> NULL)


cdef inline void store(const Args* a, const char** lines, Py_ssize_t count, char* out, Py_ssize_t channels,
                       const Real* tag) noexcept nogil:
    if Real is float:
        if a.pixels_first:
            sum_pixels(a, lines, count, out, channels, tag, <f32v*> NULL)
        else:
            add_lines(a, lines, count, out, tag, <f32v*> NULL)
    else:
        if a.pixels_first:
            sum_pixels(a, lines, count, out, channels, tag, <f64v*> NULL)
        else:
            add_lines(a, lines, count, out, tag, <f64v*> NULL)


cdef inline void walk(const Args* a, const char* x, char* out, Py_ssize_t channels, Py_ssize_t begin,
                      Py_ssize_t end, const Real* tag) noexcept nogil:
    """Lines of items, one after the other; lines of outputs stay as long as the next ones need them."""
    cdef Py_ssize_t number, h, d = -1, od, oh, ready = 0, first, count
    cdef const char* lines[MOST_LINES]
    cdef char* line
    for number in range(begin, end):
        h = number % a.axis[1].size
        if number // a.axis[1].size != d:
            d, ready = number // a.axis[1].size, 0
        first, count = first_output(&a.axis[0], d), 0
        for od in range(first, past_outputs(&a.axis[0], d)):
            for oh in range(first_output(&a.axis[1], h), past_outputs(&a.axis[1], h)):
                line = a.scratch + ((od - first) * a.strips + oh % a.strips) * a.pitch_sums
                if oh >= ready:
                    prepare(a, x, od, oh, channels, line, tag)
                lines[count] = line
                count = count + 1
        ready = maximum(ready, past_outputs(&a.axis[1], h))
        store(a, lines, count, out + d * a.out.step[0] + h * a.out.step[1], channels, tag)


cdef inline void turn_planes_in(const char* x, Py_ssize_t pitch, Py_ssize_t valid, Py_ssize_t items,
                                Real* to) noexcept nogil:
    """The items of so many planes, those at the same place together; planes that are missing repeat the last."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), i, j = 0
    cdef Py_ssize_t places[LANES]
    for i in range(lanes):
        places[i] = minimum(i, valid - 1) * pitch
    while j + lanes <= items:
        turn_in(<const Real*> x + j, places, to + j * lanes, VECTOR_BYTES)
        j = j + lanes
    while j < items:
        for i in range(lanes):
            to[j * lanes + i] = (<const Real*> (x + places[i]))[j]
        j = j + 1


cdef inline void turn_planes_out(const Real* rows, Py_ssize_t items, char* out, Py_ssize_t pitch,
                                 Py_ssize_t valid) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), i, j = 0
    cdef Py_ssize_t places[LANES]
    for i in range(lanes):
        places[i] = i * VECTOR_BYTES
    while j < items:
        turn_out(rows + j * lanes, places, minimum(lanes, items - j), <Real*> out + j, pitch, valid)
        j = j + lanes


cdef inline void walk_turned(const Args* a, const char* x, char* out, Py_ssize_t channels,
                             const Real* tag) noexcept nogil:
    """Small planes of as many channels as a vector has lanes, as if they lay side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), i, step = VECTOR_BYTES, pitch = VECTOR_BYTES
    cdef char* turned = a.scratch + a.scratch_line
    cdef char* sums = a.scratch + a.scratch_columns
    cdef Args inner = a[0]
    inner.pixels_first, inner.x.channel, inner.out.channel = True, sizeof(Real), sizeof(Real)
    for i in range(2, -1, -1):
        inner.x.step[i], inner.out.step[i] = step, pitch
        step, pitch = step * a.axis[i].out, pitch * a.axis[i].size
    turn_planes_in(x, a.x.channel, channels, step // VECTOR_BYTES, <Real*> turned)
    walk(&inner, turned, sums, lanes, 0, a.axis[0].size * a.axis[1].size, tag)
    turn_planes_out(<const Real*> sums, pitch // VECTOR_BYTES, out, a.out.channel, channels)


cdef void tile(const Args* a, Py_ssize_t number, const Real* tag) noexcept nogil:
    """Some lines of some channels of one image: of all channels at once where they lie side by side."""
    cdef Py_ssize_t lines = a.axis[0].size * a.axis[1].size, parts = ceil_div(lines, a.block_steps), c, some
    cdef Py_ssize_t blocks = ceil_div(a.channels, a.tile_columns), begin = number % parts * a.block_steps
    cdef Py_ssize_t end = minimum(lines, begin + a.block_steps), first = number // parts % blocks * a.tile_columns
    cdef const char* x = a.x.data + number // parts // blocks * a.x.batch
    cdef char* out = a.out.data + number // parts // blocks * a.out.batch
    some = minimum(a.tile_columns, a.channels - first)
    if a.pixels_first:
        walk(a, x + first * a.x.channel, out + first * a.out.channel, some, begin, end, tag)
        return
    if a.halo_channels:
        walk_turned(a, x + first * a.x.channel, out + first * a.out.channel, some, tag)
        return
    memset(a.scratch + a.scratch_line, 0, a.scratch_columns - a.scratch_line)
    list_divisors(a, <Real*> (a.scratch + a.scratch_offsets), (a.scratch_stride - a.scratch_offsets) // sizeof(Real))
    for c in range(first, first + some):
        if a.rank == FILLED:
            fill_line(a, x + c * a.x.channel, out + c * a.out.channel, tag)
        else:
            walk(a, x + c * a.x.channel, out + c * a.out.channel, 1, begin, end, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, tag)


cdef api void spread_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void spread_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
