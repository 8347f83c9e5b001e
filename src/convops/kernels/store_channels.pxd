# Storing totals whose channels lie together, pixel after pixel: along channels where the output's lie together too,
# else along lines, by way of transposed blocks. Start reading at `store_panel`, which `dense.pyx` calls.
from convops.kernels.abi cimport NONE, RELU, Args, Epilogue, Operand
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, relu_f32, relu_f64
from convops.kernels.tile cimport Tile, finish, line_of, minimum
from convops.kernels.transpose cimport transpose

cdef enum:
    LINE = 8 * VECTOR_BYTES // 4   # pixels of a transposed block, so that each channel is written in long runs


cdef inline bint fits_vectors(const Args* a, Py_ssize_t out_step, Py_ssize_t add_step, Py_ssize_t item) noexcept nogil:
    """Whether sums along an axis with these steps pass through the epilogue as vectors."""
    return (out_step == item and a.epilogue.cast == NULL
            and (a.epilogue.activation == NONE or a.epilogue.activation == RELU)
            and (a.epilogue.add.data == NULL or add_step == item))


cdef inline bint is_finished_in_registers(const Args* a, Py_ssize_t rows, Py_ssize_t itemsize) noexcept nogil:
    """Whether the micro-kernel itself can store the sums of so many channels: in whole vectors, pixel by pixel."""
    return (a.out.channel == itemsize and a.epilogue.cast == NULL and a.epilogue.add.data == NULL
            and (a.epilogue.activation == NONE or a.epilogue.activation == RELU)
            and rows * itemsize % VECTOR_BYTES == 0)


cdef inline void store_vector(const Epilogue* e, Vector value, Vector* out, const Vector* add) noexcept nogil:
    """What is left of the epilogue after the bias."""
    if add != NULL:
        value = value + add[0]
    if e.activation == RELU:
        if Vector is f32v:
            value = relu_f32(value)
        else:
            value = relu_f64(value)
    out[0] = value


cdef inline void store_whole(const Epilogue* e, const Vector* sums, const Vector* bias, char* out, const char* add,
                             Py_ssize_t count) noexcept nogil:
    """Vectors along channels."""
    cdef Py_ssize_t i
    for i in range(count):
        store_vector(e, sums[i] + (bias[i] + 0), <Vector*> out + i, <const Vector*> add + i if add != NULL else NULL)


