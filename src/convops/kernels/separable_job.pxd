# A band of `separable.pyx` at work: which lines are read where they lie, what micro-kernels are told of all of them.
# Start reading at `begin_job`.
from convops.kernels.abi cimport Args
from convops.kernels.along cimport Along
from convops.kernels.block cimport LINES, Block
from convops.kernels.lines_band cimport Band, at_hand, line_address, line_pitch, within
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport fill_run, minimum


# The sums across lines, and along lines of such sums.
cdef struct Job:
    Band band
    Block across
    Block apart                # along, where pixels are several items or taps are dilated
    Along along
    bint in_place              # input lines are read where they lie
    Py_ssize_t begin           # pixels of a padded line that are summed: all, or those inside the input
    Py_ssize_t end
    Py_ssize_t pitch           # bytes from a line that is padded to the next
    Py_ssize_t ring            # lines of copies
    Py_ssize_t made            # input lines copied
    char* copies
    char* padding              # a line of it, and sums across such lines
    const char** rows          # input lines
    const char** parts         # sums across, component by component
    const char* columns        # weights of the components, one after the other
    double nothing             # a bias


cdef inline void begin_lines(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """Where input lines are read: in place, or in copies that know the padding."""
    cdef Band* b = &j.band
    cdef Py_ssize_t reach = b.reach // b.unit, lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real)
    j.begin = within(a.axis[2].inner_begin - b.first_pixel, reach)
    j.end = within(a.axis[2].inner_end - b.first_pixel, reach)
    j.in_place = a.load == NULL and a.panel_rows == 1 and a.x.step[2] == b.unit * b.item and not b.repairs
    j.in_place = j.in_place and (j.end - j.begin) * b.unit >= lanes
    j.in_place = j.in_place and at_hand(a, b.first_pixel, 0, j.begin, j.begin, j.end)
    j.in_place = j.in_place and at_hand(a, b.first_pixel, j.end, reach, j.begin, j.end)
    if not j.in_place:
        j.begin, j.end = 0, reach
    j.made = 0


cdef inline void begin_job(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """What the micro-kernels are told of all lines."""
    cdef Band* b = &j.band
    cdef Py_ssize_t i, k, taps = a.axis[2].window, reach = (a.axis[1].window - 1) * a.axis[1].dilation
    cdef Py_ssize_t* taps_at
    j.pitch = line_pitch(b.reach * b.item)
    j.ring = minimum(b.lines, reach + (LINES - 1) * a.axis[1].stride + 1)
    j.padding = b.copy
    j.copies = b.held + a.panel_rows * LINES * j.pitch
    j.rows = <const char**> b.tables
    j.parts = j.rows + b.lines
    taps_at = <Py_ssize_t*> (j.parts + a.panel_rows * LINES)
    fill_run(a, <Real*> j.padding, 0, 1, b.reach, -1)
    for i in range(b.lines):
        j.rows[i] = j.copies + i % j.ring * j.pitch
        if j.in_place:
            j.rows[i] = line_address(a, b, i)
            j.rows[i] = (j.padding if j.rows[i] == NULL
                         else j.rows[i] + (b.first_pixel - a.axis[2].shift) * a.x.step[2])
    for k in range(a.panel_rows * LINES):
        j.parts[k] = b.held + k * j.pitch
    for k in range(taps):
        taps_at[k] = k * a.axis[2].dilation * b.unit * b.item
    j.columns = a.weights + b.tile.group * a.panel_rows * (taps + a.axis[1].window) * b.item
    j.nothing = 0
    j.across.columns, j.across.plane, j.across.line = taps_at, 0, a.axis[1].dilation
    j.across.window[0], j.across.window[1], j.across.window[2] = 1, a.axis[1].window, 1
    j.across.bias, j.across.out_line, j.across.slide = <const char*> &j.nothing, j.pitch, a.axis[1].stride
    j.across.add, j.across.add_line, j.across.relu, j.across.past = NULL, 0, False, False
    j.across.ahead, j.across.asks = LINES * a.axis[1].stride * a.x.step[1] if j.in_place else 0, True
    j.apart.columns, j.apart.plane, j.apart.line, j.apart.lines = taps_at, LINES, 0, 1
    j.apart.window[0], j.apart.window[1], j.apart.window[2] = a.panel_rows, 1, taps
    j.apart.weights = j.columns + a.panel_rows * a.axis[1].window * b.item
    j.apart.bias, j.apart.out_line, j.apart.slide = a.epilogue.bias + b.tile.group * b.item, 0, 1
    j.apart.add, j.apart.add_line, j.apart.relu, j.apart.past, j.apart.ahead = NULL, 0, False, False, 0
    j.apart.asks = True
    j.along.plane, j.along.planes, j.along.taps = LINES * j.pitch, <int> a.panel_rows, taps
    j.along.weights, j.along.bias = j.apart.weights, j.apart.bias
    j.along.step = a.axis[2].dilation * b.unit * b.item
