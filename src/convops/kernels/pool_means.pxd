# What the sums of separable pools are divided by.
from libc.stdint cimport int64_t

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport Item
from convops.kernels.pool_band cimport Job
from convops.kernels.window cimport counted


cdef enum:
    MOST_SCALED = 1 << 20      # divisors whose reciprocals are certainly exact


cdef inline bint is_power_of_two(double value) noexcept nogil:
    cdef int64_t whole
    if not 1 <= value <= MOST_SCALED:
        return False
    whole = <int64_t> value
    return whole & (whole - 1) == 0 and <double> whole == value


cdef inline void count_taps(const Args* a, Job* j, const Item* tag) noexcept nogil:
    """Of the windows along a line; those that no result belongs to count one."""
    cdef Py_ssize_t w, c
    cdef double count
    j.largest = 1
    for c in range(j.out_pitch):
        j.counts[c] = 1
    for w in range(0 if a.divisor else j.wide):
        count = <double> counted(a, &a.axis[2], j.w + w)
        if not is_power_of_two(count):
            j.largest = 0
        elif j.largest:
            j.largest = count if count > j.largest else j.largest
        for c in range(j.unit if j.together else j.planes):
            j.counts[w * j.unit + c if j.together else w + c * j.out_span] = count


cdef inline Item* divisors_of(const Args* a, Job* j, Py_ssize_t i, bint reciprocal, const Item* tag) noexcept nogil:
    """What the sums of a line are divided by; kept for lines that have the same.

    Where all are powers of two, their reciprocals if wanted: `j.scaled` says so.
    """
    cdef Py_ssize_t c
    cdef double outer = a.divisor if a.divisor else <double> counted(a, &a.axis[1], j.h + i)
    cdef Item* divisors = <Item*> j.divisors
    if j.largest < 0:
        count_taps(a, j, tag)
    elif outer == j.outer:
        return divisors
    j.outer = outer
    j.scaled = reciprocal and is_power_of_two(outer) and is_power_of_two(outer * j.largest)
    for c in range(j.out_pitch):
        divisors[c] = <Item> (outer * j.counts[c])
    for c in range(j.out_pitch if j.scaled else 0):
        divisors[c] = 1 / divisors[c]
    return divisors
