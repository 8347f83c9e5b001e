# Long windows along a line in a copy of it: from ever longer ones at all positions, in steps that the logarithm of the
# window counts.
from convops.kernels.abi cimport Args
from convops.kernels.fold cimport SUM, Item
from convops.kernels.pool_band cimport Job, level_bytes, rises
from convops.kernels.pool_items cimport add_items, double_items, fold_items, join_items, rise_items
from convops.kernels.pool_rise cimport MOST_DOUBLINGS, Pieces, most_doublings
from convops.kernels.pool_rows cimport Run, row_of


cdef inline void fold_last(const Args* a, int kind, const Job* j, Item* to, const Item* items, Py_ssize_t n,
                           Py_ssize_t shift, const Item* tag) noexcept nogil:
    """Windows of `n` items so many bytes apart, from windows at all positions of a copied line."""
    cdef Py_ssize_t pixel = j.unit * <Py_ssize_t> sizeof(Item), stride = a.axis[2].stride
    cdef Run run = row_of(n, shift, stride, j.length, True)
    if j.together and stride > 1:
        run.step, run.times, run.count, run.next_to, run.next_items = 1, j.wide, j.unit, pixel, stride * pixel
        run.whole = False
    fold_items(kind, to, items, &run)


cdef inline int doublings_of(const Args* a, const Job* j, Py_ssize_t most, const Item* tag) noexcept nogil:
    """How often windows of at most so many items are doubled in registers."""
    cdef int doublings = 0
    while rises(a, j) and doublings < most_doublings(sizeof(Item)) and 2 << doublings <= most:
        doublings = doublings + 1
    return doublings


cdef inline void climb_extremes(const Args* a, int kind, const Job* j, Item* to, const char* later,
                                const Item* tag) noexcept nogil:
    """Extremes of ever longer windows along the copied line; the last two may overlap."""
    cdef Py_ssize_t n, window = a.axis[2].window
    cdef Py_ssize_t shift = a.axis[2].dilation * j.unit * <Py_ssize_t> sizeof(Item)
    cdef int doublings = doublings_of(a, j, window - 1, tag)
    cdef char* lines[MOST_DOUBLINGS + 1]
    cdef Run run
    for n in range(doublings):
        lines[n] = NULL
    lines[doublings], n = j.copy, 1 << doublings
    if doublings:
        rise_items(kind, <const Item*> j.copy, j.pitch, doublings, lines, later)
    while 2 * n < window:
        run = row_of(4 if 4 * n < window else 2, n * shift, 1, j.pitch, True)
        fold_items(kind, <Item*> j.copy, <const Item*> j.copy, &run)
        n = n * run.n
    fold_last(a, kind, j, to, <const Item*> j.copy, 2, (window - n) * shift, tag)


cdef inline Py_ssize_t place_of(Py_ssize_t window, Py_ssize_t n) noexcept nogil:
    """Where the sum of `n` items, a power of two, lies in a window: behind all that are longer."""
    return window // (2 * n) * (2 * n)


cdef inline void keep_piece(const Args* a, const Job* j, Py_ssize_t n, Pieces* pieces, const char* line,
                            const Item* tag) noexcept nogil:
    if a.axis[2].window & n:
        pieces.at[pieces.count] = line + place_of(a.axis[2].window, n) * <Py_ssize_t> sizeof(Item)
        pieces.count = pieces.count + 1


cdef inline int rise_sums(const Args* a, const Job* j, Pieces* pieces, const char* later,
                          const Item* tag) noexcept nogil:
    """Sums of 2^k items, as many as registers hold; those of fewer of which a window is made, the items themselves
    among them, are its first pieces. Returns k."""
    cdef int doublings = doublings_of(a, j, a.axis[2].window, tag), k
    cdef char* lines[MOST_DOUBLINGS + 1]
    for k in range(doublings):
        lines[k] = NULL
        if a.axis[2].window >> k & 1:
            lines[k] = j.levels + k * level_bytes(j.pitch, tag) if k else j.copy
            pieces.at[pieces.count] = lines[k] + place_of(a.axis[2].window, 1 << k) * <Py_ssize_t> sizeof(Item)
            pieces.count = pieces.count + 1
    lines[doublings] = j.levels
    if doublings:
        rise_items(SUM, <const Item*> j.copy, j.pitch, doublings, lines, later)
    return doublings


cdef inline void add_piece(const Args* a, const Job* j, const Item* line, Py_ssize_t n, bint begun,
                           Py_ssize_t count) noexcept nogil:
    """The sums of `n` items, in a line, behind those of fewer."""
    cdef Py_ssize_t place = a.axis[2].dilation * j.unit * place_of(a.axis[2].window, n)
    cdef Run run = row_of(1, 0, 1, count, True)
    if begun:
        add_items(<Item*> j.sums, <const Item*> j.sums, line + place, &run)
    else:
        fold_items(SUM, <Item*> j.sums, line + place, &run)


cdef inline void climb_sums(const Args* a, const Job* j, Item* to, const char* later, const Item* tag) noexcept nogil:
    """Sums of 1, 2, 4, ... items; those of which a window is made are added from the shortest, the last of it, on."""
    cdef Py_ssize_t n, window = a.axis[2].window, shift = a.axis[2].dilation * j.unit
    cdef Py_ssize_t count = j.length if a.axis[2].stride == 1 else j.pitch - (window - 1) * shift
    cdef Item* sums = to if a.axis[2].stride == 1 else <Item*> j.sums
    cdef Item* line
    cdef Pieces pieces
    cdef bint twice, begun
    cdef Run run = row_of(1, 0, 1, count, True)
    pieces.count = 0
    n = 1 << rise_sums(a, j, &pieces, later, tag)
    line = <Item*> (j.levels if n > 1 else j.copy)
    begun = pieces.count > 0
    if n > 1 and 2 * n > window:
        pieces.at[pieces.count], pieces.count = <const char*> line, pieces.count + 1
        join_items(sums, &pieces, count)
    elif begun:
        join_items(<Item*> j.sums, &pieces, count)
    while 2 * n <= window:
        if window & n:
            add_piece(a, j, line, n, begun, count)
            begun = True
        twice = 4 * n <= window and not window & (2 * n)
        double_items(line, n * shift * <Py_ssize_t> sizeof(Item), j.pitch, twice)
        n = 4 * n if twice else 2 * n
        if 2 * n > window and begun:
            add_items(sums, <const Item*> j.sums, line, &run)
        elif 2 * n > window:
            fold_items(SUM, sums, line, &run)
    if a.axis[2].stride > 1:
        fold_last(a, SUM, j, to, sums, 1, shift, tag)
