# Sums that are no numbers: a transform spreads NaN, infinity and overflow over its whole tile. Start reading at
# `repair_line`.
from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v
from convops.kernels.tile cimport ceil_div, copy_run, source
from convops.kernels.winograd_blocks cimport Block, Strip


cdef inline bint finite_vectors(const Vector* items, Py_ssize_t count) noexcept nogil:
    """Whether `count` vectors hold numbers only: zero times anything else is NaN."""
    cdef Vector rest[4]
    cdef const char* lanes = <const char*> rest
    cdef Py_ssize_t j
    cdef int i
    for i in range(4):
        rest[i] = 0 * items[0]
    for j in range(count // 4):
        for i in range(4):
            rest[i] = rest[i] + 0 * items[4 * j + i]
    for j in range(count // 4 * 4, count):
        rest[0] = rest[0] + 0 * items[j]
    rest[0] = rest[0] + rest[1] + (rest[2] + rest[3])
    for i in range(VECTOR_BYTES // (4 if Vector is f32v else 8)):
        if Vector is f32v:
            if (<const float*> lanes)[i] != 0:
                return False
        elif (<const double*> lanes)[i] != 0:
            return False
    return True


cdef inline bint all_finite(const Real* items, Py_ssize_t count) noexcept nogil:
    if Real is float:
        return finite_vectors(<const f32v*> items, count)
    else:
        return finite_vectors(<const f64v*> items, count)


cdef inline Real item_of(const Args* a, const char* channel, Py_ssize_t d, Py_ssize_t h, Py_ssize_t w,
                         const Real* tag) noexcept nogil:
    """One item of the padded input."""
    cdef Real item
    d, h, w = source(&a.axis[0], d), source(&a.axis[1], h), source(&a.axis[2], w)
    if d == -1 or h == -1 or w == -1:
        return (<const Real*> a.fill)[0]
    if d < 0 or h < 0 or w < 0:
        return 0
    copy_run(a, &item, 1, channel + d * a.x.step[0] + h * a.x.step[1] + w * a.x.step[2], 0, 1, 1)
    return item


cdef inline void plain_sums(const Args* a, const Block* b, const Strip* s, Py_ssize_t row, Py_ssize_t h, Py_ssize_t w,
                            Real* sums) noexcept nogil:
    """One pixel by the definition, for a vector of output channels."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), c, i, j, k
    cdef const Real* weights = <const Real*> a.plain_weights + (
        (b.group * ceil_div(a.rows, lanes) + row // lanes) * a.channels * a.axis[1].window * a.axis[2].window * lanes)
    cdef const char* channel = a.x.data + s.batch * a.x.batch + b.group * a.channels * a.x.channel
    cdef Real item
    for k in range(lanes):
        sums[k] = 0
    for c in range(a.channels):
        for i in range(a.axis[1].window):
            for j in range(a.axis[2].window):
                item = item_of(a, channel + c * a.x.channel, s.d * a.axis[0].stride, h * a.axis[1].stride + i,
                               w * a.axis[2].stride + j, sums)
                for k in range(lanes):
                    sums[k] = sums[k] + item * weights[k]
                weights = weights + lanes


cdef inline void repair_line(const Args* a, const Block* b, const Strip* s, Py_ssize_t row, Py_ssize_t h, Real* line,
                             Py_ssize_t count) noexcept nogil:
    """Sums that are no numbers again, by the definition: a transform spreads NaN, infinity and overflow over its tile.

    Where they belong they are never missing, as every term of the definition is a part of some point.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), j, k
    cdef Real sums[16]
    if a.plain_weights == NULL:
        a.nonfinite[0] = 1
        return
    for j in range(count):
        if not all_finite(line + j * lanes, 1):
            plain_sums(a, b, s, row, h, s.w + j, sums)
            for k in range(lanes):
                if line[j * lanes + k] * 0 != 0:
                    line[j * lanes + k] = sums[k]
