# Depthwise micro-kernels with vectors over channels: a block of neighbouring output pixels.
#
# The weights of a line of the window stay in registers, and each input pixel of a line is loaded once for all outputs
# that it reaches. So is each line for two lines of outputs, where windows of one kind allow it. Each output is one
# chain of multiply-adds, taps in C order.
from convops.kernels.lanes cimport keep, load
from convops.kernels.pixel_block cimport PIXELS, Block, begin_pixels, end_pixels
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined, prefetch
from convops.kernels.tile cimport minimum


cdef inline Py_ssize_t edge_of(Py_ssize_t wide) noexcept nogil:
    """Positions at either end of a line that are listed: those that usual padding takes."""
    return wide // 2


cdef inline inlined share_position(int j, int wide, int slide, bint upper, bint lower, bint listed,
                                   const Block* b, Py_ssize_t line, Py_ssize_t at, Py_ssize_t step, const Vector* w,
                                   Vector* acc) noexcept nogil:
    cdef Vector x
    cdef const char* pixel
    cdef int k
    if j >= (PIXELS - 1) * slide + wide:
        return
    if listed or j < edge_of(wide) or j >= (PIXELS - 1) * slide + wide - edge_of(wide):
        pixel = b.points[line * b.positions + j]
    else:
        pixel = b.lines[line] + j * step
    load(pixel + at, &x)
    for k in range(wide):
        if j >= k and (j - k) % slide == 0 and (j - k) // slide < PIXELS:
            if upper:
                acc[(j - k) // slide] = acc[(j - k) // slide] + w[k] * x
                keep(&acc[(j - k) // slide])
            if lower:
                acc[PIXELS + (j - k) // slide] = acc[PIXELS + (j - k) // slide] + w[wide + k] * x
                keep(&acc[PIXELS + (j - k) // slide])


cdef inline void ask_ahead(int wide, int slide, bint listed, const Block* b, Py_ssize_t line,
                           Py_ssize_t at) noexcept nogil:
    """For what the next lines of outputs read as this line, in a loop of its own: inside, the sums leave registers."""
    cdef Py_ssize_t j
    cdef const char* pixel
    for j in range(wide - slide, (PIXELS - 1) * slide + wide):
        pixel = b.points[line * b.positions + j] if listed else b.lines[line] + j * b.steps[line]
        prefetch(pixel + at + b.ahead, 0, 2)


cdef inline inlined share_line(int wide, int slide, bint upper, bint lower, int down, bint listed, bint ahead,
                               const Block* b, Py_ssize_t line, Py_ssize_t at, Vector* acc) noexcept nogil:
    """One line of the window, of two windows below each other: every position is loaded once, for all its outputs."""
    cdef Vector w[14]
    cdef Py_ssize_t step = 0 if listed else b.steps[line]
    cdef int k
    if ahead and b.ahead:
        ask_ahead(wide, slide, listed, b, line, at)
    for k in range(wide):
        if upper:
            load(b.weights + (line * wide + k) * b.tap + at, &w[k])
        if lower:
            load(b.weights + ((line - down) * wide + k) * b.tap + at, &w[wide + k])
    # Counted out: an array stays in registers only where no index is left to a loop around another loop.
    share_position(0, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(1, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(2, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(3, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(4, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(5, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(6, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(7, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(8, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(9, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(10, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(11, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(12, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(13, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(14, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(15, wide, slide, upper, lower, listed, b, line, at, step, w, acc)
    share_position(16, wide, slide, upper, lower, listed, b, line, at, step, w, acc)


cdef inline inlined spread_line(const Block* b, Py_ssize_t line, Py_ssize_t at, Vector* acc) noexcept nogil:
    """The same for a window of any width: every output loads its own positions."""
    cdef Vector w
    cdef Py_ssize_t k
    cdef int s
    for k in range(b.wide):
        load(b.weights + (line * b.wide + k) * b.tap + at, &w)
        for s in range(PIXELS):
            acc[s] = acc[s] + w * (<const Vector*> (b.points[line * b.positions + s * b.slide + k] + at))[0]


cdef inline inlined sum_channels(int wide, int slide, bint listed, const Block* b, Vector* tag) noexcept nogil:
    cdef Vector acc[PIXELS]
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t c = 0, at, i
    while c < b.channels:
        if b.overlap:
            c = minimum(c, b.channels - lanes)
        at = c * (VECTOR_BYTES // lanes)
        begin_pixels(acc)
        for i in range(b.line_count):
            if wide:
                share_line(wide, slide, True, False, 0, listed, i >= b.line_count - b.down, b, i, at, acc)
            else:
                spread_line(b, i, at, acc)
        end_pixels(b, c, b.out, b.add, acc)
        c = c + lanes


cdef inline inlined share_pair(int i, int wide, int slide, bint listed, const Block* b, Py_ssize_t at,
                               Vector* acc) noexcept nogil:
    """Input line `i` of two square windows, `slide` apart in both directions."""
    if i < wide + slide:
        share_line(wide, slide, i < wide, i >= slide, slide, listed, i >= wide - slide, b, i, at, acc)


cdef inline inlined sum_pairs(int wide, int slide, bint listed, const Block* b, Vector* tag) noexcept nogil:
    """Two lines of outputs."""
    cdef Vector acc[2 * PIXELS]
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t c = 0, at
    while c < b.channels:
        if b.overlap:
            c = minimum(c, b.channels - lanes)
        at = c * (VECTOR_BYTES // lanes)
        begin_pixels(acc)
        begin_pixels(acc + PIXELS)
        share_pair(0, wide, slide, listed, b, at, acc)
        share_pair(1, wide, slide, listed, b, at, acc)
        share_pair(2, wide, slide, listed, b, at, acc)
        share_pair(3, wide, slide, listed, b, at, acc)
        share_pair(4, wide, slide, listed, b, at, acc)
        share_pair(5, wide, slide, listed, b, at, acc)
        share_pair(6, wide, slide, listed, b, at, acc)
        share_pair(7, wide, slide, listed, b, at, acc)
        end_pixels(b, c, b.out, b.add, acc)
        end_pixels(b, c, b.out + b.out_row, b.add + b.add_row if b.add != NULL else NULL, acc + PIXELS)
        c = c + lanes


cdef inline void list_edges(const Block* b, Py_ssize_t line) noexcept nogil:
    """Of a line without padding."""
    cdef char** points = b.points + line * b.positions
    cdef Py_ssize_t p, last = b.positions - 1
    for p in range(edge_of(b.wide)):
        points[p] = b.lines[line] + p * b.steps[line]
        points[last - p] = b.lines[line] + (last - p) * b.steps[line]


cdef inline inlined sum_pixels(int wide, int slide, int rows, bint listed, const Block* block,
                               Vector* tag) noexcept nogil:
    cdef Block here = block[0]   # which stores of results cannot change
    cdef Block* b = &here
    cdef Py_ssize_t i, done = 0
    while True:
        if rows == 2:
            sum_pairs(wide, slide, listed, b, tag)
        else:
            sum_channels(wide, slide, listed, b, tag)
        done = done + 1
        if listed or done == b.blocks:
            return
        for i in range(b.line_count):
            b.lines[i] = b.lines[i] + PIXELS * slide * b.steps[i]
            list_edges(b, i)
        b.out = b.out + PIXELS * b.out_step
        if b.add != NULL:
            b.add = b.add + PIXELS * b.add_step


cdef inline outlined pixels_any(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(0, 1, 1, True, b, tag)


cdef inline outlined pixels_3(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(3, 1, 1, True, b, tag)
    else:
        sum_pixels(3, 1, 1, False, b, tag)


cdef inline outlined pixels_3_pairs(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(3, 1, 2, True, b, tag)
    else:
        sum_pixels(3, 1, 2, False, b, tag)


cdef inline outlined pixels_3_apart(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(3, 2, 1, True, b, tag)
    else:
        sum_pixels(3, 2, 1, False, b, tag)


cdef inline outlined pixels_3_apart_pairs(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(3, 2, 2, True, b, tag)
    else:
        sum_pixels(3, 2, 2, False, b, tag)


cdef inline outlined pixels_5(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(5, 1, 1, True, b, tag)
    else:
        sum_pixels(5, 1, 1, False, b, tag)


cdef inline outlined pixels_5_pairs(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(5, 1, 2, True, b, tag)
    else:
        sum_pixels(5, 1, 2, False, b, tag)


cdef inline outlined pixels_5_apart(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(5, 2, 1, True, b, tag)
    else:
        sum_pixels(5, 2, 1, False, b, tag)


cdef inline outlined pixels_5_apart_pairs(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(5, 2, 2, True, b, tag)
    else:
        sum_pixels(5, 2, 2, False, b, tag)


cdef inline outlined pixels_7(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(7, 1, 1, True, b, tag)
    else:
        sum_pixels(7, 1, 1, False, b, tag)


cdef inline outlined pixels_7_pairs(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(7, 1, 2, True, b, tag)
    else:
        sum_pixels(7, 1, 2, False, b, tag)


cdef inline outlined pixels_9(bint listed, const Block* b, Vector* tag) noexcept nogil:
    if listed:
        sum_pixels(9, 1, 1, True, b, tag)
    else:
        sum_pixels(9, 1, 1, False, b, tag)


cdef inline bint is_shared(const Block* b) noexcept nogil:
    if b.wide == 7 or b.wide == 9:
        return b.slide == 1
    return (b.wide == 3 or b.wide == 5) and b.slide <= 2


cdef inline bint goes_in_pairs(const Block* b) noexcept nogil:
    """Whether two lines of outputs may be computed at once."""
    return is_shared(b) and b.wide < 9 and b.line_count == b.wide and b.down == b.slide


cdef inline void sum_block(const Block* b, bint listed, Vector* tag) noexcept nogil:
    if not is_shared(b):
        pixels_any(b, tag)
    elif b.wide == 9:
        pixels_9(listed, b, tag)
    elif b.wide == 7:
        if b.rows == 2:
            pixels_7_pairs(listed, b, tag)
        else:
            pixels_7(listed, b, tag)
    elif b.wide == 3 and b.slide == 1:
        if b.rows == 2:
            pixels_3_pairs(listed, b, tag)
        else:
            pixels_3(listed, b, tag)
    elif b.wide == 3:
        if b.rows == 2:
            pixels_3_apart_pairs(listed, b, tag)
        else:
            pixels_3_apart(listed, b, tag)
    elif b.slide == 1:
        if b.rows == 2:
            pixels_5_pairs(listed, b, tag)
        else:
            pixels_5(listed, b, tag)
    elif b.rows == 2:
        pixels_5_apart_pairs(listed, b, tag)
    else:
        pixels_5_apart(listed, b, tag)
