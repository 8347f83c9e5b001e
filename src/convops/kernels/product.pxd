# Convolution with the product of a short column and a short row: four lines of results at once, in registers.
#
# Sums across the lines are made vector by vector; the row is summed over lanes shifted from a vector and its two
# neighbours, so that vectors of the image lie as those of the results do: lines are often so many bytes apart that the
# cache has few places for all. Where padding stands, lanes are picked from the sums nearest to it, which it repeats,
# and from sums across lines of padding. Every sum has the order of those of `columns.pxd` and `along.pxd`, bit by bit.
# Start reading at `sum_product`.
from convops.kernels.abi cimport Args
from convops.kernels.along cimport shift_f32, shift_f64
from convops.kernels.lanes cimport begin_chain, fetch, load, load_weight, splat_f32, splat_f64, spread
from convops.kernels.past_caches cimport store_past
from convops.kernels.places cimport Places, pad
from convops.kernels.pool_extremes cimport i32v
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport maximum
from convops.kernels.wider cimport from_u8

cdef enum:
    HIGH = 4                   # lines of results
    MOST = 9                   # taps of a column or a row

# What is summed; pixels are those of a padded line.
cdef struct Product:
    bint bytes                 # of an image of bytes
    const char* const* rows    # input lines, where pixel 0 would lie
    const char* found[HIGH + MOST - 1]
    Py_ssize_t line            # the first line of results that sees these
    Py_ssize_t begin           # pixels that lie there
    Py_ssize_t end
    Py_ssize_t count           # results of a line
    Py_ssize_t taps
    const char* column
    const char* row
    const char* bias
    Py_ssize_t ahead           # bytes from an input line to the one that the next results see in its place
    char* out
    Py_ssize_t out_line
    bint past                  # results go past the caches
    Places places              # of sums across, of which `padding` are those of padding
    i32v padding


cdef inline inlined one_weight(const char* weights, int k, Vector* to) noexcept nogil:
    """Not kept as a copy of its own: weights of few taps stay in registers, others are operands in memory."""
    if Vector is f32v:
        to[0] = splat_f32((<const float*> weights)[k])
    else:
        to[0] = splat_f64((<const double*> weights)[k])


cdef inline inlined down_into(int r, int i, int n, const Product* p, const Vector* line, Vector* sums) noexcept nogil:
    """Input line i into the sums of line r, if it reaches that."""
    cdef Vector w
    if i < r or i >= r + n:
        return
    if i == r:
        begin_chain(&sums[r])
    one_weight(p.column, i - r, &w)
    sums[r] = sums[r] + w * line[0]
    if i == r + n - 1:
        sums[r] = sums[r] + 0    # -0.0 is no sum


cdef inline inlined down_line(int i, int n, bint bytes, const Product* p, const char* const* rows, Py_ssize_t pixel,
                              Vector* sums) noexcept nogil:
    cdef Vector line
    cdef Py_ssize_t size = 1 if bytes else 4 if Vector is f32v else 8
    if i >= HIGH + n - 1:
        return
    if not bytes:
        load(rows[i] + pixel * size, &line)
    elif Vector is f32v:
        line = from_u8(rows[i] + pixel)
    if i >= n - 1:
        fetch(rows[i] + pixel * size + p.ahead)
    down_into(0, i, n, p, &line, sums)
    down_into(1, i, n, p, &line, sums)
    down_into(2, i, n, p, &line, sums)
    down_into(3, i, n, p, &line, sums)


