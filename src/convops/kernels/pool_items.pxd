# Items of a line as the vectors that fold, move and slide them.
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t

from convops.kernels.fold cimport Item
from convops.kernels.past_caches cimport move_past
from convops.kernels.pool_extremes cimport i8v, i16v, i32v, u8v, u16v
from convops.kernels.pool_lanes cimport may_have_nan, move, move_clean
from convops.kernels.pool_quads cimport Quads, quads
from convops.kernels.pool_rise cimport Pieces, join_pieces, rise_kind
from convops.kernels.pool_rows cimport Run
from convops.kernels.pool_run cimport add_run, double_run, fold_run
from convops.kernels.pool_sliding cimport Lines, Slide, slide
from convops.kernels.simd cimport f32v, f64v


cdef inline void fold_items(int kind, Item* to, const Item* items, const Run* run) noexcept nogil:
    if Item is float:
        fold_run(kind, <char*> to, <const char*> items, run, <const f32v*> NULL)
    elif Item is double:
        fold_run(kind, <char*> to, <const char*> items, run, <const f64v*> NULL)
    elif Item is uint8_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const u8v*> NULL)
    elif Item is int8_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const i8v*> NULL)
    elif Item is uint16_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const u16v*> NULL)
    elif Item is int16_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const i16v*> NULL)
    elif Item is int32_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const i32v*> NULL)


cdef inline void add_items(Item* to, const Item* sums, const Item* items, const Run* run) noexcept nogil:
    if Item is float:
        add_run(<char*> to, <const char*> sums, <const char*> items, run, <const f32v*> NULL)
    elif Item is double:
        add_run(<char*> to, <const char*> sums, <const char*> items, run, <const f64v*> NULL)


cdef inline void double_items(Item* items, Py_ssize_t shift, Py_ssize_t count, bint twice) noexcept nogil:
    if Item is float:
        double_run(<char*> items, shift, count, twice, <const f32v*> NULL)
    elif Item is double:
        double_run(<char*> items, shift, count, twice, <const f64v*> NULL)


cdef inline void join_items(Item* to, const Pieces* pieces, Py_ssize_t count) noexcept nogil:
    if Item is float:
        join_pieces(pieces, <char*> to, count, <const f32v*> NULL)
    elif Item is double:
        join_pieces(pieces, <char*> to, count, <const f64v*> NULL)


cdef inline void rise_items(int kind, const Item* items, Py_ssize_t count, int doublings, char* const* to,
                            const char* later) noexcept nogil:
    if Item is float:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const f32v*> NULL)
    elif Item is double:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const f64v*> NULL)
    elif Item is uint8_t:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const u8v*> NULL)
    elif Item is int8_t:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const i8v*> NULL)
    elif Item is uint16_t:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const u16v*> NULL)
    elif Item is int16_t:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const i16v*> NULL)
    elif Item is int32_t:
        rise_kind(kind, <const char*> items, count, doublings, to, later, <const i32v*> NULL)


cdef inline void fold_quad_items(int kind, const Quads* q, const Item* tag) noexcept nogil:
    if Item is float:
        quads(kind, q, <const f32v*> NULL)
    elif Item is double:
        quads(kind, q, <const f64v*> NULL)
    elif Item is uint8_t:
        quads(kind, q, <const u8v*> NULL)
    elif Item is int8_t:
        quads(kind, q, <const i8v*> NULL)
    elif Item is uint16_t:
        quads(kind, q, <const u16v*> NULL)
    elif Item is int16_t:
        quads(kind, q, <const i16v*> NULL)
    elif Item is int32_t:
        quads(kind, q, <const i32v*> NULL)


cdef inline void move_items(Item* to, const Item* items, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    move(<char*> to, <const char*> items, count * sizeof(Item), ahead, <const u8v*> NULL)


cdef inline bint move_clean_items(Item* to, const Item* items, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    """The same; whether certainly none of them is NaN."""
    if Item is float:
        return move_clean(<char*> to, <const char*> items, count, ahead, <const f32v*> NULL)
    elif Item is double:
        return move_clean(<char*> to, <const char*> items, count, ahead, <const f64v*> NULL)
    else:
        move_items(to, items, count, ahead)
        return False


cdef inline void move_items_past(Item* to, const Item* items, Py_ssize_t count) noexcept nogil:
    move_past(<char*> to, <const char*> items, count * sizeof(Item))


cdef inline void slide_items(int kind, Slide* s, const Lines* lines, const Item* divisors, bint whole) noexcept nogil:
    if Item is float:
        slide(kind, s, lines, <const char*> divisors, whole, <const f32v*> NULL)
    elif Item is double:
        slide(kind, s, lines, <const char*> divisors, whole, <const f64v*> NULL)
    elif Item is uint8_t:
        slide(kind, s, lines, <const char*> divisors, whole, <const u8v*> NULL)
    elif Item is int8_t:
        slide(kind, s, lines, <const char*> divisors, whole, <const i8v*> NULL)
    elif Item is uint16_t:
        slide(kind, s, lines, <const char*> divisors, whole, <const u16v*> NULL)
    elif Item is int16_t:
        slide(kind, s, lines, <const char*> divisors, whole, <const i16v*> NULL)
    elif Item is int32_t:
        slide(kind, s, lines, <const char*> divisors, whole, <const i32v*> NULL)


cdef inline bint are_clean(const Item* items, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    """Whether certainly none of them is NaN."""
    if Item is float:
        return not may_have_nan(<const char*> items, count, ahead, <const f32v*> NULL)
    elif Item is double:
        return not may_have_nan(<const char*> items, count, ahead, <const f64v*> NULL)
    else:
        return False
