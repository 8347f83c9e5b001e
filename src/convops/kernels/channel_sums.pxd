# What the micro-kernels with vectors over output channels share: one step, and where the sums go.
from convops.kernels.abi cimport Finish
from convops.kernels.lanes cimport keep as compute_here
from convops.kernels.lanes cimport spread
from convops.kernels.simd cimport Vector, f32v, f64v, inlined, prefetch

cdef extern from *:
    """
    /* NaN and -0.0 pass. */
    #define convops_from_f32(zero, v) ((convops_f32v) ((convops_i32v) (v) & ~((v) < (zero))))
    #define convops_from_f64(zero, v) ((convops_f64v) ((convops_i64v) (v) & ~((v) < (zero))))
    """
    f32v from_f32 "convops_from_f32"(f32v, f32v) nogil
    f64v from_f64 "convops_from_f64"(f64v, f64v) nogil

cdef inline inlined fetch(Py_ssize_t k, const char* pieces, const Finish* to, const Vector* tag) noexcept nogil:
    """One line of 16 pieces of memory after the other, then those behind them."""
    if Vector is f32v:
        prefetch(pieces + (k & 15) * to.apart + (k >> 4) * to.hop, 0, 2)
    else:
        prefetch(pieces + (k & 7) * to.apart + (k >> 3) * to.hop, 0, 2)
        prefetch(pieces + ((k & 7) + 8) * to.apart + (k >> 3) * to.hop, 0, 2)


cdef inline inlined load_columns(int vectors, const char* weights, Vector* column) noexcept nogil:
    cdef int j
    for j in range(vectors):
        column[j] = (<const Vector*> weights)[j]


cdef inline inlined multiply_pixels(int row, int rows, int vectors, bint begin, const char* x, Py_ssize_t step,
                                    const Vector* column, Vector* acc) noexcept nogil:
    """Pixels [row, rows) of a run."""
    # Four bases and the scaled index of an address reach 14 pixels without a register for each.
    cdef const char* four[4]
    cdef Vector product
    cdef int i, j
    four[0], four[1] = x, x + 4 * step
    four[2], four[3] = x + 8 * step, four[1] + 8 * step
    for i in range(row, rows):
        for j in range(vectors):
            if Vector is f32v:
                product = (<const float*> (four[i // 4] + (i % 4) * step))[0] * column[j]
            else:
                product = (<const double*> (four[i // 4] + (i % 4) * step))[0] * column[j]
            # The first product begins the chain; the zero bias of `tile.finish` turns -0.0 into +0.0.
            acc[i * vectors + j] = product if begin else acc[i * vectors + j] + product


cdef inline inlined multiply_step(int rows, int vectors, bint begin, const char* x, Py_ssize_t step,
                                  const char* weights, Vector* acc) noexcept nogil:
    cdef Vector column[2]
    load_columns(vectors, weights, column)
    multiply_pixels(0, rows, vectors, begin, x, step, column, acc)


cdef inline inlined keep(int rows, int vectors, const Vector* acc, Vector* t, bint first) noexcept nogil:
    cdef int i, j
    for i in range(rows):
        for j in range(vectors):
            t[i * vectors + j] = acc[i * vectors + j] if first else t[i * vectors + j] + acc[i * vectors + j]


cdef inline inlined store(int rows, int vectors, const Vector* acc, const Vector* t, bint first,
                          Finish* to) noexcept nogil:
    cdef Vector value, zero
    cdef int i, j
    spread(0, &zero)
    compute_here(&zero)    # else the compiler keeps it in a register all the time, and a sum in memory
    for i in range(rows):
        for j in range(vectors):
            value = acc[i * vectors + j] if first else t[i * vectors + j] + acc[i * vectors + j]
            value = value + ((<const Vector*> to.bias)[j] + zero)
            if to.relu:
                if Vector is f32v:
                    value = from_f32(zero, value)
                else:
                    value = from_f64(zero, value)
            (<Vector*> to.out)[j] = value
        to.out = to.out + to.pitch
