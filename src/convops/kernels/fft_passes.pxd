# Complex transforms, one in each lane, in place. An item is two vectors: real parts, imaginary parts.
#
# The items of a transform lie `span` items apart, with those of others between them, as in the columns of a matrix.
# Forward passes leave frequencies in digit-reversed order and backward ones begin with it, so that nothing is ever
# reordered; `backends/fft_table.py` knows where a frequency lies. Passes of radix 4 with twiddles end in one of
# radix 2 to 6 or 10 without. Twiddles of a pass stand one behind the other: w^j, w^2j, w^3j for each j.
from convops.kernels.lanes cimport load_weight, spread
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined

cdef enum:
    CACHED_BYTES = 32 << 10    # longer blocks are finished quarter by quarter


cdef inline inlined turn(const char* twiddle, Py_ssize_t item, bint back, Vector* re, Vector* im) noexcept nogil:
    """Multiply by a twiddle, or by its conjugate."""
    cdef Vector c, s, was = re[0]
    load_weight(twiddle, &c)
    load_weight(twiddle + item, &s)
    if back:
        re[0] = was * c + im[0] * s
        im[0] = im[0] * c - was * s
    else:
        re[0] = was * c - im[0] * s
        im[0] = im[0] * c + was * s


cdef inline inlined butterfly(Vector* z, Py_ssize_t pitch, int re, Vector* r, Vector* i) noexcept nogil:
    """r + i of four items `pitch` vectors apart, transformed; `re` 1 swaps parts, which conjugates the transform."""
    cdef int im = 1 - re
    cdef Vector ar = z[re] + z[2 * pitch + re], ai = z[im] + z[2 * pitch + im]
    cdef Vector br = z[re] - z[2 * pitch + re], bi = z[im] - z[2 * pitch + im]
    cdef Vector cr = z[pitch + re] + z[3 * pitch + re], ci = z[pitch + im] + z[3 * pitch + im]
    cdef Vector dr = z[pitch + im] - z[3 * pitch + im], di = z[3 * pitch + re] - z[pitch + re]
    r[0], i[0] = ar + cr, ai + ci
    r[1], i[1] = br + dr, bi + di
    r[2], i[2] = ar - cr, ai - ci
    r[3], i[3] = br - dr, bi - di


cdef inline inlined forward_spans(Vector* z, Py_ssize_t blocks, Py_ssize_t quarter, Py_ssize_t span,
                                  const char* twiddles) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, _b, _j, _k, q = 2 * quarter * span
    cdef const char* w
    cdef Vector r[4]
    cdef Vector i[4]
    for _b in range(blocks):
        w = twiddles
        for _j in range(quarter):
            for _k in range(span):
                butterfly(z, q, 0, r, i)
                turn(w, item, False, &r[1], &i[1])
                turn(w + 2 * item, item, False, &r[2], &i[2])
                turn(w + 4 * item, item, False, &r[3], &i[3])
                z[0], z[1] = r[0], i[0]
                z[q], z[q + 1] = r[1], i[1]
                z[2 * q], z[2 * q + 1] = r[2], i[2]
                z[3 * q], z[3 * q + 1] = r[3], i[3]
                z = z + 2
            w = w + 6 * item
        z = z + 3 * q


cdef inline outlined forward_4(Vector* z, Py_ssize_t blocks, Py_ssize_t quarter, Py_ssize_t span,
                               const char* twiddles) noexcept nogil:
    if span == 1:
        forward_spans(z, blocks, quarter, 1, twiddles)
    else:
        forward_spans(z, blocks, quarter, span, twiddles)


cdef inline inlined backward_spans(Vector* z, Py_ssize_t blocks, Py_ssize_t quarter, Py_ssize_t span,
                                   const char* twiddles) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, _b, _j, _k, q = 2 * quarter * span
    cdef const char* w
    cdef Vector t[8]
    cdef Vector r[4]
    cdef Vector i[4]
    for _b in range(blocks):
        w = twiddles
        for _j in range(quarter):
            for _k in range(span):
                t[0], t[1] = z[0], z[1]
                t[2], t[3] = z[q], z[q + 1]
                t[4], t[5] = z[2 * q], z[2 * q + 1]
                t[6], t[7] = z[3 * q], z[3 * q + 1]
                turn(w, item, True, &t[2], &t[3])
                turn(w + 2 * item, item, True, &t[4], &t[5])
                turn(w + 4 * item, item, True, &t[6], &t[7])
                butterfly(t, 2, 1, i, r)
                z[0], z[1] = r[0], i[0]
                z[q], z[q + 1] = r[1], i[1]
                z[2 * q], z[2 * q + 1] = r[2], i[2]
                z[3 * q], z[3 * q + 1] = r[3], i[3]
                z = z + 2
            w = w + 6 * item
        z = z + 3 * q


