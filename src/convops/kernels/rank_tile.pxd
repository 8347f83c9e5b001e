# Order statistics of windows that meet no padding, a part of a line at a time.
#
# The input lines that the windows of a part see are kept in a ring, each copied once for all output lines of a tile
# and dealt out to `stride` rows, so that the windows of neighbouring outputs are neighbours in every row. Where the
# channels of a pixel lie side by side, rows hold several channels of every pixel.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.rank_median cimport median
from convops.kernels.rank_rows cimport Header, Key, copy_keys, key_of, run_program
from convops.kernels.tile cimport ceil_div, maximum, minimum


# Lines of one tile: a box of outputs whose windows meet no padding, and where the rows of its parts lie.
cdef struct Rows:
    const Header* program
    Py_ssize_t unit            # channels of a column
    Py_ssize_t begin[3]        # outputs without padding along each axis
    Py_ssize_t end[3]
    Py_ssize_t columns         # outputs of a part
    Py_ssize_t first           # output of this part
    Py_ssize_t count
    Py_ssize_t lines           # of the ring, per plane of the window
    Py_ssize_t loaded          # lines before this one are in the ring
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
    r.lines = (axis.window - 1) * axis.dilation + 1
    r.columns = room - a.block_steps
    r.rows = <char**> (scratch + a.scratch_columns)
    ring = a.axis[0].window * r.lines * a.axis[2].stride
    r.ring = scratch + a.scratch_halo
    r.nans = r.ring + (ring + r.program.rows - leaves) * a.pitch_inputs
    for i in range(leaves, r.program.rows):
        r.rows[i] = r.ring + (ring + i - leaves) * a.pitch_inputs


cdef inline void begin_part(const Args* a, Rows* r, const char* image, Py_ssize_t d) noexcept nogil:
    """Some outputs from `first` on."""
    cdef const Axis* axis = &a.axis[0]
    r.image = image + (d * axis.stride - axis.shift) * a.x.step[0]
    r.count, r.loaded = minimum(r.columns, r.end[2] - r.first), 0


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


cdef inline void load_lines(const Args* a, Rows* r, Py_ssize_t h, bint floats, const Key* tag) noexcept nogil:
    """Bring the lines that the windows of output line `h` see into the ring."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t line, k, slot
    cdef const char* items
    for line in range(maximum(r.loaded, h * axis.stride), h * axis.stride + r.lines):
        for k in range(a.axis[0].window):
            slot = k * r.lines + line % r.lines
            items = r.image + k * a.axis[0].dilation * a.x.step[0] + (line - axis.shift) * a.x.step[1]
            r.nans[slot] = deal_out(a, r, r.ring + slot * a.axis[2].stride * a.pitch_inputs, items, floats, tag)
    r.loaded = h * axis.stride + r.lines


cdef inline bint find_rows(const Args* a, Rows* r, Py_ssize_t h) noexcept nogil:
    """Point the program to the items of output line `h`; whether there is no NaN among them."""
    cdef const Axis* axis = &a.axis[1]
    cdef Py_ssize_t k, i, slot, phase, row = 0
    cdef bint nan = False
    for k in range(a.axis[0].window):
        for i in range(axis.window):
            slot = k * r.lines + (h * axis.stride + i * axis.dilation) % r.lines
            nan |= r.nans[slot] != 0
            for phase in range(a.axis[2].stride):
                r.rows[row] = r.ring + (slot * a.axis[2].stride + phase) * a.pitch_inputs
                row = row + 1
    return not nan


cdef inline void store_keys(const Args* a, const Rows* r, char* out, const Key* keys, bint floats) noexcept nogil:
    """Results of the part."""
    cdef Py_ssize_t i, c, step = a.out.step[2], channel = a.out.channel
    if r.unit == 1 and step == sizeof(Key) or step == r.unit * channel and channel == sizeof(Key):
        for i in range(r.count * r.unit):
            (<Key*> out)[i] = key_of(keys[i], floats)
        return
    for c in range(r.unit):
        for i in range(r.count):
            (<Key*> (out + i * step + c * channel))[0] = key_of(keys[i * r.unit + c], floats)


cdef inline const char* results_of(const Args* a, const Rows* r, const Key* tag) noexcept nogil:
    """By the program, or in registers where that names the size of a square."""
    cdef Py_ssize_t column = r.unit * <Py_ssize_t> sizeof(Key)
    if r.program.steps == 0 and r.program.shift > 0:
        return median(r.program.row, r.rows, r.program.shift * column, r.count * column, a.block_steps * column, tag)
    return run_program(r.program, r.rows, r.count, r.unit, tag)


cdef inline bint select_part(const Args* a, Rows* r, Py_ssize_t h, char* out, bint floats,
                             const Key* tag) noexcept nogil:
    """The part's results of one output line; False where NaN is among the items, which no network sorts."""
    load_lines(a, r, h, floats, tag)
    if not find_rows(a, r, h):
        return False
    store_keys(a, r, out, <const Key*> results_of(a, r, tag), floats)
    return True
