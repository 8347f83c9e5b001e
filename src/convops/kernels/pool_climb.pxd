# Long windows along a line in a copy of it: from ever longer ones at all positions, in steps that the logarithm of the
# window counts.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport SUM, Item
from convops.kernels.pool_band cimport Job
from convops.kernels.pool_items cimport add_items, fold_items
from convops.kernels.pool_run cimport Run, row_of


cdef inline void fold_last(const Args* a, int kind, const Job* j, Item* to, const Item* items, Py_ssize_t n,
                           Py_ssize_t shift, const Item* tag) noexcept nogil:
    """Windows of `n` items so many bytes apart, from windows at all positions of a copied line."""
    cdef Py_ssize_t pixel = j.unit * <Py_ssize_t> sizeof(Item), stride = a.axis[2].stride
    cdef Run run = row_of(n, shift, stride, j.length, True)
    if j.together and stride > 1:
        run.step, run.times, run.count, run.next_to, run.next_items = 1, j.wide, j.unit, pixel, stride * pixel
        run.whole = False
    fold_items(kind, to, items, &run)


cdef inline void climb_extremes(const Args* a, int kind, const Job* j, Item* to, const Item* tag) noexcept nogil:
    """Extremes of ever longer windows along the copied line; the last two may overlap."""
    cdef Py_ssize_t n = 1, window = a.axis[2].window
    cdef Py_ssize_t shift = a.axis[2].dilation * j.unit * <Py_ssize_t> sizeof(Item)
    cdef Run run
    while 2 * n < window:
        run = row_of(4 if 4 * n < window else 2, n * shift, 1, j.pitch, True)
        fold_items(kind, <Item*> j.copy, <const Item*> j.copy, &run)
        n = n * run.n
    fold_last(a, kind, j, to, <const Item*> j.copy, 2, (window - n) * shift, tag)


cdef inline void climb_sums(const Args* a, const Job* j, Item* to, const Item* tag) noexcept nogil:
    """Sums of 1, 4, 16, ... items; those of which a window is made are added from the shortest, the last of it, on."""
    cdef Py_ssize_t n = 1, window = a.axis[2].window, digit, begin
    cdef Py_ssize_t shift = a.axis[2].dilation * j.unit * <Py_ssize_t> sizeof(Item)
    cdef Item* sums = <Item*> j.sums
    cdef char* items = j.copy
    cdef bint begun = False
    cdef Run run
    while 4 * n <= window:
        digit, begin = window // n % 4, window // (4 * n) * (4 * n)
        run = row_of(digit, n * shift, 1, j.pitch, True)
        if digit and begun:
            add_items(sums, sums, <const Item*> (items + begin * shift), &run)
        elif digit:
            fold_items(SUM, sums, <const Item*> (items + begin * shift), &run)
        begun = begun or digit > 0
        run = row_of(4, n * shift, 1, j.pitch, True)
        fold_items(SUM, <Item*> items, <const Item*> items, &run)
        n = 4 * n
    if not begun:
        fold_last(a, SUM, j, to, <const Item*> items, window // n, n * shift, tag)
        return
    run = row_of(window // n, n * shift, 1, j.length if a.axis[2].stride == 1 else j.pitch, True)
    add_items(to if a.axis[2].stride == 1 else sums, sums, <const Item*> items, &run)
    if a.axis[2].stride > 1:
        fold_last(a, SUM, j, to, sums, 1, shift, tag)
