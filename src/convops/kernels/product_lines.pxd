# Which bands of `separable.pyx` go through `product.pxd`, and what all lines of theirs have in common.
# Start reading at `find_product`.
from convops.kernels.abi cimport Args
from convops.kernels.along cimport SHIFTS
from convops.kernels.lines_band cimport line_address
from convops.kernels.past_caches cimport PAGE
from convops.kernels.places cimport find_places
from convops.kernels.pool_extremes cimport i32v
from convops.kernels.product cimport HIGH, Product
from convops.kernels.separable_job cimport Job
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport maximum, minimum
from convops.kernels.wider cimport BYTES


cdef inline bint is_product(const Args* a, const Job* j, bint bytes, const Real* tag) noexcept nogil:
    """Whether kernels are such ones, and lines are read where they lie."""
    cdef Py_ssize_t n = a.axis[2].window
    if not SHIFTS or a.panel_rows > 1 or j.band.unit > 1 or j.band.repairs:
        return False
    if n not in (3, 5, 7, 9) or a.axis[1].window != n or n // 2 * <Py_ssize_t> sizeof(Real) > VECTOR_BYTES:
        return False
    # Lines a page apart share their places in a cache, which has fewer than the highest of these windows needs.
    if n == 9 and a.x.step[1] % PAGE == 0:
        return False
    if a.axis[1].stride > 1 or a.axis[2].stride > 1 or a.axis[1].dilation > 1 or a.axis[2].dilation > 1:
        return False
    return j.in_place or (bytes and BYTES and a.x.step[2] == 1 and Real is float)


cdef inline bint find_product(const Args* a, const Job* j, bint bytes, Product* p, const Real* tag) noexcept nogil:
    """False where kernels are other ones, or lines are too short."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), n = a.axis[2].window, middle = n // 2
    if not is_product(a, j, bytes, tag):
        return False
    p.bytes, p.line, p.taps, p.count = not j.in_place, -1, n, j.band.width
    # What results see, and as much as vectors reach beyond.
    p.begin = a.axis[2].inner_begin - j.band.first_pixel
    p.end = minimum(a.axis[2].inner_end - j.band.first_pixel, p.count + middle + lanes)
    if p.begin > middle or p.end < p.count + middle or p.count + middle < maximum(0, p.begin) + 2 * lanes:
        return False
    p.column, p.row = j.columns, j.columns + n * <Py_ssize_t> sizeof(Real)
    p.bias = a.epilogue.bias + j.band.tile.group * <Py_ssize_t> sizeof(Real)
    p.ahead, p.padding = HIGH * a.x.step[1], (<const i32v*> (j.padding + j.pitch))[0]
    return find_places(&a.axis[2], j.band.first_pixel, p.count, middle, p.begin, p.end, &p.places, tag)


cdef inline bint find_rows(const Args* a, const Job* j, Product* p, Py_ssize_t h) noexcept nogil:
    """The input lines that the lines of results from `h` on see; False where some of them are padding of bytes."""
    cdef Py_ssize_t i, known = 0, count = HIGH + p.taps - 1
    p.rows = j.rows + h
    if not p.bytes:
        return True
    p.rows = p.found
    if p.line >= 0 and h == p.line + HIGH:
        known = p.taps - 1
        for i in range(known):
            p.found[i] = p.found[i + HIGH]
    p.line = -1
    for i in range(known, count):
        p.found[i] = line_address(a, &j.band, h + i)
        if p.found[i] == NULL:
            return False
        p.found[i] = p.found[i] + j.band.first_pixel - a.axis[2].shift
    p.line = h
    return True
