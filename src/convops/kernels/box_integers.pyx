# cython: language_level=3
"""Boxes of equal taps over integers of 8 and 16 bits: moving sums in integers, which are exact, times one weight.

Called by `backends/separable_run.py` through `bind.pyx`. A band keeps the sum of every column under the window; the
next line adds its item and takes that of the line left behind away. Sums along the line are those of neighbouring
columns, or differences of two running sums. Integers lose nothing by that, so results do not depend on how bands are
cut. Sums wrap around modulo their width on the way; those of whole windows fit, as the caller proves. The columns are
those of the padded line: what padding repeats is copied from columns, where these are at hand. Pixels of several items
side by side are lines of so many times as many items. Start reading at `tile_i`.
"""
from libc.stdint cimport int8_t, int16_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport NONE, Args
from convops.kernels.lines_band cimport ask_for, at_hand, within
from convops.kernels.moving_sums cimport Fixed, Item, add_line, counted_out, slide, weigh, weigh_bytes
from convops.kernels.prefix cimport Total, sum_up, sum_up_apart
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport Tile, finish, line_of, locate_box, source

cdef enum:
    LEVELS = 4                 # reals that describe the weight of a channel: see `Fixed`
    MARGIN = 64                # bytes before the running sums

# A band at work.
cdef struct Job:
    Tile tile
    Py_ssize_t unit            # items of a pixel
    Py_ssize_t reach           # items of a padded line
    Py_ssize_t lines           # input lines
    Py_ssize_t begin           # items that are summed: all, or those inside the input
    Py_ssize_t end
    bint copies                # lines are copied, padding included
    Py_ssize_t pitch           # bytes of a copied line
    char* sums
    char* copied               # padding, and two lines
    char* columns
    char* running
    Fixed fixed


cdef inline bint is_aligned(const Args* a, const Item* kind) noexcept nogil:
    """Whether all lines begin where an item may."""
    return (<size_t> a.x.data | a.x.batch | a.x.channel | a.x.step[0] | a.x.step[1]) % sizeof(Item) == 0


cdef inline void begin_job(const Args* a, Job* j, Py_ssize_t number, char* scratch, const Item* kind,
                           const Real* tag) noexcept nogil:
    cdef const Real* level
    cdef Py_ssize_t i, pixels, begin, end
    locate_box(a, number, &j.tile)
    pixels, j.unit = j.tile.extent[2] + a.axis[2].window - 1, a.halo_channels
    j.lines = j.tile.extent[1] + a.axis[1].window - 1
    begin = within(a.axis[2].inner_begin - j.tile.origin[2], pixels)
    end = within(a.axis[2].inner_end - j.tile.origin[2], pixels)
    j.copies = a.load != NULL or not is_aligned(a, kind)
    j.copies = j.copies or (a.x.step[2] != j.unit * <Py_ssize_t> sizeof(Item) and (a.axis[2].size > 1 or j.unit > 1))
    j.copies = j.copies or not at_hand(a, j.tile.origin[2], 0, begin, begin, end)
    j.copies = j.copies or not at_hand(a, j.tile.origin[2], end, pixels, begin, end)
    j.reach, j.begin, j.end = pixels * j.unit, begin * j.unit, end * j.unit
    if j.copies:
        j.begin, j.end = 0, j.reach
    j.pitch = (j.reach * <Py_ssize_t> sizeof(Item) + 64) // 64 * 64
    j.sums, j.copied, j.columns = scratch, scratch + a.scratch_line, scratch + a.scratch_columns
    j.running = scratch + a.scratch_offsets
    for i in range(j.reach):
        (<Item*> j.copied)[i] = <Item> (<const Real*> a.fill)[0]
    level = <const Real*> a.weights + j.tile.group * LEVELS
    j.fixed.multiplier, j.fixed.added, j.fixed.shift = <uint16_t> level[1], <uint16_t> level[2], <int> level[3]


