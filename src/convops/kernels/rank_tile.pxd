# Order statistics of windows that meet no padding, a part of a line at a time.
#
# The input lines that the windows of a part see are kept in a ring, each copied once for all output lines of a tile
# and dealt out to `stride` rows, so that the windows of neighbouring outputs are neighbours in every row. Where the
# channels of a pixel lie side by side, rows hold several channels of every pixel.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.rank_median cimport median, median_pair
from convops.kernels.rank_rows cimport Header, Key, copy_keys, highest_key, key_of, run_program
from convops.kernels.tile cimport ceil_div, maximum, minimum


cdef enum:
    SLACK = 64                 # items behind a row that its last vector may see


# Lines of one tile: a box of outputs whose windows meet no padding, and where the rows of its parts lie.
cdef struct Rows:
    const Header* program
    Py_ssize_t unit            # channels of a column
    Py_ssize_t begin[3]        # outputs without padding along each axis
    Py_ssize_t end[3]
    Py_ssize_t columns         # outputs of a part
    Py_ssize_t first           # output of this part
    Py_ssize_t count
    bint pairs                 # of output lines are done together
    Py_ssize_t lines           # of the ring, per plane of the window
    Py_ssize_t loaded          # lines before this one are in the ring
    Py_ssize_t in_place        # lines before this one are read where they lie
    char* ring
    char* nans                 # whether a line in the ring holds NaN
    char** rows                # of the program
    const char* image