cdef inline void store_pixels(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t height,
                              Py_ssize_t d, Py_ssize_t h, Real* totals) noexcept nogil:
    """A line whose pixels hold their channels side by side."""
    cdef Py_ssize_t i, _, lanes = VECTOR_BYTES // sizeof(Real), whole = rows // lanes * lanes
    cdef const Real* bias = <const Real*> a.epilogue.bias + channel
    cdef char* out = <char*> line_of(&a.out, t, channel, d, h, 0)
    cdef const char* add = NULL
    if a.epilogue.add.data != NULL:
        add = line_of(&a.epilogue.add, t, channel, d, h, 0)
    for _ in range(t.extent[2]):
        if Real is float:
            store_whole(&a.epilogue, <const f32v*> totals, <const f32v*> bias, out, add, whole // lanes)
        else:
            store_whole(&a.epilogue, <const f64v*> totals, <const f64v*> bias, out, add, whole // lanes)
        for i in range(whole, rows):
            finish(&a.epilogue, totals + i, bias[i], out + i * sizeof(Real), sizeof(Real),
                   add + i * sizeof(Real) if add != NULL else NULL, sizeof(Real), 1)
        out = out + a.out.step[2]
        if add != NULL:
            add = add + a.epilogue.add.step[2]
        totals = totals + height


cdef inline void store_run(const Epilogue* e, const Vector* line, const char* bias, char* out, const char* add,
                           Py_ssize_t count) noexcept nogil:
    """Whole vectors of pixels of one channel."""
    cdef Py_ssize_t j
    cdef Vector value
    for j in range(count):
        if Vector is f32v:
            value = line[j] + ((<const float*> bias)[0] + <float> 0)
        else:
            value = line[j] + ((<const double*> bias)[0] + 0)
        store_vector(e, value, <Vector*> out + j, <const Vector*> add + j if add != NULL else NULL)


cdef inline void store_channel(const Args* a, Real* line, const Real* bias, char* out, const char* add,
                               Py_ssize_t count, bint by_vectors) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), whole = count // lanes if by_vectors else 0
    if Real is float:
        store_run(&a.epilogue, <const f32v*> line, <const char*> bias, out, add, whole)
    else:
        store_run(&a.epilogue, <const f64v*> line, <const char*> bias, out, add, whole)
    if whole and count % lanes and add == NULL:    # the last vector overlaps the one before
        out = out + (count - lanes) * <Py_ssize_t> sizeof(Real)
        if Real is float:
            store_run(&a.epilogue, <const f32v*> (line + count - lanes), <const char*> bias, out, NULL, 1)
        else:
            store_run(&a.epilogue, <const f64v*> (line + count - lanes), <const char*> bias, out, NULL, 1)
        return
    whole = whole * lanes
    if whole < count:
        finish(&a.epilogue, line + whole, bias[0], out + whole * a.out.step[2], a.out.step[2],
               add + whole * a.epilogue.add.step[2] if add != NULL else NULL, a.epilogue.add.step[2], count - whole)


cdef inline void transpose_block(const Real* totals, Py_ssize_t height, Real* block, Py_ssize_t count) noexcept nogil:
    """A vector of channels of `count` pixels and a few more."""
    cdef Py_ssize_t j = 0
    while j < count:
        transpose(<const char*> (totals + j * height), height * sizeof(Real), <char*> (block + j), LINE * sizeof(Real),
                  totals)
        j = j + VECTOR_BYTES // sizeof(Real)


cdef inline void store_lines(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t height,
                             Py_ssize_t d, Py_ssize_t h, Py_ssize_t count, const Real* totals,
                             Real* block) noexcept nogil:
    """`count` pixels from the beginning of a line on."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i, j = 0, k, pixels
    cdef bint by_vectors = fits_vectors(a, a.out.step[2], a.epilogue.add.step[2], sizeof(Real))
    cdef const char* add = NULL
    while j < count:
        pixels = minimum(LINE, count - j)
        i = 0
        while i < rows:
            transpose_block(totals + j * height + i, height, block, pixels)
            for k in range(minimum(lanes, rows - i)):
                if a.epilogue.add.data != NULL:
                    add = line_of(&a.epilogue.add, t, channel + i + k, d, h, j)
                store_channel(a, block + k * LINE, <const Real*> a.epilogue.bias + channel + i + k,
                              <char*> line_of(&a.out, t, channel + i + k, d, h, j), add, pixels, by_vectors)
            i = i + lanes
        j = j + LINE


cdef inline bint is_continued(const Operand* o, const Tile* t) noexcept nogil:
    """Whether each line of a tile begins where the one before ends."""
    return o.data == NULL or o.step[1] == t.extent[2] * o.step[2]


cdef inline void store_panel(const Args* a, const Tile* t, Py_ssize_t panel, Py_ssize_t height, Real* totals,
                             Real* block) noexcept nogil:
    """All outputs of a panel; `block` holds vectors of channels of LINE pixels."""
    cdef Py_ssize_t first = panel * a.panel_rows, rows = minimum(height, a.rows - first), i, j
    cdef Py_ssize_t channel = t.group * a.rows + first, lines = 1
    cdef bint along_channels = fits_vectors(a, a.out.channel, a.epilogue.add.channel, sizeof(Real))
    if not along_channels and is_continued(&a.out, t) and is_continued(&a.epilogue.add, t):
        lines = t.extent[1]
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            if along_channels:
                store_pixels(a, t, channel, rows, height, i, j, totals)
            else:
                store_lines(a, t, channel, rows, height, i, j, lines * t.extent[2], totals, block)
            totals = totals + lines * t.extent[2] * height
            j = j + lines
