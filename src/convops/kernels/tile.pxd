# What the drivers of the micro-kernels share: finding an input position, copying a run of pixels, the epilogue.
from libc.string cimport memcpy

from convops.kernels.abi cimport CLIP, LEAKY_RELU, NONE, RELU, SIGMOID, TANH, Args, Axis, Epilogue, Operand
from convops.kernels.simd cimport Real, outlined

cdef extern from "<math.h>" nogil:
    double exp(double)
    double tanh(double)

# The outputs of one tile: a box of pixels, numbered in rows of `pitch` slots and planes of `lines` rows, and a
# range of row panels. Slots outside the extent are computed and dropped.
cdef struct Tile:
    Py_ssize_t batch
    Py_ssize_t group
    Py_ssize_t panel_begin
    Py_ssize_t panel_end
    Py_ssize_t origin[3]
    Py_ssize_t extent[3]
    Py_ssize_t lines
    Py_ssize_t pitch
    Py_ssize_t first_slot
    Py_ssize_t slots


cdef inline Py_ssize_t source(const Axis* axis, Py_ssize_t position) noexcept nogil:
    """Input index of a padded position; -1 is fill, -2 a stuffed zero."""
    if axis.inner_begin <= position < axis.inner_end:
        position = position - axis.shift
        if axis.spacing == 1:
            return position
        return -2 if position % axis.spacing else position // axis.spacing
    if axis.border == NULL or position >= axis.padded:
        return -1
    if position < axis.inner_begin:
        return axis.border[position]
    return axis.border[axis.inner_begin + position - axis.inner_end]


