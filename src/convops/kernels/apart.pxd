# Whether arrays share memory, from their extents alone.
from convops.kernels.array cimport View, look

cdef enum:
    MOST_OPERANDS = 3

# Where an array lies in memory.
cdef struct Span:
    const char* begin
    const char* end


# Operands of a plan or call that `out` must lie apart from, beside x and add.
cdef struct Kept:
    int count
    Span spans[MOST_OPERANDS]


cdef inline Span extent(const View* view) noexcept:
    """From the first byte to behind the last."""
    cdef Span span
    cdef Py_ssize_t reach
    cdef int i
    span.begin = span.end = view.data
    for i in range(view.ndim):
        if view.shape[i] == 0:
            span.begin = span.end = view.data
            return span
        reach = (view.shape[i] - 1) * view.strides[i]
        if reach < 0:
            span.begin = span.begin + reach
        else:
            span.end = span.end + reach
    span.end = span.end + view.item
    return span


cdef inline int keep_apart(Kept* kept, array) except -1:
    """Note one more operand."""
    cdef View view = look(array)
    if kept.count == MOST_OPERANDS:
        raise ValueError("too many operands for the short way")
    kept.spans[kept.count] = extent(&view)
    kept.count = kept.count + 1
    return 0


cdef inline bint are_apart(const View* views, int count, const Kept* kept) noexcept:
    """Whether the first array lies apart from the others and what is kept; False also where they interleave."""
    cdef Span out = extent(&views[0]), span
    cdef int i
    for i in range(1, count + kept.count):
        span = extent(&views[i]) if i < count else kept.spans[i - count]
        if span.begin < out.end and out.begin < span.end:
            return False
    return True
