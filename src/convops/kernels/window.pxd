# Where the windows of a pool lie: which taps of an output are real items, which outputs a tap is real for; and the
# lines of outputs that a tile of a pool goes through.
#
# An axis of adaptive pooling has windows of its own, whose begins and ends it lists in `border`.
from convops.kernels.abi cimport Args, Axis, Operand
from convops.kernels.tile cimport ceil_div, minimum


cdef enum:
    SHORT = 4                  # outputs of a line
    FEW = 16                   # channels of a pixel


cdef struct Taps:
    Py_ssize_t begin           # the real taps of one output along one axis
    Py_ssize_t end
    Py_ssize_t width           # all of its taps
    Py_ssize_t origin          # input position of tap 0
    Py_ssize_t step            # positions from tap to tap


cdef inline Py_ssize_t first_output(const Axis* axis, Py_ssize_t offset) noexcept nogil:
    """The first output whose tap at `offset` is a real item; it may lie past the end."""
    return ceil_div(axis.inner_begin - offset, axis.stride) if axis.inner_begin > offset else 0


cdef inline Py_ssize_t end_output(const Axis* axis, Py_ssize_t offset) noexcept nogil:
    if axis.inner_end <= offset:
        return 0
    return minimum(axis.out, (axis.inner_end - 1 - offset) // axis.stride + 1)


cdef inline Py_ssize_t first_tap(const Axis* axis, Py_ssize_t output, Py_ssize_t begin) noexcept nogil:
    """The first tap of one output at or behind the padded position `begin`."""
    cdef Py_ssize_t first = output * axis.stride
    return ceil_div(begin - first, axis.dilation) if begin > first else 0


cdef inline Py_ssize_t end_tap(const Axis* axis, Py_ssize_t output, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t first = output * axis.stride
    return minimum(axis.window, (end - 1 - first) // axis.dilation + 1) if end > first else 0


cdef inline Taps taps_of(const Axis* axis, Py_ssize_t output) noexcept nogil:
    cdef Taps taps
    if axis.border != NULL:
        taps.origin = axis.border[2 * output]
        taps.begin, taps.step = 0, 1
        taps.end = taps.width = axis.border[2 * output + 1] - taps.origin
        return taps
    taps.begin, taps.end = first_tap(axis, output, axis.inner_begin), end_tap(axis, output, axis.inner_end)
    taps.width, taps.step = axis.window, axis.dilation
    taps.origin = output * axis.stride - axis.shift
    return taps


cdef inline Py_ssize_t counted(const Args* a, const Axis* axis, Py_ssize_t output) noexcept nogil:
    """Taps of one output that the mean's divisor counts, along one axis."""
    cdef Py_ssize_t begin = 0 if a.count_padding else axis.inner_begin, first = output * axis.stride, count
    cdef Py_ssize_t end = axis.counted if a.count_padding else axis.inner_end
    if axis.border != NULL:
        return axis.border[2 * output + 1] - axis.border[2 * output]
    if begin <= first and first + (axis.window - 1) * axis.dilation < end:
        return axis.window
    count = end_tap(axis, output, end) - first_tap(axis, output, begin)
    return count if count > 0 else 0


cdef inline bint is_sparse(const Axis* axis) noexcept nogil:
    """Whether a line is better taken output by output: there are few, most taps of a wide window meet padding, or no
    two windows are alike."""
    cdef Py_ssize_t taps
    if axis.border != NULL:
        return True
    taps = end_tap(axis, 0, axis.inner_end) - first_tap(axis, axis.out - 1, axis.inner_begin)
    return axis.out < SHORT or taps > axis.out * (axis.size // axis.dilation + 1)


cdef struct Line:
    Py_ssize_t number          # image
    Py_ssize_t channel
    Py_ssize_t d               # the first output pixel
    Py_ssize_t h
    Py_ssize_t w
    Py_ssize_t count           # pixels along the line, or channels of the one pixel
    bint along
    bint together              # channels lie side by side
    const char* image          # of the channel
    Py_ssize_t piece           # of an output line, at most `panel_columns` pixels long
    Py_ssize_t last_piece
    Py_ssize_t end             # of the piece's pixels


cdef inline void begin_lines(const Args* a, Py_ssize_t number, Py_ssize_t item_bytes, Line* to) noexcept nogil:
    """Before the first line of a tile: pieces of output lines of one image, in all channels."""
    cdef Py_ssize_t pieces = a.axis[0].out * a.axis[1].out * ceil_div(a.axis[2].out, a.panel_columns)
    cdef Py_ssize_t runs = ceil_div(pieces, a.tile_columns)
    to.number, to.piece = number // runs, number % runs * a.tile_columns
    to.last_piece = minimum(to.piece + a.tile_columns, pieces)
    to.together = a.x.channel == item_bytes and a.x.step[2] != item_bytes
    to.together = to.together and (a.channels >= FEW or is_sparse(&a.axis[2]))
    to.along = not (to.together or is_sparse(&a.axis[2]))
    to.channel = to.count = 0
    enter_piece(a, to)


cdef inline void enter_piece(const Args* a, Line* to) noexcept nogil:
    cdef Py_ssize_t parts = ceil_div(a.axis[2].out, a.panel_columns)
    to.d, to.h = to.piece // parts // a.axis[1].out, to.piece // parts % a.axis[1].out
    to.w = to.piece % parts * a.panel_columns
    to.end = minimum(to.w + a.panel_columns, a.axis[2].out)


cdef inline bint next_line(const Args* a, Line* to) noexcept nogil:
    """Go on to the next pixels, channels, piece; False behind the last."""
    if to.count:
        to.w = to.w + (to.count if to.along else 1)
        if to.w == to.end:
            to.channel = to.channel + (to.count if to.together else 1)
            if to.channel == a.channels:
                to.channel = 0
                to.piece = to.piece + 1
            enter_piece(a, to)
    if to.piece == to.last_piece:
        return False
    to.image = a.x.data + to.number * a.x.batch + to.channel * a.x.channel
    if to.along:
        to.count = to.end - to.w
    else:
        to.count = minimum(a.panel_columns, a.channels - to.channel) if to.together else 1
    return True


cdef inline char* place(const Operand* o, const Line* line) noexcept nogil:
    """The item of the line's first pixel and channel."""
    if o.data == NULL:
        return NULL
    return (o.data + line.number * o.batch + line.channel * o.channel + line.d * o.step[0] + line.h * o.step[1]
            + line.w * o.step[2])
