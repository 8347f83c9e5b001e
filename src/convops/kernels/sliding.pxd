# Depthwise micro-kernels with vectors over pixels: a block of output lines over which the window slides.
#
# Every vector of an input line is loaded once per tap of a line of the window, and goes into all output lines that
# this input line reaches. Each output is one chain of multiply-adds, taps in C order.
from convops.kernels.lanes cimport (
    Mask, begin_chain, end_vector, even_f32, even_f64, fetch, fetch_to_write, hold, keep, load, load_masked, load_weight, make_mask, odd_f32, odd_f64,
    spread)
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined
from convops.kernels.tile cimport minimum

cdef extern from *:
    """
    #if defined(__AVX512F__) || defined(__aarch64__)
    enum { convops_slide_lines = 6, convops_slide_vectors = 4 };
    #else
    enum { convops_slide_lines = 4, convops_slide_vectors = 2 };
    #endif
    #if defined(__AVX512F__)
    enum { convops_three_lines = 7 };
    #else
    enum { convops_three_lines = 0 };
    #endif
    """
    enum:
        LINES "convops_slide_lines"        # output lines whose sums stay in registers, so many vectors wide
        ACROSS "convops_slide_vectors"
        THREE "convops_three_lines"        # the same for 3x3 windows whose weights stay there, too; 0 without room

cdef enum:
    ALONE = 8                  # vectors of a line that stands alone

# A block of outputs of one channel. Micro-kernels copy it first: to the compiler, stores of results could change what
# a pointer leads to. Line i of plane p lies at rows[p * plane + i * line].
cdef struct Block:
    const char* const* rows
    Py_ssize_t plane
    Py_ssize_t line
    Py_ssize_t base            # bytes from the beginning of a row to the first output's first tap
    Py_ssize_t position        # and where that lies in the padded line; inputs lie in [inner_begin, inner_end)
    Py_ssize_t inner_begin
    Py_ssize_t inner_end
    const Py_ssize_t* columns  # and on to each tap
    Mask* masks                # per tap
    const char* weights
    Py_ssize_t window[3]
    Py_ssize_t slide           # input lines from one output line to the next
    Py_ssize_t lines
    Py_ssize_t count           # outputs of a line
    const char* bias           # NULL: none
    Py_ssize_t channels        # of `three`: how many, and what leads from one to the next
    const Py_ssize_t* advance  # of a row
    # Bytes from an input line to the one that the next block reads in its place: lines are short and many, which
    # hardware does not foresee. Results are written by the same pattern.
    Py_ssize_t ahead
    Py_ssize_t out_channel
    Py_ssize_t add_channel
    bint relu
    char* out
    Py_ssize_t out_line
    const char* add
    Py_ssize_t add_line


cdef enum End:
    GENERAL                    # some lines or lanes do not count, or there is more to do than to add the bias
    PARTIAL                    # some lanes do not count
    WHOLE


