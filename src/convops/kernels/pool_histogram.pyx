# cython: language_level=3
"""Order statistics of bytes by histograms, in time that does not depend on the window.

Called by `backends/pool_histogram.py` through `bind.pyx`; hands nothing on. A part of the columns is gone through line
by line: every column has the histogram of the items that the windows see of it, which changes by the items that enter
and leave with a line, and the histogram of a window changes by the columns that enter and leave with an output.
After S. Perreault and P. Hebert, "Median filtering in constant time", IEEE Transactions on Image Processing 16 (2007).
Start reading at `part`.
"""
from libc.stdint cimport uint8_t
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.histogram cimport COLUMN, Histogram, clear, enter, item_of_rank, leave, move, replace, slide
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.window cimport Taps, taps_of

# In the order of `backends.pool_sort.KINDS`.
cdef enum Kind:
    RANK
    MEDIAN                     # the lower middle


cdef struct Part:
    const char* image          # of the channel, and of the result
    char* out
    Taps deep                  # planes that the windows see
    Py_ssize_t first           # outputs along a line
    Py_ssize_t end
    Py_ssize_t begin           # input columns that they see
    Py_ssize_t columns
    uint8_t* histograms
    unsigned int sign          # 128 for signed bytes


cdef inline const char* items_of(const Args* a, const Part* p, Py_ssize_t plane, Py_ssize_t line) noexcept nogil:
    return (p.image + (p.deep.origin + plane * p.deep.step) * a.x.step[0] + line * a.x.step[1]
            + p.begin * a.x.step[2])


cdef inline unsigned int item_at(const Args* a, const Part* p, const char* items, Py_ssize_t i) noexcept nogil:
    return (<const uint8_t*> (items + i * a.x.step[2]))[0] ^ p.sign


cdef inline void change_line(const Args* a, const Part* p, Py_ssize_t line, bint enters) noexcept nogil:
    """An input line enters the histograms of all columns, or leaves them."""
    cdef Py_ssize_t k, i
    cdef const char* items
    for k in range(p.deep.begin, p.deep.end):
        items = items_of(a, p, k, line)
        if enters:
            for i in range(p.columns):
                enter(p.histograms + i * COLUMN, item_at(a, p, items, i))
        else:
            for i in range(p.columns):
                leave(p.histograms + i * COLUMN, item_at(a, p, items, i))


cdef inline void replace_line(const Args* a, const Part* p, Py_ssize_t line, Py_ssize_t old) noexcept nogil:
    """One line enters as another leaves."""
    cdef Py_ssize_t k, i
    cdef const char* items
    cdef const char* before
    for k in range(p.deep.begin, p.deep.end):
        items, before = items_of(a, p, k, line), items_of(a, p, k, old)
        for i in range(p.columns):
            replace(p.histograms + i * COLUMN, item_at(a, p, items, i), item_at(a, p, before, i))


cdef inline Py_ssize_t rank_of(const Args* a, Py_ssize_t items) noexcept nogil:
    if a.pooling == MEDIAN:
        return (items - 1) // 2
    return a.rank if a.rank >= 0 else items + a.rank


cdef inline void select_some(const Args* a, const Part* p, Py_ssize_t w, Py_ssize_t last, Py_ssize_t lines,
                             char* out) noexcept nogil:
    """Outputs [w, last), whose windows may meet padding or not be neighbours."""
    cdef Py_ssize_t begin, end
    cdef Taps wide
    cdef Histogram window
    clear(&window, 0)
    for w in range(w, last):
        wide = taps_of(&a.axis[2], w)
        begin, end = wide.origin + wide.begin - p.begin, wide.origin + wide.end - p.begin
        if begin >= window.last:
            clear(&window, begin)
        move(&window, p.histograms, begin, end)
        (<uint8_t*> (out + w * a.out.step[2]))[0] = <uint8_t> (
            <unsigned int> item_of_rank(&window, p.histograms, rank_of(a, lines * (end - begin))) ^ p.sign)


cdef void select_line(const Args* a, const Part* p, Py_ssize_t lines, char* out) noexcept nogil:
    """The results of one output line, whose windows see so many items of a column."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = minimum(p.end, maximum(p.first, axis.inner_begin)), last
    last = maximum(first, minimum(p.end, axis.inner_end - axis.window + 1)) if axis.stride == 1 else first
    if axis.border != NULL:
        last = first
    select_some(a, p, p.first, first, lines, out)
    if first < last:
        slide(p.histograms + (first - axis.shift - p.begin) * COLUMN, axis.window, last - first,
              <unsigned int> rank_of(a, lines * axis.window), <uint8_t*> (out + first * a.out.step[2]),
              a.out.step[2], p.sign)
    select_some(a, p, last, p.end, lines, out)


cdef void part(const Args* a, const Part* p, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Output lines [begin, end)."""
    cdef Py_ssize_t h, first, last, entered = 0, left = 0
    cdef Taps high
    memset(p.histograms, 0, p.columns * COLUMN)
    for h in range(begin, end):
        high = taps_of(&a.axis[1], h)
        first, last = high.origin + high.begin, high.origin + high.end
        while left < minimum(first, entered) and entered < last:
            replace_line(a, p, entered, left)
            entered, left = entered + 1, left + 1
        while left < first:
            if left < entered:
                change_line(a, p, left, False)
            left = left + 1
        for entered in range(maximum(entered, first), last):
            change_line(a, p, entered, True)
        entered = last
        select_line(a, p, (p.deep.end - p.deep.begin) * (last - first), p.out + h * a.out.step[1])


cdef void tile(const Args* a, Py_ssize_t number, char* scratch, unsigned int sign) noexcept nogil:
    """Some output lines of one image, in all channels."""
    cdef Py_ssize_t blocks = ceil_div(a.axis[1].out, a.tile_columns), begin = number % blocks * a.tile_columns
    cdef Py_ssize_t d = number // blocks % a.axis[0].out, image = number // blocks // a.axis[0].out, c
    cdef Taps left, right
    cdef Part p
    p.deep, p.sign, p.histograms = taps_of(&a.axis[0], d), sign, <uint8_t*> scratch
    for c in range(a.channels):
        p.image = a.x.data + image * a.x.batch + c * a.x.channel
        p.end = 0
        while p.end < a.axis[2].out:
            p.first, p.end = p.end, minimum(p.end + a.panel_columns, a.axis[2].out)
            left, right = taps_of(&a.axis[2], p.first), taps_of(&a.axis[2], p.end - 1)
            p.begin = left.origin + left.begin
            p.columns = right.origin + right.end - p.begin
            p.out = (a.out.data + image * a.out.batch + c * a.out.channel + d * a.out.step[0])
            part(a, &p, begin, minimum(begin + a.tile_columns, a.axis[1].out))


cdef inline void run(const Args* a, unsigned int sign) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, a.scratch, sign)


cdef api void histogram_uint8(const Args* a) noexcept nogil:
    run(a, 0)


cdef api void histogram_int8(const Args* a) noexcept nogil:
    run(a, 128)
