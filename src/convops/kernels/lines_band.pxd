# Bands of output lines made from sums along the input lines: what `separable.pyx` and `box.pyx` share.
#
# A band reads every input line once, in a copy that knows the padding. Pixels whose channels lie side by side are
# lines of `unit` times as many items. Start reading at `begin_band`.
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from convops.kernels.abi cimport NONE, Args, Axis
from convops.kernels.lanes cimport fetch, load_f32, load_f64, spread
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined
from convops.kernels.tile cimport (
    Tile, blank_run, ceil_div, fill_run, finish, gather_run, line_of, locate_box, minimum, source)

cdef enum:
    AHEAD = 2                  # lines that are asked for before they are copied
    MOST_STEP = 32             # bytes between pixels that are asked for

# A band at work.
cdef struct Band:
    Tile tile
    Py_ssize_t first_line      # in the padded plane: of the input
    Py_ssize_t first_pixel
    Py_ssize_t unit            # items of a pixel
    Py_ssize_t item
    Py_ssize_t width           # items of an output line
    Py_ssize_t reach           # items of the copy of an input line
    Py_ssize_t lines           # input lines
    Py_ssize_t pitch           # bytes from one line of the scratch memory to the next
    bint plain                 # results are stored by the micro-kernels
    bint repairs               # results that are no numbers are summed by the definition
    char* sums                 # of a few output lines, where they are not
    char* copy
    char* held                 # sums along the lines
    char* tables


cdef inline Py_ssize_t line_pitch(Py_ssize_t bytes) noexcept nogil:
    """Room for whole runs, in an odd number of cache lines, so that lines do not meet in few sets of the cache."""
    return (ceil_div(bytes, 64) + 1 | 1) * 64


cdef inline Py_ssize_t dense_pixels(const Args* a, const Band* b) noexcept nogil:
    """Of an output line, those included that a stride leaves out."""
    return (b.tile.extent[2] - 1) * a.axis[2].stride + 1