cdef inline outlined backward_4(Vector* z, Py_ssize_t blocks, Py_ssize_t quarter, Py_ssize_t span,
                                const char* twiddles) noexcept nogil:
    if span == 1:
        backward_spans(z, blocks, quarter, 1, twiddles)
    else:
        backward_spans(z, blocks, quarter, span, twiddles)


cdef inline inlined small_2(Vector* z, Py_ssize_t p, int re) noexcept nogil:
    cdef Vector r = z[0] - z[p], i = z[1] - z[p + 1]
    z[0], z[1] = z[0] + z[p], z[1] + z[p + 1]
    z[p], z[p + 1] = r, i


cdef inline inlined small_3(Vector* z, Py_ssize_t p, int re) noexcept nogil:
    cdef int im = 1 - re
    cdef Vector half, root
    cdef Vector sr = z[p + re] + z[2 * p + re], si = z[p + im] + z[2 * p + im]
    cdef Vector dr = z[p + im] - z[2 * p + im], di = z[2 * p + re] - z[p + re]
    cdef Vector mr, mi
    spread(0.5, &half)
    spread(0.86602540378443864676, &root)
    mr, mi = z[re] - half * sr, z[im] - half * si
    z[re], z[im] = z[re] + sr, z[im] + si
    z[p + re], z[p + im] = mr + root * dr, mi + root * di
    z[2 * p + re], z[2 * p + im] = mr - root * dr, mi - root * di


cdef inline inlined small_4(Vector* z, Py_ssize_t p, int re) noexcept nogil:
    cdef Vector r[4]
    cdef Vector i[4]
    cdef int k
    butterfly(z, p, re, r, i)
    for k in range(4):
        z[k * p + re], z[k * p + 1 - re] = r[k], i[k]


cdef inline inlined pair_5(Vector* z, Py_ssize_t p, int re, int k, Vector mr, Vector mi, Vector ur,
                           Vector ui) noexcept nogil:
    """m - i u and m + i u, which are frequencies k and -k of five."""
    z[k * p + re], z[k * p + 1 - re] = mr + ui, mi - ur
    z[(5 - k) * p + re], z[(5 - k) * p + 1 - re] = mr - ui, mi + ur


cdef inline inlined small_5(Vector* z, Py_ssize_t p, int re) noexcept nogil:
    cdef int im = 1 - re
    cdef Vector c1, c2, s1, s2
    cdef Vector zr = z[re], zi = z[im]
    cdef Vector ar = z[p + re] + z[4 * p + re], ai = z[p + im] + z[4 * p + im]
    cdef Vector br = z[2 * p + re] + z[3 * p + re], bi = z[2 * p + im] + z[3 * p + im]
    cdef Vector cr = z[p + re] - z[4 * p + re], ci = z[p + im] - z[4 * p + im]
    cdef Vector dr = z[2 * p + re] - z[3 * p + re], di = z[2 * p + im] - z[3 * p + im]
    spread(0.30901699437494742410, &c1)
    spread(-0.80901699437494742410, &c2)
    spread(0.95105651629515357212, &s1)
    spread(0.58778525229247312917, &s2)
    z[re], z[im] = zr + (ar + br), zi + (ai + bi)
    pair_5(z, p, re, 1, zr + c1 * ar + c2 * br, zi + c1 * ai + c2 * bi, s1 * cr + s2 * dr, s1 * ci + s2 * di)
    pair_5(z, p, re, 2, zr + c2 * ar + c1 * br, zi + c2 * ai + c1 * bi, s2 * cr - s1 * dr, s2 * ci - s1 * di)


