# What the sums of separable pools are divided by.
from libc.stdint cimport int64_t

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport Item
from convops.kernels.pool_band cimport Job
from convops.kernels.window cimport counted


cdef enum:
    MOST_SCALED = 1 << 20      # divisors whose reciprocals are certainly exact


cdef inline double divisor_of(const Args* a, const Job* j, Py_ssize_t w, double outer) noexcept nogil:
    return outer if a.divisor else outer * counted(a, &a.axis[2], j.w + w)


cdef inline bint is_power_of_two(double value) noexcept nogil:
    cdef int64_t whole
    if not 1 <= value <= MOST_SCALED:
        return False
    whole = <int64_t> value
    return whole & (whole - 1) == 0 and <double> whole == value


cdef inline Item* divisors_of(const Args* a, Job* j, Py_ssize_t i, bint reciprocal, const Item* tag) noexcept nogil:
    """What the sums of a line are divided by; kept for lines that have the same.

    Where all are powers of two, their reciprocals if wanted: `j.scaled` says so.
    """
    cdef Py_ssize_t w, c, pixel = j.unit, plane = j.out_span
    cdef double outer = a.divisor if a.divisor else <double> counted(a, &a.axis[1], j.h + i)
    cdef Item* divisors = <Item*> j.divisors
    cdef Item divisor
    if outer == j.outer:
        return divisors
    j.outer, j.scaled = outer, reciprocal
    for w in range(j.wide):
        j.scaled = j.scaled and is_power_of_two(divisor_of(a, j, w, outer))
    for c in range(j.out_pitch):
        divisors[c] = 1
    for w in range(j.wide):
        divisor = <Item> divisor_of(a, j, w, outer)
        divisor = 1 / divisor if j.scaled else divisor
        if j.together:
            for c in range(j.unit):
                divisors[w * pixel + c] = divisor
        else:
            for c in range(j.planes):
                divisors[w + c * plane] = divisor
    return divisors
