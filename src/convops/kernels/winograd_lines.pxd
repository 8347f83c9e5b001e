# One line through the one-dimensional transforms of Winograd's minimal filtering. The points of evaluation and the
# matrices stand in `backends/winograd_matrices.py`; a test compares them with these sums term by term. No sum holds a
# term twice and none is deeper than the side's roundings there, as the error bound counts on. Start reading at
# `input_line`.
from convops.kernels.simd cimport Vector, f32v, inlined

cdef enum:
    MOST_POINTS = 11
    MOST_PHASE = 6                 # of the even or the odd samples


cdef inline Vector scaled(double by, Vector values) noexcept nogil:
    if Vector is f32v:
        return (<float> by) * values
    else:
        return by * values


cdef inline inlined input_line(int points, const Vector* d, Vector* r) noexcept nogil:
    cdef Vector s, t
    if points == 4:
        r[0], r[1], r[2], r[3] = d[2] - d[0], d[2] + d[1], d[2] - d[1], d[3] - d[1]
    elif points == 5:
        s = d[3] - d[1]
        r[0] = s - scaled(0.5, d[2] - d[0])
        r[1] = d[3] + scaled(0.5, d[2] - d[1])
        r[2] = d[3] + scaled(0.5, d[1]) - scaled(1.5, d[2])
        r[3] = s
        r[4] = d[4] - d[2] - scaled(0.5, s)
    elif points == 6:
        s, t = d[3] - d[1], d[4] - d[2]
        r[0] = d[0] + d[4] - scaled(2, d[2]) + scaled(1.5, s)
        r[1] = d[4] - d[1] + scaled(0.5, d[2]) + scaled(2.5, d[3])
        r[2] = d[4] + d[1] + scaled(0.5, d[3]) - scaled(2.5, d[2])
        r[3] = t + scaled(2, s)
        r[4] = t - scaled(0.5, s)
        r[5] = d[1] + d[5] - scaled(2, d[3]) + scaled(1.5, t)
    else:
        r[0] = d[6] - d[0] + scaled(5.25, d[2] - d[4])
        r[7] = d[7] - d[1] + scaled(5.25, d[3] - d[5])
        s, t = d[6] + d[2] - scaled(4.25, d[4]), d[5] + d[1] - scaled(4.25, d[3])
        r[1], r[2] = s + t, s - t
        s = d[6] + scaled(0.25, d[2]) - scaled(1.25, d[4])
        t = scaled(2, d[5]) + scaled(0.5, d[1]) - scaled(2.5, d[3])
        r[3], r[4] = s + t, s - t
        s = d[6] + scaled(4, d[2]) - scaled(5, d[4])
        t = scaled(0.5, d[5]) + scaled(2, d[1]) - scaled(2.5, d[3])
        r[5], r[6] = s + t, s - t


cdef inline inlined output_line(int points, int outputs, const Vector* s, Vector* y) noexcept nogil:
    """Output i weighs each point with its i-th power; those of two and a half meet as pairs."""
    cdef Vector even = s[1] + s[2], odd = s[1] - s[2], even_two, odd_two, even_half, odd_half
    cdef int i
    if points == 8:
        even_two, odd_two = s[3] + s[4], s[3] - s[4]
        even_half, odd_half = s[5] + s[6], s[5] - s[6]
    for i in range(outputs):
        if i % 2:
            y[i] = odd
        else:
            y[i] = even
        if points == 5:
            y[i] = y[i] + scaled(1.0 / (1 << i), s[3])
        elif points == 6 and i % 2:
            y[i] = y[i] + scaled(1.0 / (1 << i), s[3] - scaled(1 << 2 * i, s[4]))
        elif points == 6:
            y[i] = y[i] + scaled(1.0 / (1 << i), s[3] + scaled(1 << 2 * i, s[4]))
        elif points == 8 and i % 2:
            y[i] = y[i] + scaled(1.0 / (1 << i), odd_half + scaled(1 << 2 * i, odd_two))
        elif points == 8:
            y[i] = y[i] + scaled(1.0 / (1 << i), even_half + scaled(1 << 2 * i, even_two))
    y[0] = y[0] + s[0]
    y[outputs - 1] = y[outputs - 1] + s[points - 1]


cdef inline inlined strided_input_line(int even, int odd, const Vector* d, Vector* r) noexcept nogil:
    """Points of the even samples, then of the odd ones; `odd` is 1 if a single tap meets these as they are."""
    cdef Vector e[MOST_PHASE]
    cdef Vector o[MOST_PHASE]
    cdef int i, count = odd if odd > 1 else even - 1
    for i in range(even):
        e[i] = d[2 * i]
    for i in range(count):
        o[i] = d[2 * i + 1]
    input_line(even, e, r)
    if odd > 1:
        input_line(odd, o, r + even)
    else:
        for i in range(count):
            r[even + i] = o[i]


cdef inline inlined strided_output_line(int even, int odd, int outputs, Vector* s, Vector* y) noexcept nogil:
    """The sums of both; a single tap's join those that pass through fewest roundings."""
    cdef Vector o[MOST_PHASE]
    cdef int i
    if odd > 1:
        output_line(odd, outputs, s + even, o)
        output_line(even, outputs, s, y)
        for i in range(outputs):
            y[i] = y[i] + o[i]
        return
    s[0], s[even - 1] = s[0] + s[even], s[even - 1] + s[even + outputs - 1]
    output_line(even, outputs, s, y)
    for i in range(1, outputs - 1):
        y[i] = y[i] + s[even + i]
