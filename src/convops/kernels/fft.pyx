# cython: language_level=3
"""Overlap-save convolution of one-channel lines by FFT: every lane of a vector transforms a tile of its own.

Called by `backends/fft_lanes.py` through `bind.pyx`; the passes are in `fft_passes.pxd`. The real samples of a tile
count as half as many complex ones. What the transform of a kernel does to theirs is z[k] <- a z[k] + b conj(z[-k]),
where a and b come with the weights. A lane that meets or yields a number that is not finite is summed directly.
Start reading at `group_f`.
"""
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.lanes cimport load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport ceil_div, finish, gather_run, maximum, minimum
from convops.kernels.transpose cimport transpose

cdef enum:
    LANES = VECTOR_BYTES // 4      # of float32
    CHUNK = 128                    # samples of a lane moved at once, and on which line of the copy the next one lies
    PITCH = CHUNK + 16

# The weights: these numbers, positions of pairs of frequencies, then reals: twiddles, a and b of each pair, taps.
cdef struct Header:
    Py_ssize_t size                # complex items of a transform
    Py_ssize_t radix               # of the last pass
    Py_ssize_t pairs
    Py_ssize_t twiddles
    double scale                   # of the results, a power of two

# Up to as many tiles as there are lanes, of one line or of several.
cdef struct Group:
    Py_ssize_t first
    Py_ssize_t count
    Py_ssize_t per_line


def lanes(int itemsize):
    """Tiles that are transformed side by side."""
    return VECTOR_BYTES // itemsize


def scratch_layout(Py_ssize_t length, int itemsize):
    """Bytes before the copied samples, before the sums of a tile, and in all."""
    cdef Py_ssize_t copies = 64 + length * VECTOR_BYTES
    cdef Py_ssize_t sums = copies + maximum(VECTOR_BYTES // itemsize * PITCH, length) * itemsize
    return copies, sums, sums + 8 * length


cdef inline const char* reals_of(const Header* h) noexcept nogil:
    return <const char*> (<const Py_ssize_t*> (h + 1) + 2 * h.pairs)


cdef inline outlined filter_pairs(Vector* z, Py_ssize_t pairs, const Py_ssize_t* at,
                                const char* factors) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, p
    cdef int k
    cdef Vector f[8]
    cdef Vector re, im, back_re, back_im
    cdef Vector* one
    cdef Vector* other
    for p in range(pairs):
        one, other = z + at[2 * p], z + at[2 * p + 1]
        for k in range(8):
            load_weight(factors + k * item, &f[k])
        re, im, back_re, back_im = one[0], one[1], other[0], other[1]
        one[0] = f[0] * re - f[1] * im + f[2] * back_re + f[3] * back_im
        one[1] = f[0] * im + f[1] * re + f[3] * back_re - f[2] * back_im
        other[0] = f[4] * back_re - f[5] * back_im + f[6] * re + f[7] * im
        other[1] = f[4] * back_im + f[5] * back_re + f[7] * re - f[6] * im
        factors = factors + 8 * item


cdef inline outlined scale_all(Vector* z, Py_ssize_t count, const char* scale, Vector* strange) noexcept nogil:
    """Multiply by the scale; lanes of `strange` that are not 0 met a number that is not finite."""
    cdef Vector factor, total
    cdef Py_ssize_t i
    load_weight(scale, &factor)
    total = factor * 0
    for i in range(count):
        z[i] = z[i] * factor
        total = total + z[i] * 0
    strange[0] = total


cdef inline void convolve(const Header* h, Vector* z, Py_ssize_t step, const char* scale,
                          Vector* strange) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8
    cdef const char* twiddles = reals_of(h)
    cdef const char* factors = twiddles + h.twiddles * item
    forward(z, h.size, <int> h.radix, twiddles)
    filter_pairs(z, h.pairs, <const Py_ssize_t*> (h + 1), factors)
    backward(z, h.size, <int> h.radix, factors)
    scale_all(z, step, scale, strange)


cdef inline void copy_samples(const Args* a, Py_ssize_t batch, Py_ssize_t position, Py_ssize_t count,
                              Real* to) noexcept nogil:
    """Padded samples of a line; zeros behind the last output, as what stands there must not be loud."""
    cdef Py_ssize_t there = maximum(0, minimum(count, a.axis[2].padded - position))
    gather_run(a, to, 0, a.x.data + batch * a.x.batch, position, 1, 1, there)
    memset(to + there, 0, (count - there) * sizeof(Real))


cdef inline bint is_plain(const Args* a, const Group* g, Py_ssize_t column, Py_ssize_t width,
                          const Real* tag) noexcept nogil:
    """Whether the samples of all lanes lie in one line of x, as they are."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = g.first % g.per_line, lanes = VECTOR_BYTES // sizeof(Real)
    cdef Py_ssize_t begin = first * axis.tile + column
    return (a.load == NULL and a.x.step[2] == sizeof(Real) and axis.spacing == 1 and g.count == lanes
            and first + lanes <= g.per_line and begin >= axis.inner_begin
            and begin + (lanes - 1) * axis.tile + width <= minimum(axis.inner_end, axis.padded))


cdef inline void load_tiles(const Args* a, const Group* g, Py_ssize_t length, char* z, Real* copies) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), column = 0, width, i, number, pitch
    cdef const char* rows
    while column < length:
        width = minimum(CHUNK, length - column)
        if is_plain(a, g, column, width, copies):
            rows = (a.x.data + g.first // g.per_line * a.x.batch
                    + (g.first % g.per_line * a.axis[2].tile + column - a.axis[2].shift) * <Py_ssize_t> sizeof(Real))
            pitch = a.axis[2].tile * sizeof(Real)
        else:
            for i in range(lanes):
                number = g.first + minimum(i, g.count - 1)
                copy_samples(a, number // g.per_line, number % g.per_line * a.axis[2].tile + column, width,
                             copies + i * PITCH)
            rows, pitch = <const char*> copies, PITCH * sizeof(Real)
        i = 0
        while i < width:
            transpose(rows + i * <Py_ssize_t> sizeof(Real), pitch, z + (column + i) * VECTOR_BYTES, VECTOR_BYTES,
                      copies)
            i = i + lanes
        column = column + width


cdef inline void store(const Args* a, Py_ssize_t number, Py_ssize_t per_line, Py_ssize_t column, Py_ssize_t width,
                       Real* sums) noexcept nogil:
    """Those of `width` sums of a tile, from `column` on, that the stride keeps."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t batch = number // per_line, begin = number % per_line * axis.tile + column
    cdef Py_ssize_t first = ceil_div(begin, axis.stride), end = minimum(axis.out, ceil_div(begin + width, axis.stride))
    cdef Py_ssize_t i
    cdef const char* add = NULL
    if first >= end:
        return
    if axis.stride > 1:
        for i in range(first, end):
            sums[i - first] = sums[i * axis.stride - begin]
    if a.epilogue.add.data != NULL:
        add = a.epilogue.add.data + batch * a.epilogue.add.batch + first * a.epilogue.add.step[2]
    finish(&a.epilogue, sums, (<const Real*> a.epilogue.bias)[0],
           a.out.data + batch * a.out.batch + first * a.out.step[2], a.out.step[2], add, a.epilogue.add.step[2],
           end - first)


cdef inline void store_tiles(const Args* a, const Group* g, const char* z, Real* copies,
                             const Real* strange) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), step = a.axis[2].tile, column = 0, width, i
    while column < step:
        width = minimum(CHUNK, step - column)
        i = 0
        while i < width:
            transpose(z + (column + i) * VECTOR_BYTES, VECTOR_BYTES, <char*> (copies + i), PITCH * sizeof(Real), copies)
            i = i + lanes
        for i in range(g.count):
            if strange[i] == 0:
                store(a, g.first + i, g.per_line, column, width, copies + i * PITCH)
        column = column + width


