# cython: language_level=3
"""Overlap-save convolution of one-channel volumes by FFT, one box at a time: its lines fill the lanes.

Called by `backends/fft_volume.py` through `bind.pyx`. Two neighbouring tiles are the real and the imaginary parts of
one transform, whose lines are transformed as many side by side as a vector has lanes; `fft_slabs.pxd` does the rest.
Start reading at `run_pair`.
"""
from libc.math cimport ldexp
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.fft_lanes cimport exponent_of, tap_of
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.fft_slabs cimport Header, convolve, end_of, to_spectrum, twiddles_of
from convops.kernels.lanes cimport load_weight
from convops.kernels.padded_lines cimport note
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport ceil_div, finish, minimum
from convops.kernels.transpose cimport transpose
from convops.kernels.turn cimport LANES
from convops.kernels.volume_lines cimport CHUNK, PITCH, Place, is_blank, load_lines


def scratch_bytes(planes, lines, samples, itemsize):
    """Bytes that a transform and its slab take, and those with the copied lines."""
    cdef Py_ssize_t slab = 64 + 2 * planes * lines * (samples * itemsize + VECTOR_BYTES)
    return slab, slab + VECTOR_BYTES * PITCH


cdef inline outlined scale_line(Vector* z, Py_ssize_t count, const char* scale, Vector* strange) noexcept nogil:
    """Multiply both parts by the scale; lanes of `strange` that are not 0 met a number that is not finite."""
    cdef Vector factor, total = strange[0]
    cdef Py_ssize_t i
    load_weight(scale, &factor)
    for i in range(2 * count):
        z[i] = z[i] * factor
        total = total + z[i] * 0
    strange[0] = total


cdef inline void store(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row, Py_ssize_t column,
                       Py_ssize_t width, Real* sums) noexcept nogil:
    """Those of `width` sums of a line that the strides keep."""
    cdef Py_ssize_t stride = a.axis[2].stride, d = p.at[0] + plane, h = p.at[1] + row, first, end, i
    cdef const char* add = NULL
    column = p.at[2] + column
    first, end = column, column + width
    # Divisions take longer than a short line.
    if a.axis[0].stride > 1 or a.axis[1].stride > 1:
        if d % a.axis[0].stride or h % a.axis[1].stride:
            return
        d, h = d // a.axis[0].stride, h // a.axis[1].stride
    if stride > 1:
        first, end = ceil_div(first, stride), ceil_div(end, stride)
    end = minimum(end, a.axis[2].out)
    if first >= end or d >= a.axis[0].out or h >= a.axis[1].out:
        return
    if stride > 1:
        for i in range(first, end):
            sums[i - first] = sums[i * stride - column]
    if a.epilogue.add.data != NULL:
        add = (a.epilogue.add.data + p.batch * a.epilogue.add.batch + d * a.epilogue.add.step[0]
               + h * a.epilogue.add.step[1] + first * a.epilogue.add.step[2])
    finish(&a.epilogue, sums, (<const Real*> a.epilogue.bias)[0],
           a.out.data + p.batch * a.out.batch + d * a.out.step[0] + h * a.out.step[1] + first * a.out.step[2],
           a.out.step[2], add, a.epilogue.add.step[2], end - first)


cdef inline void store_lines(const Args* a, const Place* p, Py_ssize_t plane, Py_ssize_t row, Py_ssize_t lines,
                             const char* z, Real* copies) noexcept nogil:
    """The useful sums of one part."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), column = 0, width, i, step = step_of(a, 2)
    while column < step:
        width = minimum(CHUNK, step - column)
        i = 0
        while i < width:
            transpose(z + 2 * (column + i) * VECTOR_BYTES, 2 * VECTOR_BYTES, <char*> (copies + i),
                      PITCH * sizeof(Real), copies)
            i = i + lanes
        for i in range(lines):
            store(a, p, plane, row + i, column, width, copies + i * PITCH)
        column = column + width


cdef inline Py_ssize_t step_of(const Args* a, int axis) noexcept nogil:
    """Useful sums of one of the two tiles."""
    return a.axis[axis].tile // (2 if (<const Header*> a.weights).pair == axis else 1)


cdef inline void transform_lines(const Header* h, char* z, const Real* tag) noexcept nogil:
    """Those of the lanes."""
    if Real is float:
        forward(<f32v*> z, h.size[2], 1, <int> h.radix[2], twiddles_of(h, 2, sizeof(Real)))
    else:
        forward(<f64v*> z, h.size[2], 1, <int> h.radix[2], twiddles_of(h, 2, sizeof(Real)))


cdef inline void load_pair(const Args* a, const Place* pair, char* z, Real* copies) noexcept nogil:
    """Samples, and along the lines their spectra."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), blocks = h.size[1] // lanes, j, d, row
    cdef int part
    for j in range(h.size[0] * blocks):
        d, row = j // blocks, j % blocks * lanes
        if is_blank(a, &pair[0], d, row, copies) and is_blank(a, &pair[1], d, row, copies):
            memset(z, 0, 2 * h.size[2] * VECTOR_BYTES)
        else:
            for part in range(2):
                load_lines(a, &pair[part], d, row, h.size[2], z + part * VECTOR_BYTES, copies)
            transform_lines(h, z, copies)
        z = z + 2 * h.size[2] * VECTOR_BYTES


