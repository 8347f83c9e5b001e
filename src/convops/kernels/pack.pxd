# Filters in the order in which a micro-kernel reads them: taps, channels of a reduction block, rows of a panel.
from libc.string cimport memcpy

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.turn cimport LANES, turn


cdef inline outlined scatter(const Vector* rows, Py_ssize_t pitch, int valid, char* to, const Py_ssize_t* places,
                             Py_ssize_t size) noexcept nogil:
    """As many rows and items as a vector has lanes; item j of all rows goes to places[j], if that is not negative."""
    cdef Vector a[16]
    cdef int i, lanes = LANES if Vector is f32v else LANES // 2
    for i in range(lanes):
        a[i] = (<const Vector*> (<const char*> rows + (i if i < valid else valid - 1) * pitch))[0]
    turn(a)
    for i in range(lanes):
        if places[i] >= 0:
            if size == VECTOR_BYTES:
                (<Vector*> (to + places[i]))[0] = a[i]
            else:
                memcpy(to + places[i], &a[i], size)


cdef inline void square(const char* rows, Py_ssize_t pitch, Py_ssize_t valid, Real* to, const Py_ssize_t* places,
                        Py_ssize_t height) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef Py_ssize_t size = (lanes if height > lanes else height) * sizeof(Real)
    # Rows that do not exist repeat the last one; their sums are dropped.
    if valid < 1:
        rows, valid = rows + (valid - 1) * pitch, 1
    if valid > lanes:
        valid = lanes
    if Real is float:
        scatter(<const f32v*> rows, pitch, <int> valid, <char*> to, places, size)
    else:
        scatter(<const f64v*> rows, pitch, <int> valid, <char*> to, places, size)


cdef inline void pack_items(const Args* a, const char* filters, Py_ssize_t channels, Py_ssize_t height,
                            Py_ssize_t valid, Py_ssize_t first, Real* to) noexcept nogil:
    """From channel `first` on, whatever the strides; all taps of a channel while its rows are near."""
    cdef Py_ssize_t kd, kh, kw, k, i, row = a.x.batch
    cdef const char* item
    cdef Real* line
    for k in range(first, channels):
        line = to + k * height
        for kd in range(a.axis[0].window):
            for kh in range(a.axis[1].window):
                for kw in range(a.axis[2].window):
                    item = filters + k * a.x.channel + kd * a.x.step[0] + kh * a.x.step[1] + kw * a.x.step[2]
                    if row == sizeof(Real):
                        memcpy(line, item, valid * sizeof(Real))
                    else:
                        for i in range(valid):
                            line[i] = (<const Real*> (item + i * row))[0]
                    for i in range(valid, height):
                        line[i] = 0
                    line = line + channels * height


cdef inline Py_ssize_t tap_offset(const Args* a, Py_ssize_t tap) noexcept nogil:
    """Bytes from the first tap to this one."""
    cdef Py_ssize_t wide = a.axis[2].window, high = a.axis[1].window
    return (tap // wide // high * a.x.step[0] + tap // wide % high * a.x.step[1] + tap % wide * a.x.step[2])


cdef inline void pack_near(const Args* a, const char* filters, Py_ssize_t channels, Py_ssize_t height,
                           Py_ssize_t valid, Py_ssize_t low, Py_ssize_t high, Real* to) noexcept nogil:
    """Where the taps of a row lie so near to each other, from `low` to `high`, that squares hold many of them.

    A square may reach beyond its row, so that the last channel goes another way.
    """
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, k, i, j, tap, begin = low
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), offset
    cdef Py_ssize_t places[16]
    while begin <= high:
        for j in range(lanes):
            places[j] = -1
        for tap in range(taps):
            offset = tap_offset(a, tap) - begin
            if 0 <= offset < VECTOR_BYTES:
                places[offset // <Py_ssize_t> sizeof(Real)] = tap * channels * height * sizeof(Real)
        for k in range(channels - 1):
            for i in range((height + lanes - 1) // lanes):
                square(filters + k * a.x.channel + i * lanes * a.x.batch + begin, a.x.batch, valid - i * lanes,
                       to + k * height + i * lanes, places, height - i * lanes)
        begin = begin + VECTOR_BYTES
    pack_items(a, filters, channels, height, valid, channels - 1, to)


cdef inline void pack_squares(const Args* a, const char* filters, Py_ssize_t channels, Py_ssize_t height,
                              Py_ssize_t valid, Real* to) noexcept nogil:
    """Where channels and taps of a row follow each other: squares are turned, the last overlaps the one before."""
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, items = taps * channels
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), i, j, q = 0, k, tap
    cdef Py_ssize_t places[16]
    while q < items:
        q = q if q + lanes <= items else items - lanes
        k, tap = q // taps, q % taps
        for j in range(lanes):
            places[j] = (tap * channels + k) * height * sizeof(Real)
            tap = tap + 1
            if tap == taps:
                k, tap = k + 1, 0
        for i in range((height + lanes - 1) // lanes):
            square(filters + i * lanes * a.x.batch + q * sizeof(Real), a.x.batch, valid - i * lanes, to + i * lanes,
                   places, height - i * lanes)
        q = q + lanes


cdef inline void pack_block(const Args* a, const char* filters, Py_ssize_t channels, Py_ssize_t height,
                            Py_ssize_t valid, Real* to) noexcept nogil:
    """Some channels of one panel of `height` rows, of which `valid` exist; `a.x` holds the filters."""
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, low = 0, high = 0, reach
    cdef Py_ssize_t next = sizeof(Real)
    cdef bint together = True, aligned = True
    cdef int i
    for i in range(2, -1, -1):
        together = together and (a.axis[i].window == 1 or a.x.step[i] == next)
        next = next * a.axis[i].window
        reach = (a.axis[i].window - 1) * a.x.step[i]
        # Taps further apart than those of the axes behind lie at different places.
        aligned = aligned and reach % <Py_ssize_t> sizeof(Real) == 0
        if a.axis[i].window > 1:
            aligned = aligned and (a.x.step[i] > high - low or -a.x.step[i] > high - low)
        low, high = low + (reach if reach < 0 else 0), high + (reach if reach > 0 else 0)
    together = together and (channels == 1 or a.x.channel == next)
    reach = high - low + VECTOR_BYTES
    if height > 1 and together and next * channels >= VECTOR_BYTES:
        pack_squares(a, filters, channels, height, valid, to)
    elif height > 1 and aligned and taps * VECTOR_BYTES >= 2 * reach and a.x.channel >= reach:
        pack_near(a, filters, channels, height, valid, low, high, to)
    else:
        pack_items(a, filters, channels, height, valid, 0, to)
