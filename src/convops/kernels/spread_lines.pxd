# Lines of a pool's gradient: outputs divided by what they count, and the sums of those that hold an item.
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.lanes cimport load_f32, load_f64, spread, store_f32, store_f64
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, inlined, outlined
from convops.kernels.tile cimport ceil_div, minimum

cdef enum:
    MOST_LINES = 64            # of outputs that hold one item
    ABREAST = 4                # vectors that are summed together

# How the lines of a plane are summed, in `rank`: one output fills them, by the table, by vectors.
cdef enum:
    FILLED = 0
    LISTED = 1


cdef inline Py_ssize_t first_output(const Axis* axis, Py_ssize_t item) noexcept nogil:
    return axis.border[2 * item]


cdef inline Py_ssize_t past_outputs(const Axis* axis, Py_ssize_t item) noexcept nogil:
    return axis.border[2 * item + 1]


cdef inline Py_ssize_t counted(const Axis* axis, Py_ssize_t output) noexcept nogil:
    return axis.border[2 * axis.size + output]


cdef inline Real divided(const Args* a, Real value, Py_ssize_t count) noexcept nogil:
    """By the taps where they count, or by what replaces them; windows without any give nothing to anybody."""
    if a.count_padding:
        return value / <Real> (count if count > 0 else 1)
    return value / <Real> a.divisor if a.divisor else value


cdef inline void list_divisors(const Args* a, Real* to, Py_ssize_t length) noexcept nogil:
    """What the outputs of a line are divided by, up to what the lines count, and ones behind them."""
    cdef Py_ssize_t w, count
    for w in range(length):
        to[w] = 1
    for w in range(a.axis[2].out):
        count = counted(&a.axis[2], w)
        to[w] = <Real> (count if count > 0 else 1) if a.count_padding else <Real> a.divisor


cdef inline inlined load_some(const char* x, Py_ssize_t count, Vector* to) noexcept nogil:
    cdef int item = 4 if Vector is f32v else 8
    if count * item >= VECTOR_BYTES:
        to[0] = (<const Vector*> x)[0]
    elif Vector is f32v:
        to[0] = load_f32(x, count)
    else:
        to[0] = load_f64(x, count)


cdef inline inlined store_some(char* out, Vector value, Py_ssize_t count) noexcept nogil:
    if Vector is f32v:
        store_f32(out, value, count)
    else:
        store_f64(out, value, count)


cdef inline outlined share_pixels(const Args* a, const char* x, Py_ssize_t d, Py_ssize_t h, Py_ssize_t channels,
                                  Real* to, Vector* tag) noexcept nogil:
    """The channels of each output together, up to whole vectors."""
    cdef Py_ssize_t w, c, count, lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real)
    cdef Py_ssize_t lines = counted(&a.axis[0], d) * counted(&a.axis[1], h)
    cdef Vector value, divisor
    for w in range(a.axis[2].out):
        count = lines * counted(&a.axis[2], w)
        spread(<double> (count if count > 0 else 1) if a.count_padding else a.divisor, &divisor)
        for c in range(channels if a.x.channel != sizeof(Real) else 0):
            to[c] = (<const Real*> (x + c * a.x.channel))[0]
        c = 0
        while c < channels:
            load_some(x + c * <Py_ssize_t> sizeof(Real) if a.x.channel == sizeof(Real) else <const char*> (to + c),
                      minimum(lanes, channels - c), &value)
            if a.count_padding or a.divisor:
                value = value / divisor
            (<Vector*> (to + c))[0] = value
            c = c + lanes
        x, to = x + a.x.step[2], to + a.panel_rows


cdef inline outlined share_line(const Args* a, const char* x, Py_ssize_t d, Py_ssize_t h, const Real* divisors,
                                Real* to, Vector* tag) noexcept nogil:
    """The outputs of a line, between zeros that stay zeros."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), w = 0, count = a.axis[2].out
    cdef Py_ssize_t lines = counted(&a.axis[0], d) * counted(&a.axis[1], h) if a.count_padding else 1
    cdef Vector value, factor
    spread(<double> (lines if lines > 0 else 1), &factor)
    to = to + a.halo_gap
    if a.x.step[2] != sizeof(Real):
        for w in range(count):
            to[w] = (<const Real*> (x + w * a.x.step[2]))[0]
        x, w = <const char*> to, 0
    while w < count:
        load_some(x + w * <Py_ssize_t> sizeof(Real), minimum(lanes, count - w), &value)
        if a.count_padding or a.divisor:
            value = value / ((<const Vector*> (divisors + w))[0] * factor)
        (<Vector*> (to + w))[0] = value
        w = w + lanes


cdef inline inlined add_taps(const Real* x, Py_ssize_t taps, Real* to, Py_ssize_t count, Vector* tag) noexcept nogil:
    """Sums of neighbours, up to whole vectors."""
    cdef Py_ssize_t i, k, lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real)
    cdef Vector total
    for i in range(ceil_div(count, lanes)):
        memset(&total, 0, VECTOR_BYTES)
        for k in range(taps):
            total = total + (<const Vector*> (x + i * lanes + k))[0]
        (<Vector*> (to + i * lanes))[0] = total


cdef inline void interleave(const Real* phases, Py_ssize_t pitch, Py_ssize_t step, Real* to,
                            Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i, p
    if step == 2:
        for i in range(count // 2):
            to[2 * i] = phases[i]
            to[2 * i + 1] = phases[pitch + i]
        if count % 2:
            to[count - 1] = phases[count // 2]
        return
    for p in range(minimum(step, count)):
        for i in range(ceil_div(count - p, step)):
            to[p + i * step] = phases[p * pitch + i]


cdef inline outlined sum_line(const Args* a, const Real* x, Real* to, Real* phases, Vector* tag) noexcept nogil:
    """The sums of a line's outputs for every item of a line: where windows lie evenly, of all items of a phase."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t p, last, place, taps, pitch = a.pitch_inputs, w, o
    cdef Real total
    x = x + a.halo_gap
    if a.rank == LISTED:
        for w in range(axis.size):
            total = 0
            for o in range(first_output(axis, w), past_outputs(axis, w)):
                total = total + x[o]
            to[w] = total
        return
    for p in range(minimum(axis.stride, axis.size)):
        place = (p + axis.shift) % axis.stride
        place = place + axis.stride if place < 0 else place
        last = (p + axis.shift - place) // axis.stride
        taps = 0 if place >= axis.window else (axis.window - 1 - place) // axis.stride + 1
        add_taps(x + last - taps + 1, taps, to if axis.stride == 1 else phases + p * pitch,
                 ceil_div(axis.size - p, axis.stride), tag)
    if axis.stride > 1:
        interleave(phases, pitch, axis.stride, to, axis.size)


