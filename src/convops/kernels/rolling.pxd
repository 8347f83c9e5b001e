# The depthwise micro-kernel for windows of 4 to 14 lines in stride 1: as many output lines are open as the window has.
#
# An input line goes into all of them in one pass over its taps; then the oldest one is done, and its sums begin the
# next. So a line is read once, however many lines there are, and no line finds only a few sums that need it. The line
# of the window that an output line needs moves on by one from input line to input line: weights lie there twice, so
# that a pointer moves and the sums stay. What input lines before the first output's last and behind the last output's
# first add to lines that are no outputs is dropped. Each output is one chain of multiply-adds, taps in C order.
# Start reading at `roll`.
from convops.kernels.block cimport LINES, Block, end_block, set_masks
from convops.kernels.lanes cimport begin_chain, fetch, fetch_to_write, hold, load, load_masked, load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined
from convops.kernels.tile cimport minimum

cdef extern from *:
    """
    #if defined(__AVX512F__)
    enum { convops_rolled_most = 14 };
    #else
    enum { convops_rolled_most = 0 };
    #endif
    """
    enum:
        MOST_ROLLED "convops_rolled_most"  # lines of a window whose sums fit into registers; 0 without room

cdef enum:
    LEAST_ROLLED = 4
    ROOM = 32                  # of sums, at any level
    TAPS = 288                 # of a window at most, see REDUCTION_BLOCK of `backends/tiling.py`
    SOON = 6                   # lines that are asked for before their turn


cdef inline bint can_roll(const Block* b) noexcept nogil:
    """Whether there are more lines than others take; `backends/direct_depthwise.py` sees to window and stride."""
    return MOST_ROLLED > 0 and b.lines > LINES


