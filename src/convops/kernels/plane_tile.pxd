# A tile of single channels at work: what kind of work it is, and where its input lines lie.
#
# Used by `depthwise_planes.pyx`. Start reading at `judge`.
from convops.kernels.abi cimport NONE, RELU, Args, Axis
from convops.kernels.block cimport ACROSS, THREE, Block
from convops.kernels.lanes cimport MASKS, Mask, greatest_divisor
from convops.kernels.past_caches cimport CACHE_LINE, PAST, address, goes_past, items_before
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.three cimport set_three_masks
from convops.kernels.tile cimport Tile, ceil_div, fill_run, line_of, minimum, source

cdef enum:
    SPARE = 16                 # lines behind the last that micro-kernels of a fixed height may read
    LONG = 2048                # bytes of a line that hardware foresees
    PAGE = 4096                # addresses so far apart are taken for the same one where loads look for stores under way
    UNDER_WAY = 192            # bytes of a line whose stores past the caches may be

# A tile at work.
cdef struct Job:
    Tile tile
    Py_ssize_t spacing         # output lines that share input lines lie so far apart
    Py_ssize_t slide           # input lines, `dilation` apart, from one of these to the next
    Py_ssize_t item
    bint in_place              # lines are read where they lie
    bint zeros                 # a line's ends are padded with zeros, which masked loads supply
    bint plain                 # the epilogue is one for vectors
    bint aside                 # sums are stored only when a part of a line is done, see `waits_for_stores`
    bint apart                 # a 3x3 window with stride 2
    bint small                 # a 3x3 window that goes by masked loads only
    Py_ssize_t lead            # outputs of a line before those that may be stored past the caches
    Py_ssize_t planes          # padded positions of the tile along the first two axes
    Py_ssize_t lines
    Py_ssize_t entries
    char** rows                # where padded column 0 of each of these positions lies, in the channel at hand
    Py_ssize_t* advance        # to the next channel
    const char** copied        # the same for the copied lines
    Py_ssize_t* columns        # of taps in place, then in the copy
    Mask* masks
    char* blank
    char* copy
    char* sums
    Block block


cdef inline Py_ssize_t reached(const Axis* axis, Py_ssize_t outs) noexcept nogil:
    """Positions that the windows of `outs` neighbours reach."""
    return (outs - 1) * axis.stride + (axis.window - 1) * axis.dilation + 1