cdef inline Py_ssize_t minimum(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline Py_ssize_t maximum(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a > b else b


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


# Where a slot lies. Runs end with their line, so that going on needs no division.
cdef struct Place:
    Py_ssize_t d
    Py_ssize_t h
    Py_ssize_t w


cdef inline Place place_of(const Tile* t, Py_ssize_t slot) noexcept nogil:
    cdef Place at
    at.w = slot % t.pitch
    at.h = slot // t.pitch % t.lines
    at.d = slot // t.pitch // t.lines
    return at


cdef inline void next_line(const Tile* t, Place* at) noexcept nogil:
    at.w = 0
    at.h = at.h + 1
    if at.h == t.lines:
        at.h = 0
        at.d = at.d + 1


cdef inline Py_ssize_t panel_count(const Args* a) noexcept nogil:
    return ceil_div(a.rows, a.panel_rows)


cdef inline Py_ssize_t panel_height(const Args* a, Py_ssize_t panel) noexcept nogil:
    """Rows of a panel, those included that only fill its last unit."""
    return minimum(a.panel_rows, ceil_div(a.rows - panel * a.panel_rows, a.panel_unit) * a.panel_unit)


cdef inline Py_ssize_t packed_row(const Args* a, Py_ssize_t group, Py_ssize_t panel) noexcept nogil:
    """Rows of packed weights before a panel."""
    return group * ceil_div(a.rows, a.panel_unit) * a.panel_unit + panel * a.panel_rows


cdef inline void locate_box(const Args* a, Py_ssize_t number, Tile* t) noexcept nogil:
    """Batch, group, box of pixels and row panels of tile `number`, the row panels fastest."""
    cdef Py_ssize_t panels = panel_count(a), row_tiles = ceil_div(panels, a.tile_panels), i, count
    t.panel_begin = number % row_tiles * a.tile_panels
    t.panel_end = minimum(t.panel_begin + a.tile_panels, panels)
    number = number // row_tiles
    for i in range(2, -1, -1):
        count = ceil_div(a.axis[i].out, a.axis[i].tile)
        t.origin[i] = number % count * a.axis[i].tile
        t.extent[i] = minimum(a.axis[i].tile, a.axis[i].out - t.origin[i])
        number = number // count
    t.group = number % a.groups
    t.batch = number // a.groups


cdef inline void fill_run(const Args* a, Real* to, Py_ssize_t pitch, Py_ssize_t channels, Py_ssize_t count,
                          Py_ssize_t what) noexcept nogil:
    """What stands where `source` answers -1 or -2."""
    cdef Py_ssize_t c, j
    cdef Real value = (<const Real*> a.fill)[0] if what == -1 else <Real> 0
    for c in range(channels):
        for j in range(count):
            to[c * pitch + j] = value


cdef inline void blank_run(const Args* a, Real* to, Py_ssize_t pitch, Py_ssize_t d, Py_ssize_t h,
                           Py_ssize_t position, Py_ssize_t stride, Py_ssize_t channels,
                           Py_ssize_t count) noexcept nogil:
    """`count` pixels of a line that is no input line, as d or h is negative: padding goes before stuffing."""
    cdef Py_ssize_t j
    if d == -1 or h == -1 or (<const Real*> a.fill)[0] == 0:
        fill_run(a, to, pitch, channels, count, -1)
        return
    for j in range(count):
        fill_run(a, to + j, pitch, channels, 1, -1 if source(&a.axis[2], position + j * stride) == -1 else -2)


cdef inline void load_run(const Args* a, Real* to, Py_ssize_t pitch, const char* source, Py_ssize_t step,
                          Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """The same as `copy_run` from another dtype, the longer side innermost."""
    cdef Py_ssize_t c, j
    if count >= channels:
        for c in range(channels):
            a.load(source + c * a.x.channel, step, <char*> (to + c * pitch), 1, count)
    else:
        for j in range(count):
            a.load(source + j * step, a.x.channel, <char*> (to + j), pitch, channels)


cdef inline outlined copy_run(const Args* a, Real* to, Py_ssize_t pitch, const char* source, Py_ssize_t step,
                              Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """to[c * pitch + j] = source[c * channel + j * step], the smaller step innermost.

    Not inlined: where gcc knows a bound of `count`, it would copy by a slow string instruction.
    """
    cdef Py_ssize_t c, j
    cdef const Real* line
    if a.load != NULL:
        load_run(a, to, pitch, source, step, channels, count)
    elif step == sizeof(Real):
        for c in range(channels):
            memcpy(to + c * pitch, source + c * a.x.channel, count * sizeof(Real))
    elif a.x.channel == sizeof(Real):
        for j in range(count):
            line = <const Real*> (source + j * step)
            for c in range(channels):
                to[c * pitch + j] = line[c]
    else:
        for c in range(channels):
            for j in range(count):
                to[c * pitch + j] = (<const Real*> (source + c * a.x.channel + j * step))[0]


cdef inline void gather_one(const Args* a, Real* to, Py_ssize_t pitch, const char* line, Py_ssize_t position,
                            Py_ssize_t channels) noexcept nogil:
    """One pixel, or what stands for it."""
    cdef Py_ssize_t at = source(&a.axis[2], position)
    if at < 0:
        fill_run(a, to, pitch, channels, 1, at)
    else:
        copy_run(a, to, pitch, line + at * a.x.step[2], a.x.step[2], channels, 1)


cdef inline outlined repeat_run(const Args* a, Real* to, Py_ssize_t pitch, const char* line, Py_ssize_t position,
                                Py_ssize_t channels, Py_ssize_t first, Py_ssize_t last, Py_ssize_t begin,
                                Py_ssize_t end) noexcept nogil:
    """Pixels `begin` to `end` from those `first` to `last` of the same line, where padding repeats them."""
    cdef Py_ssize_t c, j, at, here = a.axis[2].shift - position    # of the first pixel of the input
    if a.axis[2].border == NULL and a.axis[2].spacing == 1:
        fill_run(a, to + begin, pitch, channels, end - begin, -1)
        return
    for j in range(begin, end):
        at = source(&a.axis[2], position + j)
        if at < 0:
            fill_run(a, to + j, pitch, channels, 1, at)
        elif first <= at + here < last:
            for c in range(channels):
                to[c * pitch + j] = to[c * pitch + at + here]
        else:
            copy_run(a, to + j, pitch, line + at * a.x.step[2], a.x.step[2], channels, 1)


cdef inline void gather_run(const Args* a, Real* to, Py_ssize_t pitch, const char* line, Py_ssize_t position,
                            Py_ssize_t stride, Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """Copy `count` pixels of one input line, from padded `position` on in steps of `stride`."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t step = a.x.step[2], j, first = 0, last = 0
    if axis.spacing == 1:
        first, last = maximum(0, axis.inner_begin - position), maximum(0, axis.inner_end - position)
        if stride > 1:
            first, last = ceil_div(first, stride), ceil_div(last, stride)
        first, last = minimum(count, first), minimum(count, last)
    if first < last:
        copy_run(a, to + first, pitch, line + (position + first * stride - axis.shift) * step, stride * step, channels,
                 last - first)
    first = minimum(first, last)
    if stride == 1:
        if first > 0:
            repeat_run(a, to, pitch, line, position, channels, first, last, 0, first)
        if last < count:
            repeat_run(a, to, pitch, line, position, channels, first, last, last, count)
        return
    for j in range(first):
        gather_one(a, to + j, pitch, line, position + j * stride, channels)
    for j in range(last, count):
        gather_one(a, to + j, pitch, line, position + j * stride, channels)


cdef inline Real activate(const Epilogue* e, Real value) noexcept nogil:
    if e.activation == RELU:
        return <Real> 0 if value < 0 else value
    if e.activation == LEAKY_RELU:
        return value * <Real> e.constants[0] if value < 0 else value
    if e.activation == SIGMOID:
        return <Real> (1 / (1 + exp(-<double> value)))
    if e.activation == TANH:
        return <Real> tanh(<double> value)
    if e.activation == CLIP:
        if value < <Real> e.constants[0]:
            return <Real> e.constants[0]
        return <Real> e.constants[1] if value > <Real> e.constants[1] else value
    return value


cdef inline void finish(const Epilogue* e, Real* sums, Real bias, char* out, Py_ssize_t step,
                        const char* add, Py_ssize_t add_step, Py_ssize_t count) noexcept nogil:
    """The epilogue, in the one order that the contract names: sum, bias, add, activation, cast."""
    cdef Py_ssize_t j
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    if step == sizeof(Real) and add == NULL and e.activation == NONE and e.cast == NULL:
        for j in range(count):
            (<Real*> out)[j] = sums[j] + bias
        return
    for j in range(count):
        sums[j] = sums[j] + bias
    for j in range(count if add != NULL or e.activation != NONE else 0):
        if add != NULL:
            sums[j] = sums[j] + (<const Real*> (add + j * add_step))[0]
        sums[j] = activate(e, sums[j])
    if e.cast != NULL:
        e.cast(<const char*> sums, 1, out, step, count, e.policy, e.status)
        return
    for j in range(count):
        (<Real*> (out + j * step))[0] = sums[j]


cdef inline const char* line_of(const Operand* o, const Tile* t, Py_ssize_t channel, Py_ssize_t d,
                                Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    return (o.data + t.batch * o.batch + channel * o.channel + (t.origin[0] + d) * o.step[0]
            + (t.origin[1] + h) * o.step[1] + (t.origin[2] + w) * o.step[2])