cdef inline Py_ssize_t rolled_vectors(Py_ssize_t lines) noexcept nogil:
    """Vectors of a line: so many sums of `lines` lines, a column and a weight fill the registers."""
    return minimum(4, 31 // (lines + 1))


cdef inline inlined begin_open(int r, int open, int vectors, Vector* acc) noexcept nogil:
    cdef int v
    if r < open:
        for v in range(vectors):
            begin_chain(&acc[r * vectors + v])


cdef inline inlined begin_all(int open, int vectors, Vector* acc) noexcept nogil:
    begin_open(0, open, vectors, acc)
    begin_open(1, open, vectors, acc)
    begin_open(2, open, vectors, acc)
    begin_open(3, open, vectors, acc)
    begin_open(4, open, vectors, acc)
    begin_open(5, open, vectors, acc)
    begin_open(6, open, vectors, acc)
    begin_open(7, open, vectors, acc)
    begin_open(8, open, vectors, acc)
    begin_open(9, open, vectors, acc)
    begin_open(10, open, vectors, acc)
    begin_open(11, open, vectors, acc)
    begin_open(12, open, vectors, acc)
    begin_open(13, open, vectors, acc)


cdef inline inlined roll_into(int r, int open, int vectors, const char* weights, const Vector* column,
                              Vector* acc) noexcept nogil:
    """A vector of each column into open line r."""
    cdef int v
    cdef Vector w
    if r >= open:
        return
    load_weight(weights - r * (4 if Vector is f32v else 8), &w)
    for v in range(vectors):
        acc[r * vectors + v] = acc[r * vectors + v] + w * column[v]


cdef inline inlined roll_line(int open, int vectors, bint masked, const Block* b, const char* line,
                              const char* weights, Vector* acc) noexcept nogil:
    """One input line into all open lines."""
    cdef Vector column[4]
    cdef int v
    cdef Py_ssize_t k
    cdef char* x
    for k in range(b.window[2]):
        x = <char*> line + b.columns[k]
        hold(x)
        for v in range(vectors):
            if masked:
                load_masked(x + v * VECTOR_BYTES, b.masks[k * vectors + v], &column[v])
            else:
                load(x + v * VECTOR_BYTES, &column[v])
        roll_into(0, open, vectors, weights, column, acc)
        roll_into(1, open, vectors, weights, column, acc)
        roll_into(2, open, vectors, weights, column, acc)
        roll_into(3, open, vectors, weights, column, acc)
        roll_into(4, open, vectors, weights, column, acc)
        roll_into(5, open, vectors, weights, column, acc)
        roll_into(6, open, vectors, weights, column, acc)
        roll_into(7, open, vectors, weights, column, acc)
        roll_into(8, open, vectors, weights, column, acc)
        roll_into(9, open, vectors, weights, column, acc)
        roll_into(10, open, vectors, weights, column, acc)
        roll_into(11, open, vectors, weights, column, acc)
        roll_into(12, open, vectors, weights, column, acc)
        roll_into(13, open, vectors, weights, column, acc)
        weights = weights + 2 * open * (4 if Vector is f32v else 8)


cdef inline inlined take(int r, int open, int vectors, Vector* acc, Vector* done) noexcept nogil:
    """The sums of open line r; its registers begin another one."""
    cdef int v, line = r if r < open else open - 1
    for v in range(vectors):
        done[v] = acc[line * vectors + v]
    begin_open(line, open, vectors, acc)


cdef inline inlined take_oldest(Py_ssize_t oldest, int open, int vectors, Vector* acc, Vector* done) noexcept nogil:
    if oldest == 0:
        take(0, open, vectors, acc, done)
    elif oldest == 1:
        take(1, open, vectors, acc, done)
    elif oldest == 2:
        take(2, open, vectors, acc, done)
    elif oldest == 3:
        take(3, open, vectors, acc, done)
    elif oldest == 4:
        take(4, open, vectors, acc, done)
    elif oldest == 5:
        take(5, open, vectors, acc, done)
    elif oldest == 6:
        take(6, open, vectors, acc, done)
    elif oldest == 7:
        take(7, open, vectors, acc, done)
    elif oldest == 8:
        take(8, open, vectors, acc, done)
    elif oldest == 9:
        take(9, open, vectors, acc, done)
    elif oldest == 10:
        take(10, open, vectors, acc, done)
    elif oldest == 11:
        take(11, open, vectors, acc, done)
    elif oldest == 12:
        take(12, open, vectors, acc, done)
    else:
        take(13, open, vectors, acc, done)


cdef inline void turn_weights(const char* window, int lines, Py_ssize_t taps, char* to,
                              const Vector* tag) noexcept nogil:
    """Tap by tap the weights of all lines, and these again."""
    cdef Py_ssize_t i, k
    for k in range(taps):
        for i in range(2 * lines):
            if Vector is f32v:
                (<float*> to)[k * 2 * lines + i] = (<const float*> window)[i % lines * taps + k]
            else:
                (<double*> to)[k * 2 * lines + i] = (<const double*> window)[i % lines * taps + k]


cdef inline inlined ask_ahead(const Block* b, const char* line, const char* out, int vectors) noexcept nogil:
    """What the columns to the left have not read of a line: hardware foresees lines that are read on, not columns."""
    cdef int v
    for v in range(vectors):
        fetch(line + b.columns[b.window[2] - 1] + (v + 1) * VECTOR_BYTES - 1)
        if not b.past:
            fetch_to_write(out + SOON * b.out_line + v * VECTOR_BYTES)


cdef inline inlined roll(int open, int vectors, bint masked, const Block* block, Vector* tag) noexcept nogil:
    cdef Block here = block[0]
    cdef Block* b = &here
    cdef Vector acc[ROOM]
    cdef Vector done[4]
    cdef char weights[2 * TAPS * 8]
    cdef int item = 4 if Vector is f32v else 8
    cdef Py_ssize_t i, phase, unready, at, column = 0, last = b.lines + open - 2
    cdef bint asks = b.asks
    b.asks = False
    turn_weights(b.weights, open, b.window[2], weights, tag)
    while column < b.count:
        if masked:
            set_masks(b, column, vectors, VECTOR_BYTES // item)
        begin_all(open, vectors, acc)
        at, phase, unready, b.out, b.add = b.base + column * item, 0, open - 1, block.out, block.add
        for i in range(last + 1):
            if asks:
                ask_ahead(b, b.rows[minimum(i + SOON, last) * b.line] + at, b.out + column * item, vectors)
            roll_line(open, vectors, masked, b, b.rows[i * b.line] + at, weights + (phase + open) * item, acc)
            phase = 0 if phase == open - 1 else phase + 1
            take_oldest(phase, open, vectors, acc, done)
            if unready > 0:
                unready = unready - 1
                continue
            end_block(1, vectors, b, column, done)
            b.out = b.out + b.out_line
            b.add = NULL if b.add == NULL else b.add + b.add_line
        column = column + vectors * (VECTOR_BYTES // item)


cdef inline inlined roll_columns(int open, const Block* b, Py_ssize_t at_once, bint masked,
                                 Vector* tag) noexcept nogil:
    if masked and at_once == 1:
        roll(open, 1, True, b, tag)
    elif masked:
        roll(open, <int> rolled_vectors(open), True, b, tag)
    elif at_once == 1:
        roll(open, 1, False, b, tag)
    else:
        roll(open, <int> rolled_vectors(open), False, b, tag)


cdef inline outlined roll_4(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(4, b, at_once, masked, tag)


cdef inline outlined roll_5(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(5, b, at_once, masked, tag)


cdef inline outlined roll_6(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(6, b, at_once, masked, tag)


cdef inline outlined roll_7(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(7, b, at_once, masked, tag)


cdef inline outlined roll_8(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(8, b, at_once, masked, tag)


cdef inline outlined roll_9(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(9, b, at_once, masked, tag)


cdef inline outlined roll_10(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(10, b, at_once, masked, tag)


cdef inline outlined roll_11(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(11, b, at_once, masked, tag)


cdef inline outlined roll_12(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(12, b, at_once, masked, tag)


cdef inline outlined roll_13(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(13, b, at_once, masked, tag)


cdef inline outlined roll_14(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    roll_columns(14, b, at_once, masked, tag)


cdef inline void roll_block(const Block* b, Py_ssize_t at_once, bint masked, Vector* tag) noexcept nogil:
    """A block of any height."""
    if b.window[1] == 4:
        roll_4(b, at_once, masked, tag)
    elif b.window[1] == 5:
        roll_5(b, at_once, masked, tag)
    elif b.window[1] == 6:
        roll_6(b, at_once, masked, tag)
    elif b.window[1] == 7:
        roll_7(b, at_once, masked, tag)
    elif b.window[1] == 8:
        roll_8(b, at_once, masked, tag)
    elif b.window[1] == 9:
        roll_9(b, at_once, masked, tag)
    elif b.window[1] == 10:
        roll_10(b, at_once, masked, tag)
    elif b.window[1] == 11:
        roll_11(b, at_once, masked, tag)
    elif b.window[1] == 12:
        roll_12(b, at_once, masked, tag)
    elif b.window[1] == 13:
        roll_13(b, at_once, masked, tag)
    else:
        roll_14(b, at_once, masked, tag)
