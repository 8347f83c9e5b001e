# Moving sums of integers: columns that gain a line and lose one, and windows along them, times their weight.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from convops.kernels.prefix cimport Total
from convops.kernels.simd cimport Real, inlined, outlined

ctypedef fused Item:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t

cdef enum:
    MOST_COUNTED = 5           # columns that are added one by one

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


cdef inline Total counted_sum(int taps, const Total* columns, Py_ssize_t unit) noexcept nogil:
    """Of so many columns, `unit` apart."""
    cdef Total total = columns[0]
    cdef int k
    for k in range(1, taps):
        total = <Total> (total + columns[k * unit])
    return total


cdef inline int counted_out(Py_ssize_t window) noexcept nogil:
    """Columns of windows that are no differences of running sums."""
    return <int> window if window <= MOST_COUNTED else 0


cdef inline inlined weigh_taps(int taps, const Total* sums, Py_ssize_t unit, Real factor, Real offset, Real* out,
                               Py_ssize_t count, const Item* kind) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        out[i] = real_of(counted_sum(taps, sums + i, unit), kind, out) * factor + offset


cdef inline outlined weigh(int taps, const Total* sums, Py_ssize_t unit, Py_ssize_t shift, Real factor, Real offset,
                           Real* out, Py_ssize_t count, const Item* kind) noexcept nogil:
    """Windows of so many columns, `unit` apart, or of 0: differences of running sums `shift` apart."""
    cdef Py_ssize_t i
    if taps == 2:
        weigh_taps(2, sums, unit, factor, offset, out, count, kind)
    elif taps == 3:
        weigh_taps(3, sums, unit, factor, offset, out, count, kind)
    elif taps == 4:
        weigh_taps(4, sums, unit, factor, offset, out, count, kind)
    elif taps == 5:
        weigh_taps(5, sums, unit, factor, offset, out, count, kind)
    else:
        for i in range(count):
            out[i] = real_of(<Total> (sums[i + shift] - sums[i]), kind, out) * factor + offset


cdef inline uint8_t weighed(uint16_t total, Fixed f) noexcept nogil:
    """In 16 bits, of which the compiler makes one product of vectors."""
    cdef uint16_t moved = <uint16_t> (total + f.added), high = <uint16_t> (<uint32_t> moved * f.multiplier >> 16)
    return <uint8_t> (high >> f.shift)


cdef inline inlined weigh_byte_taps(int taps, const uint16_t* sums, Py_ssize_t unit, Fixed f, uint8_t* out,
                                    Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        out[i] = weighed(counted_sum(taps, sums + i, unit), f)


cdef inline outlined weigh_bytes(int taps, const uint16_t* sums, Py_ssize_t unit, Py_ssize_t shift, Fixed f,
                                 uint8_t* out, Py_ssize_t count) noexcept nogil:
    """The same to results of bytes."""
    cdef Py_ssize_t i
    if taps == 1:
        weigh_byte_taps(1, sums, unit, f, out, count)
    elif taps == 2:
        weigh_byte_taps(2, sums, unit, f, out, count)
    elif taps == 3:
        weigh_byte_taps(3, sums, unit, f, out, count)
    elif taps == 4:
        weigh_byte_taps(4, sums, unit, f, out, count)
    elif taps == 5:
        weigh_byte_taps(5, sums, unit, f, out, count)
    else:
        for i in range(count):
            out[i] = weighed(<uint16_t> (sums[i + shift] - sums[i]), f)
