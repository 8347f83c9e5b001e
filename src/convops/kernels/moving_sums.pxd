# Moving sums of integers: columns that gain a line and lose one, and windows along them, times their weight.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from convops.kernels.prefix cimport Total
from convops.kernels.simd cimport Real, outlined

ctypedef fused Item:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t

# Results of bytes without reals: (sum + added) * multiplier >> 16 >> shift, which is proven to be the rounded product
# with the weight; a multiplier of 0 where there is no such thing.
cdef struct Fixed:
    uint16_t multiplier
    uint16_t added
    int shift


cdef inline outlined add_line(Total* columns, const Item* line, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        columns[i] = <Total> (columns[i] + line[i])


cdef inline outlined take_line(Total* columns, const Item* line, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        columns[i] = <Total> (columns[i] - line[i])


cdef inline outlined slide(Total* columns, const Item* line, const Item* left, Py_ssize_t count) noexcept nogil:
    """One line more, and one less."""
    cdef Py_ssize_t i
    for i in range(count):
        columns[i] = <Total> (columns[i] + line[i] - left[i])


cdef inline Real real_of(Total total, const Item* kind, const Real* tag) noexcept nogil:
    """Sums of items with a sign have one, too; all of 32 bits are below 2^31, all of 64 below 2^53."""
    if Total is uint64_t:
        return <Real> <int64_t> total
    elif Total is uint32_t:
        return <Real> <int32_t> total
    elif Item is int8_t:
        return <Real> <int16_t> total
    else:
        return <Real> total


cdef inline outlined weigh(int taps, const Total* sums, Py_ssize_t unit, Py_ssize_t shift, Real factor, Real offset,
                           Real* out, Py_ssize_t count, const Item* kind) noexcept nogil:
    """Windows of so many columns, `unit` apart, or of 0: differences of running sums `shift` apart."""
    cdef Py_ssize_t i
    cdef Total total
    if taps == 2:
        for i in range(count):
            out[i] = real_of(<Total> (sums[i] + sums[i + unit]), kind, out) * factor + offset
    elif taps == 3:
        for i in range(count):
            total = <Total> (sums[i] + sums[i + unit] + sums[i + 2 * unit])
            out[i] = real_of(total, kind, out) * factor + offset
    else:
        for i in range(count):
            out[i] = real_of(<Total> (sums[i + shift] - sums[i]), kind, out) * factor + offset


cdef inline uint8_t weighed(uint16_t total, Fixed f) noexcept nogil:
    """In 16 bits, of which the compiler makes one product of vectors."""
    cdef uint16_t high = <uint16_t> (<uint32_t> total * f.multiplier >> 16)
    return <uint8_t> (high >> f.shift)


cdef inline outlined weigh_bytes(int taps, const uint16_t* sums, Py_ssize_t unit, Py_ssize_t shift, Fixed f,
                                 uint8_t* out, Py_ssize_t count) noexcept nogil:
    """The same to results of bytes."""
    cdef Py_ssize_t i
    cdef uint16_t total
    if taps == 1:
        for i in range(count):
            total = <uint16_t> (sums[i] + f.added)
            out[i] = weighed(total, f)
    elif taps == 2:
        for i in range(count):
            total = <uint16_t> (sums[i] + sums[i + unit] + f.added)
            out[i] = weighed(total, f)
    elif taps == 3:
        for i in range(count):
            total = <uint16_t> (sums[i] + sums[i + unit] + sums[i + 2 * unit] + f.added)
            out[i] = weighed(total, f)
    else:
        for i in range(count):
            total = <uint16_t> (sums[i + shift] - sums[i] + f.added)
            out[i] = weighed(total, f)
