# cython: language_level=3
"""Winograd's minimal filtering: tiles become points, points are multiplied channel by channel, sums become tiles.

Called by `backends/winograd.py` through `bind.pyx`; hands lines of vectors to the passes of `winograd_passes.pyx` and
runs of tiles to the micro-kernels of `micro_channels.pyx`. Vectors run over channels throughout, so that tiles may
lie anywhere; where the channels of a pixel are no neighbours, lines are transposed on the way in and out. A strip is a
row of tiles; work is cut into blocks of strips times panels of output channels. Start reading at `item_f`.
"""
from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport ceil_div, panel_count
from convops.kernels.winograd_blocks cimport Block, last_share, locate, pitch_weights, points_of, weights_of
from convops.kernels.winograd_filters cimport transform_filters
from convops.kernels.winograd_inputs cimport transform_inputs
from convops.kernels.winograd_outputs cimport store_panel


cdef inline void multiply_point(const Args* a, const Block* b, const char* weights, const char* x, char* sums,
                                const Real* tag) noexcept nogil:
    """All tiles of a block, in runs."""
    cdef Py_ssize_t runs = ceil_div(b.tiles, a.panel_columns), begin = 0, run, end
    cdef Py_ssize_t step = a.block_channels * sizeof(Real), row = a.panel_rows * sizeof(Real)
    for run in range(runs):
        end = b.tiles * (run + 1) // runs
        a.products[end - begin - 1](a.channels, a.block_channels, x + begin * step, step, b.tiles * step, weights,
                                    sums + begin * row)
        begin = end


cdef void multiply(const Args* a, const Block* b, const char* weights, char* scratch, const Real* tag) noexcept nogil:
    """A panel of output channels, weights by weights: [point][tile][output channel]."""
    cdef Py_ssize_t high = weights_of(&a.axis[1]), wide = weights_of(&a.axis[2]), i, j, row, column, point
    for i in range(high):
        for j in range(wide):
            for row in range(i, i + (last_share(&a.axis[1]) if i == high - 1 else 1)):
                for column in range(j, j + (last_share(&a.axis[2]) if j == wide - 1 else 1)):
                    point = row * points_of(&a.axis[2]) + column
                    multiply_point(a, b, weights, scratch + a.scratch_columns + point * a.pitch_inputs,
                                   scratch + a.scratch_sums + point * a.pitch_sums, tag)
            weights = weights + pitch_weights(a, sizeof(Real))


cdef const char* panel_weights(const Args* a, const Block* b, Py_ssize_t panel, char* scratch,
                               const Real* tag) noexcept nogil:
    """Packed for all calls, or made from the filters behind the sums."""
    cdef Py_ssize_t points = points_of(&a.axis[1]) * points_of(&a.axis[2])
    cdef Py_ssize_t size = weights_of(&a.axis[1]) * weights_of(&a.axis[2]) * pitch_weights(a, sizeof(Real))
    cdef Args of_filters
    if a.filters.data == NULL:
        return a.weights + (b.group * panel_count(a) + panel) * size
    of_filters = a[0]
    of_filters.x = a.filters
    scratch = scratch + a.scratch_sums + points * a.pitch_sums
    transform_filters(&of_filters, b.group, panel, <Real*> scratch)
    return scratch


cdef void item_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Block b
    cdef Py_ssize_t input = locate(a, number, &b), p
    cdef Py_ssize_t* held = <Py_ssize_t*> scratch
    # Items of the same input follow one another: mostly, its transform is at hand.
    if held[0] != input + 1:
        transform_inputs(a, &b, scratch, tag)
        held[0] = input + 1
    for p in range(b.panel_begin, b.panel_end):
        multiply(a, &b, panel_weights(a, &b, p, scratch, tag), scratch, tag)
        store_panel(a, &b, p, scratch, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    if a.fresh:
        (<Py_ssize_t*> a.scratch)[0] = 0
    for number in range(a.tile_begin, a.tile_end):
        item_f(a, number, a.scratch, tag)


cdef api void winograd_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void winograd_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