cdef inline void sum_directly(const Args* a, Py_ssize_t number, Py_ssize_t per_line, Py_ssize_t length,
                              const Real* taps, Real* samples, double* sums) noexcept nogil:
    """A tile with numbers that are not finite: none goes further than the window takes it."""
    cdef Py_ssize_t step = a.axis[2].tile, t, i
    cdef const Real* there
    cdef double weight
    copy_samples(a, number // per_line, number % per_line * step, length, samples)
    memset(sums, 0, step * sizeof(double))
    for t in range(a.axis[2].window):
        weight = taps[t]
        there = samples + t * a.axis[2].dilation
        for i in range(step):
            sums[i] = sums[i] + weight * there[i]
    for i in range(step):
        samples[i] = <Real> sums[i]
    store(a, number, per_line, 0, step, samples)


cdef void group_f(const Args* a, const Group* g, char* scratch, const Real* tag) noexcept nogil:
    cdef const Header* h = <const Header*> a.weights
    cdef Real strange[LANES]
    cdef Real scale = <Real> h.scale
    cdef Real* copies = <Real*> (scratch + a.scratch_columns)
    cdef const Real* taps = <const Real*> reals_of(h) + h.twiddles + 8 * h.pairs
    cdef char* z = scratch + (-<Py_ssize_t> scratch & 63)
    cdef Py_ssize_t i
    load_tiles(a, g, 2 * h.size, z, copies)
    if Real is float:
        convolve(h, <f32v*> z, a.axis[2].tile, <const char*> &scale, <f32v*> strange)
    else:
        convolve(h, <f64v*> z, a.axis[2].tile, <const char*> &scale, <f64v*> strange)
    store_tiles(a, g, z, copies, strange)
    for i in range(g.count):
        if strange[i] != 0:
            sum_directly(a, g.first + i, g.per_line, 2 * h.size, taps, copies, <double*> (scratch + a.scratch_offsets))


cdef inline void run_group(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef Group g
    g.first = a.tile_begin + number * lanes
    g.count = minimum(lanes, a.tile_end - g.first)
    g.per_line = ceil_div((a.axis[2].out - 1) * a.axis[2].stride + 1, a.axis[2].tile)
    group_f(a, &g, scratch, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number, groups = ceil_div(a.tile_end - a.tile_begin, VECTOR_BYTES // sizeof(Real))
    if a.workers == 1:
        for number in range(groups):
            run_group(a, number, a.scratch, tag)
        return
    for number in prange(groups, schedule="dynamic", chunksize=1, num_threads=a.workers):
        run_group(a, number, a.scratch + threadid() * a.scratch_stride, tag)


cdef api void fft_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
