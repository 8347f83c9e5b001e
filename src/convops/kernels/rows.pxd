# Rows of an inner product: read where they lie, or gathered where their items are no neighbours.
from convops.kernels.abi cimport Args, Load
from convops.kernels.simd cimport Real

# Rows of neighbouring items, `pitch` bytes apart.
cdef struct Rows:
    const char* data
    Py_ssize_t pitch


# Rows as (channels, taps) of an array, in C order; `load` converts from another dtype.
cdef struct Spread:
    const char* data
    Py_ssize_t pitch
    Py_ssize_t channel
    Py_ssize_t step[3]
    Py_ssize_t window[3]
    Load load
    bint together


cdef inline Spread spread_of(const Args* a, const char* data, Py_ssize_t pitch, Py_ssize_t channel,
                             const Py_ssize_t* step, Load load, const Real* tag) noexcept nogil:
    cdef Spread rows
    cdef Py_ssize_t next = sizeof(Real)
    cdef int i
    rows.data, rows.pitch, rows.channel, rows.load, rows.together = data, pitch, channel, load, load == NULL
    for i in range(2, -1, -1):
        rows.step[i], rows.window[i] = step[i], a.axis[i].window
        rows.together = rows.together and (rows.window[i] == 1 or step[i] == next)
        next = next * rows.window[i]
    rows.together = rows.together and (a.channels == 1 or channel == next)
    return rows


cdef inline Spread image_rows(const Args* a, Py_ssize_t group, Py_ssize_t image, const Real* tag) noexcept nogil:
    """From this image on, the channels of one group."""
    return spread_of(a, a.x.data + image * a.x.batch + group * a.channels * a.x.channel, a.x.batch, a.x.channel,
                     a.x.step, a.load, tag)


cdef inline Spread weight_rows(const Args* a, Py_ssize_t row, const Real* tag) noexcept nogil:
    """From this row on: of a plan's weights, which lie side by side, or of a call's filters."""
    cdef Py_ssize_t step[3]
    cdef Py_ssize_t next = sizeof(Real)
    cdef int i
    if a.filters.data != NULL:
        return spread_of(a, a.filters.data + row * a.filters.batch, a.filters.batch, a.filters.channel,
                         a.filters.step, NULL, tag)
    for i in range(2, -1, -1):
        step[i] = next
        next = next * a.axis[i].window
    return spread_of(a, a.weights + row * next * a.channels, next * a.channels, next, step, NULL, tag)


cdef inline void gather(const Spread* rows, const char* row, Py_ssize_t first, Py_ssize_t items,
                        Real* to) noexcept nogil:
    """Items [first, first + items) of a row, in runs along its last axis with more than one tap."""
    cdef int axis = 2 if rows.window[2] > 1 else 1 if rows.window[1] > 1 else 0
    cdef Py_ssize_t length = rows.window[axis], taps = rows.window[0] * rows.window[1] * rows.window[2]
    cdef Py_ssize_t step = rows.step[axis], count, tap, j
    cdef const char* item
    if taps == 1:
        length, step = first + items, rows.channel
    while items > 0:
        tap = first % taps
        item = row + first // taps * rows.channel + tap % rows.window[2] * rows.step[2]
        item = item + tap // rows.window[2] % rows.window[1] * rows.step[1]
        item = item + tap // rows.window[2] // rows.window[1] * rows.step[0]
        count = length - first % length
        if count > items:
            count = items
        if rows.load != NULL:
            rows.load(item, step, <char*> to, 1, count)
        else:
            for j in range(count):
                to[j] = (<const Real*> (item + j * step))[0]
        first, items, to = first + count, items - count, to + count


cdef inline Rows read_rows(Spread rows, Py_ssize_t count, Py_ssize_t first, Py_ssize_t items, Real* to,
                           Py_ssize_t span) noexcept nogil:
    """Items [first, first + items) of `count` rows; `to` has room for copies, `span` items and a line apart."""
    cdef Py_ssize_t size = sizeof(Real), i
    cdef Rows read
    if rows.together:
        read.data, read.pitch = rows.data + first * size, rows.pitch
        return read
    read.data, read.pitch = <const char*> to, span * size + 64
    for i in range(count):
        gather(&rows, rows.data + i * rows.pitch, first, items, <Real*> (<char*> to + i * read.pitch))
    return read
