# The micro-kernels for the columns of separable kernels: few taps below each other, whose weights stay in registers, or
# many, whose weights are loaded line by line.
#
# Input line after input line goes into all output lines that it reaches, counted out as in `counted.pxd`. Sums are
# read again at once, and nothing is asked for where they are written. Start reading at `columns`.
from convops.kernels.block cimport LINES, Block
from convops.kernels.counted cimport WIDE
from convops.kernels.lanes cimport begin_chain, fetch, load, load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined

cdef enum:
    MOST_TAPS = 9              # that fit beside the sums
    ROOM = 24                  # of sums of a block, at any level


cdef inline bint are_columns(const Block* b) noexcept nogil:
    return (WIDE > 0 and b.lines == LINES and b.line == b.slide == 1
            and (b.window[1] in (3, 5, 7, 9) or b.window[1] >= LINES))


cdef inline Py_ssize_t whole_columns(Py_ssize_t vectors) noexcept nogil:
    """Vectors that the micro-kernel takes of so many."""
    return vectors // (WIDE if WIDE > 0 else 1) * WIDE


cdef inline inlined column_into(int r, int i, int taps, const Vector* weights, const Vector* line,
                                Vector* acc) noexcept nogil:
    """Input line i into output line r, if it reaches that."""
    cdef int v
    if r >= LINES or i < r or i >= r + taps:
        return
    for v in range(WIDE):
        if i == r:
            begin_chain(&acc[r * WIDE + v])
        acc[r * WIDE + v] = acc[r * WIDE + v] + weights[i - r] * line[v]


cdef inline inlined column_line(int i, int taps, const Block* b, const char* x, const Vector* weights,
                                Vector* acc) noexcept nogil:
    cdef Vector line[4]
    cdef int v
    if i >= LINES + taps - 1:
        return
    for v in range(WIDE):
        if i < LINES:
            fetch(x + b.ahead + v * VECTOR_BYTES)
        load(x + v * VECTOR_BYTES, &line[v])
    column_into(0, i, taps, weights, line, acc)
    column_into(1, i, taps, weights, line, acc)
    column_into(2, i, taps, weights, line, acc)
    column_into(3, i, taps, weights, line, acc)
    column_into(4, i, taps, weights, line, acc)
    column_into(5, i, taps, weights, line, acc)


cdef inline inlined end_column(int r, char* out, const Block* b, const Vector* acc) noexcept nogil:
    cdef int v
    cdef Vector sums
    if r >= LINES:
        return
    for v in range(WIDE):
        sums = acc[r * WIDE + v]
        (<Vector*> (out + r * b.out_line + v * VECTOR_BYTES))[0] = sums + 0    # -0.0 is no sum


cdef inline inlined long_into(int r, const char* weight, const Vector* line, Vector* acc) noexcept nogil:
    cdef int v
    cdef Vector w
    load_weight(weight - r * (4 if Vector is f32v else 8), &w)
    for v in range(WIDE):
        acc[r * WIDE + v] = acc[r * WIDE + v] + w * line[v]


cdef inline inlined long_line(int first, int last, const Block* b, Py_ssize_t i, Py_ssize_t at,
                              Vector* acc) noexcept nogil:
    """Input line i into the output lines from `first` to `last`."""
    cdef Vector line[4]
    cdef int v, r
    cdef const char* x = b.rows[i] + b.base + at
    for v in range(WIDE):
        if first == 0 and last < LINES - 1:
            fetch(x + b.ahead + v * VECTOR_BYTES)
        load(x + v * VECTOR_BYTES, &line[v])
    for r in range(LINES):
        if first <= r <= last:
            long_into(r, b.weights + i * (4 if Vector is f32v else 8), line, acc)