cdef inline bint all_zero(const char* bytes, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        if bytes[i]:
            return False
    return True


cdef inline bint waits_for_stores(const Args* a) noexcept nogil:
    """Whether what is read of a line seems to be what was stored past the caches just before."""
    cdef Py_ssize_t gap = address(a.out.data) - address(a.x.data)
    return (PAST and VECTOR_BYTES < CACHE_LINE and a.past_caches and not (a.x.step[1] | a.out.step[1]) & (PAGE - 1)
            and (gap & (PAGE - 1)) < UNDER_WAY)


cdef inline void judge(const Args* a, Job* j, const Real* tag) noexcept nogil:
    """What kind of work it is."""
    cdef const Axis* last = &a.axis[2]
    cdef bint three = THREE > 0 and a.axis[0].window == 1 and a.axis[1].window == 3 and last.window == 3
    j.item = sizeof(Real)
    j.slide = a.axis[1].stride // greatest_divisor(a.axis[1].stride, a.axis[1].dilation)
    j.spacing = a.axis[1].dilation // greatest_divisor(a.axis[1].stride, a.axis[1].dilation)
    j.in_place = a.load == NULL and last.spacing == 1 and (a.x.step[2] == sizeof(Real) or last.size == 1)
    j.zeros = MASKS and last.border == NULL and all_zero(a.fill, sizeof(Real))
    three = three and a.axis[1].dilation == 1 and last.dilation == 1 and a.axis[1].stride == last.stride
    three = three and (last.stride == 2 or last.stride == 1 and not a.past_caches and last.out * j.item < LONG)
    j.small = three and j.in_place and j.zeros
    j.apart = j.small and last.stride == 2
    j.in_place = j.small or (j.in_place and last.stride == 1)
    j.plain = a.epilogue.cast == NULL and (a.out.step[2] == sizeof(Real) or last.out == 1)
    j.plain = j.plain and (a.epilogue.activation == NONE or a.epilogue.activation == RELU)
    j.plain = j.plain and (a.epilogue.add.data == NULL or a.epilogue.add.step[2] == sizeof(Real) or last.out == 1)
    j.aside = j.plain and j.in_place and not j.small and waits_for_stores(a)


cdef inline void list_lines(const Args* a, const Job* j, char* plane, bint is_padding, char** rows,
                            Py_ssize_t* advance) noexcept nogil:
    """Where the lines of a plane begin, and what leads to those of the next channel."""
    cdef const Axis* last = &a.axis[2]
    cdef Py_ssize_t i, h
    plane = plane + (j.tile.origin[2] * last.stride - last.shift) * j.item
    for i in range(j.lines):
        h = source(&a.axis[1], j.tile.origin[1] * a.axis[1].stride + i)
        if is_padding or h < 0:
            rows[i], advance[i] = j.blank, 0
        else:
            rows[i], advance[i] = plane + h * a.x.step[1], a.x.channel


cdef inline void begin_tile(const Args* a, Job* j, char* scratch, const Real* tag) noexcept nogil:
    """Where the tables lie, and where the input's lines."""
    cdef Tile* t = &j.tile
    cdef const Axis* last = &a.axis[2]
    cdef char* image = a.x.data + t.batch * a.x.batch + t.panel_begin * a.x.channel
    cdef Py_ssize_t d, i, k, count
    cdef int lanes = VECTOR_BYTES // sizeof(Real)
    j.planes, j.lines = reached(&a.axis[0], t.extent[0]), reached(&a.axis[1], t.extent[1])
    count = j.planes * j.lines
    j.entries = count + SPARE
    j.rows = <char**> (scratch + a.scratch_offsets)
    j.advance = <Py_ssize_t*> (j.rows + j.entries)
    j.columns = j.advance + j.entries
    j.masks = <Mask*> (j.columns + 2 * last.window)
    j.copied = <const char**> (j.masks + ACROSS * last.window + 4 * ceil_div(t.extent[2], lanes))
    j.blank = scratch + a.scratch_columns
    j.copy = j.blank + (reached(last, t.extent[2]) + 2 * VECTOR_BYTES) * sizeof(Real) if j.in_place else j.blank
    for k in range(last.window):
        j.columns[k] = k * last.dilation * <Py_ssize_t> sizeof(Real)
    j.lead = 0
    if (a.past_caches and j.plain and not j.aside and j.block.channels == 1
            and goes_past(NULL, j.spacing * a.out.step[1])):
        j.lead = minimum(t.extent[2], items_before(line_of(&a.out, t, t.panel_begin * a.panel_rows, 0, 0, 0), j.item))
    if j.small:
        j.block.count, j.block.position = j.lead, t.origin[2] * last.stride
        set_three_masks(&j.block, last.stride, lanes, j.masks)
        j.block.count, j.block.position = t.extent[2] - j.lead, (t.origin[2] + j.lead) * last.stride
        set_three_masks(&j.block, last.stride, lanes, j.masks + 3)
    if not j.in_place:
        return
    fill_run(a, <Real*> j.blank, 0, 1, reached(last, t.extent[2]) + 2 * VECTOR_BYTES // <Py_ssize_t> sizeof(Real), -1)
    for i in range(j.planes):
        d = source(&a.axis[0], t.origin[0] * a.axis[0].stride + i)
        list_lines(a, j, image + (0 if d < 0 else d) * a.x.step[0], d < 0, j.rows + i * j.lines,
                   j.advance + i * j.lines)
    for i in range(count, j.entries):
        j.rows[i], j.advance[i] = j.rows[count - 1], j.advance[count - 1]


cdef inline void next_channel(Job* j) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(j.entries):
        j.rows[i] = j.rows[i] + j.advance[i]
