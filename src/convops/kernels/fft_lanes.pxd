# The weights of `fft.pyx`, which `fft_factors.pyx` makes, and what they share with `fft_line.pyx` and
# `fft_volume.pyx`.
from libc.math cimport fabs, frexp, isfinite

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport Real
from convops.kernels.tile cimport maximum, minimum

# These numbers, positions of pairs of frequencies, then reals: twiddles of lines and of columns, a and b of each pair.
cdef struct Header:
    Py_ssize_t size                # complex items of a line of a tile
    Py_ssize_t radix               # of the last pass
    Py_ssize_t lines
    Py_ssize_t line_radix
    Py_ssize_t pairs
    Py_ssize_t twiddles
    Py_ssize_t line_twiddles
    double scale                   # of the results, a power of two


cdef inline const char* reals_of(const Header* h) noexcept nogil:
    return <const char*> (<const Py_ssize_t*> (h + 1) + 2 * h.pairs)


cdef inline Real tap_of(const Args* a, Py_ssize_t plane, Py_ssize_t row, Py_ssize_t column,
                        const Real* tag) noexcept nogil:
    return (<const Real*> (a.x.data + plane * a.x.step[0] + row * a.x.step[1] + column * a.x.step[2]))[0]


cdef inline int exponent_of(const Args* a, const Real* tag) noexcept nogil:
    """The power of two that divides all taps, so that neither tiny nor huge ones leave the range of their dtype."""
    cdef Py_ssize_t rows = a.axis[1].window, i, j
    cdef double loudest = 0, size
    cdef int exponent = 0, most = 100 if Real is float else 900
    for i in range(a.axis[0].window * rows):
        for j in range(a.axis[2].window):
            size = fabs(tap_of(a, i // rows, i % rows, j, tag))
            if loudest < size and isfinite(size):
                loudest = size
    frexp(loudest, &exponent)
    return <int> maximum(-most, minimum(most, exponent))
