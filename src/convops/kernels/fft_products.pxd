# Products of spectra, summed over channels: vectors run over output channels, rows are tiles.
from convops.kernels.lanes cimport load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined, prefetch

cdef extern from *:
    """
    #if defined(__AVX512F__)
    enum { convops_spectrum_rows = 6 };
    #else
    enum { convops_spectrum_rows = 2 };
    #endif
    """
    enum:
        MOST_ROWS "convops_spectrum_rows"      # tiles whose sums of two vectors fit into the registers

cdef enum:
    AHEAD = 1024                   # bytes of weights asked for before they are needed


cdef inline inlined multiply_channel(int rows, int vectors, bint begin, const char* x, Py_ssize_t pitch,
                                     const Vector* w, Vector* acc) noexcept nogil:
    """One channel of one frequency: real parts of all rows and vectors, then imaginary ones."""
    cdef Vector wr[2]
    cdef Vector wi[2]
    cdef Vector re, im
    cdef int i, j, sums = rows * vectors
    for j in range(vectors):
        wr[j], wi[j] = w[2 * j], w[2 * j + 1]
        prefetch(<const char*> (w + 2 * j) + AHEAD, 0, 2)
        prefetch(<const char*> (w + 2 * j + 1) + AHEAD, 0, 2)
    for i in range(rows):
        load_weight(x + i * pitch, &re)
        load_weight(x + i * pitch + VECTOR_BYTES, &im)
        for j in range(vectors):
            acc[i * vectors + j] = re * wr[j] if begin else acc[i * vectors + j] + re * wr[j]
            acc[sums + i * vectors + j] = re * wi[j] if begin else acc[sums + i * vectors + j] + re * wi[j]
        for j in range(vectors):
            acc[i * vectors + j] = acc[i * vectors + j] - im * wi[j]
            acc[sums + i * vectors + j] = acc[sums + i * vectors + j] + im * wr[j]


cdef inline inlined multiply(int rows, int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                             Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                             const Vector* tag) noexcept nogil:
    # Channels lie side by side in vectors, blocks of them and tiles so many bytes apart.
    cdef Vector acc[24]
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item, c
    cdef int i, j
    multiply_channel(rows, vectors, True, x, pitch, <const Vector*> w, acc)
    for c in range(1, channels):
        x, w = x + item, w + 2 * vectors * VECTOR_BYTES
        if c % lanes == 0:
            x = x + block_pitch - VECTOR_BYTES
            for i in range(rows):
                # Of the next frequency.
                prefetch(x + i * pitch + 2 * VECTOR_BYTES, 0, 3)
                prefetch(x + i * pitch + 3 * VECTOR_BYTES, 0, 3)
        multiply_channel(rows, vectors, False, x, pitch, <const Vector*> w, acc)
    for i in range(rows):
        for j in range(vectors):
            (<Vector*> (y + (i * vectors + j) * y_pitch))[0] = acc[i * vectors + j]
            (<Vector*> (y + (i * vectors + j) * y_pitch))[1] = acc[(rows + i) * vectors + j]


cdef inline outlined multiply_1(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(1, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(1, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline outlined multiply_2(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(2, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(2, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline outlined multiply_3(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(3, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(3, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline outlined multiply_4(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(4, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(4, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline outlined multiply_5(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(5, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(5, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline outlined multiply_6(int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                                Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                                const Vector* tag) noexcept nogil:
    if vectors == 2:
        multiply(6, 2, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply(6, 1, channels, x, pitch, block_pitch, w, y, y_pitch, tag)


cdef inline void multiply_rows(Py_ssize_t rows, int vectors, Py_ssize_t channels, const char* x, Py_ssize_t pitch,
                               Py_ssize_t block_pitch, const char* w, char* y, Py_ssize_t y_pitch,
                               const Vector* tag) noexcept nogil:
    """At most MOST_ROWS tiles."""
    if rows == 1:
        multiply_1(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    elif rows == 2:
        multiply_2(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    elif rows == 3:
        multiply_3(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    elif rows == 4:
        multiply_4(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    elif rows == 5:
        multiply_5(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
    else:
        multiply_6(vectors, channels, x, pitch, block_pitch, w, y, y_pitch, tag)
