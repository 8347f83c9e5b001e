# One line through Winograd's minimal filtering with points of evaluation that come in pairs, a and -a, and infinity:
# what the two have in common is summed once. The points and the matrices stand in `backends/winograd_pairs.py`; a test
# compares them with these sums term by term. No sum holds a term twice and none is deeper than the roundings there, as
# the error bound counts on. Start reading at `input_pairs`.
from convops.kernels.simd cimport Vector, inlined
from convops.kernels.winograd_lines cimport scaled

cdef enum:
    MOST_POINTS = 7
    MOST_OUTPUTS = 4


cdef inline inlined input_two(double point, double other, const Vector* d, Vector* r) noexcept nogil:
    """Both points of a pair where there is one more: (x^2 - other^2) (x + point), and with x - point."""
    cdef Vector even = scaled(point, d[2] - scaled(other * other, d[0])), odd = d[3] - scaled(other * other, d[1])
    r[0], r[1] = odd + even, odd - even


cdef inline inlined input_three(double point, double b, double c, const Vector* d, Vector* r) noexcept nogil:
    """The same where there are two more: (x^2 - b^2) (x^2 - c^2) (x + point), and with x - point."""
    cdef double squares = b * b + c * c, product = b * b * c * c
    cdef Vector even = scaled(point, d[4] - scaled(squares, d[2]) + scaled(product, d[0]))
    cdef Vector odd = d[5] - scaled(squares, d[3]) + scaled(product, d[1])
    r[0], r[1] = odd + even, odd - even


cdef inline inlined input_pairs(int points, const Vector* d, Vector* r) noexcept nogil:
    if points == 5:
        input_two(0.25, 1.5, d, r)
        input_two(1.5, 0.25, d, r + 2)
        r[4] = d[4] - scaled(2.3125, d[2]) + scaled(0.140625, d[0])
    else:
        input_three(0.25, 0.75, 2, d, r)
        input_three(0.75, 0.25, 2, d, r + 2)
        input_three(2, 0.25, 0.75, d, r + 4)
        r[6] = d[6] - scaled(4.625, d[4]) + scaled(2.53515625, d[2]) - scaled(0.140625, d[0])


cdef inline inlined output_pairs(int points, const Vector* s, Vector* y) noexcept nogil:
    """Output i weighs each point with its i-th power."""
    cdef Vector a = s[0] + s[1], b = s[2] + s[3], c, odd_a = s[0] - s[1], odd_b = s[2] - s[3], odd_c
    if points == 5:
        y[0] = a + b
        y[1] = scaled(0.25, odd_a) + scaled(1.5, odd_b)
        y[2] = scaled(0.0625, a) + scaled(2.25, b) + s[4]
    else:
        c, odd_c = s[4] + s[5], s[4] - s[5]
        y[0] = a + b + c
        y[1] = scaled(0.25, odd_a) + scaled(0.75, odd_b) + scaled(2, odd_c)
        y[2] = scaled(0.0625, a) + scaled(0.5625, b) + scaled(4, c)
        y[3] = scaled(0.015625, odd_a) + scaled(0.421875, odd_b) + scaled(8, odd_c) + s[6]
