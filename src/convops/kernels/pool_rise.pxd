# Windows of powers of two along a line, each made of two half as long, in registers: the later half comes from shifted
# vectors, or from later ones, so that the line is read once whatever the window. Levels without such shifts have none.
from convops.kernels.along cimport SHIFTS
from convops.kernels.fold cimport MAXIMUM, MINIMUM, SUM
from convops.kernels.pool_lanes cimport CLEAN, Wide, from_zero, item_bytes, join, shift_lanes
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v, inlined, prefetch
from convops.kernels.tile cimport maximum

cdef enum:
    MOST_DOUBLINGS = 8         # of single bytes
    HELD = 2 * MOST_DOUBLINGS  # vectors, two per doubling


# Lines of which a window is made.
cdef struct Pieces:
    int count
    const char* at[MOST_DOUBLINGS + 1]


cdef inline int most_doublings(Py_ssize_t size) noexcept nogil:
    """Up to windows of four vectors of items of so many bytes."""
    cdef int doublings = 2
    while SHIFTS and size << (doublings - 2) < VECTOR_BYTES:
        doublings = doublings + 1
    return doublings if SHIFTS else 0


cdef inline inlined double_window(int kind, int k, Wide* held, Wide* value) noexcept nogil:
    """From 2^k items to twice as many, as far back as the later half is long."""
    cdef Wide first = held[0], second = value[0]
    if item_bytes(value) << k <= VECTOR_BYTES:
        shift_lanes(1 << k, &first, &second, &second)
        held[0] = value[0]
    else:
        held[0], held[1] = held[1], value[0]
    join(kind, &first, &second)
    value[0] = first


cdef inline inlined double_and_keep(int kind, int k, int doublings, Wide* held, Wide* pair, char* const* to,
                                    Py_ssize_t i) noexcept nogil:
    """Two neighbouring vectors. What is found before the line's first window is overwritten by it.

    Of extremes, only the last windows are kept.
    """
    cdef Py_ssize_t behind = k + 1 if item_bytes(pair) << k <= VECTOR_BYTES else k + 2
    if k >= doublings or item_bytes(pair) << k > 2 * VECTOR_BYTES:
        return
    double_window(kind, k, held + 2 * k, &pair[0])
    double_window(kind, k, held + 2 * k, &pair[1])
    if k + 1 == doublings or (kind == SUM and to[k + 1] != NULL):
        (<Wide*> (to[k + 1] + maximum(0, i - behind) * VECTOR_BYTES))[0] = pair[0]
        (<Wide*> (to[k + 1] + maximum(0, i + 1 - behind) * VECTOR_BYTES))[0] = pair[1]


cdef inline inlined rise(int kind, const char* items, Py_ssize_t count, int doublings, char* const* to,
                         const char* later, const Wide* tag) noexcept nogil:
    """Windows of 2^k items, k > 0, at all positions of a line to `to[k]`, if not NULL; the last may be the line.

    As much is asked for from `later` on, as here is more time for it than where lines are copied.
    """
    cdef Wide held[HELD]
    cdef Wide pair[2]
    cdef Py_ssize_t i = 0, lanes = VECTOR_BYTES // item_bytes(tag)
    cdef int k
    for k in range(HELD):
        held[k] = (<const Wide*> items)[0]
    while i < (count + lanes - 1) // lanes + doublings + 1:
        pair[0] = (<const Wide*> (items + i * VECTOR_BYTES))[0]
        pair[1] = (<const Wide*> (items + (i + 1) * VECTOR_BYTES))[0]
        prefetch(later + i * VECTOR_BYTES, 0, 3)
        prefetch(later + (i + 1) * VECTOR_BYTES, 0, 3)
        double_and_keep(kind, 0, doublings, held, pair, to, i)
        double_and_keep(kind, 1, doublings, held, pair, to, i)
        double_and_keep(kind, 2, doublings, held, pair, to, i)
        double_and_keep(kind, 3, doublings, held, pair, to, i)
        double_and_keep(kind, 4, doublings, held, pair, to, i)
        double_and_keep(kind, 5, doublings, held, pair, to, i)
        double_and_keep(kind, 6, doublings, held, pair, to, i)
        double_and_keep(kind, 7, doublings, held, pair, to, i)
        i = i + 2


cdef inline inlined join_four(const Pieces* pieces, char* to, Py_ssize_t i, const Wide* tag) noexcept nogil:
    cdef Wide sum[4]
    cdef int k, v
    for v in range(4):
        sum[v] = (<const Wide*> (pieces.at[0] + i + v * VECTOR_BYTES))[0]
        from_zero(&sum[v])
    for k in range(1, pieces.count):
        for v in range(4):
            join(SUM, &sum[v], <const Wide*> (pieces.at[k] + i + v * VECTOR_BYTES))
    for v in range(4):
        (<Wide*> (to + i + v * VECTOR_BYTES))[0] = sum[v]


cdef inline void join_pieces(const Pieces* pieces, char* to, Py_ssize_t count, const Wide* tag) noexcept nogil:
    """Sums of all pieces, the first ones first; whole vectors."""
    cdef Wide sum
    cdef Py_ssize_t i = 0, end = count * item_bytes(tag)
    cdef int k
    while i + 4 * VECTOR_BYTES <= end:
        join_four(pieces, to, i, tag)
        i = i + 4 * VECTOR_BYTES
    while i < end:
        sum = (<const Wide*> (pieces.at[0] + i))[0]
        from_zero(&sum)
        for k in range(1, pieces.count):
            join(SUM, &sum, <const Wide*> (pieces.at[k] + i))
        (<Wide*> (to + i))[0] = sum
        i = i + VECTOR_BYTES


cdef inline void rise_kind(int kind, const char* items, Py_ssize_t count, int doublings, char* const* to,
                           const char* later, const Wide* tag) noexcept nogil:
    if kind == MAXIMUM:
        rise(MAXIMUM, items, count, doublings, to, later, tag)
    elif kind == MINIMUM:
        rise(MINIMUM, items, count, doublings, to, later, tag)
    elif Wide is f32v or Wide is f64v:
        if kind == CLEAN + MAXIMUM:
            rise(CLEAN + MAXIMUM, items, count, doublings, to, later, tag)
        elif kind == CLEAN + MINIMUM:
            rise(CLEAN + MINIMUM, items, count, doublings, to, later, tag)
        else:
            rise(SUM, items, count, doublings, to, later, tag)
