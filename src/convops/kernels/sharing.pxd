# Depthwise micro-kernels with vectors over channels: a block of neighbouring output pixels.
#
# The weights of a line of the window stay in registers, and each input pixel of a line is loaded once for all outputs
# that it reaches. Each output is one chain of multiply-adds, taps in C order.
from convops.kernels.lanes cimport begin_chain, end_vector, fetch, fetch_to_write, load, load_f32, load_f64
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined
from convops.kernels.tile cimport minimum

cdef enum:
    PIXELS = 7                 # outputs whose sums stay in registers

# A block of output pixels of one line. Position p of window line i lies at points[i * positions + p], or
# p * steps[i] bytes behind lines[i].
cdef struct Block:
    char** points
    char** lines
    Py_ssize_t* steps
    Py_ssize_t positions
    Py_ssize_t line_count
    Py_ssize_t wide            # taps of a line
    Py_ssize_t slide           # positions from one output to the next
    const char* weights
    Py_ssize_t tap             # bytes from tap to tap
    const char* bias
    Py_ssize_t channels
    bint overlap               # the last vector may begin earlier: nothing lies behind the last channel
    bint relu
    Py_ssize_t pixels
    Py_ssize_t blocks          # full ones, one behind the other, where positions go by steps
    char* out
    Py_ssize_t out_step
    const char* add
    Py_ssize_t add_step
    Py_ssize_t ahead           # bytes to the input and to the results of the next line of outputs
    Py_ssize_t out_ahead


cdef inline inlined end_pixel(int s, const Block* b, Py_ssize_t at, Py_ssize_t count, Vector bias,
                              const Vector* acc) noexcept nogil:
    if s < b.pixels:
        fetch_to_write(b.out + s * b.out_step + at + b.out_ahead)
        end_vector(acc[s], bias, b.add + s * b.add_step + at if b.add != NULL else NULL, b.relu,
                   b.out + s * b.out_step + at, count)


