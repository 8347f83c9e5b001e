# cython: language_level=3
"""Means and sums of integers of 8, 16 and 32 bits: exact sums in integers, and one division each of means.

Called by `backends/pool_short.py` through `bind.pyx`. Lines are summed by `short_columns.pxd` and ended by
`short_ends.pxd`. The division is correctly rounded, so that results do not depend on how tiles are cut. Start reading
at `tile_i`.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from convops.kernels.abi cimport Args
from convops.kernels.moving_sums cimport Item, counted_out
from convops.kernels.prefix cimport Total
from convops.kernels.short_columns cimport Job, add_up, begin_job, move_down, sum_line
from convops.kernels.short_ends cimport end_bytes, end_line, find_divisors, is_fixed, put_totals

cdef enum:
    MARGIN = 64                # bytes before the running sums: room for a pixel

# What becomes of sums.
ctypedef fused Result:
    float
    double
    int64_t


cdef inline void end(const Args* a, Job* j, Py_ssize_t h, const Total* columns, const Total* running,
                     const Item* kind, const Result* tag) noexcept nogil:
    """From the columns of an output line to its results."""
    cdef Total* totals = <Total*> j.totals
    if Result is int64_t:
        sum_line(a, j, columns, running, 0, j.width, totals)
        put_totals(a, j, h, totals, kind)
    else:
        find_divisors(a, j, h, tag)
        if Item is uint8_t and Total is uint16_t:
            if is_fixed(a, j):
                end_bytes(a, j, h, columns, running, totals, kind, tag)
                return
        sum_line(a, j, columns, running, 0, j.width, totals)
        end_line(a, j, h, totals, kind, tag)


cdef void tile_i(const Args* a, Py_ssize_t number, char* scratch, const Item* kind, const Total* width,
                 const Result* tag) noexcept nogil:
    cdef Job j
    cdef Py_ssize_t h
    cdef Total* columns
    cdef Total* running
    begin_job(a, &j, number, scratch, kind)
    columns, running = <Total*> j.columns, <Total*> (j.running + MARGIN)
    if j.unit > 1 and j.tile.group > 0:
        return    # done with the first
    for h in range(j.tile.extent[1]):
        move_down(a, &j, h, columns, kind)
        if not counted_out(a.axis[2].window):
            add_up(columns, running, j.unit, j.reach)
        end(a, &j, h, columns, running - j.unit, kind, tag)


cdef inline void run(const Args* a, const Item* kind, const Total* width, const Result* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_i(a, number, a.scratch, kind, width, tag)


cdef api void mean_int8_16_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void mean_int8_32_f32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_uint8_16_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const float*> NULL)


cdef api void mean_uint8_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_int16_32_f32(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_uint16_32_f32(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const float*> NULL)


cdef api void mean_int8_16_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void mean_int8_32_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_uint8_16_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const double*> NULL)


cdef api void mean_uint8_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_int16_32_f64(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void mean_uint16_32_f64(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const double*> NULL)


cdef api void sum_int8_16(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint16_t*> NULL, <const int64_t*> NULL)


cdef api void sum_int8_32(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint32_t*> NULL, <const int64_t*> NULL)


cdef api void sum_uint8_16(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint16_t*> NULL, <const int64_t*> NULL)


cdef api void sum_uint8_32(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint32_t*> NULL, <const int64_t*> NULL)


cdef api void sum_int16_32(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint32_t*> NULL, <const int64_t*> NULL)


cdef api void sum_uint16_32(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint32_t*> NULL, <const int64_t*> NULL)


cdef api void mean_int32_64_f64(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void mean_uint32_64_f64(const Args* a) noexcept nogil:
    run(a, <const uint32_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void sum_int32_64(const Args* a) noexcept nogil:
    run(a, <const int32_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)


cdef api void sum_uint32_64(const Args* a) noexcept nogil:
    run(a, <const uint32_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)


cdef api void mean_int8_64_f64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void sum_int8_64(const Args* a) noexcept nogil:
    run(a, <const int8_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)


cdef api void mean_uint8_64_f64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void sum_uint8_64(const Args* a) noexcept nogil:
    run(a, <const uint8_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)


cdef api void mean_int16_64_f64(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void sum_int16_64(const Args* a) noexcept nogil:
    run(a, <const int16_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)


cdef api void mean_uint16_64_f64(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint64_t*> NULL, <const double*> NULL)


cdef api void sum_uint16_64(const Args* a) noexcept nogil:
    run(a, <const uint16_t*> NULL, <const uint64_t*> NULL, <const int64_t*> NULL)
