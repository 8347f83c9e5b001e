# cython: language_level=3
"""Convolution of one-channel planes by Winograd's minimal filtering along columns, F(3, 3) and F(4, 4), vectors along
lines.

Called by `backends/winograd_planes.py` through `bind.pyx`. The lines of a window count as groups of as many as a
transform has outputs: then transformed input lines serve all groups, and at each point the sum is a convolution of its
own, with a window of one line per group (`open_lines.pxd`). A tile goes down its plane by a few transforms at a time,
these from left to right; what belongs to output lines below is kept. Tiles with sums that are not finite are noted and
left to the backend. Start reading at `tile_f`.
"""
from convops.kernels.abi cimport Args
from convops.kernels.lanes cimport splat_f64
from convops.kernels.open_lines cimport CHUNK, Lines, add_lines, turns_of
from convops.kernels.padded_lines cimport note
from convops.kernels.past_caches cimport fence
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v
from convops.kernels.tile cimport ceil_div, minimum
from convops.kernels.winograd_pairs cimport MOST_POINTS, input_pairs, output_pairs
from convops.kernels.winograd_plane cimport MOST_REACH, Job, begin_tile, outputs_of, scratch_of
from convops.kernels.winograd_plane_inputs cimport find_rows, next_inputs
from convops.kernels.winograd_plane_results cimport store


def geometry(int lines, int itemsize):
    """Of a window of so many lines: outputs of a transform, groups, transforms at a time, samples of a chunk, and what
    these are multiples of at the ends of lines."""
    cdef int outputs = outputs_of(lines), open = ceil_div(lines, outputs)
    return outputs, open, turns_of(open), CHUNK // itemsize, VECTOR_BYTES // itemsize


def most_reach():
    """Samples from a window's first column to its last."""
    return MOST_REACH


def scratch_bytes(int lines, Py_ssize_t reach, Py_ssize_t width, int itemsize):
    """For windows of such a reach and tiles of such a width."""
    return scratch_of(lines, reach, width, itemsize)


def transform(int points, bint back, values):
    """One line of float64 numbers there or back, for tests."""
    cdef f64v from_[MOST_POINTS]
    cdef f64v to[MOST_POINTS]
    cdef int i
    for i, value in enumerate(values):
        from_[i] = splat_f64(value)
    if back:
        output_pairs(points, from_, to)
    else:
        input_pairs(points, from_, to)
    return [(<double*> &to[i])[0] for i in range(points // 2 + 1 if back else points)]


cdef inline void multiply(const Args* a, Job* j, Py_ssize_t row, Py_ssize_t column, const Real* tag) noexcept nogil:
    """At each point, the chunk's lines into the open output lines."""
    cdef Lines l
    cdef int p
    cdef Py_ssize_t kept = (j.open - 1) * CHUNK, weights = a.axis[2].window * j.open * sizeof(Real)
    l.pitch, l.done_pitch, l.begins = j.points * j.pitch, j.points * CHUNK, row == 0
    l.taps, l.step, l.bytes = a.axis[2].window, a.axis[2].dilation * sizeof(Real), j.bytes
    for p in range(j.points):
        l.x = j.inputs + p * j.pitch + (j.halo - j.reach) * <Py_ssize_t> sizeof(Real)
        l.weights, l.done = a.weights + p * weights, j.sums + p * CHUNK
        l.open = j.kept + (column // j.chunk * j.points + p) * kept
        if Real is float:
            add_lines(j.open, &l, <f32v*> NULL)
        else:
            add_lines(j.open, &l, <f64v*> NULL)


cdef inline void run_chunk(const Args* a, Job* j, Py_ssize_t first, Py_ssize_t column, const Real* tag) noexcept nogil:
    """The transforms from `first` on, of the tile's input lines."""
    cdef Py_ssize_t turn, row
    j.bytes = minimum(CHUNK, ceil_div((j.width - column) * <Py_ssize_t> sizeof(Real), VECTOR_BYTES) * VECTOR_BYTES)
    next_inputs(a, j, first * j.outputs, column, tag)
    multiply(a, j, first, column, tag)
    for turn in range(j.turns):
        row = (first + turn + 1 - j.open) * j.outputs
        if 0 <= row < j.height:
            store(a, j, turn, row, column, tag)


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t first = 0, column, transforms, i
    begin_tile(a, &j, number, scratch, tag)
    transforms = ceil_div(j.height, j.outputs) + j.open - 1
    while first < transforms:
        column = 0
        find_rows(a, &j, first * j.outputs, tag)
        while column < j.width:
            run_chunk(a, &j, first, column, tag)
            column = column + j.chunk
        first = first + j.turns
    for i in range(VECTOR_BYTES // sizeof(Real)):
        if (<const Real*> j.strange)[i] != 0:
            note(a, number)
            return


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)
    if a.past_caches:
        fence()


cdef api void winograd_planes_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void winograd_planes_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