cdef inline bint store_pair(const Args* a, const Place* pair, Py_ssize_t wanted, char* z, Real* copies) noexcept nogil:
    """Lines back from their spectra, and through the epilogue; whether all are finite."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), line = 2 * h.size[2] * VECTOR_BYTES, j, d, row
    cdef Real scale = <Real> h.scale
    cdef Real strange[LANES]
    cdef char* here
    cdef int part
    memset(strange, 0, VECTOR_BYTES)
    for j in range(step_of(a, 0) * wanted):
        d, row = j // wanted, j % wanted * lanes
        here = z + (d * h.size[1] + row) // lanes * line
        if Real is float:
            backward(<f32v*> here, h.size[2], 1, <int> h.radix[2], end_of(h, 2, sizeof(Real)))
            scale_line(<f32v*> here, step_of(a, 2), <const char*> &scale, <f32v*> strange)
        else:
            backward(<f64v*> here, h.size[2], 1, <int> h.radix[2], end_of(h, 2, sizeof(Real)))
            scale_line(<f64v*> here, step_of(a, 2), <const char*> &scale, <f64v*> strange)
        for part in range(2):
            store_lines(a, &pair[part], d, row, minimum(lanes, step_of(a, 1) - row), here + part * VECTOR_BYTES, copies)
    for j in range(lanes):
        if strange[j] != 0:
            return False
    return True


cdef inline void run_pair(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Two neighbouring tiles of one volume."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t left = number, count, wanted = ceil_div(step_of(a, 1) * sizeof(Real), VECTOR_BYTES)
    cdef Real* copies = <Real*> (scratch + a.scratch_columns)
    cdef char* z = scratch + (-<Py_ssize_t> scratch & 63)
    cdef char* slab = z + 2 * h.size[0] * h.size[1] * h.size[2] * <Py_ssize_t> sizeof(Real)
    cdef Place pair[2]
    cdef int i
    for i in range(2, -1, -1):
        count = ceil_div((a.axis[i].out - 1) * a.axis[i].stride + 1, a.axis[i].tile)
        pair[0].at[i] = left % count * a.axis[i].tile
        left = left // count
    pair[0].batch = left
    pair[1] = pair[0]
    pair[1].at[h.pair] = pair[0].at[h.pair] + step_of(a, <int> h.pair)
    load_pair(a, pair, z, copies)
    if Real is float:
        convolve(h, <f32v*> z, <f32v*> slab, step_of(a, 0), wanted)
    else:
        convolve(h, <f64v*> z, <f64v*> slab, step_of(a, 0), wanted)
    if not store_pair(a, pair, wanted, z, copies):
        note(a, number)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a.tile_begin, a.tile_end):
        run_pair(a, i, a.scratch, tag)


cdef inline Py_ssize_t place_of_tap(const Args* a, int axis, Py_ssize_t tap, Py_ssize_t size) noexcept nogil:
    """Backwards, as for a correlation."""
    return (size - tap * a.axis[axis].dilation) % size


cdef inline void spread_taps(const Args* a, const Header* h, Real* z) noexcept nogil:
    """Into the real parts; the middle axis fills the lanes."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), blocks = h.size[1] // lanes, i, j, at, row
    cdef Py_ssize_t rows = a.axis[1].window
    cdef Real scale = <Real> h.weight_scale
    memset(z, 0, 2 * h.size[0] * h.size[1] * h.size[2] * sizeof(Real))
    for i in range(a.axis[0].window * rows):
        row = place_of_tap(a, 1, i % rows, h.size[1])
        at = (place_of_tap(a, 0, i // rows, h.size[0]) * blocks + row // lanes) * h.size[2]
        for j in range(a.axis[2].window):
            z[2 * (at + place_of_tap(a, 2, j, h.size[2])) * lanes + row % lanes] = (
                tap_of(a, i // rows, i % rows, j, z) * scale)


cdef inline void transform_taps(const Args* a, const Real* tag) noexcept nogil:
    """`out` is `weights` with scales, the spectrum, and room for a slab."""
    cdef Header* h = <Header*> a.out.data
    cdef Py_ssize_t size, i
    cdef int exponent = exponent_of(a, tag)
    cdef Real* z
    memcpy(h, a.weights, (<const Header*> a.weights).spectrum)
    size = h.size[0] * h.size[1] * h.size[2]
    h.scale, h.weight_scale = ldexp(1, exponent) / size, ldexp(1, -exponent)
    z = <Real*> (a.out.data + h.spectrum)
    spread_taps(a, h, z)
    for i in range(size * <Py_ssize_t> sizeof(Real) // (h.size[2] * VECTOR_BYTES)):
        transform_lines(h, <char*> z + 2 * i * h.size[2] * VECTOR_BYTES, tag)
    if Real is float:
        to_spectrum(h, <f32v*> z, <f32v*> (z + 2 * size))
    else:
        to_spectrum(h, <f64v*> z, <f64v*> (z + 2 * size))


cdef api void fft_volume_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_volume_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)


cdef api void fft_volume_taps_f32(const Args* a) noexcept nogil:
    transform_taps(a, <const float*> NULL)


cdef api void fft_volume_taps_f64(const Args* a) noexcept nogil:
    transform_taps(a, <const double*> NULL)
