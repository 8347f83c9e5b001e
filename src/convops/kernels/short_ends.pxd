# What becomes of the sums of a line: they are divided, or widened.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from convops.kernels.abi cimport Args
from convops.kernels.moving_sums cimport Item, counted_out, real_of, weigh_bytes
from convops.kernels.prefix cimport Total
from convops.kernels.short_columns cimport Job, sum_line
from convops.kernels.simd cimport Real, outlined
from convops.kernels.tile cimport line_of
from convops.kernels.window cimport counted

cdef enum:
    MOST_SCALED = 1 << 19      # divisors whose reciprocals are looked at


cdef inline bint has_reciprocal(const Args* a, double divisor) noexcept nogil:
    """Whether products with it round as quotients do: powers of two, and of integer results the odd ones, as none of
    their quotients lies half-way between two integers."""
    cdef int64_t whole
    if not 1 <= divisor <= MOST_SCALED:
        return False
    whole = <int64_t> divisor
    return <double> whole == divisor and (whole & (whole - 1) == 0 or (whole & 1 and a.epilogue.cast != NULL))


cdef inline void find_divisors(const Args* a, Job* j, Py_ssize_t h, const Real* tag) noexcept nogil:
    """Of a line's outputs; kept for lines that have the same."""
    cdef Real* divisors = <Real*> j.divisors
    cdef double outer = a.divisor if a.divisor else <double> counted(a, &a.axis[1], j.tile.origin[1] + h)
    cdef Py_ssize_t w
    if outer == j.outer:
        return
    j.outer, j.whole = outer, outer if a.divisor else outer * a.axis[2].window
    for w in range(j.width):
        divisors[w] = <Real> (
            outer if a.divisor else outer * counted(a, &a.axis[2], j.tile.origin[2] + w // j.unit))
    j.first, j.last = 0, j.width
    while j.first < j.last and divisors[j.first] != j.whole:
        j.first = j.first + 1
    while j.last > j.first and divisors[j.last - 1] != j.whole:
        j.last = j.last - 1


cdef inline outlined divide_all(bint scaled, const Total* totals, Real divisor, Real* values, Py_ssize_t count,
                                const Item* kind) noexcept nogil:
    cdef Py_ssize_t w
    if scaled:
        divisor = 1 / divisor
        for w in range(count):
            values[w] = real_of(totals[w], kind, values) * divisor
    else:
        for w in range(count):
            values[w] = real_of(totals[w], kind, values) / divisor


cdef inline void divide_each(const Total* totals, const Real* divisors, Real* values, Py_ssize_t begin, Py_ssize_t end,
                             const Item* kind) noexcept nogil:
    cdef Py_ssize_t w
    for w in range(begin, end):
        values[w] = real_of(totals[w], kind, values) / divisors[w]


cdef inline void divide(const Args* a, const Job* j, const Total* totals, Real* values,
                        const Item* kind) noexcept nogil:
    """Windows that meet padding have fewer items than others, on both sides."""
    cdef const Real* divisors = <const Real*> j.divisors
    divide_each(totals, divisors, values, 0, j.first, kind)
    divide_all(has_reciprocal(a, j.whole), totals + j.first, <Real> j.whole, values + j.first, j.last - j.first, kind)
    divide_each(totals, divisors, values, j.last, j.width, kind)


cdef inline void end_line(const Args* a, Job* j, Py_ssize_t h, const Total* totals, const Item* kind,
                          const Real* tag) noexcept nogil:
    cdef char* out = <char*> line_of(&a.out, &j.tile, j.tile.group, 0, h, 0)
    cdef Py_ssize_t w, step = a.out.step[2] // j.unit
    cdef Real* values = <Real*> j.values
    if a.epilogue.cast == NULL and step == sizeof(Real):
        divide(a, j, totals, <Real*> out, kind)
        return
    divide(a, j, totals, values, kind)
    if a.epilogue.cast != NULL:
        a.epilogue.cast(<const char*> values, 1, out, step, j.width, a.epilogue.policy, a.epilogue.status)
        return
    for w in range(j.width):
        (<Real*> (out + w * step))[0] = values[w]


cdef inline bint is_fixed(const Args* a, const Job* j) noexcept nogil:
    """Whether windows that lack nothing are divided without reals, in this line."""
    return (j.fixed.multiplier and j.whole == <double> (a.axis[1].window * a.axis[2].window)
            and a.axis[2].stride == 1 and a.out.step[2] == j.unit)


cdef inline void end_piece(const Args* a, const Job* j, const Total* columns, const Total* running, Total* totals,
                           Py_ssize_t first, Py_ssize_t end, char* out, const Item* kind,
                           const Real* tag) noexcept nogil:
    """Windows that meet padding."""
    cdef Real* values = <Real*> j.values
    if first == end:
        return
    sum_line(a, j, columns, running, first, end, totals)
    divide_each(totals, <const Real*> j.divisors, values, first, end, kind)
    a.epilogue.cast(<const char*> (values + first), 1, out + first, 1, end - first, a.epilogue.policy,
                    a.epilogue.status)


cdef inline void end_bytes(const Args* a, Job* j, Py_ssize_t h, const uint16_t* columns, const uint16_t* running,
                           uint16_t* totals, const uint8_t* kind, const Real* tag) noexcept nogil:
    """Means of bytes in bytes, from columns to results."""
    cdef char* out = <char*> line_of(&a.out, &j.tile, j.tile.group, 0, h, 0)
    cdef int taps = counted_out(a.axis[2].window)
    end_piece(a, j, columns, running, totals, 0, j.first, out, kind, tag)
    weigh_bytes(taps, (columns if taps else running) + j.first, j.unit, a.axis[2].window * j.unit, j.fixed,
                <uint8_t*> out + j.first, j.last - j.first)
    end_piece(a, j, columns, running, totals, j.last, j.width, out, kind, tag)


cdef inline outlined widen(const Total* totals, int64_t* values, Py_ssize_t count, const Item* kind) noexcept nogil:
    cdef Py_ssize_t w
    for w in range(count):
        if Total is uint64_t:
            values[w] = <int64_t> totals[w]
        elif Total is uint32_t:
            values[w] = <int32_t> totals[w]
        elif Item is int8_t:
            values[w] = <int16_t> totals[w]
        else:
            values[w] = totals[w]


cdef inline void put_totals(const Args* a, Job* j, Py_ssize_t h, const Total* totals, const Item* kind) noexcept nogil:
    """The sums themselves, in 64 bits."""
    cdef char* out = <char*> line_of(&a.out, &j.tile, j.tile.group, 0, h, 0)
    cdef Py_ssize_t w, step = a.out.step[2] // j.unit
    cdef int64_t* values = <int64_t*> (out if step == sizeof(int64_t) else j.values)
    widen(totals, values, j.width, kind)
    for w in range(j.width if step != sizeof(int64_t) else 0):
        (<int64_t*> (out + w * step))[0] = values[w]
