# cython: language_level=3
"""Overlap-save convolution of one-channel signals by FFT, one long transform at a time: its samples fill the lanes.

Called by `backends/fft_line.py` through `bind.pyx`; serves kernels too long, or signals too short, for a tile per lane
(`fft.pyx`). Two neighbouring tiles are the real and the imaginary parts of one transform. Sample a L + l of n L stands
in lane l of item a. Lanes are transformed side by side; then, block by block, they meet in transforms of length L,
are filtered, and part again. Start reading at `convolve`.
"""
from libc.math cimport ldexp
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.fft_lanes cimport exponent_of, tap_of
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.lanes cimport load_weight
from convops.kernels.padded_lines cimport note
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport ceil_div, finish, gather_run, maximum, minimum
from convops.kernels.turn cimport LANES, turn

cdef enum:
    CHUNK = 1024                   # samples moved at once

# The weights: these numbers, then reals: twiddles of n and of L, those between them (a vector for each item), and the
# spectrum in the order of the blocks.
cdef struct Header:
    Py_ssize_t items               # n
    Py_ssize_t radix
    Py_ssize_t twiddles            # reals
    Py_ssize_t lane_radix
    Py_ssize_t lane_twiddles
    Py_ssize_t turns               # bytes from here to the twiddles between
    Py_ssize_t spectrum
    double scale                   # of the results
    double weight_scale            # of the taps


def scratch_bytes(Py_ssize_t samples, int itemsize):
    """Bytes that a transform of so many samples takes, and where in them the chunk begins."""
    cdef Py_ssize_t chunk = 64 + 2 * samples * itemsize
    return chunk, chunk + CHUNK * itemsize + VECTOR_BYTES


cdef inline const char* twiddles_of(const Header* h) noexcept nogil:
    return <const char*> (h + 1)


cdef inline void turn_block(Vector* block, const Vector* turns, bint back) noexcept nogil:
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    cdef Vector re, im
    for i in range(lanes):
        re, im = block[2 * i], block[2 * i + 1]
        if back:
            block[2 * i] = re * turns[2 * i] + im * turns[2 * i + 1]
            block[2 * i + 1] = im * turns[2 * i] - re * turns[2 * i + 1]
        else:
            block[2 * i] = re * turns[2 * i] - im * turns[2 * i + 1]
            block[2 * i + 1] = im * turns[2 * i] + re * turns[2 * i + 1]


