# cython: language_level=3
"""Values added where indices say: gradients of the pools that choose.

Called by `backends/pool_scatter.py` through `bind.pyx`, which has checked all indices; hands nothing on. `x` holds the
indices, `grad` the values, and a plane of `out` is one line. Values that meet are added in C order of a plane's pixels.
Start reading at `tile`.
"""
from libc.stdint cimport int64_t
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.simd cimport inlined
from convops.kernels.tile cimport ceil_div, minimum

ctypedef fused Sum:
    int64_t
    float
    double


cdef enum:
    ABREAST = 4                # planes that are added to in turn: sums of one wait for each other where windows meet


cdef inline void clear(const Args* a, char* out, Py_ssize_t channels, Py_ssize_t begin, Py_ssize_t end,
                       const Sum* tag) noexcept nogil:
    """The items from `begin` to `end` of each plane."""
    cdef Py_ssize_t c, p
    if a.out.step[2] == sizeof(Sum):
        for c in range(channels):
            memset(out + c * a.out.channel + begin * sizeof(Sum), 0, (end - begin) * sizeof(Sum))
        return
    if a.out.channel == sizeof(Sum) and a.out.step[2] == channels * <Py_ssize_t> sizeof(Sum):
        memset(out + begin * a.out.step[2], 0, (end - begin) * a.out.step[2])
        return
    for p in range(begin, end):
        if a.out.channel == sizeof(Sum):
            memset(out + p * a.out.step[2], 0, channels * sizeof(Sum))
            continue
        for c in range(channels):
            (<Sum*> (out + p * a.out.step[2] + c * a.out.channel))[0] = 0


cdef inline inlined add_run(int planes, const char* places, Py_ssize_t place_step, Py_ssize_t place_pitch,
                            const char* values, Py_ssize_t value_step, Py_ssize_t value_pitch, char* out,
                            Py_ssize_t step, Py_ssize_t next_out, Py_ssize_t pitch, Py_ssize_t count,
                            const Sum* tag) noexcept nogil:
    """So many values of each of some planes, `pitch` apart; `out` moves on from one to the next where they belong to
    different planes.
    """
    cdef Py_ssize_t i
    cdef Sum* to
    cdef int p
    for i in range(count):
        for p in range(planes):
            to = <Sum*> (out + i * next_out + p * pitch
                         + (<const int64_t*> (places + i * place_step + p * place_pitch))[0] * step)
            to[0] = to[0] + (<const Sum*> (values + i * value_step + p * value_pitch))[0]


cdef inline bint is_dense(const Args* a, const Sum* tag) noexcept nogil:
    """Whether the items of a line touch, in all arrays."""
    return (a.x.step[2] == sizeof(int64_t) and a.grad.step[2] == sizeof(Sum) and a.out.step[2] == sizeof(Sum))


cdef inline void add_line(const Args* a, const char* places, const char* values, char* out, Py_ssize_t channels,
                          bint together, const Sum* tag) noexcept nogil:
    """A line of pixels: of one channel, of some in turn, or of some that lie side by side."""
    cdef Py_ssize_t w
    if together:
        for w in range(a.axis[2].out):
            if a.x.channel == sizeof(int64_t) and a.grad.channel == sizeof(Sum) and a.out.channel == sizeof(Sum):
                add_run(1, places + w * a.x.step[2], sizeof(int64_t), 0, values + w * a.grad.step[2], sizeof(Sum), 0,
                        out, a.out.step[2], sizeof(Sum), 0, channels, tag)
            else:
                add_run(1, places + w * a.x.step[2], a.x.channel, 0, values + w * a.grad.step[2], a.grad.channel, 0,
                        out, a.out.step[2], a.out.channel, 0, channels, tag)
    elif channels == ABREAST and is_dense(a, tag):
        add_run(ABREAST, places, sizeof(int64_t), a.x.channel, values, sizeof(Sum), a.grad.channel, out, sizeof(Sum), 0,
                a.out.channel, a.axis[2].out, tag)
    elif channels == ABREAST:
        add_run(ABREAST, places, a.x.step[2], a.x.channel, values, a.grad.step[2], a.grad.channel, out, a.out.step[2],
                0, a.out.channel, a.axis[2].out, tag)
    else:
        add_run(1, places, a.x.step[2], 0, values, a.grad.step[2], 0, out, a.out.step[2], 0, 0, a.axis[2].out, tag)


cdef inline Py_ssize_t past_places(const Args* a, const char* places, Py_ssize_t channels) noexcept nogil:
    """One more than the largest position of a line of pixels whose channels lie side by side."""
    cdef Py_ssize_t w, c
    cdef int64_t largest = -1, place
    for w in range(a.axis[2].out):
        for c in range(channels):
            place = (<const int64_t*> (places + w * a.x.step[2]))[c]
            largest = place if place > largest else largest
    return largest + 1


cdef inline void add_channels(const Args* a, const char* places, const char* values, char* out, Py_ssize_t channels,
                              bint together, const Sum* tag) noexcept nogil:
    """Some channels of one image. Where many lie side by side, items are set to zero just before they are needed."""
    cdef Py_ssize_t i, place, value, cleared = 0, past, deep, high
    cdef bint in_time = together and a.x.channel == sizeof(int64_t)
    if not in_time:
        clear(a, out, channels, 0, a.block_steps, tag)
        cleared = a.block_steps
    for i in range(a.axis[0].out * a.axis[1].out):
        deep, high = i // a.axis[1].out, i % a.axis[1].out
        place = deep * a.x.step[0] + high * a.x.step[1]
        value = deep * a.grad.step[0] + high * a.grad.step[1]
        if cleared < a.block_steps:
            past = past_places(a, places + place, channels)
            if past > cleared:
                clear(a, out, channels, cleared, past, tag)
                cleared = past
        add_line(a, places + place, values + value, out, channels, together, tag)
    clear(a, out, channels, cleared, a.block_steps, tag)


cdef void tile(const Args* a, Py_ssize_t number, const Sum* tag) noexcept nogil:
    """Some channels of one image: all at once where they lie side by side, else some or one at a time."""
    cdef Py_ssize_t blocks = ceil_div(a.channels, a.tile_columns), first = number % blocks * a.tile_columns, some
    cdef Py_ssize_t end = minimum(a.channels, first + a.tile_columns), image = number // blocks
    cdef bint together = a.x.channel < a.x.step[2]
    while first < end:
        some = end - first if together else ABREAST if end - first >= ABREAST else 1
        add_channels(a, a.x.data + image * a.x.batch + first * a.x.channel,
                     a.grad.data + image * a.grad.batch + first * a.grad.channel,
                     a.out.data + image * a.out.batch + first * a.out.channel, some, together, tag)
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
