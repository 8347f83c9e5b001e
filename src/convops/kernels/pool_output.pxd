# Lines of results on their way to the output.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport MEAN, Item
from convops.kernels.past_caches cimport CACHE_LINE
from convops.kernels.pool_band cimport Job, is_run, out_line
from convops.kernels.pool_items cimport move_items, move_items_past
from convops.kernels.tile cimport minimum
from convops.kernels.window cimport counted


cdef inline void put_line(const Args* a, const Job* j, Py_ssize_t i, const Item* items) noexcept nogil:
    """Results to where they belong."""
    cdef char* out = out_line(a, j, i)
    cdef Py_ssize_t w, c
    if j.together and a.out.channel == sizeof(Item):
        for w in range(j.wide):
            move_items(<Item*> (out + w * a.out.step[2]), items + w * j.unit, j.unit, 0)
    elif j.together:
        for w in range(j.wide):
            for c in range(j.unit):
                (<Item*> (out + w * a.out.step[2] + c * a.out.channel))[0] = items[w * j.unit + c]
    else:
        for c in range(j.planes):
            if a.out.step[2] == sizeof(Item) and j.streams:
                move_items_past(<Item*> (out + c * a.out.channel), items + c * j.out_span, j.wide)
                continue
            if a.out.step[2] == sizeof(Item):
                move_items(<Item*> (out + c * a.out.channel), items + c * j.out_span, j.wide, 0)
                continue
            for w in range(j.wide):
                (<Item*> (out + c * a.out.channel + w * a.out.step[2]))[0] = items[c * j.out_span + w]


cdef inline bint goes_straight(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether a line of results is written where it belongs: past the caches only vectors that begin with a cache line.
    """
    return is_run(a, j, tag) and not (j.streams and (<size_t> out_line(a, j, 0) | a.out.step[1]) % CACHE_LINE)


cdef inline bint writes_rows(const Args* a, const Job* j, const Item* tag) noexcept nogil:
    """Whether the results of a line are folded into the output, plane by plane."""
    return goes_straight(a, j, tag) or (j.planes > 1 and a.out.step[2] == sizeof(Item))


cdef inline Py_ssize_t alike(const Args* a, int kind, const Job* j, Py_ssize_t i, Py_ssize_t most) noexcept nogil:
    """How many lines from i on have the same divisors, at most."""
    cdef Py_ssize_t k = i + 1, end = minimum(j.high, i + most)
    if kind != MEAN or a.divisor:
        return most
    while k < end and counted(a, &a.axis[1], j.h + k) == counted(a, &a.axis[1], j.h + i):
        k = k + 1
    return k - i
