# cython: language_level=3
"""The one-dimensional transforms of Winograd's minimal filtering, many lines of vectors at a time.

Called through `Args.input_pass` and `Args.output_pass` by `winograd.pyx`, once per axis; the sums stand in
`winograd_lines.pxd`. Named by their points: those of the even and the odd samples where the stride is two, "alone"
where a single tap meets the odd ones. Start reading at `input_lines`.
"""
from libc.string cimport memcpy

from convops.kernels.abi cimport Pass
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined
from convops.kernels.winograd_lines cimport (
    MOST_POINTS, input_line, output_line, strided_input_line, strided_output_line,
)


cdef inlined input_lines(int points, int even, int odd, int count, const Vector* x, Py_ssize_t step,
                         Py_ssize_t next_x, char* to, Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    """`count` lines, items `step` bytes apart, transformed ones `pitch`. Without a stride, `even` is 0."""
    cdef Vector d[MOST_POINTS]
    cdef Vector r[MOST_POINTS]
    cdef int i, _
    for _ in range(count):
        for i in range(points):
            d[i] = (<const Vector*> (<const char*> x + i * step))[0]
        if even:
            strided_input_line(even, odd, d, r)
        else:
            input_line(points, d, r)
        for i in range(points):
            (<Vector*> (to + i * pitch))[0] = r[i]
        x, to = <const Vector*> (<const char*> x + next_x), to + next_to


cdef inlined output_lines(int points, int even, int odd, int outputs, int count, const Vector* x, Py_ssize_t step,
                          Py_ssize_t next_x, char* to, Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    cdef Vector s[MOST_POINTS]
    cdef Vector y[MOST_POINTS]
    cdef int i, _
    for _ in range(count):
        for i in range(points):
            s[i] = (<const Vector*> (<const char*> x + i * step))[0]
        if even:
            strided_output_line(even, odd, outputs, s, y)
        else:
            output_line(points, outputs, s, y)
        for i in range(outputs):
            (<Vector*> (to + i * pitch))[0] = y[i]
        x, to = <const Vector*> (<const char*> x + next_x), to + next_to


cdef outlined input_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(4, 0, 0, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_6(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(6, 0, 0, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_8(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil:
    input_lines(8, 0, 0, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_4_alone(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                            Py_ssize_t next_to) noexcept nogil:
    input_lines(7, 4, 1, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_5_alone(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                            Py_ssize_t next_to) noexcept nogil:
    input_lines(9, 5, 1, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_6_alone(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                            Py_ssize_t next_to) noexcept nogil:
    input_lines(11, 6, 1, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_4_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                        Py_ssize_t next_to) noexcept nogil:
    input_lines(8, 4, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined input_5_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                        Py_ssize_t next_to) noexcept nogil:
    input_lines(9, 5, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_2(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(4, 0, 0, 2, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(4, 0, 0, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_2(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 0, 0, 2, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 0, 0, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 0, 0, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(6, 0, 0, 5, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 0, 0, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 0, 0, 5, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_6(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 0, 0, 6, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_8_7(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                         Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 0, 0, 7, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_alone_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to,
                               Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    output_lines(7, 4, 1, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_5_alone_4(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to,
                               Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    output_lines(9, 5, 1, 4, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_6_alone_5(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to,
                               Py_ssize_t pitch, Py_ssize_t next_to) noexcept nogil:
    output_lines(11, 6, 1, 5, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_4_4_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                           Py_ssize_t next_to) noexcept nogil:
    output_lines(8, 4, 4, 3, count, x, step, next_x, to, pitch, next_to)


cdef outlined output_5_4_3(int count, const Vector* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                           Py_ssize_t next_to) noexcept nogil:
    output_lines(9, 5, 4, 3, count, x, step, next_x, to, pitch, next_to)


# [form][float64], and [form][outputs - 2][float64].
FORMS = {(4, 0): 0, (6, 0): 1, (8, 0): 2, (4, 1): 3, (5, 1): 4, (6, 1): 5, (4, 4): 6, (5, 4): 7}
cdef Pass INPUT[8][2]
cdef Pass OUTPUT[8][6][2]
INPUT[0][0], INPUT[0][1] = <Pass> input_4[f32v], <Pass> input_4[f64v]
INPUT[1][0], INPUT[1][1] = <Pass> input_6[f32v], <Pass> input_6[f64v]
INPUT[2][0], INPUT[2][1] = <Pass> input_8[f32v], <Pass> input_8[f64v]
INPUT[3][0], INPUT[3][1] = <Pass> input_4_alone[f32v], <Pass> input_4_alone[f64v]
INPUT[4][0], INPUT[4][1] = <Pass> input_5_alone[f32v], <Pass> input_5_alone[f64v]
INPUT[5][0], INPUT[5][1] = <Pass> input_6_alone[f32v], <Pass> input_6_alone[f64v]
INPUT[6][0], INPUT[6][1] = <Pass> input_4_4[f32v], <Pass> input_4_4[f64v]
INPUT[7][0], INPUT[7][1] = <Pass> input_5_4[f32v], <Pass> input_5_4[f64v]
OUTPUT[0][0][0], OUTPUT[0][0][1] = <Pass> output_4_2[f32v], <Pass> output_4_2[f64v]
OUTPUT[0][1][0], OUTPUT[0][1][1] = <Pass> output_4_3[f32v], <Pass> output_4_3[f64v]
OUTPUT[1][0][0], OUTPUT[1][0][1] = <Pass> output_6_2[f32v], <Pass> output_6_2[f64v]
OUTPUT[1][1][0], OUTPUT[1][1][1] = <Pass> output_6_3[f32v], <Pass> output_6_3[f64v]
OUTPUT[1][2][0], OUTPUT[1][2][1] = <Pass> output_6_4[f32v], <Pass> output_6_4[f64v]
OUTPUT[1][3][0], OUTPUT[1][3][1] = <Pass> output_6_5[f32v], <Pass> output_6_5[f64v]
OUTPUT[2][2][0], OUTPUT[2][2][1] = <Pass> output_8_4[f32v], <Pass> output_8_4[f64v]
OUTPUT[2][3][0], OUTPUT[2][3][1] = <Pass> output_8_5[f32v], <Pass> output_8_5[f64v]
OUTPUT[2][4][0], OUTPUT[2][4][1] = <Pass> output_8_6[f32v], <Pass> output_8_6[f64v]
OUTPUT[2][5][0], OUTPUT[2][5][1] = <Pass> output_8_7[f32v], <Pass> output_8_7[f64v]
OUTPUT[3][1][0], OUTPUT[3][1][1] = <Pass> output_4_alone_3[f32v], <Pass> output_4_alone_3[f64v]
OUTPUT[4][2][0], OUTPUT[4][2][1] = <Pass> output_5_alone_4[f32v], <Pass> output_5_alone_4[f64v]
OUTPUT[5][3][0], OUTPUT[5][3][1] = <Pass> output_6_alone_5[f32v], <Pass> output_6_alone_5[f64v]
OUTPUT[6][1][0], OUTPUT[6][1][1] = <Pass> output_4_4_3[f32v], <Pass> output_4_4_3[f64v]
OUTPUT[7][1][0], OUTPUT[7][1][1] = <Pass> output_5_4_3[f32v], <Pass> output_5_4_3[f64v]


cdef Pass _pass(phases, int outputs, bint wide):
    cdef int form = FORMS[phases]
    return OUTPUT[form][outputs - 2][wide] if outputs else INPUT[form][wide]


def address(phases, int outputs, int itemsize):
    """The pass to the inputs' points (0 outputs) or back to `outputs` sums, as an integer.

    `phases` are the points of even samples and the taps or points of odd ones: 0 without a stride, 1 for a single tap.
    """
    return <size_t> <void*> _pass(phases, outputs, itemsize == 8)


def transform(phases, int outputs, values):
    """One line of float64 numbers through the same code, for tests."""
    cdef char[MOST_POINTS * VECTOR_BYTES] lines
    cdef char[MOST_POINTS * VECTOR_BYTES] results
    cdef double item
    cdef int i
    for i, value in enumerate(values):
        item = value
        memcpy(lines + i * VECTOR_BYTES, &item, sizeof(item))
    _pass(phases, outputs, True)(1, lines, VECTOR_BYTES, 0, results, VECTOR_BYTES, 0)
    return [(<double*> (results + i * VECTOR_BYTES))[0] for i in range(outputs or len(values))]
