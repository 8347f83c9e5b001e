# Sums along a line in memory of our own: every vector is loaded once, where it is aligned, and shifted from tap to tap
# in registers, as loads across cache lines are slow. Where a level has no such shift, SHIFTS is 0.
from convops.kernels.lanes cimport begin_chain, fetch, keep, load_weight
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


cdef inline inlined shifted_tap(int k, int vectors, Py_ssize_t taps, const char* weights, const Vector* x,
                                Vector* acc) noexcept nogil:
    cdef int v, item = 4 if Vector is f32v else 8
    cdef Vector w
    if k >= taps or k * item >= VECTOR_BYTES:
        return
    load_weight(weights + k * item, &w)
    for v in range(vectors):
        if Vector is f32v:
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


cdef inline inlined sum_run(int vectors, const char* line, Py_ssize_t taps, const char* weights, char* out,
                            Py_ssize_t runs, const char* ahead, Vector* tag) noexcept nogil:
    """So many runs of vectors, one behind the other; as many items are asked for where a later line begins."""
    cdef Vector acc[RUN]
    cdef Py_ssize_t _i, k, item = 4 if Vector is f32v else 8
    cdef int v, lanes = VECTOR_BYTES // item
    for _i in range(runs):
        for v in range(vectors):
            begin_chain(&acc[v])
        k = 0
        while k < taps:
            shifted_taps(vectors, taps - k, weights + k * item, line + k * item, acc)
            k = k + lanes
        for v in range(vectors):
            (<Vector*> (out + v * VECTOR_BYTES))[0] = acc[v]
            fetch(ahead + v * VECTOR_BYTES)
        ahead = ahead + vectors * VECTOR_BYTES
        line = line + vectors * VECTOR_BYTES
        out = out + vectors * VECTOR_BYTES


cdef inline outlined run_8(const char* line, Py_ssize_t taps, const char* weights, char* out, Py_ssize_t runs,
                           const char* ahead, Vector* tag) noexcept nogil:
    sum_run(RUN, line, taps, weights, out, runs, ahead, tag)


cdef inline outlined run_2(const char* line, Py_ssize_t taps, const char* weights, char* out, Py_ssize_t runs,
                           const char* ahead, Vector* tag) noexcept nogil:
    sum_run(REST, line, taps, weights, out, runs, ahead, tag)


cdef inline void sum_along_line(const char* line, Py_ssize_t taps, const char* weights, char* out, Py_ssize_t bytes,
                                const char* ahead, Vector* tag) noexcept nogil:
    """Sums of at least so many bytes; whole runs are written."""
    cdef Py_ssize_t runs = bytes // (RUN * VECTOR_BYTES), done = runs * RUN * VECTOR_BYTES
    run_8(line, taps, weights, out, runs, ahead, tag)
    run_2(line + done, taps, weights, out + done, (bytes - done + REST * VECTOR_BYTES - 1) // (REST * VECTOR_BYTES),
          ahead + done, tag)