cdef inline inlined sum_down(int n, bint bytes, const Product* p, const char* const* rows, Py_ssize_t pixel,
                             Vector* sums) noexcept nogil:
    """A vector of sums across the lines for each line of results, from such a pixel of theirs on."""
    down_line(0, n, bytes, p, rows, pixel, sums)
    down_line(1, n, bytes, p, rows, pixel, sums)
    down_line(2, n, bytes, p, rows, pixel, sums)
    down_line(3, n, bytes, p, rows, pixel, sums)
    down_line(4, n, bytes, p, rows, pixel, sums)
    down_line(5, n, bytes, p, rows, pixel, sums)
    down_line(6, n, bytes, p, rows, pixel, sums)
    down_line(7, n, bytes, p, rows, pixel, sums)
    down_line(8, n, bytes, p, rows, pixel, sums)
    down_line(9, n, bytes, p, rows, pixel, sums)
    down_line(10, n, bytes, p, rows, pixel, sums)
    down_line(11, n, bytes, p, rows, pixel, sums)


cdef inline inlined row_tap(int k, int n, const Product* p, Vector before, Vector here, Vector behind,
                            Vector* to) noexcept nogil:
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8, distance = k - n // 2
    cdef Vector w, x = here
    if k >= n:
        return
    if Vector is f32v:
        if distance < 0:
            x = shift_f32(before, here, lanes + distance)
        elif distance > 0:
            x = shift_f32(here, behind, distance)
    else:
        if distance < 0:
            x = shift_f64(before, here, lanes + distance)
        elif distance > 0:
            x = shift_f64(here, behind, distance)
    one_weight(p.row, k, &w)
    to[0] = to[0] + w * x


cdef inline inlined along_line(int r, int n, const Product* p, const Vector* before, const Vector* here,
                               const Vector* behind, Vector bias, Vector* results) noexcept nogil:
    cdef Vector sum
    begin_chain(&sum)
    row_tap(0, n, p, before[r], here[r], behind[r], &sum)
    row_tap(1, n, p, before[r], here[r], behind[r], &sum)
    row_tap(2, n, p, before[r], here[r], behind[r], &sum)
    row_tap(3, n, p, before[r], here[r], behind[r], &sum)
    row_tap(4, n, p, before[r], here[r], behind[r], &sum)
    row_tap(5, n, p, before[r], here[r], behind[r], &sum)
    row_tap(6, n, p, before[r], here[r], behind[r], &sum)
    row_tap(7, n, p, before[r], here[r], behind[r], &sum)
    row_tap(8, n, p, before[r], here[r], behind[r], &sum)
    results[r] = sum + bias


cdef inline inlined sum_along(int n, const Product* p, const Vector* before, const Vector* here, const Vector* behind,
                              Vector bias, Vector* results) noexcept nogil:
    """From the sums across that neighbouring vectors hold, for each line."""
    along_line(0, n, p, before, here, behind, bias, results)
    along_line(1, n, p, before, here, behind, bias, results)
    along_line(2, n, p, before, here, behind, bias, results)
    along_line(3, n, p, before, here, behind, bias, results)


cdef inline inlined put_line(int r, const Product* p, bint past, Py_ssize_t at, const Vector* results) noexcept nogil:
    if past:
        store_past(p.out + r * p.out_line + at, results[r])
    else:
        (<Vector*> (p.out + r * p.out_line + at))[0] = results[r]


cdef inline inlined put_lines(const Product* p, bint past, Py_ssize_t at, const Vector* results,
                              Vector* strange) noexcept nogil:
    """Lanes of `strange` are NaN once a result was no finite number, or four of them together are none."""
    cdef Vector nothing
    spread(0, &nothing)
    strange[0] = strange[0] + nothing * ((results[0] + results[1]) + (results[2] + results[3]))
    put_line(0, p, past, at, results)
    put_line(1, p, past, at, results)
    put_line(2, p, past, at, results)
    put_line(3, p, past, at, results)


cdef inline inlined pad_lines(i32v places, const Product* p, Vector* sums) noexcept nogil:
    pad(places, <const Vector*> &p.padding, &sums[0])
    pad(places, <const Vector*> &p.padding, &sums[1])
    pad(places, <const Vector*> &p.padding, &sums[2])
    pad(places, <const Vector*> &p.padding, &sums[3])