cdef inline void transpose_block(Vector* block, int part) noexcept nogil:
    """Lanes and items change places."""
    cdef Vector a[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        a[i] = block[2 * i + part]
    turn(a)
    for i in range(lanes):
        block[2 * i + part] = a[i]


cdef inline void to_lanes(const Header* h, Vector* block, const char* turns) noexcept nogil:
    """The rest of the forward transform of as many items as there are lanes."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    turn_block(block, <const Vector*> turns, False)
    transpose_block(block, 0)
    transpose_block(block, 1)
    forward(block, lanes, 1, <int> h.lane_radix, twiddles_of(h) + h.twiddles * item)


cdef inline void from_lanes(const Header* h, Vector* block, const char* turns) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    backward(block, lanes, 1, <int> h.lane_radix, twiddles_of(h) + (h.twiddles + h.lane_twiddles) * item)
    transpose_block(block, 0)
    transpose_block(block, 1)
    turn_block(block, <const Vector*> turns, True)


cdef inline void filter_block(Vector* block, const Vector* w) noexcept nogil:
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    cdef Vector re, im
    for i in range(lanes):
        re, im = block[2 * i], block[2 * i + 1]
        block[2 * i] = re * w[2 * i] - im * w[2 * i + 1]
        block[2 * i + 1] = re * w[2 * i + 1] + im * w[2 * i]


cdef inline void convolve(const Header* h, Vector* z) noexcept nogil:
    """Samples -> results, not yet scaled."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, _b
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    cdef Vector* block = z
    cdef const char* turns = <const char*> h + h.turns
    cdef const char* w = <const char*> h + h.spectrum
    forward(z, h.items, 1, <int> h.radix, twiddles_of(h))
    for _b in range(h.items // lanes):
        to_lanes(h, block, turns)
        filter_block(block, <const Vector*> w)
        from_lanes(h, block, turns)
        block = block + 2 * lanes
        turns, w = turns + 2 * lanes * VECTOR_BYTES, w + 2 * lanes * VECTOR_BYTES
    backward(z, h.items, 1, <int> h.radix, twiddles_of(h) + h.twiddles * item)


cdef inline void to_spectrum(const Header* h, Vector* z) noexcept nogil:
    """The forward half of it, for taps."""
    cdef Py_ssize_t _b
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    cdef const char* turns = <const char*> h + h.turns
    forward(z, h.items, 1, <int> h.radix, twiddles_of(h))
    for _b in range(h.items // lanes):
        to_lanes(h, z, turns)
        z = z + 2 * lanes
        turns = turns + 2 * lanes * VECTOR_BYTES


cdef inline void place_run(Real* z, const Real* run, Py_ssize_t at, Py_ssize_t count) noexcept nogil:
    """Samples from `at` on into one part of the items; at begins a vector, and whole vectors are written."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i
    z = z + 2 * at
    for i in range(ceil_div(count, lanes)):
        memcpy(z + 2 * i * lanes, run + i * lanes, VECTOR_BYTES)


cdef inline void load_part(const Args* a, Py_ssize_t batch, Py_ssize_t first, Py_ssize_t samples, Real* z,
                           Real* run) noexcept nogil:
    """A tile; zeros behind the last output, as what stands there must not be loud."""
    cdef Py_ssize_t at = 0, count, there
    while at < samples:
        count = minimum(CHUNK, samples - at)
        there = maximum(0, minimum(count, a.axis[2].padded - first - at))
        if there:
            gather_run(a, run, 0, a.x.data + batch * a.x.batch, first + at, 1, 1, there)
        memset(run + there, 0, (count - there) * sizeof(Real))
        place_run(z, run, at, count)
        at = at + count


cdef inline outlined take_vectors(const Vector* z, Py_ssize_t count, const char* scale, Vector* run,
                                  Vector* strange) noexcept nogil:
    """One part of the items, scaled; `strange` is not 0 where a number is not finite."""
    cdef Vector factor, total = strange[0]
    cdef Py_ssize_t i
    load_weight(scale, &factor)
    for i in range(count):
        run[i] = z[2 * i] * factor
        total = total + run[i] * 0
    strange[0] = total


cdef inline void store_run(const Args* a, Py_ssize_t batch, Py_ssize_t first, Py_ssize_t count,
                           Real* run) noexcept nogil:
    """Those of `count` sums that the stride keeps."""
    cdef Py_ssize_t stride = a.axis[2].stride, begin = ceil_div(first, stride), i
    cdef Py_ssize_t end = minimum(ceil_div(first + count, stride), a.axis[2].out)
    cdef const char* add = NULL
    if begin >= end:
        return
    if stride > 1:
        for i in range(begin, end):
            run[i - begin] = run[i * stride - first]
    if a.epilogue.add.data != NULL:
        add = a.epilogue.add.data + batch * a.epilogue.add.batch + begin * a.epilogue.add.step[2]
    finish(&a.epilogue, run, (<const Real*> a.epilogue.bias)[0],
           a.out.data + batch * a.out.batch + begin * a.out.step[2], a.out.step[2], add, a.epilogue.add.step[2],
           end - begin)


cdef inline bint store_part(const Args* a, Py_ssize_t batch, Py_ssize_t first, const Real* z, Real* run) noexcept nogil:
    """The useful sums of a tile; whether all are finite."""
    cdef Py_ssize_t at = 0, count, lanes = VECTOR_BYTES // sizeof(Real), i
    cdef Real scale = <Real> (<const Header*> a.weights).scale
    cdef Real strange[16]
    memset(strange, 0, VECTOR_BYTES)
    while at < a.axis[2].tile:
        count = minimum(CHUNK, minimum(a.axis[2].tile - at, a.axis[2].padded - first - at))
        if count <= 0:
            break
        if Real is float:
            take_vectors(<const f32v*> (z + 2 * at), ceil_div(count, lanes), <const char*> &scale, <f32v*> run,
                         <f32v*> strange)
        else:
            take_vectors(<const f64v*> (z + 2 * at), ceil_div(count, lanes), <const char*> &scale, <f64v*> run,
                         <f64v*> strange)
        store_run(a, batch, first + at, count, run)
        at = at + count
    for i in range(lanes):
        if strange[i] != 0:
            return False
    return True


cdef inline void run_pair(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Two neighbouring tiles of one signal."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef Py_ssize_t pairs = ceil_div((a.axis[2].out - 1) * a.axis[2].stride + 1, 2 * a.axis[2].tile)
    cdef Py_ssize_t first = number % pairs * 2 * a.axis[2].tile, batch = number // pairs
    cdef Real* run = <Real*> (scratch + a.scratch_columns)
    cdef Real* z
    scratch = scratch + (-<Py_ssize_t> scratch & 63)
    z = <Real*> scratch
    load_part(a, batch, first, h.items * lanes, z, run)
    load_part(a, batch, first + a.axis[2].tile, h.items * lanes, z + lanes, run)
    if Real is float:
        convolve(h, <f32v*> z)
    else:
        convolve(h, <f64v*> z)
    if not store_part(a, batch, first, z, run):
        note(a, number)
    if not store_part(a, batch, first + a.axis[2].tile, z + lanes, run):
        note(a, number)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a.tile_begin, a.tile_end):
        run_pair(a, i, a.scratch, tag)


cdef inline void transform_taps(const Args* a, const Real* tag) noexcept nogil:
    """Taps backwards, as for a correlation, in the real parts; `out` is `weights` with scales, then the spectrum."""
    cdef Header* h = <Header*> a.out.data
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), size, i, at
    cdef int exponent = exponent_of(a, tag)
    cdef Real* z
    memcpy(h, a.weights, (<const Header*> a.weights).spectrum)
    size = h.items * lanes
    h.scale, h.weight_scale = ldexp(1, exponent) / size, ldexp(1, -exponent)
    z = <Real*> (a.out.data + h.spectrum)
    memset(z, 0, 2 * size * sizeof(Real))
    for i in range(a.axis[2].window):
        at = (size - i * a.axis[2].dilation) % size
        z[at // lanes * 2 * lanes + at % lanes] = tap_of(a, 0, 0, i, z) * <Real> h.weight_scale
    if Real is float:
        to_spectrum(h, <f32v*> z)
    else:
        to_spectrum(h, <f64v*> z)


cdef api void fft_line_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_line_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


cdef api void fft_taps_f32(const Args* a) noexcept nogil:
    transform_taps(a, <const float*> NULL)


cdef api void fft_taps_f64(const Args* a) noexcept nogil:
    transform_taps(a, <const double*> NULL)
