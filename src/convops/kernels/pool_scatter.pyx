# cython: language_level=3
"""Values added where indices say: gradients of the pools that choose.

Called by `backends/pool_scatter.py` through `bind.pyx`, which has checked all indices; hands nothing on. `x` holds the
indices, `grad` the values, and a plane of `out` is one line. Values that meet are added in C order of a plane's pixels.
Start reading at `tile`.
"""
from libc.stdint cimport int64_t
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.tile cimport ceil_div, minimum

ctypedef fused Sum:
    int64_t
    float
    double


cdef inline void clear(const Args* a, char* out, Py_ssize_t channels, const Sum* tag) noexcept nogil:
    cdef Py_ssize_t c, p
    if a.out.step[2] == sizeof(Sum):
        for c in range(channels):
            memset(out + c * a.out.channel, 0, a.block_steps * sizeof(Sum))
        return
    for p in range(a.block_steps):
        if a.out.channel == sizeof(Sum):
            memset(out + p * a.out.step[2], 0, channels * sizeof(Sum))
            continue
        for c in range(channels):
            (<Sum*> (out + p * a.out.step[2] + c * a.out.channel))[0] = 0


cdef inline void add_run(const char* places, Py_ssize_t place_step, const char* values, Py_ssize_t value_step,
                         char* out, Py_ssize_t step, Py_ssize_t next_out, Py_ssize_t count,
                         const Sum* tag) noexcept nogil:
    """So many values; `out` moves on from one to the next where they belong to different planes."""
    cdef Py_ssize_t i
    cdef Sum* to
    for i in range(count):
        to = <Sum*> (out + i * next_out + (<const int64_t*> (places + i * place_step))[0] * step)
        to[0] = to[0] + (<const Sum*> (values + i * value_step))[0]


cdef inline void add_line(const Args* a, const char* places, const char* values, char* out, Py_ssize_t channels,
                          const Sum* tag) noexcept nogil:
    """A line of pixels: of one channel, or of some that lie side by side."""
    cdef Py_ssize_t w
    if channels == 1:
        add_run(places, a.x.step[2], values, a.grad.step[2], out, a.out.step[2], 0, a.axis[2].out, tag)
        return
    for w in range(a.axis[2].out):
        add_run(places + w * a.x.step[2], a.x.channel, values + w * a.grad.step[2], a.grad.channel, out, a.out.step[2],
                a.out.channel, channels, tag)


cdef void tile(const Args* a, Py_ssize_t number, const Sum* tag) noexcept nogil:
    """Some channels of one image: all at once where they lie side by side, else one after the other."""
    cdef Py_ssize_t blocks = ceil_div(a.channels, a.tile_columns), first = number % blocks * a.tile_columns, i
    cdef Py_ssize_t end = minimum(a.channels, first + a.tile_columns), image = number // blocks, some = 1
    cdef Py_ssize_t place, value
    cdef char* out
    if a.x.channel < a.x.step[2]:
        some = end - first
    while first < end:
        out = a.out.data + image * a.out.batch + first * a.out.channel
        clear(a, out, some, tag)
        for i in range(a.axis[0].out * a.axis[1].out):
            place = i // a.axis[1].out * a.x.step[0] + i % a.axis[1].out * a.x.step[1]
            value = i // a.axis[1].out * a.grad.step[0] + i % a.axis[1].out * a.grad.step[1]
            add_line(a, a.x.data + image * a.x.batch + first * a.x.channel + place,
                     a.grad.data + image * a.grad.batch + first * a.grad.channel + value, out, some, tag)
        first = first + some


cdef inline void run(const Args* a, const Sum* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile(a, number, tag)


cdef api void scatter_int64(const Args* a) noexcept nogil:
    run(a, <const int64_t*> NULL)


cdef api void scatter_float32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void scatter_float64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
