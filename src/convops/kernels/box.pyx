# cython: language_level=3
"""Convolution with kernels whose taps are all equal: moving sums that take nothing away again.

Called by `backends/separable_run.py` through `bind.pyx`. Along a line, sums of four neighbours, of four of those and so
on are shared by all windows, which are cut by the digits of their length in base four, lowest first. Across the lines,
blocks of as many lines as the window has are summed from their last line backwards; a window is the rest of one block
and the beginning of the next (van Herk 1992, Gil and Werman 1993, for sums in place of extremes). So time hardly
depends on the window, sums do not drift, and NaN stays inside the windows that hold it. Blocks lie where they lie in
the whole plane, so that sums have the same order wherever bands are cut. Start reading at `tile_b`.
"""
from cython.parallel cimport prange, threadid

from convops.kernels.abi cimport Args
from convops.kernels.lanes cimport end_vector, load_weight
from convops.kernels.lines_band cimport Band, added_line, begin_band, copy_line, end_line, result_line
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport ceil_div

cdef enum:
    BASE = 4

# A band at work: the rest of a block and the lines of the next one, which change places.
cdef struct Job:
    Band band
    char* rest
    char* raw
    char* begun                # sums of the first lines of the next block
    Py_ssize_t vectors         # of a line
    double weight


cdef inline inlined add_items(int n, bint more, char* to, const char* items, Py_ssize_t shift, Py_ssize_t vectors,
                              Vector* tag) noexcept nogil:
    """Sums of `n` items, `shift` bytes apart, added to what is there where there is `more`; in place where they are."""
    cdef Py_ssize_t i
    cdef Vector total
    cdef int m
    for i in range(vectors):
        total = (<const Vector*> items)[0]
        for m in range(1, n):
            total = total + (<const Vector*> (items + m * shift))[0]
        if more:
            total = (<const Vector*> to)[0] + total
        (<Vector*> to)[0] = total
        to, items = to + VECTOR_BYTES, items + VECTOR_BYTES


cdef inline outlined add_digit(Py_ssize_t n, bint more, char* to, const char* items, Py_ssize_t shift,
                               Py_ssize_t vectors, Vector* tag) noexcept nogil:
    if n == 1 and not more:
        add_items(1, False, to, items, shift, vectors, tag)
    elif n == 2 and not more:
        add_items(2, False, to, items, shift, vectors, tag)
    elif n == 3 and not more:
        add_items(3, False, to, items, shift, vectors, tag)
    elif n == 1:
        add_items(1, True, to, items, shift, vectors, tag)
    elif n == 2:
        add_items(2, True, to, items, shift, vectors, tag)
    elif n == 3:
        add_items(3, True, to, items, shift, vectors, tag)
    else:
        add_items(BASE, False, to, items, shift, vectors, tag)


cdef inline void add_run(Py_ssize_t n, bint more, char* to, const char* items, Py_ssize_t shift, Py_ssize_t vectors,
                         const Real* tag) noexcept nogil:
    if Real is float:
        add_digit(n, more, to, items, shift, vectors, <f32v*> NULL)
    else:
        add_digit(n, more, to, items, shift, vectors, <f64v*> NULL)


cdef inline void sum_along(const Args* a, Job* j, Py_ssize_t i, char* to, const Real* tag) noexcept nogil:
    """The moving sums along input line `i`."""
    cdef Band* b = &j.band
    cdef Py_ssize_t n = a.axis[2].window, digit, shift = b.unit * b.item, left = b.reach * b.item
    cdef const char* items = b.copy
    cdef bint more = False
    copy_line(a, b, i, <Real*> b.copy)
    while True:
        digit, n = n % BASE, n // BASE
        if digit:
            add_run(digit, more, to, items, shift, j.vectors, tag)
            more = True
        items = items + digit * shift
        if n == 0:
            return
        left = left - (digit + BASE - 1) * shift
        add_run(BASE, False, <char*> items, items, shift, ceil_div(left, VECTOR_BYTES), tag)
        shift = shift * BASE