cdef inline void begin_band(const Args* a, Band* b, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef const Axis* last = &a.axis[2]
    locate_box(a, number, &b.tile)
    b.unit, b.item = a.halo_channels, sizeof(Real)
    b.width = b.tile.extent[2] * b.unit
    b.first_line, b.first_pixel = b.tile.origin[1] * a.axis[1].stride, b.tile.origin[2] * last.stride
    b.reach = (dense_pixels(a, b) + (last.window - 1) * last.dilation) * b.unit
    b.lines = (b.tile.extent[1] - 1) * a.axis[1].stride + (a.axis[1].window - 1) * a.axis[1].dilation + 1
    b.pitch = line_pitch(b.width * b.item)
    b.repairs = a.plain_weights != NULL
    b.plain = not b.repairs and a.epilogue.cast == NULL and a.epilogue.activation == NONE
    b.plain = b.plain and (a.out.step[2] == b.unit * b.item or a.axis[2].out == 1 == b.unit)
    b.plain = b.plain and (a.epilogue.add.data == NULL or a.epilogue.add.step[2] == b.unit * b.item)
    b.sums, b.copy = scratch, scratch + a.scratch_line
    b.held, b.tables = scratch + a.scratch_columns, scratch + a.scratch_offsets


cdef inline const char* line_address(const Args* a, const Band* b, Py_ssize_t i) noexcept nogil:
    """Where input line `i` of the band begins; NULL where it is padding."""
    cdef Py_ssize_t d = source(&a.axis[0], b.tile.origin[0]), h = source(&a.axis[1], b.first_line + i)
    if d < 0 or h < 0:
        return NULL
    return (a.x.data + b.tile.batch * a.x.batch + b.tile.group * a.x.channel + d * a.x.step[0]
            + h * a.x.step[1])


cdef inline const char* line_ahead(const Args* a, const Band* b, Py_ssize_t i) noexcept nogil:
    """Where to ask for a line before its turn; memory at hand where there is none."""
    cdef const char* line = NULL if i >= b.lines else line_address(a, b, i)
    return b.copy if line == NULL else line + b.first_pixel * a.x.step[2]


cdef inline void ask_for(const char* line, Py_ssize_t pixels, Py_ssize_t step) noexcept nogil:
    """Pixels side by side before their turn. Hardware asks for nothing beyond a page; lines may be pages apart."""
    cdef Py_ssize_t at = 0
    if line == NULL or not 0 < step <= MOST_STEP:
        return
    while at < pixels * step:
        fetch(line + at)
        at = at + 64


cdef inline void copy_items(const Args* a, const Band* b, Real* to, const char* pixel, Py_ssize_t count) noexcept nogil:
    """Items of pixels that lie side by side."""
    if a.load != NULL:
        a.load(pixel, a.x.step[2] // b.unit, <char*> to, 1, count)
    else:
        memcpy(to, pixel, count * sizeof(Real))


cdef inline void copy_pixels(const Args* a, const Band* b, Real* to, const char* line) noexcept nogil:
    """A line whose pixels are several items."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t position = b.first_pixel, end = position + b.reach // b.unit, at, run
    while position < end:
        at, run = source(axis, position), 1
        if at < 0:
            fill_run(a, to, 1, b.unit, 1, at)
        else:
            if axis.inner_begin <= position < axis.inner_end:
                run = minimum(end, axis.inner_end) - position
            copy_items(a, b, to, line + at * a.x.step[2], run * b.unit)
        position, to = position + run, to + run * b.unit


cdef inline void copy_line(const Args* a, const Band* b, Py_ssize_t i, Real* to) noexcept nogil:
    """What the band reads of input line `i`."""
    cdef const char* line = line_address(a, b, i)
    if line == NULL:
        fill_run(a, to, 0, 1, b.reach, -1)
    elif b.unit == 1:
        gather_run(a, to, 0, line, b.first_pixel, 1, 1, b.reach)
    else:
        copy_pixels(a, b, to, line)


cdef inline bint at_hand(const Args* a, Py_ssize_t origin, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t first,
                         Py_ssize_t last) noexcept nogil:
    """Whether pixels from `begin` to `end` of a padded line hold the fill, or repeat some from `first` to `last`."""
    cdef Py_ssize_t c, at
    for c in range(begin, end):
        at = source(&a.axis[2], origin + c)
        if at >= 0 and not first <= at + a.axis[2].shift - origin < last:
            return False
    return True


cdef inline Py_ssize_t within(Py_ssize_t value, Py_ssize_t most) noexcept nogil:
    return 0 if value < 0 else most if value > most else value


cdef inline inlined add_nothings(const char* values, Py_ssize_t vectors, Vector* total) noexcept nogil:
    """0 v is 0, but NaN where v is no number. Four sums, so that they need not wait for each other."""
    cdef Vector sums[4]
    cdef Vector nothing
    cdef Py_ssize_t _i
    cdef int k
    spread(0, &nothing)
    for k in range(4):
        spread(0, &sums[k])
    for _i in range(vectors // 4):
        for k in range(4):
            sums[k] = sums[k] + nothing * (<const Vector*> (values + k * VECTOR_BYTES))[0]
        values = values + 4 * VECTOR_BYTES
    for _i in range(vectors % 4):
        sums[0] = sums[0] + nothing * (<const Vector*> values)[0]
        values = values + VECTOR_BYTES
    total[0] = (sums[0] + sums[1]) + (sums[2] + sums[3])


cdef inline bint all_finite(const char* values, Py_ssize_t count, const Real* tag) noexcept nogil:
    cdef Py_ssize_t i, lanes = VECTOR_BYTES // sizeof(Real), vectors = count // lanes
    cdef f32v singles
    cdef f64v doubles
    cdef int64_t words[8]       # of the longest vector
    cdef int64_t found = 0
    cdef const char* rest = values + vectors * VECTOR_BYTES
    if Real is float:
        add_nothings(values, vectors, &singles)
        singles = singles + 0 * load_f32(rest, count - vectors * lanes)
        memcpy(words, &singles, VECTOR_BYTES)
    else:
        add_nothings(values, vectors, &doubles)
        doubles = doubles + 0 * load_f64(rest, count - vectors * lanes)
        memcpy(words, &doubles, VECTOR_BYTES)
    for i in range(VECTOR_BYTES // 8):
        found = found | words[i]
    return found == 0


cdef inline Real one_item(const Args* a, const Band* b, const char* line, Py_ssize_t position, Py_ssize_t c,
                          const Real* tag) noexcept nogil:
    """What stands at a padded position of a line."""
    cdef Py_ssize_t at = source(&a.axis[2], position)
    cdef const char* from_
    cdef Real value
    if at < 0 or line == NULL:
        return (<const Real*> a.fill)[0]
    from_ = line + at * a.x.step[2] + c * (a.x.step[2] // b.unit)
    if a.load == NULL:
        return (<const Real*> from_)[0]
    a.load(from_, a.x.step[2], <char*> &value, 1, 1)
    return value


cdef inline Real defined_sum(const Args* a, const Band* b, Py_ssize_t h, Py_ssize_t i, const Real* tag) noexcept nogil:
    """The definition for one item of output line `h`, until it is NaN, which it stays."""
    cdef const Real* w = <const Real*> a.plain_weights + b.tile.group * a.axis[1].window * a.axis[2].window
    cdef Py_ssize_t k, n, position = b.first_pixel + i // b.unit * a.axis[2].stride
    cdef double total = 0
    cdef const char* line
    for k in range(a.axis[1].window):
        line = line_address(a, b, h * a.axis[1].stride + k * a.axis[1].dilation)
        for n in range(a.axis[2].window):
            total = total + <double> w[k * a.axis[2].window + n] * <double> one_item(
                a, b, line, position + n * a.axis[2].dilation, i % b.unit, tag)
        if total != total:
            break
    return <Real> total


cdef inline void check_line(const Args* a, const Band* b, Py_ssize_t h, char* sums, const Real* tag) noexcept nogil:
    """Sums that are no numbers are noted, or made anew; their bias is in them."""
    cdef Py_ssize_t i
    cdef Real bias = (<const Real*> a.epilogue.bias)[b.tile.group] + 0
    if all_finite(sums, b.width, tag):
        return
    if not b.repairs:
        a.nonfinite[0] = 1
        return
    for i in range(b.width):
        if (<Real*> sums)[i] - (<Real*> sums)[i] != 0:
            (<Real*> sums)[i] = defined_sum(a, b, h, i, tag) + bias


cdef inline char* result_line(const Args* a, const Band* b, Py_ssize_t h) noexcept nogil:
    return <char*> line_of(&a.out, &b.tile, b.tile.group, 0, h, 0)


cdef inline const char* added_line(const Args* a, const Band* b, Py_ssize_t h) noexcept nogil:
    return NULL if a.epilogue.add.data == NULL else line_of(&a.epilogue.add, &b.tile, b.tile.group, 0, h, 0)


cdef inline void store_line(const Args* a, const Band* b, Py_ssize_t h, char* sums, const Real* tag) noexcept nogil:
    """Sums with their bias to the results of output line `h`."""
    if a.epilogue.cast != NULL and a.epilogue.activation == NONE and a.epilogue.add.data == NULL:
        a.epilogue.cast(sums, 1, result_line(a, b, h), a.out.step[2] // b.unit, b.width, a.epilogue.policy,
                        a.epilogue.status)
    else:
        # The bias is in the sums; -0.0 leaves every number as it is.
        finish(&a.epilogue, <Real*> sums, <Real> -0.0, result_line(a, b, h), a.out.step[2] // b.unit,
               added_line(a, b, h), a.epilogue.add.step[2] // b.unit, b.width)


cdef inline void end_line(const Args* a, const Band* b, Py_ssize_t h, char* sums, const Real* tag) noexcept nogil:
    """The same, where the micro-kernels did not store them, once they are all numbers."""
    check_line(a, b, h, sums, tag)
    if not b.plain:
        store_line(a, b, h, sums, tag)