cdef inline inlined end_line(int r, int lines, int vectors, End end, const Block* b, Py_ssize_t column, char** out,
                            Vector bias, const Vector* acc) noexcept nogil:
    cdef int v, lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t left, at
    if r >= lines or (end == GENERAL and r >= b.lines):
        return
    for v in range(vectors):
        left = lanes if end == WHOLE else b.count - column - v * lanes
        at = column * (VECTOR_BYTES // lanes) + v * VECTOR_BYTES
        fetch_to_write(out[0] + lines * b.out_line + v * VECTOR_BYTES)
        if left > 0:
            end_vector(acc[r * vectors + v], bias,
                       NULL if end != GENERAL or b.add == NULL else b.add + r * b.add_line + at,
                       end == GENERAL and b.relu, out[0] + v * VECTOR_BYTES, left)
    out[0] = out[0] + b.out_line
    hold(out[0])


# Lines are counted out here and below, and columns are a loop around everything: the compiler keeps an array in
# registers only where no index is left to an outermost loop, or to a loop around another one.
cdef inline inlined end_block(int lines, int vectors, const Block* b, Py_ssize_t column,
                             const Vector* acc) noexcept nogil:
    cdef Vector bias
    cdef int item = 4 if Vector is f32v else 8
    cdef char* out = b.out + column * item
    if b.bias == NULL:
        spread(0.0, &bias)
    else:
        load_weight(b.bias, &bias)
    if b.add != NULL or b.relu or b.lines < lines:
        end_line(0, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(1, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(2, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(3, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(4, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(5, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(6, lines, vectors, GENERAL, b, column, &out, bias, acc)
    elif (b.count - column) * item >= vectors * VECTOR_BYTES:
        end_line(0, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(1, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(2, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(3, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(4, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(5, lines, vectors, WHOLE, b, column, &out, bias, acc)
        end_line(6, lines, vectors, WHOLE, b, column, &out, bias, acc)
    else:
        end_line(0, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(1, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(2, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(3, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(4, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(5, lines, vectors, PARTIAL, b, column, &out, bias, acc)
        end_line(6, lines, vectors, PARTIAL, b, column, &out, bias, acc)


cdef inline inlined slide_into(int r, int first, int last, int vectors, Py_ssize_t k, const Block* b,
                              const char* weights, const Vector* column, Vector* acc) noexcept nogil:
    """A vector of each column into one output line; its weights lie one step further back than the previous line's."""
    cdef int v
    cdef Vector w
    if r < first or r > last:
        return
    load_weight(weights + (k - (r - first) * b.slide * b.window[2]) * (4 if Vector is f32v else 8), &w)
    for v in range(vectors):
        acc[r * vectors + v] = acc[r * vectors + v] + w * column[v]


cdef inline inlined slide_line(int first, int last, int lines, int vectors, bint masked, const Block* b, const char* x,
                              const Mask* masks, const char* weights, Vector* acc) noexcept nogil:
    """One input line into the output lines from `first` to `last`."""
    cdef Vector column[ACROSS]
    cdef Py_ssize_t k
    cdef int v
    if last >= lines:
        return
    for k in range(b.window[2]):
        for v in range(vectors):
            if masked:
                load_masked(x + b.columns[k] + v * VECTOR_BYTES, masks[k], &column[v])
            else:
                load(x + b.columns[k] + v * VECTOR_BYTES, &column[v])
        slide_into(0, first, last, vectors, k, b, weights, column, acc)
        slide_into(1, first, last, vectors, k, b, weights, column, acc)
        slide_into(2, first, last, vectors, k, b, weights, column, acc)
        slide_into(3, first, last, vectors, k, b, weights, column, acc)
        slide_into(4, first, last, vectors, k, b, weights, column, acc)
        slide_into(5, first, last, vectors, k, b, weights, column, acc)


cdef inline inlined slide_plane(int lines, int vectors, bint masked, const Block* b, const char* const* rows,
                               Py_ssize_t base, const char* weights, Vector* acc) noexcept nogil:
    """All input lines of one plane of the window; each reaches a range of output lines, a case of its own."""
    cdef Py_ssize_t i, item = 4 if Vector is f32v else 8, next_last = b.slide, next_first = b.window[1]
    cdef Py_ssize_t line = b.window[2] * item
    cdef int first = 0, last = 0, case, v
    cdef const char* x
    cdef const char* w
    for i in range((b.lines - 1) * b.slide + b.window[1]):
        if i == next_last and last < b.lines - 1:
            last, next_last = last + 1, next_last + b.slide
        if i == next_first:
            first, next_first = first + 1, next_first + b.slide
        if first > last:
            continue
        if i < b.lines * b.slide:
            for v in range(vectors):
                fetch(rows[i * b.line] + base + b.ahead + v * VECTOR_BYTES)
        x, w, case = rows[i * b.line] + base, weights + (i - first * b.slide) * line, first * 8 + last
        if case == 0:
            slide_line(0, 0, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 1:
            slide_line(0, 1, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 2:
            slide_line(0, 2, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 3:
            slide_line(0, 3, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 4:
            slide_line(0, 4, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 5:
            slide_line(0, 5, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 9:
            slide_line(1, 1, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 10:
            slide_line(1, 2, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 11:
            slide_line(1, 3, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 12:
            slide_line(1, 4, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 13:
            slide_line(1, 5, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 18:
            slide_line(2, 2, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 19:
            slide_line(2, 3, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 20:
            slide_line(2, 4, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 21:
            slide_line(2, 5, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 27:
            slide_line(3, 3, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 28:
            slide_line(3, 4, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 29:
            slide_line(3, 5, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 36:
            slide_line(4, 4, lines, vectors, masked, b, x, b.masks, w, acc)
        elif case == 37:
            slide_line(4, 5, lines, vectors, masked, b, x, b.masks, w, acc)
        else:
            slide_line(5, 5, lines, vectors, masked, b, x, b.masks, w, acc)


cdef inline inlined begin_line(int r, int lines, int vectors, Vector* acc) noexcept nogil:
    cdef int v
    if r < lines:
        for v in range(vectors):
            begin_chain(&acc[r * vectors + v])


cdef inline void set_masks(const Block* b, Py_ssize_t column, int lanes) noexcept nogil:
    """Which lanes lie on the input, tap by tap."""
    cdef Py_ssize_t k, item = VECTOR_BYTES // lanes
    for k in range(b.window[2]):
        b.masks[k] = inner_mask(b, b.position + column + b.columns[k] // item, lanes)


cdef inline Mask inner_mask(const Block* b, Py_ssize_t position, int lanes) noexcept nogil:
    return make_mask(minimum(lanes, b.inner_begin - position if b.inner_begin > position else 0),
                     minimum(lanes, b.inner_end - position if b.inner_end > position else 0), VECTOR_BYTES // lanes)


cdef inline inlined slide(int vectors, bint masked, const Block* block, Vector* tag) noexcept nogil:
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[LINES * ACROSS]
    cdef int item = 4 if Vector is f32v else 8
    cdef Py_ssize_t d, column = 0, plane = b.window[1] * b.window[2] * item
    while column < b.count:
        if masked:
            set_masks(b, column, VECTOR_BYTES // item)
        begin_line(0, LINES, vectors, acc)
        begin_line(1, LINES, vectors, acc)
        begin_line(2, LINES, vectors, acc)
        begin_line(3, LINES, vectors, acc)
        begin_line(4, LINES, vectors, acc)
        begin_line(5, LINES, vectors, acc)
        for d in range(b.window[0]):
            slide_plane(LINES, vectors, masked, b, b.rows + d * b.plane, b.base + column * item,
                        b.weights + d * plane, acc)
        end_block(LINES, vectors, b, column, acc)
        column = column + vectors * (VECTOR_BYTES // item)


cdef inline outlined slide_1(const Block* b, Vector* tag) noexcept nogil:
    slide(1, False, b, tag)


cdef inline outlined slide_2(const Block* b, Vector* tag) noexcept nogil:
    slide(2, False, b, tag)


cdef inline outlined slide_4(const Block* b, Vector* tag) noexcept nogil:
    slide(ACROSS, False, b, tag)


cdef inline outlined slide_masked(const Block* b, Vector* tag) noexcept nogil:
    slide(1, True, b, tag)


cdef inline outlined alone_8(const Block* block, Vector* tag) noexcept nogil:
    """One output line, many vectors."""
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[ALONE]
    cdef Vector w
    cdef Py_ssize_t d, i, k, column = 0, item = 4 if Vector is f32v else 8
    cdef int v
    cdef const char* x
    cdef const char* weights
    while column < b.count:
        weights = b.weights
        begin_line(0, 1, ALONE, acc)
        for d in range(b.window[0]):
            for i in range(b.window[1]):
                x = b.rows[d * b.plane + i * b.line] + b.base + column * item
                for k in range(b.window[2]):
                    load_weight(weights, &w)
                    for v in range(ALONE):
                        acc[v] = acc[v] + w * (<const Vector*> (x + b.columns[k]))[v]
                    weights = weights + item
        end_block(1, ALONE, b, column, acc)
        column = column + ALONE * VECTOR_BYTES // item


cdef inline inlined load_three(int stride, const char* x, const Mask* masks, Vector* column) noexcept nogil:
    """What the three taps of a line need; two vectors of items each where only every second one counts."""
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
    load_masked(x + 2 * item, masks[2], &low)
    load_masked(x + 2 * item + VECTOR_BYTES, masks[3], &high)
    if Vector is f32v:
        column[2] = even_f32(low, high)
    else:
        column[2] = even_f64(low, high)


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


cdef inline inlined three_line(int i, int lines, int stride, const char** rows, Py_ssize_t base, Py_ssize_t ahead, const Mask* masks,
                               const Vector* w, Vector* acc) noexcept nogil:
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
        masks[2] = inner_mask(b, position + 2, lanes)
        masks[3] = inner_mask(b, position + 2 + lanes, lanes)
        masks = masks + 4


cdef inline inlined three(int lines, int stride, const Block* block, Vector* tag) noexcept nogil:
    """A 3x3 window whose weights stay in registers."""
    cdef Block here = block[0]
    cdef Block* b = &here
    cdef Vector w[9]
    cdef Vector acc[7]
    cdef const Mask* masks
    cdef const char* rows[15]
    cdef int item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item, i
    cdef Py_ssize_t column, channel
    for i in range((lines - 1) * stride + 3):
        rows[i] = b.rows[i] + b.base
    for channel in range(b.channels):
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
            column, masks = column + lanes, masks + 4
        for i in range((lines - 1) * stride + 3):
            rows[i] = rows[i] + b.advance[i]
        b.weights, b.out = b.weights + 9 * item, b.out + b.out_channel
        if b.bias != NULL:
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
