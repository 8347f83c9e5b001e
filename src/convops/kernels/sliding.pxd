# Depthwise micro-kernels with vectors over pixels: a block of output lines over which the window slides.
#
# Every vector of an input line is loaded once per tap of a line of the window, and goes into all output lines that
# this input line reaches. Each output is one chain of multiply-adds, taps in C order.
from convops.kernels.block cimport ACROSS, ALONE, LINES, Block, end_block, set_masks
from convops.kernels.lanes cimport Mask, begin_chain, fetch, load, load_masked, load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined


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
                load_masked(x + b.columns[k] + v * VECTOR_BYTES, masks[k * vectors + v], &column[v])
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
        if b.asks and i < b.lines * b.slide:
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


cdef inline inlined slide(int vectors, bint masked, const Block* block, Vector* tag) noexcept nogil:
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[LINES * ACROSS]
    cdef int item = 4 if Vector is f32v else 8
    cdef Py_ssize_t d, column = 0, plane = b.window[1] * b.window[2] * item
    while column < b.count:
        if masked:
            set_masks(b, column, vectors, VECTOR_BYTES // item)
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


cdef inline outlined slide_masked_4(const Block* b, Vector* tag) noexcept nogil:
    slide(ACROSS, True, b, tag)


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
