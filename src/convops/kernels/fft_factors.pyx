# cython: language_level=3
"""What filters do to the spectra of tiles, for `fft.pyx`: factors a and b of each pair of frequencies.

Called by `backends/fft_lanes.py`, once per filter, with a template of the weights. The even and the odd taps are the
parts of one complex transform, in the first lane. Start reading at `make_factors`.
"""
from libc.math cimport ldexp
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args
from convops.kernels.fft_lanes cimport Header, exponent_of, reals_of, tap_of
from convops.kernels.fft_passes cimport forward
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v, f64v


cdef inline void spread_taps(const Args* a, const Header* h, Real scale, Real* z) noexcept nogil:
    """Backwards, as for a correlation."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i, j, row, column
    memset(z, 0, 2 * h.lines * h.size * VECTOR_BYTES)
    for i in range(a.axis[1].window):
        row = (h.lines - i * a.axis[1].dilation) % h.lines
        for j in range(a.axis[2].window):
            column = (2 * h.size - j * a.axis[2].dilation) % (2 * h.size)
            z[(row * 2 * h.size + column) * lanes] = tap_of(a, 0, i, j, z) * scale


cdef inline void transform(const Header* h, Real* z) noexcept nogil:
    cdef Py_ssize_t i
    cdef const char* twiddles = reals_of(h)
    cdef const char* columns = twiddles + h.twiddles * <Py_ssize_t> sizeof(Real)
    if Real is float:
        for i in range(h.lines):
            forward(<f32v*> z + 2 * i * h.size, h.size, 1, <int> h.radix, twiddles)
        if h.lines > 1:
            forward(<f32v*> z, h.lines, h.size, <int> h.line_radix, columns)
    else:
        for i in range(h.lines):
            forward(<f64v*> z + 2 * i * h.size, h.size, 1, <int> h.radix, twiddles)
        if h.lines > 1:
            forward(<f64v*> z, h.lines, h.size, <int> h.line_radix, columns)


cdef inline void factors_of_pairs(const Header* h, const Real* z, const Real* turns, Real* f) noexcept nogil:
    """Of E and O, the transforms of even and odd taps: a = E + c and b of k, conj(E - c) and -conj(b) of -k."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), p
    cdef const Py_ssize_t* at = <const Py_ssize_t*> (h + 1)
    cdef const Real* one
    cdef const Real* other
    cdef Real er, ei, odd_re, odd_im, cr, ci, br, bi, norm = <Real> 1 / <Real> (2 * h.lines * h.size)
    for p in range(h.pairs):
        one, other = z + at[2 * p] * lanes, z + at[2 * p + 1] * lanes
        er, ei = norm * (one[0] + other[0]), norm * (one[lanes] - other[lanes])
        odd_re, odd_im = norm * (one[lanes] + other[lanes]), norm * (other[0] - one[0])
        cr, ci = odd_re * turns[0] - odd_im * turns[1], odd_re * turns[1] + odd_im * turns[0]
        br, bi = odd_re * turns[2] - odd_im * turns[3], odd_re * turns[3] + odd_im * turns[2]
        f[0], f[1], f[2], f[3] = er + cr, ei + ci, br, bi
        f[4], f[5], f[6], f[7] = er - cr, ci - ei, -br, bi
        f, turns = f + 8, turns + 4


cdef inline void make_factors(const Args* a, const Real* tag) noexcept nogil:
    """`weights` ends in i (1 - w) / 2 and i (1 + w) / 2 of each pair; `out` has room for a transform behind factors."""
    cdef const Header* template = <const Header*> a.weights
    cdef Header* h = <Header*> a.out.data
    cdef Py_ssize_t size = sizeof(Real), twiddles = (template.twiddles + template.line_twiddles) * size
    cdef Py_ssize_t first = reals_of(template) - a.weights + twiddles
    cdef char* end = a.out.data + first + 8 * template.pairs * size
    cdef Real* z = <Real*> (end + (-<Py_ssize_t> end & (VECTOR_BYTES - 1)))
    cdef int exponent = exponent_of(a, tag)
    memcpy(a.out.data, a.weights, first)
    h.scale = ldexp(1, exponent)
    spread_taps(a, h, <Real> ldexp(1, -exponent), z)
    transform(h, z)
    factors_of_pairs(h, z, <const Real*> (a.weights + first), <Real*> (a.out.data + first))


cdef api void fft_factors_f32(const Args* a) noexcept nogil:
    make_factors(a, <const float*> NULL)


cdef api void fft_factors_f64(const Args* a) noexcept nogil:
    make_factors(a, <const double*> NULL)
