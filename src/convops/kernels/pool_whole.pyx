# cython: language_level=3
"""Global pooling: one window that covers all of an image, in floating point.

Called by `backends/pool_whole.py` through `bind.pyx`; hands nothing on. The taps are numbered in C order, and those
with the same number modulo PARTS are folded from the first to the last; then the first half of the parts is joined
with the second, and so on. In planes the parts are the lanes of a vector, and as many planes as fit are turned to join
them; where channels lie side by side, vectors run over these (`pool_global_channels.pxd`). Sums have the same bits
either way. Of equal extremes the first wins; only zeros tell which it was. Start reading at `tile_w`.
"""
from libc.string cimport memcpy

from convops.kernels.abi cimport Args
from convops.kernels.fold cimport MAXIMUM, MEAN, MINIMUM, SUM
from convops.kernels.lanes cimport spread
from convops.kernels.pool_global cimport PARTS, Block, block_of, join_parts, neutral, tap
from convops.kernels.pool_global_channels cimport ROOM, fold_run, parts_of
from convops.kernels.pool_lanes cimport item_bytes, join, put, take
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, inlined
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.turn cimport turn

cdef enum:
    PIECE = 1 << 9             # taps that are gathered together where they have gaps; a multiple of PARTS


cdef inline inlined fold_parts(int kind, const char* items, Py_ssize_t count, char* parts,
                               const Vector* tag) noexcept nogil:
    """Neighbouring taps, the first of which belongs to the first part; extremes may meet some twice."""
    cdef Vector best[8]
    cdef Vector value
    cdef char rest[VECTOR_BYTES]
    cdef Py_ssize_t k = 0, few, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef int v, vectors = PARTS * item_bytes(tag) // VECTOR_BYTES
    for v in range(vectors):
        best[v] = (<const Vector*> (parts + v * VECTOR_BYTES))[0]
    while k + PARTS <= count:
        for v in range(vectors):
            value = (<const Vector*> (items + k * size + v * VECTOR_BYTES))[0]
            join(kind, &best[v], &value)
        k = k + PARTS
    for v in range(vectors if k < count else 0):
        few = minimum(lanes, maximum(0, count - k - v * lanes))
        if kind != MAXIMUM and kind != MINIMUM:
            take(items + (k + v * lanes) * size, few, &value)
        elif count >= PARTS:
            value = (<const Vector*> (items + (count - PARTS + v * lanes) * size))[0]
        else:
            neutral(kind, &value)
            (<Vector*> rest)[0] = value
            take(items + v * VECTOR_BYTES, few, &value)
            put(&value, rest, few)
            value = (<Vector*> rest)[0]
        join(kind, &best[v], &value)
    for v in range(vectors):
        (<Vector*> (parts + v * VECTOR_BYTES))[0] = best[v]


cdef inline inlined fold_plane(const Args* a, int kind, const Block* b, const char* items, char* parts,
                               const Vector* tag) noexcept nogil:
    cdef char piece[PIECE * 8]
    cdef Py_ssize_t i, k = 0, count
    if b.together:
        fold_parts(kind, items, b.size, parts, tag)
        return
    while k < b.size:
        count = minimum(PIECE, b.size - k)
        for i in range(count):
            memcpy(piece + i * item_bytes(tag), tap(a, b, items, k + i), item_bytes(tag))
        fold_parts(kind, piece, count, parts, tag)
        k = k + count


cdef inline bint is_zero(const char* item, const Vector* tag) noexcept nogil:
    return (<const float*> item)[0] == 0 if Vector is f32v else (<const double*> item)[0] == 0


cdef inline void find_zero(const Args* a, const Block* b, const char* items, char* result,
                           const Vector* tag) noexcept nogil:
    """Where zeros are the extreme of a channel, the first of them."""
    cdef Py_ssize_t k = 0
    if not is_zero(result, tag):
        return
    while not is_zero(tap(a, b, items, k), tag):
        k = k + 1
    memcpy(result, tap(a, b, items, k), item_bytes(tag))


