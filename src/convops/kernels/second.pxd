# Every second item of a line: the even or odd items of two vectors at once, where a load per item takes longer than
# what is done with it.
from convops.kernels.abi cimport Args
from convops.kernels.lanes cimport even_f32, even_f64, odd_f32, odd_f64
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v
from convops.kernels.tile cimport gather_run, maximum, minimum


cdef inline void take_second(const Vector* items, Vector* to, bint odd) noexcept nogil:
    if Vector is f32v:
        to[0] = odd_f32(items[0], items[1]) if odd else even_f32(items[0], items[1])
    else:
        to[0] = odd_f64(items[0], items[1]) if odd else even_f64(items[0], items[1])


cdef inline void take_vector(const Real* items, Real* to, bint odd) noexcept nogil:
    """A vector of results, of two vectors of items."""
    if Real is float:
        take_second(<const f32v*> items, <f32v*> to, odd)
    else:
        take_second(<const f64v*> items, <f64v*> to, odd)


cdef inline void copy_second(const Real* items, Real* to, Py_ssize_t count) noexcept nogil:
    """to[j] = items[2 * j]; the last vector looks back, so that nothing behind the last item is read."""
    cdef Py_ssize_t j = 0, lanes = VECTOR_BYTES // sizeof(Real)
    if count <= lanes:
        for j in range(count):
            to[j] = items[2 * j]
        return
    while j + lanes < count:
        take_vector(items + 2 * j, to + j, False)
        j = j + lanes
    j = count - lanes
    take_vector(items + 2 * j - 1, to + j, True)


cdef inline void gather_second(const Args* a, Real* to, Py_ssize_t pitch, const char* line, Py_ssize_t position,
                               Py_ssize_t channels, Py_ssize_t count) noexcept nogil:
    """`gather_run` in steps of two."""
    cdef Py_ssize_t c, begin, end, first = a.axis[2].inner_begin, last = a.axis[2].inner_end
    begin = minimum(count, maximum(0, (first - position + 1) // 2))
    end = maximum(begin, minimum(count, (last - position + 1) // 2 if last > position else 0))
    if a.load != NULL or a.x.step[2] != sizeof(Real) or a.axis[2].spacing != 1:
        begin, end = count, count
    gather_run(a, to, pitch, line, position, 2, channels, begin)
    for c in range(channels if begin < end else 0):
        copy_second(<const Real*> (line + c * a.x.channel) + position + 2 * begin - a.axis[2].shift,
                    to + c * pitch + begin, end - begin)
    gather_run(a, to + end, pitch, line, position + 2 * end, 2, channels, count - end)
