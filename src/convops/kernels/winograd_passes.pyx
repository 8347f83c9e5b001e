# cython: language_level=3
"""The one-dimensional transforms of Winograd's minimal filtering, many lines of vectors at a time.

Called through `Args.input_pass` and `Args.output_pass` by `winograd.pyx`, once per axis. The points of evaluation
and the matrices stand in `backends/winograd_matrices.py`; a test compares them with these sums term by term. No sum
holds a term twice and none is deeper than `ROUNDINGS` there, as the error bound counts on. Start reading at
`input_line`.
"""
from libc.string cimport memcpy

from convops.kernels.abi cimport Pass
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined

cdef enum:
    MOST_POINTS = 11
    MOST_EVEN = 6


cdef inline Vector scaled(double by, Vector values) noexcept nogil:
    if Vector is f32v:
        return (<float> by) * values
    else:
        return by * values


cdef inlined input_line(int points, const Vector* d, Vector* r) noexcept nogil:
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


cdef inlined output_line(int points, int outputs, const Vector* s, Vector* y) noexcept nogil:
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


cdef inlined strided_input_line(int points, const Vector* d, Vector* r) noexcept nogil:
    """Steps of two: half of the points, and one more, from the even samples; the odd ones meet one tap as they are."""
    cdef int even = points // 2 + 1, i
    cdef Vector e[MOST_EVEN]
    for i in range(even):
        e[i] = d[2 * i]
    input_line(even, e, r)
    for i in range(even - 1):
        r[even + i] = d[2 * i + 1]


cdef inlined strided_output_line(int points, Vector* s, Vector* y) noexcept nogil:
    cdef int even = points // 2 + 1, last = even - 2, i
    s[0], s[even - 1] = s[0] + s[even], s[even - 1] + s[even + last]
    output_line(even, even - 1, s, y)
    for i in range(1, last):
        y[i] = y[i] + s[even + i]


cdef inlined input_lines(int points, int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to,
                         Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    """`count` lines; items of a line lie `step` bytes apart, transformed ones `pitch`."""
    cdef Vector d[MOST_POINTS]
    cdef Vector r[MOST_POINTS]
    cdef int i, _
    for _ in range(count):
        for i in range(points):
            d[i] = (<const Vector*> (<const char*> x + i * step))[0]
        if points % 2:
            strided_input_line(points, d, r)
        else:
            input_line(points, d, r)
        for i in range(points):
            (<Vector*> (to + i * pitch))[0] = r[i]
        x, to = <const Vector*> (<const char*> x + next_x), to + next_to


cdef inlined output_lines(int points, int outputs, int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x,
                          char* to, Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    cdef Vector s[MOST_POINTS]
    cdef Vector y[MOST_POINTS]
    cdef int i, _
    for _ in range(count):
        for i in range(points):
            s[i] = (<const Vector*> (<const char*> x + i * step))[0]
        if points % 2:
            strided_output_line(points, s, y)
        else:
            output_line(points, outputs, s, y)
        for i in range(outputs):
            (<Vector*> (to + i * pitch))[0] = y[i]
        x, to = <const Vector*> (<const char*> x + next_x), to + next_to


cdef outlined input_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(4, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_6(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(6, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_7(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(7, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_8(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(8, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_9(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(9, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_11(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                       Py_ssize_t next_to) noexcept nogil:
    input_lines(11, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_2(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(4, 2, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(4, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_2(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 2, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 5, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_7_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(7, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 5, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_6(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 6, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_7(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 7, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_9_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(9, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_11_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                          Py_ssize_t next_to) noexcept nogil:
    output_lines(11, 5, count, x, step, next_x, to, pitch, next_to)


# [points - 4][float64], and [points - 4][outputs - 2][float64]. Odd numbers of points are those of a stride of two.
cdef Pass INPUT[8][2]
cdef Pass OUTPUT[8][6][2]
INPUT[0][0], INPUT[0][1] = <Pass> input_4[f32v], <Pass> input_4[f64v]
INPUT[2][0], INPUT[2][1] = <Pass> input_6[f32v], <Pass> input_6[f64v]
INPUT[3][0], INPUT[3][1] = <Pass> input_7[f32v], <Pass> input_7[f64v]
INPUT[4][0], INPUT[4][1] = <Pass> input_8[f32v], <Pass> input_8[f64v]
INPUT[5][0], INPUT[5][1] = <Pass> input_9[f32v], <Pass> input_9[f64v]
INPUT[7][0], INPUT[7][1] = <Pass> input_11[f32v], <Pass> input_11[f64v]
OUTPUT[0][0][0], OUTPUT[0][0][1] = <Pass> output_4_2[f32v], <Pass> output_4_2[f64v]
OUTPUT[0][1][0], OUTPUT[0][1][1] = <Pass> output_4_3[f32v], <Pass> output_4_3[f64v]
OUTPUT[2][0][0], OUTPUT[2][0][1] = <Pass> output_6_2[f32v], <Pass> output_6_2[f64v]
OUTPUT[2][1][0], OUTPUT[2][1][1] = <Pass> output_6_3[f32v], <Pass> output_6_3[f64v]
OUTPUT[2][2][0], OUTPUT[2][2][1] = <Pass> output_6_4[f32v], <Pass> output_6_4[f64v]
OUTPUT[2][3][0], OUTPUT[2][3][1] = <Pass> output_6_5[f32v], <Pass> output_6_5[f64v]
OUTPUT[3][1][0], OUTPUT[3][1][1] = <Pass> output_7_3[f32v], <Pass> output_7_3[f64v]
OUTPUT[4][2][0], OUTPUT[4][2][1] = <Pass> output_8_4[f32v], <Pass> output_8_4[f64v]
OUTPUT[4][3][0], OUTPUT[4][3][1] = <Pass> output_8_5[f32v], <Pass> output_8_5[f64v]
OUTPUT[4][4][0], OUTPUT[4][4][1] = <Pass> output_8_6[f32v], <Pass> output_8_6[f64v]
OUTPUT[4][5][0], OUTPUT[4][5][1] = <Pass> output_8_7[f32v], <Pass> output_8_7[f64v]
OUTPUT[5][2][0], OUTPUT[5][2][1] = <Pass> output_9_4[f32v], <Pass> output_9_4[f64v]
OUTPUT[7][3][0], OUTPUT[7][3][1] = <Pass> output_11_5[f32v], <Pass> output_11_5[f64v]


cdef Pass _pass(int points, int outputs, bint wide):
    return OUTPUT[points - 4][outputs - 2][wide] if outputs else INPUT[points - 4][wide]


def address(int points, int outputs, int itemsize):
    """The pass of so many points, to the inputs' transform (0 outputs) or back to `outputs` sums, as an integer."""
    return <size_t> <void*> _pass(points, outputs, itemsize == 8)


def transform(int points, int outputs, values):
    """One line of float64 numbers through the same code, for tests."""
    cdef char[MOST_POINTS * VECTOR_BYTES] lines
    cdef char[MOST_POINTS * VECTOR_BYTES] results
    cdef double item
    cdef int i
    for i, value in enumerate(values):
        item = value
        memcpy(lines + i * VECTOR_BYTES, &item, sizeof(item))
    _pass(points, outputs, True)(1, lines, VECTOR_BYTES, 0, results, VECTOR_BYTES, 0)
    return [(<double*> (results + i * VECTOR_BYTES))[0] for i in range(outputs or points)]
