# How Winograd's work is numbered: items, blocks of tiles, strips. A strip is a row of tiles.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.tile cimport ceil_div, minimum, panel_count

# Work item: strips of the whole batch, columns of tiles, output channels.
cdef struct Block:
    Py_ssize_t strip
    Py_ssize_t strips
    Py_ssize_t column
    Py_ssize_t columns
    Py_ssize_t tiles
    Py_ssize_t group
    Py_ssize_t panel_begin
    Py_ssize_t panel_end


# A strip's image and the position of its first output.
cdef struct Strip:
    Py_ssize_t batch
    Py_ssize_t d
    Py_ssize_t h
    Py_ssize_t w


cdef inline Py_ssize_t points_of(const Axis* axis) noexcept nogil:
    """As many as a tile reads inputs."""
    return (axis.tile - 1) * axis.stride + axis.window


cdef inline Py_ssize_t last_share(const Axis* axis) noexcept nogil:
    """Points that are multiplied by the last weights: all of one tap where the stride leaves its samples to it."""
    return axis.tile if axis.stride > 1 and axis.window == 3 else 1


cdef inline Py_ssize_t weights_of(const Axis* axis) noexcept nogil:
    """Different weights of the points."""
    return points_of(axis) - last_share(axis) + 1


cdef inline Py_ssize_t pitch_weights(const Args* a, Py_ssize_t size) noexcept nogil:
    """Bytes from one point of a panel's weights to the next: an odd number of lines, so that sets do not crowd."""
    return (ceil_div(a.channels * a.panel_rows * size, 64) | 1) * 64


cdef inline Py_ssize_t strips_of(const Args* a) noexcept nogil:
    """Strips of one image."""
    return a.axis[0].out * ceil_div(a.axis[1].out, a.axis[1].tile)


cdef inline Py_ssize_t locate(const Args* a, Py_ssize_t number, Block* b) noexcept nogil:
    """Item `number`, the row panels fastest; the result tells blocks of the same input apart."""
    cdef Py_ssize_t panels = panel_count(a), parts = ceil_div(panels, a.tile_panels), input = number // parts
    cdef Py_ssize_t columns = ceil_div(a.axis[2].out, a.axis[2].tile), runs = ceil_div(columns, a.tile_columns)
    b.panel_begin = number % parts * a.tile_panels
    b.panel_end = minimum(b.panel_begin + a.tile_panels, panels)
    number = input
    b.column = number % runs * a.tile_columns
    b.columns = minimum(a.tile_columns, columns - b.column)
    number = number // runs
    b.group = number % a.groups
    b.strip = number // a.groups * a.strips
    b.strips = minimum(a.strips, a.images * strips_of(a) - b.strip)
    b.tiles = b.strips * b.columns
    return input


cdef inline Strip strip_of(const Args* a, const Block* b, Py_ssize_t number) noexcept nogil:
    cdef Strip s
    cdef Py_ssize_t high = ceil_div(a.axis[1].out, a.axis[1].tile)
    number = b.strip + number
    s.batch = number // strips_of(a)
    s.d = number // high % a.axis[0].out
    s.h = number % high * a.axis[1].tile
    s.w = b.column * a.axis[2].tile
    return s
