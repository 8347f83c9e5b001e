# Windows of 3x3 over long lines: four lines of results at once, as `product.pxd` does it, the weights in registers.
#
# Every vector is loaded once, where it is aligned if results are, and shifted to both sides. What padding repeats along
# a line is picked from its ends. Every output is one chain of multiply-adds, taps in C order. Start reading at
# `sum_nine`.
from libc.string cimport memcpy

from convops.kernels.abi cimport NONE, Args
from convops.kernels.along cimport SHIFTS, shift_f32, shift_f64
from convops.kernels.lanes cimport begin_chain, fetch, load, load_weight, spread
from convops.kernels.past_caches cimport CACHE_LINE, PAGE, address, goes_past, move_past, store_past, waits
from convops.kernels.places cimport Places, find_places, pad
from convops.kernels.pool_extremes cimport i32v
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport maximum, minimum

cdef enum:
    HIGH = 4                   # lines of results
    SEEN = 6                   # and of the input
    PIECE = 512                # bytes of a line of results that waits, at most

# Lines of a tile; pixels are those of a padded line.
cdef struct Nine:
    const char* const* rows    # input lines, where pixel 0 would lie
    Py_ssize_t begin           # pixels that lie there
    Py_ssize_t end
    Py_ssize_t count           # results of a line; those at hand
    Py_ssize_t from_
    Py_ssize_t to
    const char* weights
    const char* bias
    Py_ssize_t ahead           # bytes from an input line to the one that the next results see in its place
    char* out                  # of the results at hand
    Py_ssize_t out_line
    bint past                  # they go past the caches
    Places places
    double fill


cdef inline inlined nine_into(int r, int i, const Vector* w, Vector left, Vector here, Vector right,
                              Vector* acc) noexcept nogil:
    """Input line i into output line r, if it reaches that."""
    if i < r or i > r + 2:
        return
    if i == r:
        begin_chain(&acc[r])
    acc[r] = acc[r] + w[3 * (i - r)] * left
    acc[r] = acc[r] + w[3 * (i - r) + 1] * here
    acc[r] = acc[r] + w[3 * (i - r) + 2] * right


