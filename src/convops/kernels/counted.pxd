# The depthwise micro-kernel for 3x3 and 5x5 windows in stride 1, any dilation: lines and taps are counted out.
#
# No jump leads from input line to input line and no table says which output lines one reaches, which takes longer than
# the multiply-adds of so few taps. Every output is one chain of them, taps in C order. Start reading at `counted`.
from convops.kernels.block cimport LINES, Block, end_block, set_masks
from convops.kernels.lanes cimport begin_chain, fetch, load, load_masked, splat_f32, splat_f64
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined

cdef extern from *:
    """
    #if defined(__AVX512F__) || defined(__aarch64__)
    enum { convops_counted_vectors = 3, convops_counted_taps = 5 };
    #elif defined(__AVX2__)
    enum { convops_counted_vectors = 2, convops_counted_taps = 3 };
    #else
    enum { convops_counted_vectors = 0, convops_counted_taps = 0 };
    #endif
    """
    enum:
        WIDE "convops_counted_vectors"     # vectors of LINES output lines; 0 without room in registers
        COUNTED "convops_counted_taps"     # of a line of the window: more weights would leave the registers

cdef enum:
    ROOM = 24                  # of sums of a block, at any level
    MOST_TAPS = 5              # of a line of the window, at any level


cdef inline bint can_count(const Block* b) noexcept nogil:
    """Whether window and stride are such ones, and the block's lines as many."""
    return (WIDE > 0 and b.window[0] == 1 and b.window[1] == b.window[2] and (b.window[2] == 3 or b.window[2] == 5)
            and b.window[2] <= COUNTED and b.slide == 1 and b.lines == LINES)


cdef inline inlined counted_into(int r, int i, int k, int taps, const Block* b, const Vector* column,
                                 Vector* acc) noexcept nogil:
    """Tap k of input line i into output line r, if it reaches that."""
    cdef int v, item = 4 if Vector is f32v else 8
    cdef const char* at = b.weights + ((i - r) * taps + k) * item
    cdef Vector w
    if r >= LINES or i < r or i >= r + taps:
        return
    # Not kept as a copy of its own: weights of few taps stay in registers.
    if Vector is f32v:
        w = splat_f32((<const float*> at)[0])
    else:
        w = splat_f64((<const double*> at)[0])
    for v in range(WIDE):
        if i == r and k == 0:
            begin_chain(&acc[r * WIDE + v])
        acc[r * WIDE + v] = acc[r * WIDE + v] + w * column[v]


cdef inline inlined counted_tap(int k, int i, int taps, bint masked, const Block* b, const char* x,
                                Vector* acc) noexcept nogil:
    cdef Vector column[4]
    cdef int v
    if k >= taps:
        return
    for v in range(WIDE):
        if masked:
            load_masked(x + b.columns[k] + v * VECTOR_BYTES, b.masks[k * WIDE + v], &column[v])
        else:
            load(x + b.columns[k] + v * VECTOR_BYTES, &column[v])
    counted_into(0, i, k, taps, b, column, acc)
    counted_into(1, i, k, taps, b, column, acc)
    counted_into(2, i, k, taps, b, column, acc)
    counted_into(3, i, k, taps, b, column, acc)
    counted_into(4, i, k, taps, b, column, acc)
    counted_into(5, i, k, taps, b, column, acc)


cdef inline inlined counted_line(int i, int taps, bint masked, const Block* b, const char* const* rows, Py_ssize_t at,
                                 Vector* acc) noexcept nogil:
    cdef int v
    if i >= LINES + taps - 1:
        return
    if b.asks and i < LINES and taps == 3:    # more of them leave hardware the time
        for v in range(WIDE):
            fetch(rows[i] + at + b.ahead + v * VECTOR_BYTES)
    counted_tap(0, i, taps, masked, b, rows[i] + at, acc)
    counted_tap(1, i, taps, masked, b, rows[i] + at, acc)
    counted_tap(2, i, taps, masked, b, rows[i] + at, acc)
    counted_tap(3, i, taps, masked, b, rows[i] + at, acc)
    counted_tap(4, i, taps, masked, b, rows[i] + at, acc)


cdef inline inlined counted(int taps, bint masked, const Block* block, Vector* tag) noexcept nogil:
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[ROOM]
    cdef const char* rows[LINES + MOST_TAPS - 1]
    cdef int item = 4 if Vector is f32v else 8, i
    cdef Py_ssize_t column = 0
    for i in range(LINES + taps - 1):
        rows[i] = b.rows[i * b.line] + b.base
    while column < b.count:
        if masked:
            set_masks(b, column, WIDE, VECTOR_BYTES // item)
        counted_line(0, taps, masked, b, rows, column * item, acc)
        counted_line(1, taps, masked, b, rows, column * item, acc)
        counted_line(2, taps, masked, b, rows, column * item, acc)
        counted_line(3, taps, masked, b, rows, column * item, acc)
        counted_line(4, taps, masked, b, rows, column * item, acc)
        counted_line(5, taps, masked, b, rows, column * item, acc)
        counted_line(6, taps, masked, b, rows, column * item, acc)
        counted_line(7, taps, masked, b, rows, column * item, acc)
        counted_line(8, taps, masked, b, rows, column * item, acc)
        counted_line(9, taps, masked, b, rows, column * item, acc)
        end_block(LINES, WIDE, b, column, acc)
        column = column + WIDE * (VECTOR_BYTES // item)


cdef inline outlined counted_3(const Block* b, Vector* tag) noexcept nogil:
    counted(3, False, b, tag)


cdef inline outlined counted_5(const Block* b, Vector* tag) noexcept nogil:
    counted(5, False, b, tag)


cdef inline outlined counted_masked_3(const Block* b, Vector* tag) noexcept nogil:
    counted(3, True, b, tag)


cdef inline outlined counted_masked_5(const Block* b, Vector* tag) noexcept nogil:
    counted(5, True, b, tag)
