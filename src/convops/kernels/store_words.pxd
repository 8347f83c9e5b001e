# Storing sums of integers, whose channels lie together: 32 bits wide, or as doubles where more bits may be needed.
# Start reading at `store_panel`, which `integer.pyx` calls.
from libc.stdint cimport int32_t
from libc.string cimport memcpy

from convops.kernels.abi cimport RELU, Args
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.store_channels cimport is_continued
from convops.kernels.tile cimport Tile, finish, line_of, minimum
from convops.kernels.transpose cimport transpose

cdef enum:
    LINE = 128                      # pixels of a transposed block

ctypedef fused Sum:
    int32_t
    double


cdef inline bint stores_plainly(const Args* a) noexcept nogil:
    return a.narrow == NULL and a.epilogue.cast == NULL


cdef inline void finish_words(const Args* a, int32_t* sums, char* out, Py_ssize_t step, const char* add,
                              Py_ssize_t add_step, Py_ssize_t count) noexcept nogil:
    """Activation and cast of at most LINE sums; what is not plain, and what does not fit, goes through doubles."""
    cdef double reals[LINE]
    cdef Py_ssize_t j
    if a.epilogue.activation == RELU and add == NULL:
        for j in range(count):
            sums[j] = sums[j] if sums[j] > 0 else 0
    if stores_plainly(a) and step == sizeof(int32_t):
        memcpy(out, sums, count * sizeof(int32_t))
    elif stores_plainly(a):
        for j in range(count):
            (<int32_t*> (out + j * step))[0] = sums[j]
    elif a.narrow == NULL or not a.narrow(<const char*> sums, out, step, count):
        for j in range(count):
            reals[j] = sums[j]
        finish(&a.epilogue, reals, <double> 0, out, step, add, add_step, count)


cdef inline void finish_line(const Args* a, Sum* sums, char* out, Py_ssize_t step, const char* add,
                             Py_ssize_t add_step, Py_ssize_t count) noexcept nogil:
    if Sum is int32_t:
        finish_words(a, sums, out, step, add, add_step, count)
    else:
        finish(&a.epilogue, sums, <double> 0, out, step, add, add_step, count)


cdef inline void store_whole(const Args* a, const int32_t* sums, const int32_t* bias, int32_t* out,
                             Py_ssize_t height) noexcept nogil:
    """The channels of one pixel, where they lie together and are stored as they are."""
    cdef Py_ssize_t i
    cdef int32_t least = 0 if a.epilogue.activation == RELU else -2147483648, value
    for i in range(height):
        value = sums[i] + bias[i]
        out[i] = value if value > least else least


cdef inline void store_pixels(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t height,
                              Py_ssize_t d, Py_ssize_t h, const Sum* totals, Sum* block) noexcept nogil:
    """A line, pixel by pixel."""
    cdef Py_ssize_t i, _
    cdef const Sum* bias = <const Sum*> a.epilogue.bias + channel
    cdef char* out = <char*> line_of(&a.out, t, channel, d, h, 0)
    cdef const char* add = NULL
    cdef bint whole = Sum is int32_t and rows == height and a.out.channel == sizeof(Sum) and stores_plainly(a)
    if a.epilogue.add.data != NULL:
        add = line_of(&a.epilogue.add, t, channel, d, h, 0)
    for _ in range(t.extent[2]):
        if whole:
            store_whole(a, <const int32_t*> totals, <const int32_t*> bias, <int32_t*> out, height)
        else:
            for i in range(height):
                block[i] = totals[i] + bias[i]
            finish_line(a, block, out, a.out.channel, add, a.epilogue.add.channel, rows)
        out = out + a.out.step[2]
        if add != NULL:
            add = add + a.epilogue.add.step[2]
        totals = totals + height


cdef inline void transpose_block(const Sum* totals, Py_ssize_t height, Sum* block, Py_ssize_t count) noexcept nogil:
    """A vector of channels of `count` pixels and a few more."""
    cdef Py_ssize_t j = 0
    while j < count:
        if Sum is int32_t:
            transpose(<const char*> (totals + j * height), height * sizeof(Sum), <char*> (block + j),
                      LINE * sizeof(Sum), <const float*> NULL)
        else:
            transpose(<const char*> (totals + j * height), height * sizeof(Sum), <char*> (block + j),
                      LINE * sizeof(Sum), <const double*> NULL)
        j = j + VECTOR_BYTES // sizeof(Sum)


cdef inline void store_lines(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t height,
                             Py_ssize_t d, Py_ssize_t h, Py_ssize_t count, const Sum* totals,
                             Sum* block) noexcept nogil:
    """`count` pixels from the beginning of a line on, channel by channel."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Sum), i, j = 0, k, q, pixels
    cdef const char* add = NULL
    cdef Sum* line
    cdef Sum bias
    while j < count:
        pixels = minimum(LINE, count - j)
        i = 0
        while i < rows:
            transpose_block(totals + j * height + i, height, block, pixels)
            for k in range(minimum(lanes, rows - i)):
                line, bias = block + k * LINE, (<const Sum*> a.epilogue.bias)[channel + i + k]
                for q in range(pixels):
                    line[q] = line[q] + bias
                if a.epilogue.add.data != NULL:
                    add = line_of(&a.epilogue.add, t, channel + i + k, d, h, j)
                finish_line(a, line, <char*> line_of(&a.out, t, channel + i + k, d, h, j), a.out.step[2], add,
                            a.epilogue.add.step[2], pixels)
            i = i + lanes
        j = j + LINE


cdef inline void store_panel(const Args* a, const Tile* t, Py_ssize_t channel, Py_ssize_t rows, Py_ssize_t height,
                             const Sum* totals, Sum* block) noexcept nogil:
    """All outputs of a panel; `block` holds a vector of channels of LINE pixels."""
    cdef Py_ssize_t lines = 1, i, j
    cdef bint along_channels = a.out.channel < a.out.step[2]
    if not along_channels and is_continued(&a.out, t) and is_continued(&a.epilogue.add, t):
        lines = t.extent[1]
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            if along_channels:
                store_pixels(a, t, channel, rows, height, i, j, totals, block)
            else:
                store_lines(a, t, channel, rows, height, i, j, lines * t.extent[2], totals, block)
            totals = totals + lines * t.extent[2] * height
            j = j + lines