cdef inline outlined add_lines(const Args* a, const char** lines, Py_ssize_t count, char* out, const Real* real,
                               Vector* tag) noexcept nogil:
    """A line of items from the sums of its lines of outputs."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), i, r, j, size = a.axis[2].size
    cdef Vector total
    i = 0
    while i < size:
        memset(&total, 0, VECTOR_BYTES)
        for r in range(count):
            total = total + (<const Vector*> (lines[r] + i * <Py_ssize_t> sizeof(Real)))[0]
        if a.out.step[2] == sizeof(Real) and i + lanes <= size:
            (<Vector*> (out + i * <Py_ssize_t> sizeof(Real)))[0] = total
        elif a.out.step[2] == sizeof(Real):
            store_some(out + i * <Py_ssize_t> sizeof(Real), total, size - i)
        else:
            for j in range(minimum(lanes, size - i)):
                (<Real*> (out + (i + j) * a.out.step[2]))[0] = (<Real*> &total)[j]
        i = i + lanes


cdef inline inlined sum_vectors(int vectors, const char** lines, Py_ssize_t count, Py_ssize_t place, Py_ssize_t taps,
                                Py_ssize_t pitch, char* out, Py_ssize_t last, Vector* tag) noexcept nogil:
    """So many vectors of channels of one item; of the last only so many bytes are stored."""
    cdef Vector totals[ABREAST]
    cdef Vector sums[ABREAST]
    cdef Py_ssize_t r, _
    cdef const Vector* x
    cdef int v, item = 4 if Vector is f32v else 8
    memset(totals, 0, vectors * VECTOR_BYTES)
    for r in range(count):
        x = <const Vector*> (lines[r] + place)
        for v in range(vectors):
            sums[v] = x[v]
        for _ in range(1, taps):
            x = <const Vector*> (<const char*> x + pitch)
            for v in range(vectors):
                sums[v] = sums[v] + x[v]
        for v in range(vectors):
            totals[v] = totals[v] + sums[v]
    for v in range(vectors - 1):
        (<Vector*> out)[v] = totals[v]
    if last == VECTOR_BYTES:
        (<Vector*> out)[vectors - 1] = totals[vectors - 1]
    else:
        store_some(out + (vectors - 1) * VECTOR_BYTES, totals[vectors - 1], last // item)


cdef inline outlined sum_pixels(const Args* a, const char** lines, Py_ssize_t count, char* out, Py_ssize_t channels,
                                const Real* real, Vector* tag) noexcept nogil:
    """A line of items, the channels of each side by side."""
    cdef Py_ssize_t w, done, place, pitch = a.panel_rows * sizeof(Real), bytes = channels * sizeof(Real), taps, rows
    for w in range(a.axis[2].size):
        place = first_output(&a.axis[2], w) * pitch
        taps = past_outputs(&a.axis[2], w) - first_output(&a.axis[2], w)
        rows = count if taps > 0 else 0
        done = 0
        while done + ABREAST * VECTOR_BYTES <= bytes:
            sum_vectors(ABREAST, lines, rows, place + done, taps, pitch, out + done, VECTOR_BYTES, tag)
            done = done + ABREAST * VECTOR_BYTES
        while done < bytes:
            sum_vectors(1, lines, rows, place + done, taps, pitch, out + done, minimum(VECTOR_BYTES, bytes - done), tag)
            done = done + VECTOR_BYTES
        out = out + a.out.step[2]


cdef inline void fill_line(const Args* a, const char* x, char* out, const Real* tag) noexcept nogil:
    """A line whose items all lie in one window."""
    cdef Py_ssize_t w
    cdef Real value = <Real> 0 + divided(a, (<const Real*> x)[0], counted(&a.axis[2], 0))
    if a.out.step[2] == sizeof(Real):
        for w in range(a.axis[2].size):
            (<Real*> out)[w] = value
        return
    for w in range(a.axis[2].size):
        (<Real*> (out + w * a.out.step[2]))[0] = value