cdef inline inlined small_even(Vector* z, Py_ssize_t p, int re, int half) noexcept nogil:
    """Two of half the length, 3 or 5, and pairs across them: by the Chinese remainder theorem without twiddles."""
    cdef Vector e[10]
    cdef Vector o[10]
    cdef int k, at, length = 2 * half
    for k in range(half):
        at = (2 * k + half) % length
        e[2 * k], e[2 * k + 1] = z[2 * k * p], z[2 * k * p + 1]
        o[2 * k], o[2 * k + 1] = z[at * p], z[at * p + 1]
    if half == 3:
        small_3(e, 2, re)
        small_3(o, 2, re)
    else:
        small_5(e, 2, re)
        small_5(o, 2, re)
    for k in range(half):
        at = (half + 1) * k % length
        z[at * p], z[at * p + 1] = e[2 * k] + o[2 * k], e[2 * k + 1] + o[2 * k + 1]
        at = (at + half) % length
        z[at * p], z[at * p + 1] = e[2 * k] - o[2 * k], e[2 * k + 1] - o[2 * k + 1]


cdef inline inlined smalls(Vector* z, Py_ssize_t blocks, Py_ssize_t span, int radix, int re) noexcept nogil:
    cdef Py_ssize_t _b, _k
    for _b in range(blocks):
        for _k in range(span):
            if radix == 2:
                small_2(z, 2 * span, re)
            elif radix == 3:
                small_3(z, 2 * span, re)
            elif radix == 4:
                small_4(z, 2 * span, re)
            elif radix == 5:
                small_5(z, 2 * span, re)
            elif radix == 6:
                small_even(z, 2 * span, re, 3)
            else:
                small_even(z, 2 * span, re, 5)
            z = z + 2
        z = z + 2 * span * (radix - 1)


cdef inline inlined small_pass(Vector* z, Py_ssize_t blocks, Py_ssize_t span, int radix, int re) noexcept nogil:
    if radix == 2:
        smalls(z, blocks, span, 2, 0)
    elif radix == 3:
        smalls(z, blocks, span, 3, re)
    elif radix == 4:
        smalls(z, blocks, span, 4, re)
    elif radix == 5:
        smalls(z, blocks, span, 5, re)
    elif radix == 6:
        smalls(z, blocks, span, 6, re)
    else:
        smalls(z, blocks, span, 10, re)


cdef inline outlined last(Vector* z, Py_ssize_t blocks, Py_ssize_t span, int radix, bint back) noexcept nogil:
    """The pass without twiddles; backwards it comes first."""
    if span == 1:
        if back:
            small_pass(z, blocks, 1, radix, 1)
        else:
            small_pass(z, blocks, 1, radix, 0)
    elif back:
        small_pass(z, blocks, span, radix, 1)
    else:
        small_pass(z, blocks, span, radix, 0)


cdef inline Py_ssize_t twiddle_bytes(Py_ssize_t size, const Vector* tag) noexcept nogil:
    """Of the pass that splits blocks of `size` items."""
    return 6 * (size // 4) * (4 if Vector is f32v else 8)


cdef inline void forward(Vector* z, Py_ssize_t size, Py_ssize_t span, int radix, const char* twiddles) noexcept nogil:
    """Transforms of `size` items, a power of 4 times `radix`."""
    cdef Py_ssize_t block = size, quarter = size // 4, i
    if size > radix and 2 * size * span * VECTOR_BYTES > CACHED_BYTES:
        forward_4(z, 1, quarter, span, twiddles)
        for i in range(4):
            forward(z + 2 * i * quarter * span, quarter, span, radix, twiddles + twiddle_bytes(size, z))
        return
    while block > radix:
        forward_4(z, size // block, block // 4, span, twiddles)
        twiddles = twiddles + twiddle_bytes(block, z)
        block = block // 4
    last(z, size // radix, span, radix, False)


cdef inline void backward(Vector* z, Py_ssize_t size, Py_ssize_t span, int radix, const char* end) noexcept nogil:
    """Their inverses times `size`; `end` lies behind the twiddles of all passes."""
    cdef Py_ssize_t block = radix, quarter = size // 4, i
    if size > radix and 2 * size * span * VECTOR_BYTES > CACHED_BYTES:
        for i in range(4):
            backward(z + 2 * i * quarter * span, quarter, span, radix, end)
        while quarter > radix:
            end = end - twiddle_bytes(quarter, z)
            quarter = quarter // 4
        backward_4(z, 1, size // 4, span, end - twiddle_bytes(size, z))
        return
    last(z, size // radix, span, radix, True)
    while block < size:
        block = 4 * block
        end = end - twiddle_bytes(block, z)
        backward_4(z, size // block, block // 4, span, end)
