# Windows of 2x2 that share nothing and meet no padding: from the input to the result in registers.
#
# Joined are the two items of each line, then the lines, as windows are wherever else they are folded axis by axis.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM, Item
from convops.kernels.lanes cimport splat_f32, splat_f64
from convops.kernels.pool_band cimport seen
from convops.kernels.pool_lanes cimport Wide, from_zero, item_bytes, join, part, pick_pair, put, stream, take
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport minimum

cdef enum:
    AHEAD = 1 << 11            # bytes between what is read and what is asked for


# Some windows side by side.
cdef struct Quads:
    const char* x
    Py_ssize_t right           # bytes from an item of a window to the next ones
    Py_ssize_t below
    char* out
    Py_ssize_t count           # items of the result
    bint streams               # results go past the caches
    double divisor


cdef inline bint is_pair(const Axis* axis) noexcept nogil:
    return (axis.window == 2 and axis.stride == 2 and axis.dilation == 1 and axis.inner_begin <= 0
            and seen(axis, axis.out) <= axis.inner_end)


cdef inline bint is_quad(const Args* a, bint together, const Item* tag) noexcept nogil:
    """Whether results and their items lie side by side: pixels of a line, or channels."""
    cdef Py_ssize_t size = sizeof(Item)
    if not (is_pair(&a.axis[1]) and is_pair(&a.axis[2])):
        return False
    return a.out.channel == size if together else a.x.step[2] == size and a.out.step[2] == size


cdef inline inlined take_pair(const char* items, Py_ssize_t right, Py_ssize_t count, Wide* one,
                              Wide* other) noexcept nogil:
    """First and second items of so many windows, at most a vector."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // item_bytes(one)
    cdef Wide first, second
    if right > item_bytes(one):
        take(items, count, one)
        take(items + right, count, other)
    elif count >= lanes:
        pick_pair(items, one, other)
    else:
        take(items, minimum(lanes, 2 * count), &first)
        second = first
        if 2 * count > lanes:
            take(items + VECTOR_BYTES, 2 * count - lanes, &second)
        part(first, second, one, other)


cdef inline inlined divide_quad(Wide* sum, double divisor) noexcept nogil:
    if Wide is f32v:
        sum[0] = sum[0] * splat_f32(0.25) if divisor == 4 else sum[0] / splat_f32(<float> divisor)
    elif Wide is f64v:
        sum[0] = sum[0] * splat_f64(0.25) if divisor == 4 else sum[0] / splat_f64(divisor)


cdef inline inlined fold_quad(int kind, const Quads* q, const char* x, char* out, Py_ssize_t count,
                              const Wide* tag) noexcept nogil:
    cdef Wide best, other, lower, last
    take_pair(x, q.right, count, &best, &other)
    take_pair(x + q.below, q.right, count, &lower, &last)
    if kind == SUM or kind == MEAN:
        from_zero(&best)
    join(kind, &best, &other)
    join(kind, &lower, &last)
    join(kind, &best, &lower)
    if kind == MEAN:
        divide_quad(&best, q.divisor)
    if q.streams:
        stream(out, &best)
    else:
        put(&best, out, count)


cdef inline inlined fold_quads(int kind, const Quads* q, const Wide* tag) noexcept nogil:
    cdef Py_ssize_t i = 0, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Py_ssize_t step = VECTOR_BYTES if q.right > size else 2 * VECTOR_BYTES
    cdef const char* x = q.x
    cdef Quads last = q[0]
    while i + lanes <= q.count:
        prefetch(x + AHEAD, 0, 3)
        prefetch(x + AHEAD + VECTOR_BYTES, 0, 3)
        prefetch(x + q.below + AHEAD, 0, 3)
        prefetch(x + q.below + AHEAD + VECTOR_BYTES, 0, 3)
        fold_quad(kind, q, x, q.out + i * size, lanes, tag)
        x, i = x + step, i + lanes
    if i < q.count:
        last.streams = False
        fold_quad(kind, &last, x, q.out + i * size, q.count - i, tag)


cdef inline void quads(int kind, const Quads* q, const Wide* tag) noexcept nogil:
    if kind == MAXIMUM:
        fold_quads(MAXIMUM, q, tag)
    elif kind == MINIMUM:
        fold_quads(MINIMUM, q, tag)
    elif Wide is f32v or Wide is f64v:
        if kind == MEAN:
            fold_quads(MEAN, q, tag)
        else:
            fold_quads(SUM, q, tag)