cdef inline inlined finish(const Args* a, int kind, const Block* b, const char* items, char* results,
                           Py_ssize_t count, char* out, const Vector* tag) noexcept nogil:
    """A vector of channels, or fewer, into the output."""
    cdef Py_ssize_t i, size = item_bytes(tag)
    cdef Vector divisor
    if kind == MEAN:
        spread(b.divisor, &divisor)
        (<Vector*> results)[0] = (<Vector*> results)[0] / divisor
    for i in range(count if b.size and (kind == MAXIMUM or kind == MINIMUM) else 0):
        find_zero(a, b, items + i * a.x.channel, results + i * size, tag)
    if a.out.channel == size:
        take(results, count, &divisor)
        put(&divisor, out, count)
        return
    for i in range(count):
        memcpy(out + i * a.out.channel, results + i * size, size)


cdef inline inlined fold_planes(const Args* a, int kind, const Block* b, const char* items, Py_ssize_t count,
                                char* out, const Vector* tag) noexcept nogil:
    """As many channels as a vector has lanes, or fewer."""
    cdef char parts[PARTS * VECTOR_BYTES]
    cdef char turned[PARTS * VECTOR_BYTES]
    cdef Vector rows[16]
    cdef Py_ssize_t i, k, lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Py_ssize_t pitch = PARTS * item_bytes(tag)
    neutral(kind, &rows[0])
    for i in range(PARTS):
        (<Vector*> (parts + i * VECTOR_BYTES))[0] = rows[0]
    for i in range(count):
        fold_plane(a, kind, b, items + i * a.x.channel, parts + i * pitch, tag)
    for k in range(PARTS // lanes):
        for i in range(lanes):
            rows[i] = (<const Vector*> (parts + i * pitch + k * VECTOR_BYTES))[0]
        turn(rows)
        for i in range(lanes):
            (<Vector*> (turned + (k * lanes + i) * VECTOR_BYTES))[0] = rows[i]
    join_parts(kind, PARTS, turned, VECTOR_BYTES, tag)
    finish(a, kind, b, items, turned, count, out, tag)


cdef inline inlined fold_channels(const Args* a, int kind, const Block* b, const char* items, Py_ssize_t count,
                                  char* out, char* parts, const Vector* tag) noexcept nogil:
    """Channels side by side."""
    cdef Py_ssize_t c = 0, i, some, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    while c < count:
        some = minimum(ROOM // parts_of(b) // size, count - c)
        fold_run(a, kind, b, items + c * size, some, parts, tag)
        for i in range(ceil_div(some, lanes)):
            finish(a, kind, b, items + (c + i * lanes) * size, parts + i * VECTOR_BYTES,
                   minimum(lanes, some - i * lanes), out + (c + i * lanes) * a.out.channel, tag)
        c = c + some


cdef inline inlined tile_kind(const Args* a, int kind, Py_ssize_t number, char* scratch,
                              const Vector* tag) noexcept nogil:
    cdef Block b = block_of(a, item_bytes(tag))
    cdef Py_ssize_t blocks = ceil_div(a.channels, a.tile_columns), size = item_bytes(tag)
    cdef Py_ssize_t c = number % blocks * a.tile_columns, end = minimum(a.channels, c + a.tile_columns), count
    cdef bint together = a.channels > 1 and a.x.channel == size and a.x.step[2] != size
    cdef const char* items = a.x.data + number // blocks * a.x.batch + b.origin
    cdef char* out = a.out.data + number // blocks * a.out.batch
    while c < end:
        count = end - c if together else minimum(end - c, VECTOR_BYTES // size)
        if together:
            fold_channels(a, kind, &b, items + c * a.x.channel, count, out + c * a.out.channel, scratch, tag)
        else:
            fold_planes(a, kind, &b, items + c * a.x.channel, count, out + c * a.out.channel, tag)
        c = c + count


cdef void tile_w(const Args* a, Py_ssize_t number, char* scratch, const Vector* tag) noexcept nogil:
    """Some channels of an image."""
    if a.pooling == MAXIMUM:
        tile_kind(a, MAXIMUM, number, scratch, tag)
    elif a.pooling == MINIMUM:
        tile_kind(a, MINIMUM, number, scratch, tag)
    elif a.pooling == MEAN:
        tile_kind(a, MEAN, number, scratch, tag)
    else:
        tile_kind(a, SUM, number, scratch, tag)


cdef inline void run(const Args* a, const Vector* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_w(a, number, a.scratch, tag)


cdef api void whole_float32(const Args* a) noexcept nogil:
    run(a, <const f32v*> NULL)


cdef api void whole_float64(const Args* a) noexcept nogil:
    run(a, <const f64v*> NULL)