cdef inline inlined nine_line(int i, bint padded, i32v places, const Nine* p, const char* const* rows, Py_ssize_t at,
                              const Vector* w, Vector* before, Vector* here, Vector* acc) noexcept nogil:
    """The next vector, at byte `at`, of an input line."""
    cdef Vector behind, left, right, padding
    load(rows[i] + at, &behind)
    if padded:
        spread(p.fill, &padding)
        pad(places, &padding, &behind)
    elif i >= 2:
        fetch(rows[i] + at + p.ahead)
    if Vector is f32v:
        left, right = shift_f32(before[i], here[i], VECTOR_BYTES // 4 - 1), shift_f32(here[i], behind, 1)
    else:
        left, right = shift_f64(before[i], here[i], VECTOR_BYTES // 8 - 1), shift_f64(here[i], behind, 1)
    nine_into(0, i, w, left, here[i], right, acc)
    nine_into(1, i, w, left, here[i], right, acc)
    nine_into(2, i, w, left, here[i], right, acc)
    nine_into(3, i, w, left, here[i], right, acc)
    before[i], here[i] = here[i], behind


cdef inline inlined put_line(int r, const Nine* p, bint past, Py_ssize_t at, Vector bias,
                             const Vector* acc) noexcept nogil:
    if past:
        store_past(p.out + r * p.out_line + at, acc[r] + bias)
    else:
        (<Vector*> (p.out + r * p.out_line + at))[0] = acc[r] + bias


cdef inline inlined nine_vector(bint padded, i32v places, const Nine* p, bint past, const char* const* rows,
                                Py_ssize_t at, Py_ssize_t out, const Vector* w, Vector bias, Vector* before,
                                Vector* here) noexcept nogil:
    """A vector of each line of results, at byte `out`."""
    cdef Vector acc[HIGH]
    nine_line(0, padded, places, p, rows, at, w, before, here, acc)
    nine_line(1, padded, places, p, rows, at, w, before, here, acc)
    nine_line(2, padded, places, p, rows, at, w, before, here, acc)
    nine_line(3, padded, places, p, rows, at, w, before, here, acc)
    nine_line(4, padded, places, p, rows, at, w, before, here, acc)
    nine_line(5, padded, places, p, rows, at, w, before, here, acc)
    put_line(0, p, past, out, bias, acc)
    put_line(1, p, past, out, bias, acc)
    put_line(2, p, past, out, bias, acc)
    put_line(3, p, past, out, bias, acc)


cdef inline inlined begin_line(int i, const Nine* p, const char* const* rows, Py_ssize_t first, Py_ssize_t item,
                               Vector* before, Vector* here) noexcept nogil:
    """The vectors of a line before and at the first results, or some of them."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // item
    cdef Vector padding
    load(rows[i] + maximum(p.begin, first - lanes) * item, &before[i])
    load(rows[i] + first * item, &here[i])
    if first - lanes < p.begin:
        spread(p.fill, &padding)
        pad(p.places.first, &padding, &before[i])


cdef inline inlined begin_lines(const Nine* p, const char* const* rows, Py_ssize_t first, Py_ssize_t item,
                                Vector* before, Vector* here) noexcept nogil:
    begin_line(0, p, rows, first, item, before, here)
    begin_line(1, p, rows, first, item, before, here)
    begin_line(2, p, rows, first, item, before, here)
    begin_line(3, p, rows, first, item, before, here)
    begin_line(4, p, rows, first, item, before, here)
    begin_line(5, p, rows, first, item, before, here)


cdef inline outlined nine_lines(const Nine* lines, Vector* tag) noexcept nogil:
    cdef Nine now = lines[0]
    cdef const Nine* p = &now
    cdef const char* rows[SEEN]
    cdef Vector w[9]
    cdef Vector before[SEEN]
    cdef Vector here[SEEN]
    cdef Vector bias
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item
    cdef Py_ssize_t c = p.from_ + 1, end = p.to + 1, skipped = c * item
    cdef int i
    for i in range(SEEN):
        rows[i] = p.rows[i]
    for i in range(9):
        load_weight(p.weights + i * item, &w[i])
    load_weight(p.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    begin_lines(p, rows, c, item, before, here)
    while c + 2 * lanes <= p.end and c + lanes <= end:
        nine_vector(False, p.places.last, p, p.past, rows, (c + lanes) * item, c * item - skipped, w, bias, before,
                    here)
        c = c + lanes
    if c + lanes <= end:
        nine_vector(True, p.places.behind, p, p.past, rows, (p.end - lanes) * item, c * item - skipped, w, bias,
                    before, here)
        c = c + lanes
    if c < end:
        begin_lines(p, rows, end - lanes, item, before, here)
        nine_vector(True, p.places.last, p, False, rows, (p.end - lanes) * item, (end - lanes) * item - skipped, w,
                    bias, before, here)


cdef inline void sum_items(Nine* p, const Real* tag) noexcept nogil:
    if Real is float:
        nine_lines(p, <f32v*> NULL)
    else:
        nine_lines(p, <f64v*> NULL)


cdef inline void sum_aside(Nine* p, const Real* tag) noexcept nogil:
    """Results wait, piece by piece, in memory that looks like what was loaded before."""
    cdef char memory[PAGE + HIGH * PIECE + CACHE_LINE]
    cdef Py_ssize_t size = sizeof(Real), out_line = p.out_line, r
    cdef char* out = p.out
    cdef bint past = p.past
    p.out_line, p.past = PIECE, False
    while p.from_ < p.count:
        p.to = p.from_ + PIECE // 2 // size
        if p.count - p.from_ < PIECE // size:
            p.to = p.count
        p.out = memory + CACHE_LINE - (address(memory) & (CACHE_LINE - 1))
        p.out = p.out + ((address(p.rows[1]) + p.from_ * size - HIGH * PIECE - address(p.out)) & (PAGE - CACHE_LINE))
        sum_items(p, tag)
        for r in range(HIGH):
            if past:
                move_past(out + r * out_line + p.from_ * size, p.out + r * PIECE, (p.to - p.from_) * size)
            else:
                memcpy(out + r * out_line + p.from_ * size, p.out + r * PIECE, (p.to - p.from_) * size)
        p.from_ = p.to


cdef inline void sum_nine(Nine* p, Py_ssize_t steps, const Real* tag) noexcept nogil:
    """HIGH lines of results."""
    p.from_, p.to = 0, p.count
    if waits(p.rows[1] + sizeof(Real), p.out, steps):
        sum_aside(p, tag)
    else:
        sum_items(p, tag)


cdef inline bint takes_nine(const Args* a, Py_ssize_t origin, Py_ssize_t count, Nine* p,
                            const Real* tag) noexcept nogil:
    """Whether `count` results from padded pixel `origin` on are such ones, of lines that are read where they lie."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i
    if not SHIFTS or a.axis[0].window > 1:
        return False
    for i in range(1, 3):
        if a.axis[i].window != 3 or a.axis[i].stride > 1 or a.axis[i].dilation > 1:
            return False
    if a.epilogue.cast != NULL or a.epilogue.activation != NONE or a.epilogue.add.data != NULL:
        return False
    if a.out.step[2] != sizeof(Real):
        return False
    p.begin, p.count, p.fill = a.axis[2].inner_begin - origin, count, (<const Real*> a.fill)[0]
    p.end = minimum(a.axis[2].inner_end - origin, count + 1 + lanes)
    if p.begin > 1 or p.end < count + 1 or count + 1 < maximum(0, p.begin) + 2 * lanes:
        return False
    p.ahead = HIGH * a.x.step[1]
    return find_places(&a.axis[2], origin, count, 1, p.begin, p.end, &p.places, tag)


cdef inline bint can_sum_nine(const Args* a, Nine* p) noexcept nogil:
    """Whether results go past the caches if they should."""
    p.past = a.past_caches and goes_past(p.out, p.out_line)
    return p.past == a.past_caches