cdef inline outlined columns_long(const Block* block, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    """As `columns`, of at least LINES taps."""
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[ROOM]
    cdef Py_ssize_t at = 0, i, taps = b.window[1]
    cdef int r, v
    while at < vectors * VECTOR_BYTES:
        for v in range(LINES * WIDE):
            begin_chain(&acc[v])
        for r in range(LINES - 1):
            long_line(0, r, b, r, at, acc)
        for i in range(LINES - 1, taps):
            long_line(0, LINES - 1, b, i, at, acc)
        for r in range(1, LINES):
            long_line(r, LINES - 1, b, taps + r - 1, at, acc)
        for r in range(LINES):
            end_column(r, b.out + at, b, acc)
        at = at + WIDE * VECTOR_BYTES


cdef inline inlined columns(int taps, const Block* block, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    """So many vectors of sums, a multiple of WIDE."""
    cdef Block here = block[0]
    cdef const Block* b = &here
    cdef Vector acc[ROOM]
    cdef Vector weights[MOST_TAPS]
    cdef const char* rows[LINES + MOST_TAPS - 1]
    cdef Py_ssize_t at = 0
    cdef int i
    for i in range(LINES + taps - 1):
        rows[i] = b.rows[i] + b.base
    for i in range(taps):
        load_weight(b.weights + i * (4 if Vector is f32v else 8), &weights[i])
    while at < vectors * VECTOR_BYTES:
        column_line(0, taps, b, rows[0] + at, weights, acc)
        column_line(1, taps, b, rows[1] + at, weights, acc)
        column_line(2, taps, b, rows[2] + at, weights, acc)
        column_line(3, taps, b, rows[3] + at, weights, acc)
        column_line(4, taps, b, rows[4] + at, weights, acc)
        column_line(5, taps, b, rows[5] + at, weights, acc)
        column_line(6, taps, b, rows[6] + at, weights, acc)
        column_line(7, taps, b, rows[7] + at, weights, acc)
        column_line(8, taps, b, rows[8] + at, weights, acc)
        column_line(9, taps, b, rows[9] + at, weights, acc)
        column_line(10, taps, b, rows[10] + at, weights, acc)
        column_line(11, taps, b, rows[11] + at, weights, acc)
        column_line(12, taps, b, rows[12] + at, weights, acc)
        column_line(13, taps, b, rows[13] + at, weights, acc)
        end_column(0, b.out + at, b, acc)
        end_column(1, b.out + at, b, acc)
        end_column(2, b.out + at, b, acc)
        end_column(3, b.out + at, b, acc)
        end_column(4, b.out + at, b, acc)
        end_column(5, b.out + at, b, acc)
        at = at + WIDE * VECTOR_BYTES


cdef inline outlined columns_3(const Block* b, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    columns(3, b, vectors, tag)


cdef inline outlined columns_5(const Block* b, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    columns(5, b, vectors, tag)


cdef inline outlined columns_7(const Block* b, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    columns(7, b, vectors, tag)


cdef inline outlined columns_9(const Block* b, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    columns(9, b, vectors, tag)


cdef inline void sum_columns(const Block* b, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    if b.window[1] == 3:
        columns_3(b, vectors, tag)
    elif b.window[1] == 5:
        columns_5(b, vectors, tag)
    elif b.window[1] == 7:
        columns_7(b, vectors, tag)
    elif b.window[1] == 9:
        columns_9(b, vectors, tag)
    else:
        columns_long(b, vectors, tag)


cdef inline void sum_many(Block* block, Py_ssize_t vectors, char* out, Py_ssize_t begin,
                          const Real* tag) noexcept nogil:
    """So many vectors of columns of the block's lines, from item `begin` of them on."""
    block.base = begin * <Py_ssize_t> sizeof(Real)
    block.out = out + block.base
    if Real is float:
        sum_columns(block, vectors, <f32v*> NULL)
    else:
        sum_columns(block, vectors, <f64v*> NULL)


cdef inline Py_ssize_t sum_most(Block* block, char* out, Py_ssize_t begin, Py_ssize_t end,
                                const Real* tag) noexcept nogil:
    """As many columns of the block's lines as the micro-kernel for them takes; where they end.

    All, where these are enough for the last ones to be summed as a part of a block that overlaps the one before.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), vectors
    if not are_columns(block):
        return begin
    vectors = whole_columns((end - begin) // lanes)
    if vectors == 0:
        return begin
    sum_many(block, vectors, out, begin, tag)
    if begin + vectors * lanes < end:
        sum_many(block, WIDE, out, end - WIDE * lanes, tag)
    return end
