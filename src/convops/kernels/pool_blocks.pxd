# Extremes of windows that share all items but a line or a column: blocks of some lines, each by the fastest way that
# may take its items. A way that refused one, for NaN or -0.0, is tried again only after a while, ever longer.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport Item
from convops.kernels.pool_band cimport Job
from convops.kernels.pool_middle cimport LINES, find_middle
from convops.kernels.pool_near cimport is_near, near_block
from convops.kernels.pool_square cimport is_square, square_block
from convops.kernels.tile cimport minimum

cdef enum:
    LONGEST_WAIT = 63          # blocks


cdef struct Way:
    bint suits                 # these windows
    Py_ssize_t wait            # so many blocks more
    Py_ssize_t pause           # blocks that it waited last


cdef struct Blocks:
    Way square
    Way near
    Py_ssize_t begin           # of the results whose vectors are whole
    Py_ssize_t end
    bint follows               # the last block was one of square windows, too


cdef inline bint may_try(Way* way) noexcept nogil:
    cdef bint waits = way.wait > 0
    way.wait = way.wait - waits
    return way.suits and not waits


cdef inline bint learn(Way* way, bint done) noexcept nogil:
    way.pause = 0 if done else minimum(LONGEST_WAIT, 2 * way.pause + 1)
    way.wait = way.pause
    return done


cdef inline bint find_blocks(const Args* a, int kind, const Job* j, Blocks* b, const Item* tag) noexcept nogil:
    """Whether windows are such ones, and lines long enough."""
    b.square.suits, b.near.suits = is_square(a, kind, j, tag), is_near(a, kind, j, tag)
    b.square.wait = b.square.pause = b.near.wait = b.near.pause = 0
    b.follows = False
    return (b.square.suits or b.near.suits) and find_middle(a, j, &b.begin, &b.end, tag)


cdef inline bint block_done(const Args* a, int kind, const Job* j, Blocks* b, Py_ssize_t h,
                            const Item* tag) noexcept nogil:
    """Whether lines from `h` on could be done one of these ways."""
    b.follows = may_try(&b.square) and learn(&b.square, square_block(a, kind, j, h, not b.follows, b.begin, b.end, tag))
    return b.follows or (
        may_try(&b.near) and learn(&b.near, near_block(a, kind, j, h, b.begin, b.end, tag)))


cdef inline Py_ssize_t lines_left_out(Blocks* b) noexcept nogil:
    """How many lines go another way, before the last of the ways that suit is tried again; it will have waited."""
    cdef Way* way = &b.near if b.near.suits else &b.square
    cdef Py_ssize_t blocks = 1 + way.wait
    b.square.wait, b.near.wait = b.square.wait - minimum(b.square.wait, blocks - 1), 0
    return blocks * LINES
