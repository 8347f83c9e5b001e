# A block of depthwise outputs with vectors over pixels: what its micro-kernels are told, and how they end.
from convops.kernels.lanes cimport Mask, end_vector, fetch_to_write, hold, load_weight, make_mask
from convops.kernels.past_caches cimport store_past
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined
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
    SPAN = 24                  # vectors of a line whose sums are kept for an epilogue; micro-kernels divide it

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
    const char* bias
    Py_ssize_t channels        # of `three`: how many, and what leads from one to the next
    const Py_ssize_t* advance  # of a row
    # Bytes from an input line to the one that the next block reads in its place: lines are short and many, which
    # hardware does not foresee. Results are written by the same pattern.
    Py_ssize_t ahead
    bint asks                  # for both; it takes longer than reading what lies in a cache
    Py_ssize_t out_channel
    Py_ssize_t add_channel
    bint relu
    bint past                  # results go past the caches
    char* out
    Py_ssize_t out_line
    const char* add
    Py_ssize_t add_line


cdef enum End:
    GENERAL                    # some lines or lanes do not count, or there is more to do than to add the bias
    PARTIAL                    # some lanes do not count
    WHOLE
    PASSING                    # whole vectors that go past the caches


cdef inline inlined end_line(int r, int lines, int vectors, End end, const Block* b, Py_ssize_t column, char** out,
                             Vector bias, const Vector* acc) noexcept nogil:
    cdef int v, lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t left, at
    if r >= lines or (end == GENERAL and r >= b.lines):
        return
    for v in range(vectors):
        if end == PASSING:
            store_past(out[0] + v * VECTOR_BYTES, acc[r * vectors + v] + bias)
            continue
        left = lanes if end == WHOLE else b.count - column - v * lanes
        at = column * (VECTOR_BYTES // lanes) + v * VECTOR_BYTES
        if b.asks:
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
    load_weight(b.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    if b.add != NULL or b.relu or b.lines < lines:
        end_line(0, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(1, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(2, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(3, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(4, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(5, lines, vectors, GENERAL, b, column, &out, bias, acc)
        end_line(6, lines, vectors, GENERAL, b, column, &out, bias, acc)
    elif (b.count - column) * item >= vectors * VECTOR_BYTES and b.past:
        end_line(0, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(1, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(2, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(3, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(4, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(5, lines, vectors, PASSING, b, column, &out, bias, acc)
        end_line(6, lines, vectors, PASSING, b, column, &out, bias, acc)
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


cdef inline Mask inner_mask(const Block* b, Py_ssize_t position, int lanes) noexcept nogil:
    return make_mask(minimum(lanes, b.inner_begin - position if b.inner_begin > position else 0),
                     minimum(lanes, b.inner_end - position if b.inner_end > position else 0), VECTOR_BYTES // lanes)


cdef inline void set_masks(const Block* b, Py_ssize_t column, int vectors, int lanes) noexcept nogil:
    """Which lanes lie on the input, tap by tap."""
    cdef Py_ssize_t k, v, item = VECTOR_BYTES // lanes
    for k in range(b.window[2]):
        for v in range(vectors):
            b.masks[k * vectors + v] = inner_mask(b, b.position + column + v * lanes + b.columns[k] // item, lanes)
