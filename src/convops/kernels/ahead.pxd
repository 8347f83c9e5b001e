# Memory that is needed next, asked for while the micro-kernel multiplies: lines of an array, a share per call.
from convops.kernels.abi cimport Args, Axis, Operand
from convops.kernels.tile cimport minimum
from convops.kernels.weight_parts cimport Box, Part

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*, int, int) nogil

cdef enum:
    CACHE_LINE = 64


# Rows of `size` bytes in four nested loops, and how far they were fetched.
cdef struct Rows:
    const char* at
    Py_ssize_t size
    Py_ssize_t count[4]
    Py_ssize_t step[4]
    Py_ssize_t place[4]
    Py_ssize_t total
    Py_ssize_t fetched
    Py_ssize_t calls
    Py_ssize_t call


cdef inline void fetch(Rows* rows) noexcept nogil:
    """The share of one call."""
    cdef Py_ssize_t line, upto
    cdef int i
    rows.call = rows.call + 1
    upto = minimum(rows.total * rows.call // rows.calls, rows.total)
    while rows.fetched < upto:
        for line in range((rows.size + CACHE_LINE - 1) // CACHE_LINE):
            prefetch(rows.at + line * CACHE_LINE, 0, 2)
        rows.fetched = rows.fetched + 1
        i = 3
        while i >= 0:
            rows.place[i] = rows.place[i] + 1
            rows.at = rows.at + rows.step[i]
            if rows.place[i] < rows.count[i]:
                break
            rows.at = rows.at - rows.place[i] * rows.step[i]
            rows.place[i] = 0
            i = i - 1


cdef inline void begin_rows(Rows* rows, const Operand* o, Py_ssize_t images, Py_ssize_t channels, Py_ssize_t calls,
                            const Py_ssize_t* counts, const Py_ssize_t* apart) noexcept nogil:
    """Lines along the axis that is nearest in memory; so many items of the spatial axes, so far apart."""
    cdef Py_ssize_t near = o.step[2] if o.step[2] > 0 else -o.step[2]
    cdef bint together = 0 < o.channel < near
    cdef int i
    rows.count[0], rows.step[0] = images, o.batch
    rows.count[1], rows.step[1] = 1 if together else channels, o.channel
    for i in range(2):
        rows.count[i + 2], rows.step[i + 2] = counts[i], o.step[i] * apart[i]
    rows.size = counts[2] * near * apart[2]
    rows.total = rows.count[0] * rows.count[1] * rows.count[2] * rows.count[3]
    rows.fetched = rows.call = 0
    rows.calls = calls
    for i in range(4):
        rows.place[i] = 0


cdef inline void rows_of_grad(const Args* a, const Part* part, const Box* box, Py_ssize_t calls,
                              Rows* rows) noexcept nogil:
    cdef Py_ssize_t first = part.panel_begin * a.panel_rows
    cdef Py_ssize_t apart[3]
    cdef int i
    rows.at = a.grad.data + box.origin[0] * a.grad.batch + (part.group * a.rows + first) * a.grad.channel
    for i in range(3):
        apart[i] = 1
        rows.at = rows.at + box.origin[i + 1] * a.grad.step[i]
    begin_rows(rows, &a.grad, box.extent[0], minimum(part.panel_end * a.panel_rows, a.rows) - first, calls,
               &box.extent[1], apart)


cdef inline Py_ssize_t position(const Axis* axis, Py_ssize_t padded) noexcept nogil:
    """The input position of a padded one, or the nearest."""
    padded = (padded - axis.shift) // axis.spacing
    return 0 if padded < 0 else minimum(padded, axis.size - 1)


cdef inline void rows_of_input(const Args* a, const Part* part, const Box* box, Py_ssize_t calls,
                               Rows* rows) noexcept nogil:
    cdef Py_ssize_t counts[3]
    cdef Py_ssize_t steps[3]
    cdef Py_ssize_t first, last
    cdef int i
    rows.at = (a.x.data + (part.group * a.sum_images + box.origin[0]) * a.x.batch + part.channel * a.x.channel)
    for i in range(3):
        first = box.origin[i + 1] * a.axis[i].dilation
        last = first + (box.extent[i + 1] - 1) * a.axis[i].dilation + (a.axis[i].out - 1) * a.axis[i].stride
        steps[i] = a.axis[i].dilation if a.axis[i].out == 1 and a.axis[i].spacing == 1 else 1
        first, last = position(&a.axis[i], first), position(&a.axis[i], last)
        counts[i] = (last - first) // steps[i] + 1
        rows.at = rows.at + first * a.x.step[i]
    begin_rows(rows, &a.x, box.extent[0], part.channels, calls, counts, steps)
