# Spectra of real tiles, one in each lane: from the half-size complex transform to them, and back.
#
# The real samples of a tile count as half as many complex ones, z[m] = x[2m] + i x[2m+1]. With E and O, the transforms
# of the even and odd samples, frequencies k and k + size/2 are E + w O and E - w O; both times two replace z[k] and
# z[-k]. Where k is -k they are two real numbers, the second of which gets an item of its own behind all others, or
# one complex number.
from convops.kernels.abi cimport Args
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.lanes cimport load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, outlined

# What begins the weights; positions of pairs, of ends with their second items, and of middles follow, then reals:
# twiddles of the three axes, w of the pairs, and the spectra.
cdef struct Header:
    Py_ssize_t size[3]             # complex items along each axis
    Py_ssize_t radix[3]            # of the last pass
    Py_ssize_t twiddles[3]         # reals
    Py_ssize_t pairs
    Py_ssize_t ends
    Py_ssize_t middles
    Py_ssize_t slots               # items of a spectrum
    Py_ssize_t spectra             # bytes from here to the spectra
    double scale                   # of the results
    double weight_scale            # of the weights, a power of two


cdef inline const Py_ssize_t* places_of(const Header* h) noexcept nogil:
    return <const Py_ssize_t*> (h + 1)


cdef inline const char* reals_of(const Header* h) noexcept nogil:
    return <const char*> (places_of(h) + 2 * h.pairs + 2 * h.ends + h.middles)


cdef inline outlined unpack_pairs(Vector* z, Py_ssize_t pairs, const Py_ssize_t* at, const char* turns) noexcept nogil:
    """z[k] and z[-k] -> 2 (E + w O), 2 (E - w O)."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, p
    cdef Vector c, s, er, ei, dr, di, tr, ti
    cdef Vector* one
    cdef Vector* other
    for p in range(pairs):
        one, other = z + at[2 * p], z + at[2 * p + 1]
        load_weight(turns + 2 * p * item, &c)
        load_weight(turns + (2 * p + 1) * item, &s)
        er, ei = one[0] + other[0], one[1] - other[1]
        # 2 O = (z[k] - conj z[-k]) / i
        dr, di = one[1] + other[1], other[0] - one[0]
        tr, ti = c * dr - s * di, c * di + s * dr
        one[0], one[1] = er + tr, ei + ti
        other[0], other[1] = er - tr, ei - ti


cdef inline outlined pack_pairs(Vector* z, Py_ssize_t pairs, const Py_ssize_t* at, const char* turns) noexcept nogil:
    """The way back: E + i O and the conjugate of E - i O, twice."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, p
    cdef Vector c, s, er, ei, dr, di, tr, ti
    cdef Vector* one
    cdef Vector* other
    for p in range(pairs):
        one, other = z + at[2 * p], z + at[2 * p + 1]
        load_weight(turns + 2 * p * item, &c)
        load_weight(turns + (2 * p + 1) * item, &s)
        er, ei = one[0] + other[0], one[1] + other[1]
        dr, di = one[0] - other[0], one[1] - other[1]
        tr, ti = c * dr + s * di, c * di - s * dr
        one[0], one[1] = er - ti, ei + tr
        other[0], other[1] = er + ti, tr - ei


cdef inline void unpack(const Header* h, Vector* z, const char* turns) noexcept nogil:
    cdef const Py_ssize_t* at = places_of(h)
    cdef Py_ssize_t i
    cdef Vector re, im
    unpack_pairs(z, h.pairs, at, turns)
    at = at + 2 * h.pairs
    for i in range(h.ends):
        re, im = z[at[2 * i]], z[at[2 * i] + 1]
        z[at[2 * i]], z[at[2 * i] + 1] = 2 * (re + im), 0 * re
        z[at[2 * i + 1]], z[at[2 * i + 1] + 1] = 2 * (re - im), 0 * re
    at = at + 2 * h.ends
    for i in range(h.middles):
        z[at[i]], z[at[i] + 1] = 2 * z[at[i]], -(2 * z[at[i] + 1])


cdef inline void pack(const Header* h, Vector* z, const char* turns) noexcept nogil:
    cdef const Py_ssize_t* at = places_of(h)
    cdef Py_ssize_t i
    cdef Vector re, im
    pack_pairs(z, h.pairs, at, turns)
    at = at + 2 * h.pairs
    for i in range(h.ends):
        re, im = z[at[2 * i]], z[at[2 * i + 1]]
        z[at[2 * i]], z[at[2 * i] + 1] = re + im, re - im
    at = at + 2 * h.ends
    for i in range(h.middles):
        z[at[i]], z[at[i] + 1] = 2 * z[at[i]], -(2 * z[at[i] + 1])


cdef inline void to_spectrum(const Header* h, Vector* z) noexcept nogil:
    """Samples, line by line, -> items of the spectrum, two vectors each."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lines = h.size[0] * h.size[1], i
    cdef const char* twiddles = reals_of(h)
    for i in range(lines):
        forward(z + 2 * i * h.size[2], h.size[2], 1, <int> h.radix[2], twiddles)
    twiddles = twiddles + h.twiddles[2] * item
    if h.size[1] > 1:
        for i in range(h.size[0]):
            forward(z + 2 * i * h.size[1] * h.size[2], h.size[1], h.size[2], <int> h.radix[1], twiddles)
    twiddles = twiddles + h.twiddles[1] * item
    if h.size[0] > 1:
        forward(z, h.size[0], h.size[1] * h.size[2], <int> h.radix[0], twiddles)
    unpack(h, z, twiddles + h.twiddles[0] * item)


cdef inline void from_spectrum(const Args* a, const Header* h, Vector* z) noexcept nogil:
    """The way back, for the lines that hold results only."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, plane = h.size[1] * h.size[2], d, i
    cdef const char* line_end = reals_of(h) + h.twiddles[2] * item
    cdef const char* plane_end = line_end + h.twiddles[1] * item
    cdef const char* end = plane_end + h.twiddles[0] * item
    pack(h, z, end)
    if h.size[0] > 1:
        backward(z, h.size[0], plane, <int> h.radix[0], end)
    for d in range(a.axis[0].tile):
        if h.size[1] > 1:
            backward(z + 2 * d * plane, h.size[1], h.size[2], <int> h.radix[1], plane_end)
        for i in range(a.axis[1].tile):
            backward(z + 2 * (d * plane + i * h.size[2]), h.size[2], 1, <int> h.radix[2], line_end)
