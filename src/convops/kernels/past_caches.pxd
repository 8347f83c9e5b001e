# Stores that leave the caches alone: results that fill them need not be read before they are written, and drive out
# no input. Addresses are multiples of a vector; whole lines of a cache are written together, or none: a line that other
# stores write, too, is fetched and driven out again.
from libc.string cimport memcpy

from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__AVX512F__) || defined(__AVX2__)
    #include <immintrin.h>
    #define CONVOPS_PAST 1
    #define convops_fence() _mm_sfence()
    #else
    #define CONVOPS_PAST 0
    #define convops_fence() ((void) 0)
    #endif
    #if defined(__AVX512F__)
    #define convops_past(p, v) _mm512_stream_si512((__m512i *) (p), (__m512i) (v))
    #elif defined(__AVX2__)
    #define convops_past(p, v) _mm256_stream_si256((__m256i *) (p), (__m256i) (v))
    #else
    #define convops_past(p, v) memcpy((p), &(v), sizeof(v))
    #endif
    #define convops_address(p) ((Py_ssize_t) (intptr_t) (p))
    """
    enum:
        PAST "CONVOPS_PAST"                    # whether the level has such stores
    void fence "convops_fence"() nogil         # before others may read what was stored
    void past_f32 "convops_past"(char*, f32v) nogil
    void past_f64 "convops_past"(char*, f64v) nogil
    Py_ssize_t address "convops_address"(const char*) nogil


cdef enum:
    CACHE_LINE = 64
    PAGE = 1 << 12
    MET = 320                  # bytes that stores may be ahead of loads


cdef inline inlined store_past(char* out, Vector value) noexcept nogil:
    if Vector is f32v:
        past_f32(out, value)
    else:
        past_f64(out, value)


cdef inline Py_ssize_t items_before(const char* out, Py_ssize_t item) noexcept nogil:
    """Items up to the first that such a store may begin with; 0 where there is none."""
    cdef Py_ssize_t bytes = -address(out) & (CACHE_LINE - 1)
    return bytes // item if bytes % item == 0 else 0


cdef inline bint goes_past(const char* out, Py_ssize_t pitch) noexcept nogil:
    """Whether lines that lie so far apart may be stored from `out` on."""
    return PAST and not (address(out) | pitch) & (CACHE_LINE - 1)


cdef inline void move_past(char* out, const char* items, Py_ssize_t bytes) noexcept nogil:
    """A copy; what fills no cache line goes through the caches."""
    cdef Py_ssize_t at = -address(out) & (CACHE_LINE - 1), end
    if at > bytes:
        at = bytes
    end = bytes - (bytes - at) % CACHE_LINE
    memcpy(out, items, at)
    while at < end:
        past_f32(out + at, (<const f32v*> (items + at))[0])
        at = at + VECTOR_BYTES
    memcpy(out + at, items + at, bytes - at)


cdef inline bint meet(const char* items, const char* out, Py_ssize_t page) noexcept nogil:
    """Whether loads from an address on meet stores a little ahead that look alike in the lower bits: they wait."""
    return 0 < ((address(out) - address(items)) & (page - 1)) < MET


cdef inline bint waits(const char* items, const char* out, Py_ssize_t steps) noexcept nogil:
    """Whether the loads behind a vector of items, a vector at a time, wait for the stores of its results, which look
    alike: in lines that begin alike in a page, or every other one; `steps` are those between lines, or'ed."""
    cdef Py_ssize_t page = PAGE // 2 if steps % PAGE else PAGE
    return steps % page == 0 and VECTOR_BYTES < ((address(out) - address(items)) & (page - 1)) < 4 * VECTOR_BYTES


cdef inline char* congruent(char* to, const char* items, const char* out) noexcept nogil:
    """A place in the next page behind `to` that lies in its cache line as `out` does in another, and does not meet
    loads from `items` on."""
    to = to + CACHE_LINE
    to = to + ((address(items) - MET - address(to)) & (PAGE - CACHE_LINE))
    return to + ((address(out) - address(to)) & (CACHE_LINE - 1))


cdef inline void move_lines_past(char* out, char* items, Py_ssize_t bytes, bint begins, bint ends) noexcept nogil:
    """A piece of a longer copy, from a congruent place; all but the last are multiples of a cache line.

    What fills no cache line waits before the items for the next piece.
    """
    cdef Py_ssize_t before = address(out) & (CACHE_LINE - 1), end = bytes - (before + bytes) % CACHE_LINE
    cdef Py_ssize_t at = -before
    if begins:
        at = -before & (CACHE_LINE - 1)
        memcpy(out, items, at if at < bytes else bytes)
    while at < end:
        past_f32(out + at, (<const f32v*> (items + at))[0])
        at = at + VECTOR_BYTES
    if ends and at < bytes:
        memcpy(out + at, items + at, bytes - at)
    elif not ends:
        memcpy(items - before, items + bytes - before, before)
