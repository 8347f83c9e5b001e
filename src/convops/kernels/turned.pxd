# Depthwise layers in planes with short lines: a tile's planes are turned, so that channels lie together, and its
# results are turned back. What lies between is told in another Args.
from libc.string cimport memset

from convops.kernels.abi cimport NONE, Args
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.store_channels cimport is_continued, store_lines
from convops.kernels.tile cimport Tile, ceil_div
from convops.kernels.transpose_any cimport transpose_all


# Where the parts of a tile lie in its scratch memory, and its channels.
cdef struct Turned:
    Py_ssize_t channels
    Py_ssize_t pitch           # reals from pixel to pixel
    char* sums
    char* x
    char* zeros


cdef inline void place_parts(const Args* a, const Tile* t, char* scratch, Turned* to, const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), pixel
    to.channels = t.panel_end - t.panel_begin
    to.pitch = ceil_div(to.channels, lanes) * lanes
    pixel = to.pitch * sizeof(Real)
    to.sums = scratch
    # Squares of results may be read behind the last pixel.
    to.x = to.sums + (t.extent[0] * t.extent[1] * t.extent[2] + lanes) * pixel
    to.zeros = to.x + a.axis[0].size * a.axis[1].size * a.axis[2].size * pixel


cdef inline void turn_run(const Args* a, const Turned* turned, const char* items, Py_ssize_t count,
                          Real* to) noexcept nogil:
    """`count` pixels that lie one step apart."""
    cdef Py_ssize_t c, j
    if a.load == NULL and a.x.step[2] == sizeof(Real):
        transpose_all(items, a.x.channel, turned.channels, count, <char*> to, turned.pitch * sizeof(Real), to)
        return
    for c in range(turned.channels):
        if a.load != NULL:
            a.load(items + c * a.x.channel, a.x.step[2], <char*> (to + c), turned.pitch, count)
            continue
        for j in range(count):
            to[j * turned.pitch + c] = (<const Real*> (items + c * a.x.channel + j * a.x.step[2]))[0]


cdef inline void turn_input(const Args* a, const Tile* t, const Turned* turned, const Real* tag) noexcept nogil:
    """The whole planes; lines that touch are one."""
    cdef const char* image = a.x.data + t.batch * a.x.batch + t.panel_begin * a.x.channel
    cdef Py_ssize_t d, h, high = a.axis[1].size, run = a.axis[2].size
    cdef Real* to = <Real*> turned.x
    if a.x.step[1] == run * a.x.step[2]:
        run, high = run * high, 1
    for d in range(a.axis[0].size):
        for h in range(high):
            turn_run(a, turned, image + d * a.x.step[0] + h * a.x.step[1], run, to)
            to = to + run * turned.pitch


cdef inline void describe_turned(const Tile* t, const Turned* turned, Args* here, const Real* tag) noexcept nogil:
    """The same problem from turned planes to sums without an epilogue."""
    cdef Py_ssize_t item = sizeof(Real), first = t.panel_begin * item
    here.load, here.epilogue.cast, here.epilogue.activation, here.epilogue.add.data = NULL, NULL, NONE, NULL
    memset(turned.zeros, 0, turned.pitch * item)
    here.epilogue.bias = turned.zeros - first
    here.x.batch, here.x.channel, here.x.data = 0, item, turned.x - first
    here.x.step[2] = turned.pitch * item
    here.x.step[1] = here.axis[2].size * here.x.step[2]
    here.x.step[0] = here.axis[1].size * here.x.step[1]
    here.out.batch, here.out.channel, here.out.data = 0, item, turned.sums - first
    here.out.step[2] = turned.pitch * item
    here.out.step[1] = t.extent[2] * here.out.step[2]
    here.out.step[0] = t.extent[1] * here.out.step[1]


cdef inline void store_turned(const Args* a, const Tile* t, const Turned* turned, Real* block) noexcept nogil:
    """Line by line, through the whole epilogue; lines that touch are one."""
    cdef Py_ssize_t i, j = 0, lines = 1
    cdef const Real* sums = <const Real*> turned.sums
    if is_continued(&a.out, t) and is_continued(&a.epilogue.add, t):
        lines = t.extent[1]
    for i in range(t.extent[0]):
        j = 0
        while j < t.extent[1]:
            store_lines(a, t, t.panel_begin, turned.channels, turned.pitch, i, j, lines * t.extent[2], sums, block)
            sums = sums + lines * t.extent[2] * turned.pitch
            j = j + lines