cdef inline void copy_items(const Args* a, Job* j, const char* line, Item* to, const Real* tag) noexcept nogil:
    """All of a padded line, whatever its items look like."""
    cdef Py_ssize_t i, at, step = a.x.step[2] // j.unit
    cdef const char* item
    cdef Real value
    for i in range(j.reach):
        at = source(&a.axis[2], j.tile.origin[2] + i // j.unit)
        item = line + at * a.x.step[2] + i % j.unit * step
        if at < 0:
            to[i] = (<const Item*> j.copied)[0]
        elif a.load == NULL:
            memcpy(to + i, item, sizeof(Item))
        else:
            a.load(item, step, <char*> &value, 1, 1)
            to[i] = <Item> value


cdef inline const Item* line_items(const Args* a, Job* j, Py_ssize_t i, Py_ssize_t copy, const Item* kind,
                                   const Real* tag) noexcept nogil:
    """The items to be summed of input line `i`, in one of two copies where they are no such items."""
    cdef Py_ssize_t d = source(&a.axis[0], j.tile.origin[0]), h = source(&a.axis[1], j.tile.origin[1] + i)
    cdef const char* line
    cdef Item* to
    if d < 0 or h < 0:
        return <const Item*> j.copied
    line = (a.x.data + j.tile.batch * a.x.batch + j.tile.group * a.x.channel + d * a.x.step[0]
            + h * a.x.step[1])
    if not j.copies:
        return <const Item*> (line + (j.tile.origin[2] + j.begin // j.unit - a.axis[2].shift) * a.x.step[2])
    to = <Item*> (j.copied + (1 + copy) * j.pitch)
    copy_items(a, j, line, to, tag)
    return to


cdef inline void pad_columns(const Args* a, const Job* j, Total* columns, Py_ssize_t begin, Py_ssize_t end,
                             const Item* kind) noexcept nogil:
    cdef Py_ssize_t c, at
    for c in range(begin, end):
        at = source(&a.axis[2], j.tile.origin[2] + c // j.unit)
        if at < 0:
            columns[c] = <Total> (<Total> (<const Item*> j.copied)[0] * <Total> a.axis[1].window)
        else:
            columns[c] = columns[(at + a.axis[2].shift - j.tile.origin[2]) * j.unit + c % j.unit]


cdef inline void move_down(const Args* a, Job* j, Py_ssize_t h, Total* columns, const Item* kind,
                           const Real* tag) noexcept nogil:
    """Columns of output line `h`, after those of the line before."""
    cdef Py_ssize_t k, count = j.end - j.begin, window = a.axis[1].window
    cdef const Item* line
    if h == 0:
        memset(columns, 0, j.reach * sizeof(Total))
        for k in range(window):
            add_line(columns + j.begin, line_items(a, j, k, 0, kind, tag), count)
    else:
        line = line_items(a, j, h + window - 1, 0, kind, tag)
        if not j.copies and h + 1 < j.tile.extent[1]:
            ask_for(<const char*> line_items(a, j, h + window, 0, kind, tag), count, sizeof(Item))
        slide(columns + j.begin, line, line_items(a, j, h - 1, 1, kind, tag), count)
    pad_columns(a, j, columns, 0, j.begin, kind)
    pad_columns(a, j, columns, j.end, j.reach, kind)


cdef inline void end_line(const Args* a, Job* j, Py_ssize_t h, int taps, const Total* sums, const Item* kind,
                          const Real* tag) noexcept nogil:
    """Windows along output line `h`, their weight and all epilogues."""
    cdef Py_ssize_t unit = j.unit, shift = a.axis[2].window * j.unit, count = j.tile.extent[2] * j.unit
    cdef Py_ssize_t step = a.out.step[2] // j.unit
    cdef Real factor = (<const Real*> a.weights)[j.tile.group * LEVELS]
    cdef Real offset = (<const Real*> a.epilogue.bias)[j.tile.group] + 0
    cdef char* out = <char*> line_of(&a.out, &j.tile, j.tile.group, 0, h, 0)
    cdef const char* add = NULL
    cdef bint dense = a.epilogue.activation == NONE and a.epilogue.add.data == NULL
    if Total is uint16_t and Item is uint8_t:
        if j.fixed.multiplier and a.out.step[2] == unit:
            weigh_bytes(taps, sums, unit, shift, j.fixed, <uint8_t*> out, count)
            return
    if dense and a.epilogue.cast == NULL and a.out.step[2] == unit * <Py_ssize_t> sizeof(Real):
        weigh(taps, sums, unit, shift, factor, offset, <Real*> out, count, kind)
        return
    weigh(taps, sums, unit, shift, factor, offset, <Real*> j.sums, count, kind)
    if a.epilogue.add.data != NULL:
        add = line_of(&a.epilogue.add, &j.tile, j.tile.group, 0, h, 0)
    # The bias is in the sums; -0.0 leaves every number as it is.
    finish(&a.epilogue, <Real*> j.sums, <Real> -0.0, out, step, add, a.epilogue.add.step[2] // unit, count)


cdef void tile_i(const Args* a, Py_ssize_t number, char* scratch, const Item* kind, const Total* width,
                 const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t h
    cdef int taps = counted_out(a.axis[2].window)
    cdef Total* columns
    cdef Total* running
    begin_job(a, &j, number, scratch, kind, tag)
    columns, running = <Total*> j.columns, <Total*> (j.running + MARGIN)
    memset(running - j.unit, 0, j.unit * sizeof(Total))
    for h in range(j.tile.extent[1]):
        move_down(a, &j, h, columns, kind, tag)
        if taps == 0 and j.unit == 1:
            sum_up(columns, running, j.reach)
        elif taps == 0:
            sum_up_apart(columns, running, j.unit, j.reach)
        end_line(a, &j, h, taps, columns if taps else running - j.unit, kind, tag)


cdef inline void run(const Args* a, const Item* kind, const Total* width, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_i(a, number, a.scratch, kind, width, tag)


cdef api void int8_16_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void int8_32_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void uint8_16_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void uint8_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void int16_32_f32(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void uint16_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void int8_16_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void int8_32_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void uint8_16_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void uint8_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void int16_32_f64(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void uint16_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)
