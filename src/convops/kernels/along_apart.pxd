# Sums along a line as in `along.pxd`, of taps that lie 2, 3 or 4 items apart: dilated, or of one of several colours.
from libc.string cimport memcpy

from convops.kernels.along cimport REST, RUN, SHIFTS, Along, shifted_tap
from convops.kernels.lanes cimport begin_chain, fetch, keep, load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined


cdef inline bint can_shift(Py_ssize_t apart) noexcept nogil:
    return SHIFTS and 2 <= apart <= 4


cdef inline inlined apart_tap(int lane, int first, int apart, int vectors, Py_ssize_t taps, const char* weights,
                              const Vector* x, Vector* acc) noexcept nogil:
    """The tap that lies at this lane, if one does."""
    cdef int k = (lane - first) // apart
    if lane >= first and (lane - first) % apart == 0:
        shifted_tap(lane, vectors, taps - k + lane, weights + (k - lane) * (4 if Vector is f32v else 8), x, acc)


cdef inline inlined apart_taps(int first, int apart, int vectors, Py_ssize_t taps, const char* weights,
                               const char* line, Vector* acc) noexcept nogil:
    """The taps at the lanes of a vector, the first of which lies at lane `first`."""
    cdef Vector x[RUN + 1]
    cdef int v
    for v in range(vectors + 1):
        x[v] = (<const Vector*> (line + v * VECTOR_BYTES))[0]
        keep(&x[v])
    apart_tap(0, first, apart, vectors, taps, weights, x, acc)
    apart_tap(1, first, apart, vectors, taps, weights, x, acc)
    apart_tap(2, first, apart, vectors, taps, weights, x, acc)
    apart_tap(3, first, apart, vectors, taps, weights, x, acc)
    apart_tap(4, first, apart, vectors, taps, weights, x, acc)
    apart_tap(5, first, apart, vectors, taps, weights, x, acc)
    apart_tap(6, first, apart, vectors, taps, weights, x, acc)
    apart_tap(7, first, apart, vectors, taps, weights, x, acc)
    if Vector is f32v:
        apart_tap(8, first, apart, vectors, taps, weights, x, acc)
        apart_tap(9, first, apart, vectors, taps, weights, x, acc)
        apart_tap(10, first, apart, vectors, taps, weights, x, acc)
        apart_tap(11, first, apart, vectors, taps, weights, x, acc)
        apart_tap(12, first, apart, vectors, taps, weights, x, acc)
        apart_tap(13, first, apart, vectors, taps, weights, x, acc)
        apart_tap(14, first, apart, vectors, taps, weights, x, acc)
        apart_tap(15, first, apart, vectors, taps, weights, x, acc)


cdef inline inlined apart_line(int apart, int vectors, Py_ssize_t taps, const char* weights, const char* line,
                               Vector* acc) noexcept nogil:
    """All taps, vector by vector of the line; those three apart begin at the same lane in every third."""
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef int item = VECTOR_BYTES // lanes, second = 3 - lanes % 3, third = 3 - 2 * lanes % 3
    cdef Py_ssize_t k = 0
    while k < taps:
        apart_taps(0, apart, vectors, taps - k, weights + k * item, line, acc)
        k, line = k + (lanes + apart - 1) // apart, line + VECTOR_BYTES
        if apart == 3 and k < taps:
            apart_taps(second, apart, vectors, taps - k, weights + k * item, line, acc)
            k, line = k + (lanes - second + 2) // 3, line + VECTOR_BYTES
        if apart == 3 and k < taps:
            apart_taps(third, apart, vectors, taps - k, weights + k * item, line, acc)
            k, line = k + (lanes - third + 2) // 3, line + VECTOR_BYTES


cdef inline inlined sum_apart_run(int apart, int vectors, const Along* along, Py_ssize_t at, char* out,
                                  Py_ssize_t runs, Vector* tag) noexcept nogil:
    """As `along.sum_run`."""
    cdef Along b = along[0]
    cdef Vector acc[RUN]
    cdef Vector bias
    cdef Py_ssize_t _i, item = 4 if Vector is f32v else 8
    cdef int v, p
    cdef const char* ahead = b.ahead + at // VECTOR_BYTES * b.hop
    load_weight(b.bias, &bias)
    bias = bias + 0
    for _i in range(runs):
        for v in range(vectors):
            begin_chain(&acc[v])
        for p in range(b.planes):
            apart_line(apart, vectors, b.taps, b.weights + p * b.taps * item, b.lines + p * b.plane + at, acc)
        for v in range(vectors):
            (<Vector*> (out + v * VECTOR_BYTES))[0] = acc[v] + bias
            fetch(ahead + v * b.hop)
        ahead = ahead + vectors * b.hop
        at = at + vectors * VECTOR_BYTES
        out = out + vectors * VECTOR_BYTES


cdef inline outlined apart_8(int apart, const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs,
                             Vector* tag) noexcept nogil:
    if apart == 2:
        sum_apart_run(2, RUN, b, at, out, runs, tag)
    elif apart == 3:
        sum_apart_run(3, RUN, b, at, out, runs, tag)
    else:
        sum_apart_run(4, RUN, b, at, out, runs, tag)


cdef inline outlined apart_2(int apart, const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs,
                             Vector* tag) noexcept nogil:
    if apart == 2:
        sum_apart_run(2, REST, b, at, out, runs, tag)
    elif apart == 3:
        sum_apart_run(3, REST, b, at, out, runs, tag)
    else:
        sum_apart_run(4, REST, b, at, out, runs, tag)


cdef inline void sum_apart_line(Py_ssize_t apart, const Along* b, char* out, Py_ssize_t bytes,
                                Vector* tag) noexcept nogil:
    """Sums of so many bytes; lines may be read beyond their end."""
    cdef Vector rest[REST]
    cdef Py_ssize_t many = bytes // (RUN * VECTOR_BYTES), done = many * RUN * VECTOR_BYTES
    cdef Py_ssize_t few = (bytes - done) // (REST * VECTOR_BYTES)
    apart_8(<int> apart, b, 0, out, many, tag)
    apart_2(<int> apart, b, done, out + done, few, tag)
    done = done + few * REST * VECTOR_BYTES
    if done < bytes:
        apart_2(<int> apart, b, done, <char*> rest, 1, tag)
        memcpy(out + done, rest, bytes - done)
