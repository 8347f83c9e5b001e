# The one window of a global pool: where its taps lie, and how their parts are joined.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport MAXIMUM, MINIMUM
from convops.kernels.lanes cimport spread
from convops.kernels.pool_lanes cimport join
from convops.kernels.simd cimport Vector, inlined
from convops.kernels.window cimport Taps, counted, taps_of

cdef extern from "<math.h>" nogil:
    double INFINITY

cdef enum:
    PARTS = 16
    HALF = 8


# The real taps of the one window.
cdef struct Block:
    Py_ssize_t origin          # bytes from the channel's first item to tap 0
    Py_ssize_t high, wide, size
    bint even                  # from tap to tap it is as far as from column to column
    bint together              # without gaps
    double divisor


cdef inline Block block_of(const Args* a, Py_ssize_t size) noexcept nogil:
    cdef Taps t
    cdef Py_ssize_t extent[3]
    cdef Block b
    cdef int i
    b.origin, b.size, b.even, b.together, b.divisor = 0, 1, True, True, a.divisor
    for i in range(3):
        t = taps_of(&a.axis[i], 0)
        b.origin = b.origin + (t.origin + t.begin) * a.x.step[i]
        extent[i] = t.end - t.begin if t.end > t.begin else 0
    for i in range(2, -1, -1):
        b.even = b.even and (extent[i] == 1 or a.x.step[i] == b.size * a.x.step[2])
        b.together = b.together and (extent[i] == 1 or a.x.step[i] == b.size * size)
        b.size = b.size * extent[i]
    b.high, b.wide = extent[1], extent[2]
    if b.divisor == 0:
        b.divisor = <double> counted(a, &a.axis[0], 0) * counted(a, &a.axis[1], 0) * counted(a, &a.axis[2], 0)
    return b


cdef inline inlined neutral(int kind, Vector* to) noexcept nogil:
    spread(-INFINITY if kind == MAXIMUM else INFINITY if kind == MINIMUM else 0, to)


cdef inline const char* tap(const Args* a, const Block* b, const char* items, Py_ssize_t number) noexcept nogil:
    if b.even:
        return items + number * a.x.step[2]
    return (items + number // (b.high * b.wide) * a.x.step[0] + number // b.wide % b.high * a.x.step[1]
            + number % b.wide * a.x.step[2])


cdef inline inlined join_parts(int kind, int parts, char* first, Py_ssize_t pitch, const Vector* tag) noexcept nogil:
    """So many parts of a vector of channels, `pitch` bytes apart, into the first."""
    cdef Vector best[HALF]
    cdef int i
    for i in range(HALF):
        best[i] = (<const Vector*> (first + i * pitch))[0]
        if parts > HALF:
            join(kind, &best[i], <const Vector*> (first + (i + HALF) * pitch))
    for i in range(HALF // 2):
        join(kind, &best[i], &best[i + HALF // 2])
    for i in range(HALF // 4):
        join(kind, &best[i], &best[i + HALF // 4])
    join(kind, &best[0], &best[1])
    (<Vector*> first)[0] = best[0]
