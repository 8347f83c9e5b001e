# From the points of a panel's sums to the output, through the epilogue. Start reading at `store_panel`.
from convops.kernels.abi cimport NONE, Args, Epilogue
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport ceil_div, finish, minimum
from convops.kernels.transpose cimport transpose
from convops.kernels.winograd_blocks cimport Block, Strip, points_of, strip_of
from convops.kernels.winograd_repair cimport all_finite, repair_line


cdef inline Real bias_of(const Args* a, Py_ssize_t channel, const Real* tag) noexcept nogil:
    """Never -0.0, as sums begin from +0.0 and transforms may end in -0.0."""
    return (<const Real*> a.epilogue.bias)[channel] + <Real> 0 if a.epilogue.bias != NULL else <Real> 0


cdef inline void store_pixels(const Args* a, Real* sums, Py_ssize_t channel, Py_ssize_t rows, char* out,
                              const char* add, Py_ssize_t count) noexcept nogil:
    """A line of pixels through the epilogue, where the channels of a pixel lie side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i, _
    cdef const Epilogue* e = &a.epilogue
    cdef Real bias[16]
    cdef bint plain = (rows == lanes and a.out.channel == sizeof(Real) and add == NULL and e.activation == NONE
                       and e.cast == NULL)
    for i in range(rows):
        bias[i] = bias_of(a, channel + i, sums)
    for _ in range(count):
        if plain:
            for i in range(lanes):
                (<Real*> out)[i] = sums[i] + bias[i]
        else:
            for i in range(rows):
                sums[i] = sums[i] + bias[i]
            finish(e, sums, <Real> 0, out, a.out.channel, add, e.add.channel, rows)
        sums, out = sums + lanes, out + a.out.step[2]
        if add != NULL:
            add = add + e.add.step[2]


cdef inline void store_channels(const Args* a, const Real* sums, Real* columns, Py_ssize_t channel, Py_ssize_t rows,
                                char* out, const char* add, Py_ssize_t count) noexcept nogil:
    """The same channel by channel, transposed."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), pitch = ceil_div(count, lanes) * lanes, i
    for i in range(pitch // lanes):
        transpose(<const char*> (sums + i * lanes * lanes), VECTOR_BYTES, <char*> (columns + i * lanes),
                  pitch * sizeof(Real), sums)
    for i in range(rows):
        finish(&a.epilogue, columns + i * pitch, bias_of(a, channel + i, sums), out, a.out.step[2], add,
               a.epilogue.add.step[2], count)
        out = out + a.out.channel
        if add != NULL:
            add = add + a.epilogue.add.channel


cdef inline char* place_of(const Args* a, const Strip* s, Py_ssize_t channel, Py_ssize_t h) noexcept nogil:
    return (a.out.data + s.batch * a.out.batch + channel * a.out.channel + s.d * a.out.step[0]
            + (s.h + h) * a.out.step[1] + s.w * a.out.step[2])


cdef inline const char* added(const Args* a, const Strip* s, Py_ssize_t channel, Py_ssize_t h) noexcept nogil:
    if a.epilogue.add.data == NULL:
        return NULL
    return (a.epilogue.add.data + s.batch * a.epilogue.add.batch + channel * a.epilogue.add.channel
            + s.d * a.epilogue.add.step[0] + (s.h + h) * a.epilogue.add.step[1] + s.w * a.epilogue.add.step[2])


cdef inline void transform_outputs(const Args* a, const Block* b, const char* sums, char* lines, Py_ssize_t pitch,
                                   const Real* tag) noexcept nogil:
    """From the points of a strip's tiles to its lines, for one vector of channels."""
    cdef char[64 * VECTOR_BYTES] half
    cdef Py_ssize_t wide = points_of(&a.axis[2]), _
    for _ in range(b.columns):
        if a.axis[2].window == 1:
            a.output_pass[0](1, sums, a.pitch_sums, 0, lines, pitch, 0)
        elif a.axis[1].window == 1:
            a.output_pass[1](1, sums, a.pitch_sums, 0, lines, VECTOR_BYTES, 0)
        else:
            a.output_pass[0](wide, sums, wide * a.pitch_sums, a.pitch_sums, half, wide * VECTOR_BYTES, VECTOR_BYTES)
            a.output_pass[1](a.axis[1].tile, half, VECTOR_BYTES, wide * VECTOR_BYTES, lines, VECTOR_BYTES, pitch)
        sums, lines = sums + a.panel_rows * sizeof(Real), lines + a.axis[2].tile * VECTOR_BYTES


cdef inline void store_panel(const Args* a, const Block* b, Py_ssize_t panel, char* scratch,
                             const Real* tag) noexcept nogil:
    """All strips of a finished panel, one vector of output channels after the other."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), width = b.columns * a.axis[2].tile, v = 0, rows, channel, i, j
    cdef Py_ssize_t pitch = ceil_div(width, lanes) * lanes * VECTOR_BYTES
    cdef Py_ssize_t count = minimum(width, a.axis[2].out - b.column * a.axis[2].tile)
    cdef char* lines = scratch + a.scratch_halo
    cdef Strip s
    while v < minimum(a.panel_rows, a.rows - panel * a.panel_rows):
        rows = minimum(lanes, a.rows - panel * a.panel_rows - v)
        channel = b.group * a.rows + panel * a.panel_rows + v
        for i in range(b.strips):
            s = strip_of(a, b, i)
            transform_outputs(a, b, scratch + a.scratch_sums + (i * b.columns * a.panel_rows + v) * sizeof(Real), lines,
                              pitch, tag)
            for j in range(minimum(a.axis[1].tile, a.axis[1].out - s.h)):
                if not all_finite(<Real*> (lines + j * pitch), count):
                    repair_line(a, b, &s, panel * a.panel_rows + v, s.h + j, <Real*> (lines + j * pitch), count)
                if a.out.channel == sizeof(Real) or a.pixels_first:
                    store_pixels(a, <Real*> (lines + j * pitch), channel, rows, place_of(a, &s, channel, j),
                                 added(a, &s, channel, j), count)
                else:
                    store_channels(a, <const Real*> (lines + j * pitch), <Real*> (scratch + a.scratch_line), channel,
                                   rows, place_of(a, &s, channel, j), added(a, &s, channel, j), count)
        v = v + lanes
