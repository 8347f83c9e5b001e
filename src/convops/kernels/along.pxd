# Sums along a line in memory of our own: every vector is loaded once, where it is aligned, and shifted from tap to tap
# in registers, as loads across cache lines are slow. Where a level has no such shift, SHIFTS is 0, and vectors are
# loaded again for each tap.
from libc.string cimport memcpy

from convops.kernels.lanes cimport begin_chain, even_f32, even_f64, fetch, keep, load_weight, odd_f32, odd_f64
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #define CONVOPS_SHIFTS 1
    #define convops_shift_f32(a, b, k) ((convops_f32v) _mm512_alignr_epi32((__m512i) (b), (__m512i) (a), (k)))
    #define convops_shift_f64(a, b, k) ((convops_f64v) _mm512_alignr_epi64((__m512i) (b), (__m512i) (a), (k) & 7))
    #else
    #define CONVOPS_SHIFTS 0
    #define convops_shift_f32(a, b, k) (a)
    #define convops_shift_f64(a, b, k) (a)
    #endif
    """
    # The lanes of two vectors from lane k on.
    f32v shift_f32 "convops_shift_f32"(f32v, f32v, int) nogil
    f64v shift_f64 "convops_shift_f64"(f64v, f64v, int) nogil
    enum:
        SHIFTS "CONVOPS_SHIFTS"

cdef enum:
    RUN = 8                    # vectors of sums at once
    REST = 2                   # and where fewer are left
    HALVED = 4                 # at once of every second sum


# Lines whose sums along are added up, one behind the other `plane` bytes apart; each has its weights.
cdef struct Along:
    const char* lines
    Py_ssize_t plane
    int planes
    Py_ssize_t taps
    Py_ssize_t step            # bytes between them, where they are loaded
    const char* weights
    const char* bias
    const char* ahead          # asked for meanwhile, so many bytes further on for every vector of sums
    Py_ssize_t hop


cdef inline inlined shifted_tap(int k, int vectors, Py_ssize_t taps, const char* weights, const Vector* x,
                                Vector* acc) noexcept nogil:
    cdef int v, item = 4 if Vector is f32v else 8
    cdef Vector w
    if k >= taps or k * item >= VECTOR_BYTES:
        return
    load_weight(weights + k * item, &w)
    for v in range(vectors):
        if k == 0:
            acc[v] = acc[v] + w * x[v]
        elif Vector is f32v:
            acc[v] = acc[v] + w * shift_f32(x[v], x[v + 1], k)
        else:
            acc[v] = acc[v] + w * shift_f64(x[v], x[v + 1], k)


cdef inline inlined shifted_taps(int vectors, Py_ssize_t taps, const char* weights, const char* line,
                                 Vector* acc) noexcept nogil:
    """As many taps as a vector has lanes, counted out: what is shifted by must be known to the compiler."""
    cdef Vector x[RUN + 1]
    cdef int v
    for v in range(vectors + 1):
        x[v] = (<const Vector*> (line + v * VECTOR_BYTES))[0]
        keep(&x[v])
    shifted_tap(0, vectors, taps, weights, x, acc)
    shifted_tap(1, vectors, taps, weights, x, acc)
    shifted_tap(2, vectors, taps, weights, x, acc)
    shifted_tap(3, vectors, taps, weights, x, acc)
    shifted_tap(4, vectors, taps, weights, x, acc)
    shifted_tap(5, vectors, taps, weights, x, acc)
    shifted_tap(6, vectors, taps, weights, x, acc)
    shifted_tap(7, vectors, taps, weights, x, acc)
    shifted_tap(8, vectors, taps, weights, x, acc)
    shifted_tap(9, vectors, taps, weights, x, acc)
    shifted_tap(10, vectors, taps, weights, x, acc)
    shifted_tap(11, vectors, taps, weights, x, acc)
    shifted_tap(12, vectors, taps, weights, x, acc)
    shifted_tap(13, vectors, taps, weights, x, acc)
    shifted_tap(14, vectors, taps, weights, x, acc)
    shifted_tap(15, vectors, taps, weights, x, acc)


cdef inline inlined halved_tap(int k, int vectors, Py_ssize_t taps, const char* weights, const Vector* evens,
                               const Vector* odds, Vector* acc) noexcept nogil:
    shifted_tap(k // 2, vectors, taps - k + k // 2, weights + (k - k // 2) * (4 if Vector is f32v else 8),
                odds if k % 2 else evens, acc)


cdef inline inlined halved_taps(int vectors, Py_ssize_t taps, const char* weights, const char* line,
                                Vector* acc) noexcept nogil:
    """The same for every second sum, twice as many taps: each shifts the pixels at even or at odd places."""
    cdef Vector evens[HALVED + 1]
    cdef Vector odds[HALVED + 1]
    cdef Vector first, second
    cdef int v
    for v in range(vectors + 1):
        first = (<const Vector*> (line + 2 * v * VECTOR_BYTES))[0]
        second = (<const Vector*> (line + (2 * v + 1) * VECTOR_BYTES))[0]
        if Vector is f32v:
            evens[v], odds[v] = even_f32(first, second), odd_f32(first, second)
        else:
            evens[v], odds[v] = even_f64(first, second), odd_f64(first, second)
        keep(&evens[v])
        keep(&odds[v])
    halved_tap(0, vectors, taps, weights, evens, odds, acc)
    halved_tap(1, vectors, taps, weights, evens, odds, acc)
    halved_tap(2, vectors, taps, weights, evens, odds, acc)
    halved_tap(3, vectors, taps, weights, evens, odds, acc)
    halved_tap(4, vectors, taps, weights, evens, odds, acc)
    halved_tap(5, vectors, taps, weights, evens, odds, acc)
    halved_tap(6, vectors, taps, weights, evens, odds, acc)
    halved_tap(7, vectors, taps, weights, evens, odds, acc)
    if taps <= 8:
        return
    halved_tap(8, vectors, taps, weights, evens, odds, acc)
    halved_tap(9, vectors, taps, weights, evens, odds, acc)
    halved_tap(10, vectors, taps, weights, evens, odds, acc)
    halved_tap(11, vectors, taps, weights, evens, odds, acc)
    halved_tap(12, vectors, taps, weights, evens, odds, acc)
    halved_tap(13, vectors, taps, weights, evens, odds, acc)
    halved_tap(14, vectors, taps, weights, evens, odds, acc)
    halved_tap(15, vectors, taps, weights, evens, odds, acc)
    if taps <= 16:
        return
    halved_tap(16, vectors, taps, weights, evens, odds, acc)
    halved_tap(17, vectors, taps, weights, evens, odds, acc)
    halved_tap(18, vectors, taps, weights, evens, odds, acc)
    halved_tap(19, vectors, taps, weights, evens, odds, acc)
    halved_tap(20, vectors, taps, weights, evens, odds, acc)
    halved_tap(21, vectors, taps, weights, evens, odds, acc)
    halved_tap(22, vectors, taps, weights, evens, odds, acc)
    halved_tap(23, vectors, taps, weights, evens, odds, acc)
    halved_tap(24, vectors, taps, weights, evens, odds, acc)
    halved_tap(25, vectors, taps, weights, evens, odds, acc)
    halved_tap(26, vectors, taps, weights, evens, odds, acc)
    halved_tap(27, vectors, taps, weights, evens, odds, acc)
    halved_tap(28, vectors, taps, weights, evens, odds, acc)
    halved_tap(29, vectors, taps, weights, evens, odds, acc)
    halved_tap(30, vectors, taps, weights, evens, odds, acc)
    halved_tap(31, vectors, taps, weights, evens, odds, acc)


cdef inline inlined loaded_taps(int vectors, const Along* b, const char* weights, const char* line,
                                Vector* acc) noexcept nogil:
    """All taps of a line, loaded where they lie."""
    cdef Py_ssize_t k
    cdef int v
    cdef Vector w
    for k in range(b.taps):
        load_weight(weights + k * (4 if Vector is f32v else 8), &w)
        for v in range(vectors):
            acc[v] = acc[v] + w * (<const Vector*> (line + v * VECTOR_BYTES))[0]
        line = line + b.step


cdef inline inlined sum_run(int vectors, const Along* along, Py_ssize_t at, char* out, Py_ssize_t runs,
                            Vector* tag) noexcept nogil:
    """So many runs of vectors, one behind the other, from byte `at` of the lines on."""
    cdef Along b = along[0]    # which stores of results cannot change
    cdef Vector acc[RUN]
    cdef Vector bias
    cdef Py_ssize_t _i, k, item = 4 if Vector is f32v else 8
    cdef int v, p, lanes = VECTOR_BYTES // item
    cdef const char* line
    cdef const char* weights
    cdef const char* ahead = b.ahead + at // VECTOR_BYTES * b.hop
    load_weight(b.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    for _i in range(runs):
        for v in range(vectors):
            begin_chain(&acc[v])
        for p in range(b.planes):
            line, weights, k = b.lines + p * b.plane + at, b.weights + p * b.taps * item, 0
            if not SHIFTS:
                loaded_taps(vectors, &b, weights, line, acc)
            while SHIFTS and k < b.taps:
                shifted_taps(vectors, b.taps - k, weights + k * item, line + k * item, acc)
                k = k + lanes
        for v in range(vectors):
            (<Vector*> (out + v * VECTOR_BYTES))[0] = acc[v] + bias
            fetch(ahead + v * b.hop)
        ahead = ahead + vectors * b.hop
        at = at + vectors * VECTOR_BYTES
        out = out + vectors * VECTOR_BYTES


cdef inline outlined run_8(const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs, Vector* tag) noexcept nogil:
    sum_run(RUN, b, at, out, runs, tag)


cdef inline outlined run_2(const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs, Vector* tag) noexcept nogil:
    sum_run(REST, b, at, out, runs, tag)


cdef inline void sum_along_line(const Along* b, char* out, Py_ssize_t bytes, Vector* tag) noexcept nogil:
    """Sums of so many bytes; lines may be read beyond their end."""
    cdef Vector rest[REST]
    cdef Py_ssize_t many = bytes // (RUN * VECTOR_BYTES), done = many * RUN * VECTOR_BYTES
    cdef Py_ssize_t few = (bytes - done) // (REST * VECTOR_BYTES)
    run_8(b, 0, out, many, tag)
    run_2(b, done, out + done, few, tag)
    done = done + few * REST * VECTOR_BYTES
    if done < bytes:
        run_2(b, done, <char*> rest, 1, tag)
        memcpy(out + done, rest, bytes - done)


cdef inline inlined halve_run(int vectors, const Along* along, Py_ssize_t at, char* out, Py_ssize_t runs,
                              Vector* tag) noexcept nogil:
    """As `sum_run`, of every second sum, from byte `at` of the results on."""
    cdef Along b = along[0]
    cdef Vector acc[HALVED]
    cdef Vector bias
    cdef Py_ssize_t _i, k, item = 4 if Vector is f32v else 8
    cdef int v, p, lanes = VECTOR_BYTES // item
    cdef const char* line
    cdef const char* weights
    cdef const char* ahead = b.ahead + at // VECTOR_BYTES * b.hop
    load_weight(b.bias, &bias)
    bias = bias + 0
    for _i in range(runs):
        for v in range(vectors):
            begin_chain(&acc[v])
        for p in range(b.planes):
            line, weights, k = b.lines + p * b.plane + 2 * at, b.weights + p * b.taps * item, 0
            while k < b.taps:
                halved_taps(vectors, b.taps - k, weights + k * item, line + k * item, acc)
                k = k + 2 * lanes
        for v in range(vectors):
            (<Vector*> (out + v * VECTOR_BYTES))[0] = acc[v] + bias
            fetch(ahead + v * b.hop)
        ahead = ahead + vectors * b.hop
        at = at + vectors * VECTOR_BYTES
        out = out + vectors * VECTOR_BYTES


cdef inline outlined halve_4(const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs, Vector* tag) noexcept nogil:
    halve_run(HALVED, b, at, out, runs, tag)


cdef inline outlined halve_1(const Along* b, Py_ssize_t at, char* out, Py_ssize_t runs, Vector* tag) noexcept nogil:
    halve_run(1, b, at, out, runs, tag)


cdef inline void halve_along_line(const Along* b, char* out, Py_ssize_t bytes, Vector* tag) noexcept nogil:
    """Every second of twice as many sums."""
    cdef Vector rest
    cdef Py_ssize_t many = bytes // (HALVED * VECTOR_BYTES), done = many * HALVED * VECTOR_BYTES
    cdef Py_ssize_t few = (bytes - done) // VECTOR_BYTES
    halve_4(b, 0, out, many, tag)
    halve_1(b, done, out + done, few, tag)
    done = done + few * VECTOR_BYTES
    if done < bytes:
        halve_1(b, done, <char*> &rest, 1, tag)
        memcpy(out + done, &rest, bytes - done)
