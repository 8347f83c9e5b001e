# Reals into integers: rounded half to even, and then what the policy does with those that do not fit.
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)
from libc.string cimport memcpy

from convops.kernels.abi cimport SATURATE, WRAP
from convops.kernels.simd cimport Real

cdef extern from "<math.h>" nogil:
    double fmod(double, double)
    double rint(double)
    float rintf(float)

cdef extern from *:
    """
    #if defined(__SSE2__)
    #define CONVOPS_TELLS 1
    #else
    #define CONVOPS_TELLS 0
    #endif
    """
    # Half to even, in one step.
    int32_t nearest_f32 "__builtin_irintf"(float) nogil
    int32_t nearest_f64 "__builtin_irint"(double) nogil
    enum:
        TELLS "CONVOPS_TELLS"  # whether what is no int32 becomes the least one

ctypedef fused Integer:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline bint wrapped(double* value) noexcept nogil:
    """The value modulo 2^64 in [-2^63, 2^63), if it is finite."""
    value[0] = fmod(value[0], 18446744073709551616.0)
    if value[0] >= 9223372036854775808.0:
        value[0] = value[0] - 18446744073709551616.0
    elif value[0] < -9223372036854775808.0:
        value[0] = value[0] + 18446744073709551616.0
    return value[0] == value[0]


cdef inline void limits(const Integer* tag, double* low, double* end) noexcept nogil:
    """The least value, and the one behind the greatest."""
    if Integer is int8_t:
        low[0], end[0] = -128.0, 128.0
    elif Integer is int16_t:
        low[0], end[0] = -32768.0, 32768.0
    elif Integer is int32_t:
        low[0], end[0] = -2147483648.0, 2147483648.0
    elif Integer is int64_t:
        low[0], end[0] = -9223372036854775808.0, 9223372036854775808.0
    elif Integer is uint8_t:
        low[0], end[0] = 0.0, 256.0
    elif Integer is uint16_t:
        low[0], end[0] = 0.0, 65536.0
    elif Integer is uint32_t:
        low[0], end[0] = 0.0, 4294967296.0
    else:
        low[0], end[0] = 0.0, 18446744073709551616.0


cdef inline Real rounded(Real value) noexcept nogil:
    """Half to even."""
    if Real is float:
        return rintf(value)
    else:
        return rint(value)


cdef inline int32_t bits_above_sign(Real value) noexcept nogil:
    """The leading bits, which grow with the magnitude; those of NaN are the greatest."""
    cdef int32_t bits
    cdef int64_t more
    if Real is float:
        memcpy(&bits, &value, 4)
    else:
        memcpy(&more, &value, 8)
        bits = <int32_t> (more >> 32)
    return bits & 0x7fffffff


cdef inline int32_t larger(int32_t a, int32_t b) noexcept nogil:
    return a if a > b else b


cdef inline int32_t nearest(Real value) noexcept nogil:
    """Half to even; any number where it does not fit."""
    if Real is float:
        return nearest_f32(value)
    else:
        return nearest_f64(value)


cdef inline bint cast_short(const Real* values, Integer* out, Py_ssize_t count, int policy) noexcept nogil:
    """Values that lie side by side to integers of up to 16 bits; False where one needs a look of its own."""
    cdef double least, behind
    # What is not below 2^30 may become any number: all are cast anew then.
    cdef int32_t low = -1 << 30, high = 1 << 30, number, inside, most = 0, outside = 0
    cdef int32_t limit = bits_above_sign(<Real> 1073741824.0)
    cdef Py_ssize_t j
    if policy != WRAP:
        limits(out, &least, &behind)
        low, high = <int32_t> least, <int32_t> behind - 1
    for j in range(count):
        number = nearest(values[j])
        if not TELLS:
            most = larger(most, bits_above_sign(values[j]))
        inside = number if number > low else low
        inside = inside if inside < high else high
        outside = outside | (inside ^ number)
        out[j] = <Integer> inside
    if TELLS and outside != 0 and policy == SATURATE:
        for j in range(count):
            most = larger(most, bits_above_sign(values[j]))
    return most < limit and (outside == 0 or policy == SATURATE)


cdef inline bint cast_long(const Real* values, Integer* out, Py_ssize_t count) noexcept nogil:
    """The same to longer ones."""
    cdef double least, behind
    cdef Real value, low, end
    cdef Py_ssize_t j
    cdef int64_t outside = 0
    limits(out, &least, &behind)
    low, end = <Real> least, <Real> behind
    for j in range(count):
        value = rounded(values[j])
        outside = outside | (not low <= value) | (not value < end)
    if outside:
        return False
    for j in range(count):
        out[j] = <Integer> rounded(values[j])
    return True


cdef inline bint cast_run(const Real* values, Integer* out, Py_ssize_t count, int policy) noexcept nogil:
    if sizeof(Integer) <= 2:
        return cast_short(values, out, count, policy)
    return cast_long(values, out, count)


cdef inline void cast_integer(double value, Integer* out, int policy, int* status) noexcept nogil:
    """Half to even, then the policy; NaN fits none, infinity only saturates."""
    cdef double low, end
    limits(out, &low, &end)
    value = rint(value)
    if low <= value < end:
        out[0] = <Integer> value
    elif policy == WRAP and wrapped(&value):
        out[0] = <Integer> <int64_t> value
    elif policy == SATURATE and value == value:
        out[0] = <Integer> low if value < low else <Integer> (-1 - <Integer> low)
    else:
        status[0] = 1
        out[0] = 0