cdef inline void find_inner(const Axis* axis, Py_ssize_t* begin, Py_ssize_t* end) noexcept nogil:
    """Outputs whose taps are all real."""
    cdef Py_ssize_t reach = (axis.window - 1) * axis.dilation
    begin[0] = minimum(axis.out, ceil_div(axis.inner_begin, axis.stride))
    end[0] = 0 if axis.inner_end <= reach else minimum(axis.out, (axis.inner_end - 1 - reach) // axis.stride + 1)
    end[0] = maximum(begin[0], end[0])


cdef inline void begin_rows(const Args* a, char* scratch, Py_ssize_t unit, Py_ssize_t item_bytes,
                            Rows* r) noexcept nogil:
    """Lay out the scratch memory: row pointers, flags, ring and rows."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t i, leaves = a.axis[0].window * axis.window * a.axis[2].stride, ring
    cdef Py_ssize_t room = (a.pitch_inputs - a.scratch_line) // item_bytes // unit
    r.program = <const Header*> a.epilogue.bias
    r.unit = unit
    for i in range(3):
        find_inner(&a.axis[i], &r.begin[i], &r.end[i])
    r.pairs = r.program.steps == 0 and r.program.shift > 0 and axis.window == r.program.row == 3
    r.pairs = r.pairs and axis.dilation == axis.stride == 1
    r.lines = (axis.window - 1) * axis.dilation + 1 + r.pairs
    r.columns = room - a.block_steps
    r.rows = <char**> (scratch + a.scratch_columns)
    ring = a.axis[0].window * r.lines * a.axis[2].stride
    r.ring = scratch + a.scratch_halo
    r.nans = r.ring + (ring + r.program.rows - leaves) * a.pitch_inputs
    for i in range(leaves, r.program.rows):
        r.rows[i] = r.ring + (ring + i - leaves) * a.pitch_inputs


cdef inline Py_ssize_t lines_in_place(const Args* a, const Rows* r, bint floats, const Key* tag) noexcept nogil:
    """How many lines hold keys as they lie and let whole vectors be read: of their own items, or of the next line."""
    cdef const Axis* axis = &a.axis[2]
    if floats or r.unit > 1 or axis.stride > 1 or a.x.step[2] != sizeof(Key):
        return 0
    if r.first + r.count + a.block_steps + SLACK <= axis.inner_end:
        return a.axis[1].inner_end
    if a.x.step[1] < axis.size * <Py_ssize_t> sizeof(Key) or axis.size < SLACK:
        return 0
    return a.axis[1].inner_end - 1


cdef inline void begin_part(const Args* a, Rows* r, const char* image, Py_ssize_t d, bint floats,
                            const Key* tag) noexcept nogil:
    """Some outputs from `first` on."""
    cdef const Axis* axis = &a.axis[0]
    r.image = image + (d * axis.stride - axis.shift) * a.x.step[0]
    r.count, r.loaded = minimum(r.columns, r.end[2] - r.first), 0
    r.in_place = lines_in_place(a, r, floats, tag)


cdef inline bint deal_out(const Args* a, const Rows* r, char* rows, const char* line, bint floats,
                          const Key* tag) noexcept nogil:
    """Copy what the part sees of a line to its rows; whether it holds NaN."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t phase, i, at, count
    cdef const char* items
    cdef bint nan = False
    for phase in range(axis.stride):
        at = r.first * axis.stride + phase
        count = maximum(0, minimum(r.count + a.block_steps, ceil_div(axis.inner_end - at, axis.stride)))
        items = line + (at - axis.shift) * a.x.step[2]
        if r.unit == 1:
            nan |= copy_keys(<Key*> rows, items, axis.stride * a.x.step[2], count, floats)
        elif axis.stride == 1 and a.x.step[2] == r.unit * <Py_ssize_t> sizeof(Key):
            nan |= copy_keys(<Key*> rows, items, sizeof(Key), count * r.unit, floats)
        else:
            for i in range(count):
                nan |= copy_keys(<Key*> rows + i * r.unit, items + i * axis.stride * a.x.step[2], sizeof(Key),
                                 r.unit, floats)
        rows = rows + a.pitch_inputs
    return nan


cdef inline const char* line_at(const Args* a, const Rows* r, Py_ssize_t plane, Py_ssize_t line) noexcept nogil:
    """The first item of an input line; both count from the first padded one."""
    return r.image + plane * a.axis[0].dilation * a.x.step[0] + (line - a.axis[1].shift) * a.x.step[1]


cdef inline void load_lines(const Args* a, Rows* r, Py_ssize_t h, int outs, bint floats,
                            const Key* tag) noexcept nogil:
    """Bring the lines that the windows of `outs` output lines from `h` on see into the ring."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t line, k, slot, end = (h + outs - 1) * axis.stride + (axis.window - 1) * axis.dilation + 1
    for line in range(maximum(r.loaded, h * axis.stride), end):
        if line < r.in_place:
            continue
        for k in range(a.axis[0].window):
            slot = k * r.lines + line % r.lines
            r.nans[slot] = deal_out(a, r, r.ring + slot * a.axis[2].stride * a.pitch_inputs,
                                    line_at(a, r, k, line), floats, tag)
    r.loaded = maximum(r.loaded, end)


cdef inline bint find_rows(const Args* a, Rows* r, Py_ssize_t h, int outs, const Key* tag) noexcept nogil:
    """Point the program to the items of output line `h`, or of a pair; whether there is no NaN among them."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t k, i, slot, phase, row = 0, line
    cdef bint nan = False
    for k in range(a.axis[0].window):
        for i in range(axis.window + outs - 1):
            line = h * axis.stride + i * axis.dilation
            if line < r.in_place:
                r.rows[row] = <char*> line_at(a, r, k, line) + (r.first - a.axis[2].shift) * <Py_ssize_t> sizeof(Key)
                row = row + 1
                continue
            slot = k * r.lines + line % r.lines
            nan |= r.nans[slot] != 0
            for phase in range(a.axis[2].stride):
                r.rows[row] = r.ring + (slot * a.axis[2].stride + phase) * a.pitch_inputs
                row = row + 1
    return not nan


cdef inline bint has_gaps(const Args* a, const Rows* r, const Key* tag) noexcept nogil:
    """Whether the results of a part do not lie side by side."""
    if r.unit == 1:
        return a.out.step[2] != sizeof(Key)
    return a.out.channel != sizeof(Key) or a.out.step[2] != r.unit * a.out.channel


cdef inline void store_keys(const Args* a, const Rows* r, char* out, const Key* keys, bint floats) noexcept nogil:
    """Results of the part."""
    cdef Py_ssize_t i, c, step = a.out.step[2], channel = a.out.channel
    if not has_gaps(a, r, keys):
        for i in range(r.count * r.unit):
            (<Key*> out)[i] = key_of(keys[i], floats)
        return
    for c in range(r.unit):
        for i in range(r.count):
            (<Key*> (out + i * step + c * channel))[0] = key_of(keys[i * r.unit + c], floats)


cdef inline Py_ssize_t ahead_of(const Args* a, const Rows* r, Py_ssize_t h, int outs) noexcept nogil:
    """From an input line to the one that the next outputs see: hardware reads ahead to the end of a page only."""
    return outs * a.axis[1].stride * a.x.step[1] if h < r.in_place else 0


cdef inline bint select_part(const Args* a, Rows* r, Py_ssize_t h, char* out, bint floats,
                             const Key* tag) noexcept nogil:
    """The part's results of one output line; False where NaN is among the items, which no network sorts."""
    cdef Py_ssize_t column = r.unit * <Py_ssize_t> sizeof(Key)
    cdef char* to = out
    load_lines(a, r, h, 1, floats, tag)
    if not find_rows(a, r, h, 1, tag):
        return False
    if r.program.steps > 0 or r.program.shift == 0:
        store_keys(a, r, out, <const Key*> run_program(r.program, r.rows, r.count, r.unit, tag), floats)
        return True
    if has_gaps(a, r, tag):
        to = r.rows[r.program.rows - 1]
    median(r.program.row, r.rows, r.program.shift * column, ahead_of(a, r, h, 1), to, r.count * column,
           a.block_steps * column, highest_key(tag) if floats else <Key> 0)
    if to != out:
        store_keys(a, r, out, <const Key*> to, False)
    return True


cdef inline bint select_pair(const Args* a, Rows* r, Py_ssize_t h, char* out, bint floats,
                             const Key* tag) noexcept nogil:
    """The same for two output lines whose windows share lines."""
    cdef Py_ssize_t column = r.unit * <Py_ssize_t> sizeof(Key)
    cdef char* to = out
    cdef char* next_to = out + a.out.step[1]
    load_lines(a, r, h, 2, floats, tag)
    if not find_rows(a, r, h, 2, tag):
        return False
    if has_gaps(a, r, tag):
        to, next_to = r.rows[6], r.rows[7]
    median_pair(r.rows, r.program.shift * column, ahead_of(a, r, h, 2), to, next_to, r.count * column,
                highest_key(tag) if floats else <Key> 0)
    if to != out:
        store_keys(a, r, out, <const Key*> to, False)
        store_keys(a, r, out + a.out.step[1], <const Key*> next_to, False)
    return True