cdef inline outlined add_lines(char* to, const char* other, Py_ssize_t vectors, Vector* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(vectors):
        (<Vector*> to)[0] = (<const Vector*> to)[0] + (<const Vector*> other)[0]
        to, other = to + VECTOR_BYTES, other + VECTOR_BYTES


cdef inline outlined weigh_line(const char* rest, const char* begun, const char* weight, const char* bias,
                                const char* add, char* out, Py_ssize_t count, Vector* tag) noexcept nogil:
    """Whole windows, times their weight, to results or to memory of our own; `begun` may be NULL."""
    cdef Py_ssize_t c = 0, at, lanes = VECTOR_BYTES // (4 if Vector is f32v else 8)
    cdef Vector total, factor, offset
    load_weight(weight, &factor)
    load_weight(bias, &offset)
    offset = offset + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    while c < count:
        at = c * (VECTOR_BYTES // lanes)
        total = (<const Vector*> (rest + at))[0]
        if begun != NULL:
            total = total + (<const Vector*> (begun + at))[0]
        end_vector(total * factor, offset, NULL if add == NULL else add + at, False, out + at, count - c)
        c = c + lanes


cdef inline void end_window(const Args* a, Job* j, Py_ssize_t h, const char* rest, const char* begun,
                            const Real* tag) noexcept nogil:
    """Output line `h`."""
    cdef Band* b = &j.band
    cdef char* out = result_line(a, b, h) if b.plain else b.sums
    cdef const char* add = added_line(a, b, h) if b.plain else NULL
    cdef const char* weight = a.weights + b.tile.group * b.item
    cdef const char* bias = a.epilogue.bias + b.tile.group * b.item
    if Real is float:
        weigh_line(rest, begun, weight, bias, add, out, b.width, <f32v*> NULL)
    else:
        weigh_line(rest, begun, weight, bias, add, out, b.width, <f64v*> NULL)
    end_line(a, b, h, out, tag)


cdef inline void join_lines(Job* j, char* to, const char* other, const Real* tag) noexcept nogil:
    if Real is float:
        add_lines(to, other, j.vectors, <f32v*> NULL)
    else:
        add_lines(to, other, j.vectors, <f64v*> NULL)


cdef inline void end_block(const Args* a, Job* j, Py_ssize_t first, const Real* tag) noexcept nogil:
    """The windows that begin in the block whose first line is `first`; its lines are summed backwards before."""
    cdef Band* b = &j.band
    cdef Py_ssize_t k, n = a.axis[1].window
    for k in range(n - 2, -1, -1):
        join_lines(j, j.rest + k * b.pitch, j.rest + (k + 1) * b.pitch, tag)
    end_window(a, j, first, j.rest, NULL, tag)
    for k in range(1, n):
        if first + k >= b.tile.extent[1]:
            return
        sum_along(a, j, first + k + n - 1, j.raw + (k - 1) * b.pitch, tag)
        if k == 1:
            add_run(1, False, j.begun, j.raw, 0, j.vectors, tag)
        else:
            join_lines(j, j.begun, j.raw + (k - 1) * b.pitch, tag)
        end_window(a, j, first + k, j.rest + k * b.pitch, j.begun, tag)


cdef void tile_b(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t i, h = 0, n = a.axis[1].window
    begin_band(a, &j.band, number, scratch, tag)
    j.vectors = ceil_div(j.band.width * j.band.item, VECTOR_BYTES)
    j.rest = j.band.held
    j.raw, j.begun = j.rest + n * j.band.pitch, j.rest + 2 * n * j.band.pitch
    for i in range(n - 1):
        sum_along(a, &j, i, j.rest + i * j.band.pitch, tag)
    while h < j.band.tile.extent[1]:
        sum_along(a, &j, h + n - 1, j.rest + (n - 1) * j.band.pitch, tag)
        end_block(a, &j, h, tag)
        j.rest, j.raw = j.raw, j.rest
        h = h + n


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in prange(a.tile_begin, a.tile_end, schedule="dynamic", chunksize=1, num_threads=a.workers):
        tile_b(a, number, a.scratch + threadid() * a.scratch_stride, tag)


cdef api void box_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void box_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