cdef inline inlined end_pixels(const Block* b, Py_ssize_t c, const Vector* acc) noexcept nogil:
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t count = minimum(lanes, b.channels - c), at = c * (VECTOR_BYTES // lanes)
    cdef Vector bias
    if Vector is f32v:
        bias = load_f32(b.bias + at, count)
    else:
        bias = load_f64(b.bias + at, count)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    end_pixel(0, b, at, count, bias, acc)
    end_pixel(1, b, at, count, bias, acc)
    end_pixel(2, b, at, count, bias, acc)
    end_pixel(3, b, at, count, bias, acc)
    end_pixel(4, b, at, count, bias, acc)
    end_pixel(5, b, at, count, bias, acc)
    end_pixel(6, b, at, count, bias, acc)


cdef inline inlined share_position(int j, int wide, int slide, bint listed, const Block* b, Py_ssize_t line,
                                   Py_ssize_t at, Py_ssize_t step, const Vector* w, Vector* acc) noexcept nogil:
    cdef Vector x
    cdef const char* pixel
    cdef int k
    if j >= (PIXELS - 1) * slide + wide:
        return
    pixel = b.points[line * b.positions + j] if listed else b.lines[line] + j * step
    load(pixel + at, &x)
    if line == b.line_count - 1 and j >= wide - slide:
        fetch(pixel + at + b.ahead)
    for k in range(wide):
        if j >= k and (j - k) % slide == 0 and (j - k) // slide < PIXELS:
            acc[(j - k) // slide] = acc[(j - k) // slide] + w[k] * x


cdef inline inlined share_line(int wide, int slide, bint listed, const Block* b, Py_ssize_t line, Py_ssize_t at,
                               Vector* acc) noexcept nogil:
    """One line of the window: every position is loaded once, for all outputs that it reaches."""
    cdef Vector w[8]
    cdef Py_ssize_t step = 0 if listed else b.steps[line]
    cdef int k
    for k in range(wide):
        load(b.weights + (line * wide + k) * b.tap + at, &w[k])
    # Counted out: an array stays in registers only where no index is left to a loop around another loop.
    share_position(0, wide, slide, listed, b, line, at, step, w, acc)
    share_position(1, wide, slide, listed, b, line, at, step, w, acc)
    share_position(2, wide, slide, listed, b, line, at, step, w, acc)
    share_position(3, wide, slide, listed, b, line, at, step, w, acc)
    share_position(4, wide, slide, listed, b, line, at, step, w, acc)
    share_position(5, wide, slide, listed, b, line, at, step, w, acc)
    share_position(6, wide, slide, listed, b, line, at, step, w, acc)
    share_position(7, wide, slide, listed, b, line, at, step, w, acc)
    share_position(8, wide, slide, listed, b, line, at, step, w, acc)
    share_position(9, wide, slide, listed, b, line, at, step, w, acc)
    share_position(10, wide, slide, listed, b, line, at, step, w, acc)
    share_position(11, wide, slide, listed, b, line, at, step, w, acc)
    share_position(12, wide, slide, listed, b, line, at, step, w, acc)
    share_position(13, wide, slide, listed, b, line, at, step, w, acc)
    share_position(14, wide, slide, listed, b, line, at, step, w, acc)
    share_position(15, wide, slide, listed, b, line, at, step, w, acc)
    share_position(16, wide, slide, listed, b, line, at, step, w, acc)


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
    cdef int s, lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t c = 0, i
    while c < b.channels:
        if b.overlap:
            c = minimum(c, b.channels - lanes)
        begin_chain(&acc[0])
        begin_chain(&acc[1])
        begin_chain(&acc[2])
        begin_chain(&acc[3])
        begin_chain(&acc[4])
        begin_chain(&acc[5])
        begin_chain(&acc[6])
        for i in range(b.line_count):
            if wide:
                share_line(wide, slide, listed, b, i, c * (VECTOR_BYTES // lanes), acc)
            else:
                spread_line(b, i, c * (VECTOR_BYTES // lanes), acc)
        end_pixels(b, c, acc)
        c = c + lanes


cdef inline inlined sum_pixels(int wide, int slide, bint listed, const Block* block, Vector* tag) noexcept nogil:
    cdef Block here = block[0]   # which stores of results cannot change
    cdef Block* b = &here
    cdef Py_ssize_t i, done = 0
    while True:
        sum_channels(wide, slide, listed, b, tag)
        done = done + 1
        if listed or done == b.blocks:
            return
        for i in range(b.line_count):
            b.lines[i] = b.lines[i] + PIXELS * slide * b.steps[i]
        b.out = b.out + PIXELS * b.out_step
        if b.add != NULL:
            b.add = b.add + PIXELS * b.add_step


cdef inline outlined pixels_any(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(0, 1, True, b, tag)


cdef inline outlined pixels_3(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(3, 1, False, b, tag)


cdef inline outlined pixels_3_listed(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(3, 1, True, b, tag)


cdef inline outlined pixels_3_apart(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(3, 2, False, b, tag)


cdef inline outlined pixels_3_apart_listed(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(3, 2, True, b, tag)


cdef inline outlined pixels_5(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(5, 1, False, b, tag)


cdef inline outlined pixels_5_listed(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(5, 1, True, b, tag)


cdef inline outlined pixels_5_apart(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(5, 2, False, b, tag)


cdef inline outlined pixels_5_apart_listed(const Block* b, Vector* tag) noexcept nogil:
    sum_pixels(5, 2, True, b, tag)


cdef inline bint is_shared(const Block* b) noexcept nogil:
    return (b.wide == 3 or b.wide == 5) and b.slide <= 2


cdef inline void sum_block(const Block* b, bint listed, Vector* tag) noexcept nogil:
    if not is_shared(b):
        pixels_any(b, tag)
    elif b.wide == 3 and b.slide == 1:
        if listed:
            pixels_3_listed(b, tag)
        else:
            pixels_3(b, tag)
    elif b.wide == 3:
        if listed:
            pixels_3_apart_listed(b, tag)
        else:
            pixels_3_apart(b, tag)
    elif b.slide == 1:
        if listed:
            pixels_5_listed(b, tag)
        else:
            pixels_5(b, tag)
    elif listed:
        pixels_5_apart_listed(b, tag)
    else:
        pixels_5_apart(b, tag)
