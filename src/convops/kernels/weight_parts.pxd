# How the gradient of a convolution in its filters is cut: tiles of sums, boxes of pixels.
from convops.kernels.abi cimport Args
from convops.kernels.tile cimport ceil_div, minimum, panel_count


# The sums of a tile: for each panel of output channels so many runs of rows, whose items of x lie one step apart.
# A row is an input channel at one tap; the channels of neighbouring taps form one run where they are neighbours.
cdef struct Part:
    Py_ssize_t group
    Py_ssize_t panel_begin
    Py_ssize_t panel_end
    Py_ssize_t channel
    Py_ssize_t channels
    bint flat
    Py_ssize_t runs
    Py_ssize_t rows


# Output pixels: images, then the three axes.
cdef struct Box:
    Py_ssize_t origin[4]
    Py_ssize_t extent[4]
    int cut                # where boxes follow each other; all axes behind it are whole


cdef inline Py_ssize_t pixels_along(const Args* a, int axis) noexcept nogil:
    return a.sum_images if axis == 0 else a.axis[axis - 1].window


cdef inline Py_ssize_t block_along(const Args* a, int axis) noexcept nogil:
    return a.block_channels if axis == 0 else a.axis[axis - 1].tile


cdef inline void locate_part(const Args* a, Py_ssize_t number, Part* part) noexcept nogil:
    cdef Py_ssize_t panels = panel_count(a), panel_tiles = ceil_div(panels, a.tile_panels)
    cdef Py_ssize_t channel_tiles = ceil_div(a.channels, a.tile_columns)
    part.panel_begin = number % panel_tiles * a.tile_panels
    part.panel_end = minimum(part.panel_begin + a.tile_panels, panels)
    number = number // panel_tiles
    part.channel = number % channel_tiles * a.tile_columns
    part.channels = minimum(a.tile_columns, a.channels - part.channel)
    part.group = number // channel_tiles
    part.flat = (a.halo_channels and a.pixels_first and a.halo_gap == 0 and part.channels == a.channels
                 and (a.axis[2].stride == 1 or a.axis[2].out == 1))
    part.runs = a.axis[0].out * a.axis[1].out * (1 if part.flat else a.axis[2].out)
    part.rows = part.channels * (a.axis[2].out if part.flat else 1)


cdef inline Py_ssize_t tile_count(const Args* a) noexcept nogil:
    return a.groups * ceil_div(panel_count(a), a.tile_panels) * ceil_div(a.channels, a.tile_columns)


cdef inline int cut_axis(const Args* a) noexcept nogil:
    """The innermost axis along which a block does not hold all pixels."""
    cdef int axis
    for axis in range(3, 0, -1):
        if block_along(a, axis) < pixels_along(a, axis):
            return axis
    return 0


cdef inline Py_ssize_t box_along(const Args* a, int axis, int cut) noexcept nogil:
    """Pixels whose operands are copied together."""
    return minimum(block_along(a, axis) * (a.pack_blocks if axis == cut else 1), pixels_along(a, axis))


cdef inline Py_ssize_t box_count(const Args* a, int cut) noexcept nogil:
    cdef Py_ssize_t count = 1
    cdef int axis
    for axis in range(4):
        count = count * ceil_div(pixels_along(a, axis), box_along(a, axis, cut))
    return count


cdef inline void locate_pixels(const Args* a, Py_ssize_t number, int cut, Box* box) noexcept nogil:
    cdef Py_ssize_t size, count
    cdef int axis
    box.cut = cut
    for axis in range(3, -1, -1):
        size = box_along(a, axis, cut)
        count = ceil_div(pixels_along(a, axis), size)
        box.origin[axis] = number % count * size
        box.extent[axis] = minimum(size, pixels_along(a, axis) - box.origin[axis])
        number = number // count
