# The depthwise micro-kernel for 3x3 windows with stride 1 or 2: weights and sums stay in registers.
#
# Lines are read where they lie, by masked loads that supply the zeros of the padding.
from convops.kernels.block cimport Block, end_block, inner_mask
from convops.kernels.lanes cimport (
    Mask, begin_chain, even_f32, even_f64, fetch, keep, load_masked, load_weight, next_f32, next_f64, odd_f32, odd_f64)
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined


cdef inline inlined load_three(int stride, const char* x, const Mask* masks, Vector* column) noexcept nogil:
    """What the three taps of a line need; of three vectors where every second item counts."""
    cdef Vector low
    cdef Vector high
    cdef int item = 4 if Vector is f32v else 8
    load_masked(x, masks[0], &column[0])
    if stride == 1:
        load_masked(x + item, masks[1], &column[1])
        load_masked(x + 2 * item, masks[2], &column[2])
        return
    load_masked(x + VECTOR_BYTES, masks[1], &high)
    low = column[0]
    if Vector is f32v:
        column[0], column[1] = even_f32(low, high), odd_f32(low, high)
    else:
        column[0], column[1] = even_f64(low, high), odd_f64(low, high)
    load_masked(x + 2 * VECTOR_BYTES, masks[2], &high)
    if Vector is f32v:
        column[2] = next_f32(column[0], high)
    else:
        column[2] = next_f64(column[0], high)


cdef inline inlined three_into(int r, int line, int lines, const Vector* w, const Vector* column,
                               Vector* acc) noexcept nogil:
    """Line `line` of the window of output line r, if there is one."""
    cdef int k
    if r >= lines or line < 0 or line >= 3:
        return
    if line == 0:
        begin_chain(&acc[r])
    for k in range(3):
        acc[r] = acc[r] + w[line * 3 + k] * column[k]
    keep(&acc[r])


cdef inline inlined three_line(int i, int lines, int stride, const char** rows, Py_ssize_t base, Py_ssize_t ahead,
                               const Mask* masks, const Vector* w, Vector* acc) noexcept nogil:
    cdef Vector column[3]
    if i >= (lines - 1) * stride + 3:
        return
    load_three(stride, rows[i] + base, masks, column)
    if i < lines * stride:
        fetch(rows[i] + base + ahead)
        if stride == 2:
            fetch(rows[i] + base + ahead + VECTOR_BYTES)
    three_into(0, i, lines, w, column, acc)
    three_into(1, i - stride, lines, w, column, acc)
    three_into(2, i - 2 * stride, lines, w, column, acc)
    three_into(3, i - 3 * stride, lines, w, column, acc)
    three_into(4, i - 4 * stride, lines, w, column, acc)
    three_into(5, i - 5 * stride, lines, w, column, acc)
    three_into(6, i - 6 * stride, lines, w, column, acc)


cdef inline void set_three_masks(const Block* b, int stride, int lanes, Mask* masks) noexcept nogil:
    """The masks that `load_three` needs, for each vector of a line of `count` outputs."""
    cdef Py_ssize_t column, position
    for column in range((b.count + lanes - 1) // lanes):
        position = b.position + column * lanes * stride
        masks[0] = inner_mask(b, position, lanes)
        masks[1] = inner_mask(b, position + (1 if stride == 1 else lanes), lanes)
        masks[2] = inner_mask(b, position + (2 if stride == 1 else 2 * lanes), lanes)
        masks = masks + 3


cdef inline inlined three(int lines, int stride, const Block* block, Vector* tag) noexcept nogil:
    """A 3x3 window whose weights stay in registers."""
    cdef Block here = block[0]
    cdef Block* b = &here
    cdef Vector w[9]
    cdef Vector acc[7]
    cdef const Mask* masks
    cdef const char* rows[15]
    cdef int item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item, i
    cdef Py_ssize_t column, _
    for i in range((lines - 1) * stride + 3):
        rows[i] = b.rows[i] + b.base
    for _ in range(b.channels):
        load_weight(b.weights, &w[0])
        load_weight(b.weights + item, &w[1])
        load_weight(b.weights + 2 * item, &w[2])
        load_weight(b.weights + 3 * item, &w[3])
        load_weight(b.weights + 4 * item, &w[4])
        load_weight(b.weights + 5 * item, &w[5])
        load_weight(b.weights + 6 * item, &w[6])
        load_weight(b.weights + 7 * item, &w[7])
        load_weight(b.weights + 8 * item, &w[8])
        column, masks = 0, b.masks
        while column < b.count:
            three_line(0, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(1, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(2, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(3, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(4, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(5, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(6, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(7, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(8, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(9, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(10, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(11, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(12, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(13, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            three_line(14, lines, stride, rows, column * stride * item, b.ahead, masks, w, acc)
            end_block(lines, 1, b, column, acc)
            column, masks = column + lanes, masks + 3
        for i in range((lines - 1) * stride + 3):
            rows[i] = rows[i] + b.advance[i]
        b.weights, b.out = b.weights + 9 * item, b.out + b.out_channel
        b.bias = b.bias + item
        if b.add != NULL:
            b.add = b.add + b.add_channel


cdef inline outlined three_7(const Block* b, Vector* tag) noexcept nogil:
    three(7, 1, b, tag)


cdef inline outlined three_4(const Block* b, Vector* tag) noexcept nogil:
    three(4, 1, b, tag)


cdef inline outlined three_7_apart(const Block* b, Vector* tag) noexcept nogil:
    three(7, 2, b, tag)


cdef inline outlined three_4_apart(const Block* b, Vector* tag) noexcept nogil:
    three(4, 2, b, tag)
