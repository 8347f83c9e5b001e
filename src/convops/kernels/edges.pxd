# Lines whose ends reach over the input's edges: which steps leave out a run's first or last pixel, as they would
# multiply zero padding. Start reading at `sum_edges`, which `dense.pyx` calls.
from convops.kernels.abi cimport MOST_PIXELS, Args, Axis, Edge, Finish
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport Tile, ceil_div, maximum, minimum

cdef enum:
    MOST_RUNS = 4              # of a line; in longer ones the ends hardly count


cdef inline void reached_taps(const Axis* axis, Py_ssize_t output, Py_ssize_t* begin, Py_ssize_t* end) noexcept nogil:
    """The taps that an output puts on the input along one axis."""
    cdef Py_ssize_t at = output * axis.stride
    begin[0] = 0 if at >= axis.inner_begin else ceil_div(axis.inner_begin - at, axis.dilation)
    end[0] = 0 if at >= axis.inner_end else ceil_div(axis.inner_end - at, axis.dilation)
    end[0] = minimum(end[0], axis.window)


cdef inline void cut_taps(const Args* a, const Tile* t, Py_ssize_t d, Py_ssize_t h, Py_ssize_t per_tap,
                          Py_ssize_t* begin, Py_ssize_t* end) noexcept nogil:
    """Cut steps, `per_tap` for each along the skipped axis, to those that meet the input in line (d, h) of a tile."""
    cdef Py_ssize_t low, high
    if a.skipped_axis >= 0:
        reached_taps(&a.axis[a.skipped_axis], t.origin[1] + h if a.skipped_axis == 1 else t.origin[0] + d, &low, &high)
        begin[0], end[0] = maximum(low * per_tap, begin[0]), minimum(high * per_tap, end[0])


cdef inline bint leaves_out_edges(const Args* a, const Tile* t, Py_ssize_t height, Py_ssize_t begin,
                                  Py_ssize_t steps, Py_ssize_t per_line, const Real* tag) noexcept nogil:
    """Whether lines of taps are whole, those of pixels short, and padding zero, as it is along the skipped axis."""
    return (a.edged != NULL and a.skipped_axis >= 0 and a.axis[2].border == NULL
            and t.extent[2] <= MOST_RUNS * a.panel_columns and begin % per_line == 0 and steps % per_line == 0
            and height * <Py_ssize_t> sizeof(Real) == 2 * VECTOR_BYTES)


cdef inline Py_ssize_t lines_alike(const Args* a, const Tile* t, Py_ssize_t d, Py_ssize_t h, Py_ssize_t begin,
                                   Py_ssize_t end, Py_ssize_t per_tap) noexcept nogil:
    """How many lines of one run, from (d, h) on, meet the input with the same of the steps [begin, end)."""
    cdef Py_ssize_t lines = 0, low = begin, high = end, first = 0, last = 0
    if t.extent[2] > a.panel_columns:
        return 1
    while h + lines < t.extent[1]:
        low, high = begin, end
        cut_taps(a, t, d, h + lines, per_tap, &low, &high)
        if lines == 0:
            first, last = low, high
        if low != first or high != last:
            break
        lines = lines + 1
    return lines


cdef inline void cut_edges(const Axis* axis, Py_ssize_t output, Py_ssize_t pixels, Edge* edge) noexcept nogil:
    """Where taps begin to reach the first pixel of a run, and cease to reach the last."""
    cdef Py_ssize_t channels = edge.steps // axis.window, begin, end, _
    reached_taps(axis, output, &begin, &_)
    reached_taps(axis, output + pixels - 1, &_, &end)
    if begin > end:
        begin, end = 0, axis.window
    edge.first, edge.last = begin * channels, end * channels


cdef inline Py_ssize_t next_ahead(Py_ssize_t ahead) noexcept nogil:
    """From a step's weights to those of the next block that are asked for: one vector, the other one, none."""
    return ahead + VECTOR_BYTES if ahead and ahead % (2 * VECTOR_BYTES) == 0 else 0


cdef inline void sum_run(const Args* a, Edge* edge, Py_ssize_t pixels, Py_ssize_t lines, bint pairs, const char* x,
                         Py_ssize_t step, const char* weights, const Py_ssize_t* offsets, char* totals, bint first,
                         Finish* finish) noexcept nogil:
    cdef Py_ssize_t turns = lines // 2 if pairs else lines
    cdef Py_ssize_t _
    edge.lines = lines
    a.edged[pixels - 1 + (MOST_PIXELS if pairs else 0)](edge, x, step, weights, offsets, totals, first, finish)
    for _ in range(minimum(turns, 2)):     # two vectors to ask for
        edge.ahead = next_ahead(edge.ahead)
    if finish != NULL:
        finish.out = finish.out + lines * pixels * finish.pitch


cdef inline void sum_edges(const Args* a, const Tile* t, Edge* edge, Py_ssize_t lines, bint whole, const char* x,
                           Py_ssize_t step, const char* weights, const Py_ssize_t* offsets, Real* totals,
                           Py_ssize_t height, bint first, Finish* finish) noexcept nogil:
    """A line of pixels in runs of nearly equal length, or lines of one run, in pairs where they are short."""
    cdef Py_ssize_t runs = ceil_div(t.extent[2], a.panel_columns), at = 0, r, pixels, even, ahead = edge.ahead
    if not (whole or t.extent[1] < 3):     # what these lines leave out would not be asked for
        edge.ahead = 0
    for r in range(runs, 0, -1):
        pixels = ceil_div(t.extent[2] - at, r)
        even = lines // 2 * 2 if 2 * pixels <= a.panel_columns else 0
        cut_edges(&a.axis[2], t.origin[2] + at, pixels, edge)
        if even:
            sum_run(a, edge, pixels, even, True, x + at * step, step, weights, offsets,
                    <char*> (totals + at * height), first, finish)
        if lines > even:
            sum_run(a, edge, pixels, lines - even, False, x + at * step + even * edge.hop, step, weights, offsets,
                    <char*> (totals + (at + even * pixels) * height), first, finish)
        at = at + pixels
        if r > 1:     # once per line is often enough
            edge.ahead = 0
    if not (whole or t.extent[1] < 3):
        edge.ahead = ahead
    elif runs > 1:
        edge.ahead = next_ahead(ahead)