cdef inline inlined move_on(const Vector* from_, Vector* to) noexcept nogil:
    to[0], to[1], to[2], to[3] = from_[0], from_[1], from_[2], from_[3]


cdef inline inlined sum_lines(int n, bint bytes, const Product* product, Vector* strange) noexcept nogil:
    cdef Product now = product[0]
    cdef const Product* p = &now
    cdef const char* rows[HIGH + MOST - 1]
    cdef Vector before[HIGH]
    cdef Vector here[HIGH]
    cdef Vector behind[HIGH]
    cdef Vector results[HIGH]
    cdef Vector bias, seen = strange[0]
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item, middle = n // 2
    cdef Py_ssize_t c = middle, end = p.count + middle    # pixels in the middle of windows
    cdef int i
    for i in range(HIGH + n - 1):
        rows[i] = p.rows[i]
    load_weight(p.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    sum_down(n, bytes, p, rows, c, here)
    sum_down(n, bytes, p, rows, maximum(p.begin, c - lanes), before)
    if c - lanes < p.begin:
        pad_lines(p.places.first, p, before)
    while c + 2 * lanes <= p.end and c + lanes <= end:
        sum_down(n, bytes, p, rows, c + lanes, behind)
        sum_along(n, p, before, here, behind, bias, results)
        put_lines(p, p.past, (c - middle) * item, results, &seen)
        move_on(here, before)
        move_on(behind, here)
        c = c + lanes
    if c + lanes <= end:
        sum_down(n, bytes, p, rows, p.end - lanes, behind)
        pad_lines(p.places.behind, p, behind)
        sum_along(n, p, before, here, behind, bias, results)
        put_lines(p, p.past, (c - middle) * item, results, &seen)
        c = c + lanes
    if c < end:
        sum_down(n, bytes, p, rows, end - 2 * lanes, before)
        sum_down(n, bytes, p, rows, end - lanes, here)
        sum_down(n, bytes, p, rows, p.end - lanes, behind)
        pad_lines(p.places.last, p, behind)
        sum_along(n, p, before, here, behind, bias, results)
        put_lines(p, False, (end - lanes - middle) * item, results, &seen)
    strange[0] = seen


cdef inline inlined sum_items(int n, const Product* p, Vector* strange) noexcept nogil:
    if not p.bytes:
        sum_lines(n, False, p, strange)
    elif Vector is f32v:
        sum_lines(n, True, p, strange)


cdef inline outlined sum_3(const Product* p, Vector* strange) noexcept nogil:
    sum_items(3, p, strange)


cdef inline outlined sum_5(const Product* p, Vector* strange) noexcept nogil:
    sum_items(5, p, strange)


cdef inline outlined sum_7(const Product* p, Vector* strange) noexcept nogil:
    sum_items(7, p, strange)


cdef inline outlined sum_9(const Product* p, Vector* strange) noexcept nogil:
    sum_items(9, p, strange)


cdef inline bint sum_taps(const Product* p, Vector* tag) noexcept nogil:
    """Whether all results are numbers."""
    cdef Vector strange
    cdef const char* lanes = <const char*> &strange
    cdef char found = 0
    cdef int i
    spread(0, &strange)
    if p.taps == 3:
        sum_3(p, &strange)
    elif p.taps == 5:
        sum_5(p, &strange)
    elif p.taps == 7:
        sum_7(p, &strange)
    else:
        sum_9(p, &strange)
    for i in range(VECTOR_BYTES):
        found = found | lanes[i]
    return found == 0


cdef inline void sum_product(const Args* a, const Product* p, const Real* tag) noexcept nogil:
    """HIGH lines of results; those that are no numbers are noted."""
    cdef bint clean
    if Real is float:
        clean = sum_taps(p, <f32v*> NULL)
    else:
        clean = sum_taps(p, <f64v*> NULL)
    if not clean:
        a.nonfinite[0] = 1
