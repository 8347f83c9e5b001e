# Boxes of complex items, one transform whose lines fill the lanes: what lies between the transforms along lines.
#
# Lane l of item m of block b of plane d is sample m of line b L + l. Slab by slab, as many frequencies of all lines
# change places with these; along the two other axes the slab is transformed, filtered and transformed back while it
# lies in the cache.
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, outlined
from convops.kernels.transpose cimport transpose_vectors
from convops.kernels.turn cimport LANES

# The weights: these numbers, then reals: twiddles of the last axis, of the middle one, of the first, and the spectrum,
# whose blocks lie where those of a tile's lines do.
cdef struct Header:
    Py_ssize_t size[3]
    Py_ssize_t radix[3]            # of the last pass
    Py_ssize_t twiddles[3]         # reals
    Py_ssize_t pair                # the axis along which the two tiles lie
    Py_ssize_t spectrum            # bytes from here
    double scale                   # of the results
    double weight_scale            # of the taps


cdef inline const char* twiddles_of(const Header* h, int axis, Py_ssize_t item) noexcept nogil:
    cdef const char* twiddles = <const char*> (h + 1)
    cdef int i
    for i in range(2, axis, -1):
        twiddles = twiddles + h.twiddles[i] * item
    return twiddles


cdef inline const char* end_of(const Header* h, int axis, Py_ssize_t item) noexcept nogil:
    return twiddles_of(h, axis, item) + h.twiddles[axis] * item


cdef inline void transpose_block(const Vector* rows, Vector* to) noexcept nogil:
    """Lanes and items of a square change places, in both parts."""
    transpose_vectors(<const char*> rows, 2 * VECTOR_BYTES, <char*> to, 2 * VECTOR_BYTES, rows)
    transpose_vectors(<const char*> (rows + 1), 2 * VECTOR_BYTES, <char*> (to + 1), 2 * VECTOR_BYTES, rows)


cdef inline outlined gather_plane(const Vector* z, Py_ssize_t blocks, Py_ssize_t pitch, Vector* slab) noexcept nogil:
    """Squares `pitch` vectors apart, transposed one behind the other."""
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    cdef Py_ssize_t _b
    for _b in range(blocks):
        transpose_block(z, slab)
        z, slab = z + pitch, slab + 2 * lanes


cdef inline outlined scatter_plane(const Vector* slab, Py_ssize_t blocks, Py_ssize_t pitch, Vector* z) noexcept nogil:
    """The way back."""
    cdef int lanes = LANES if Vector is f32v else LANES // 2
    cdef Py_ssize_t _b
    for _b in range(blocks):
        transpose_block(slab, z)
        z, slab = z + pitch, slab + 2 * lanes


cdef inline outlined filter_plane(Vector* slab, const Vector* w, Py_ssize_t blocks, Py_ssize_t pitch) noexcept nogil:
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    cdef Py_ssize_t _b
    cdef Vector re, im
    for _b in range(blocks):
        for i in range(lanes):
            re, im = slab[2 * i], slab[2 * i + 1]
            slab[2 * i] = re * w[2 * i] - im * w[2 * i + 1]
            slab[2 * i + 1] = re * w[2 * i + 1] + im * w[2 * i]
        slab, w = slab + 2 * lanes, w + pitch


cdef inline void slab_forward(const Header* h, const Vector* z, Vector* slab) noexcept nogil:
    """Some frequencies of all lines -> their spectrum along the other axes, vectors over these frequencies."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lines = h.size[1], pitch = 2 * h.size[2], d
    cdef Py_ssize_t blocks = lines // (LANES if Vector is f32v else LANES // 2)
    for d in range(h.size[0]):
        gather_plane(z + d * blocks * pitch, blocks, pitch, slab + 2 * d * lines)
        forward(slab + 2 * d * lines, lines, 1, <int> h.radix[1], twiddles_of(h, 1, item))
    if h.size[0] > 1:
        forward(slab, h.size[0], lines, <int> h.radix[0], twiddles_of(h, 0, item))


cdef inline void slab_backward(const Header* h, Vector* slab, Vector* z, Py_ssize_t planes,
                               Py_ssize_t wanted) noexcept nogil:
    """The way back for the first planes, and for so many blocks of their lines."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lines = h.size[1], pitch = 2 * h.size[2], d
    cdef Py_ssize_t blocks = lines // (LANES if Vector is f32v else LANES // 2)
    if h.size[0] > 1:
        backward(slab, h.size[0], lines, <int> h.radix[0], end_of(h, 0, item))
    for d in range(planes):
        backward(slab + 2 * d * lines, lines, 1, <int> h.radix[1], end_of(h, 1, item))
        scatter_plane(slab + 2 * d * lines, wanted, pitch, z + d * blocks * pitch)


cdef inline void convolve(const Header* h, Vector* z, Vector* slab, Py_ssize_t planes,
                          Py_ssize_t wanted) noexcept nogil:
    """Transformed lines -> lines to be transformed back, planes and blocks of lines that hold results only."""
    cdef Py_ssize_t pitch = 2 * h.size[2], first = 0, d
    cdef Py_ssize_t lanes = LANES if Vector is f32v else LANES // 2, blocks = h.size[1] // lanes
    cdef const Vector* w = <const Vector*> (<const char*> h + h.spectrum)
    while first < h.size[2]:
        slab_forward(h, z, slab)
        for d in range(h.size[0]):
            filter_plane(slab + 2 * d * h.size[1], w + d * blocks * pitch, blocks, pitch)
        slab_backward(h, slab, z, planes, wanted)
        z, w = z + 2 * lanes, w + 2 * lanes
        first = first + lanes


cdef inline outlined copy_plane(const Vector* slab, Py_ssize_t blocks, Py_ssize_t pitch, Vector* w) noexcept nogil:
    """Squares to where `filter_plane` looks for them."""
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    cdef Py_ssize_t _b
    for _b in range(blocks):
        for i in range(2 * lanes):
            w[i] = slab[i]
        slab, w = slab + 2 * lanes, w + pitch


cdef inline void to_spectrum(const Header* h, Vector* w, Vector* slab) noexcept nogil:
    """Transformed lines of taps -> the spectrum of a filter, in place."""
    cdef Py_ssize_t pitch = 2 * h.size[2], first = 0, d
    cdef Py_ssize_t lanes = LANES if Vector is f32v else LANES // 2, blocks = h.size[1] // lanes
    while first < h.size[2]:
        slab_forward(h, w, slab)
        for d in range(h.size[0]):
            copy_plane(slab + 2 * d * h.size[1], blocks, pitch, w + d * blocks * pitch)
        w = w + 2 * lanes
        first = first + lanes
