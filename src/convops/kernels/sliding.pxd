# Depthwise micro-kernels with vectors over pixels: a block of output lines over which the window slides.
#
# Every vector of an input line is loaded once per tap of a line of the window, and goes into all output lines that
# this input line reaches. Each output is one chain of multiply-adds, taps in C order.
from convops.kernels.lanes cimport (
    Mask, begin_chain, end_vector, even_f32, even_f64, load_masked, odd_f32, odd_f64, spread)
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined

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

# A block of outputs of one channel. Line i of plane p lies at rows[p * plane + i * line].
cdef struct Block:
    const char* const* rows
    Py_ssize_t plane
    Py_ssize_t line
    Py_ssize_t base            # bytes from the beginning of a row to the first output's first tap
    const Py_ssize_t* columns  # and on to each tap
    const Mask* masks          # per tap
    const char* weights
    Py_ssize_t window[3]
    Py_ssize_t slide           # input lines from one output line to the next
    Py_ssize_t lines
    Py_ssize_t count           # outputs of a line
    double bias
    bint relu
    char* out                  # NULL: the bare sums go to `sums`
    Py_ssize_t out_line
    const char* add
    Py_ssize_t add_line
    char* sums


cdef inline inlined end_block(int lines, int vectors, const Block* b, const Vector* acc) noexcept nogil:
    cdef int r, v, item = 4 if Vector is f32v else 8
    cdef Vector bias
    cdef const char* add
    cdef Py_ssize_t left
    if b.out == NULL:
        for r in range(lines * vectors):
            (<Vector*> b.sums)[r] = acc[r]
        return
    spread(b.bias, &bias)
    for r in range(lines):
        if r < b.lines:
            for v in range(vectors):
                left = b.count - v * (VECTOR_BYTES // item)
                add = b.add + r * b.add_line + v * VECTOR_BYTES if b.add != NULL else NULL
                if left > 0:
                    end_vector(acc[r * vectors + v], bias, add, b.relu,
                               b.out + r * b.out_line + v * VECTOR_BYTES, left)


cdef inline inlined slide_line(int first, int last, int lines, int vectors, bint masked, const Block* b, const char* x,
                        const char* weights, Vector* acc) noexcept nogil:
    """One input line into the output lines from `first` to `last`, whose weights go backwards in the window."""
    cdef Vector column[ACROSS]
    cdef Vector product
    cdef Py_ssize_t k, back = b.slide * b.window[2]
    cdef int r, v
    if last >= lines:
        return
    for k in range(b.window[2]):
        for v in range(vectors):
            if masked:
                load_masked(x + b.columns[k] + v * VECTOR_BYTES, b.masks[k], &column[v])
            else:
                column[v] = (<const Vector*> (x + b.columns[k] + v * VECTOR_BYTES))[0]
        for r in range(first, last + 1):
            for v in range(vectors):
                if Vector is f32v:
                    product = (<const float*> weights)[k - (r - first) * back] * column[v]
                else:
                    product = (<const double*> weights)[k - (r - first) * back] * column[v]
                acc[r * vectors + v] = acc[r * vectors + v] + product


cdef inline inlined slide_plane(int lines, int vectors, bint masked, const Block* b, const char* const* rows,
                         const char* weights, Vector* acc) noexcept nogil:
    """All input lines of one plane of the window; each reaches a range of output lines, a case of its own."""
    cdef Py_ssize_t i, item = 4 if Vector is f32v else 8, next_last = b.slide, next_first = b.window[1]
    cdef Py_ssize_t line = b.window[2] * item
    cdef int first = 0, last = 0, case
    cdef const char* x
    cdef const char* w
    for i in range((b.lines - 1) * b.slide + b.window[1]):
        if i == next_last and last < b.lines - 1:
            last, next_last = last + 1, next_last + b.slide
        if i == next_first:
            first, next_first = first + 1, next_first + b.slide
        if first > last:
            continue
        x, w, case = rows[i * b.line] + b.base, weights + (i - first * b.slide) * line, first * 8 + last
        if case == 0:
            slide_line(0, 0, lines, vectors, masked, b, x, w, acc)
        elif case == 1:
            slide_line(0, 1, lines, vectors, masked, b, x, w, acc)
        elif case == 2:
            slide_line(0, 2, lines, vectors, masked, b, x, w, acc)
        elif case == 3:
            slide_line(0, 3, lines, vectors, masked, b, x, w, acc)
        elif case == 4:
            slide_line(0, 4, lines, vectors, masked, b, x, w, acc)
        elif case == 5:
            slide_line(0, 5, lines, vectors, masked, b, x, w, acc)
        elif case == 9:
            slide_line(1, 1, lines, vectors, masked, b, x, w, acc)
        elif case == 10:
            slide_line(1, 2, lines, vectors, masked, b, x, w, acc)
        elif case == 11:
            slide_line(1, 3, lines, vectors, masked, b, x, w, acc)
        elif case == 12:
            slide_line(1, 4, lines, vectors, masked, b, x, w, acc)
        elif case == 13:
            slide_line(1, 5, lines, vectors, masked, b, x, w, acc)
        elif case == 18:
            slide_line(2, 2, lines, vectors, masked, b, x, w, acc)
        elif case == 19:
            slide_line(2, 3, lines, vectors, masked, b, x, w, acc)
        elif case == 20:
            slide_line(2, 4, lines, vectors, masked, b, x, w, acc)
        elif case == 21:
            slide_line(2, 5, lines, vectors, masked, b, x, w, acc)
        elif case == 27:
            slide_line(3, 3, lines, vectors, masked, b, x, w, acc)
        elif case == 28:
            slide_line(3, 4, lines, vectors, masked, b, x, w, acc)
        elif case == 29:
            slide_line(3, 5, lines, vectors, masked, b, x, w, acc)
        elif case == 36:
            slide_line(4, 4, lines, vectors, masked, b, x, w, acc)
        elif case == 37:
            slide_line(4, 5, lines, vectors, masked, b, x, w, acc)
        else:
            slide_line(5, 5, lines, vectors, masked, b, x, w, acc)


cdef inline inlined slide(int vectors, bint masked, const Block* b, Vector* tag) noexcept nogil:
    cdef Vector acc[LINES * ACROSS]
    cdef Py_ssize_t d, plane = b.window[1] * b.window[2] * (4 if Vector is f32v else 8)
    cdef int i
    for i in range(LINES * vectors):
        begin_chain(&acc[i])
    for d in range(b.window[0]):
        slide_plane(LINES, vectors, masked, b, b.rows + d * b.plane, b.weights + d * plane, acc)
    end_block(LINES, vectors, b, acc)


cdef inline outlined slide_1(const Block* b, Vector* tag) noexcept nogil:
    slide(1, False, b, tag)


cdef inline outlined slide_2(const Block* b, Vector* tag) noexcept nogil:
    slide(2, False, b, tag)


cdef inline outlined slide_4(const Block* b, Vector* tag) noexcept nogil:
    slide(ACROSS, False, b, tag)


cdef inline outlined slide_masked(const Block* b, Vector* tag) noexcept nogil:
    slide(1, True, b, tag)


cdef inline outlined alone_8(const Block* b, Vector* tag) noexcept nogil:
    """One output line, many vectors."""
    cdef Vector acc[ALONE]
    cdef Vector product
    cdef Py_ssize_t d, i, k, tap = 0
    cdef int v
    cdef const char* x
    for v in range(ALONE):
        begin_chain(&acc[v])
    for d in range(b.window[0]):
        for i in range(b.window[1]):
            for k in range(b.window[2]):
                x = b.rows[d * b.plane + i * b.line] + b.base + b.columns[k]
                for v in range(ALONE):
                    if Vector is f32v:
                        product = (<const float*> b.weights)[tap] * (<const Vector*> x)[v]
                    else:
                        product = (<const double*> b.weights)[tap] * (<const Vector*> x)[v]
                    acc[v] = acc[v] + product
                tap = tap + 1
    end_block(1, ALONE, b, acc)


cdef inline inlined load_three(int stride, const Block* b, const char* x, Vector* column) noexcept nogil:
    """What the three taps of a line need; two lines of vectors apart where every second item counts."""
    cdef Vector low
    cdef Vector high
    cdef int k, item = 4 if Vector is f32v else 8
    if stride == 1:
        for k in range(3):
            load_masked(x + k * item, b.masks[k], &column[k])
        return
    for k in range(0, 3, 2):
        load_masked(x + k * item, b.masks[k], &low)
        load_masked(x + k * item + VECTOR_BYTES, b.masks[k + 1], &high)
        if Vector is f32v:
            column[k] = even_f32(low, high)
            if k == 0:
                column[1] = odd_f32(low, high)
        else:
            column[k] = even_f64(low, high)
            if k == 0:
                column[1] = odd_f64(low, high)


cdef inline inlined three(int lines, int stride, const Block* b, Vector* tag) noexcept nogil:
    """A 3x3 window whose weights stay in registers."""
    cdef Vector w[9]
    cdef Vector acc[7]
    cdef Vector column[3]
    cdef int i, r, k, reached = <int> (b.lines - 1) * stride + 3
    for k in range(9):
        if Vector is f32v:
            spread((<const float*> b.weights)[k], &w[k])
        else:
            spread((<const double*> b.weights)[k], &w[k])
    for i in range((lines - 1) * stride + 3):
        load_three(stride, b, b.rows[i if i < reached else reached - 1] + b.base, column)
        for r in range(lines):
            for k in range(3):
                if i == r * stride and k == 0:
                    begin_chain(&acc[r])
                if 0 <= i - r * stride < 3:
                    acc[r] = acc[r] + w[(i - r * stride) * 3 + k] * column[k]
    end_block(lines, 1, b, acc)


cdef inline outlined three_7(const Block* b, Vector* tag) noexcept nogil:
    three(7, 1, b, tag)


cdef inline outlined three_4(const Block* b, Vector* tag) noexcept nogil:
    three(4, 1, b, tag)


cdef inline outlined three_7_apart(const Block* b, Vector* tag) noexcept nogil:
    three(7, 2, b, tag)


cdef inline outlined three_4_apart(const Block* b, Vector* tag) noexcept nogil:
    three(4, 2, b, tag)
