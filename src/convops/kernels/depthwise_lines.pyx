# cython: language_level=3
"""Direct convolution along long lines, with stride 1: every lane of a vector takes a segment of its own.

Called by `backends/direct.py` through `bind.pyx`. The segments of a tile are transposed, so that neighbours along the
line are vectors one behind the other, and no tap is a load across cache lines; few taps shift samples in registers
instead. Each output is one chain of multiply-adds, taps in order. Start reading at `tile_f`.
"""
from convops.kernels.abi cimport NONE, RELU, Args
from convops.kernels.along cimport RUN, SHIFTS, shifted_taps
from convops.kernels.lanes cimport begin_chain, end_vector, fetch, fetch_to_write, load_weight
from convops.kernels.line_samples cimport copy_samples, lying, transpose_segments
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport Tile, finish, line_of, locate_box
from convops.kernels.turn cimport LANES, turn

cdef extern from *:
    """
    #if defined(__AVX512F__)
    enum { convops_line_sums = 16, convops_line_taps = 1 };
    #elif defined(__AVX2__)
    enum { convops_line_sums = 8, convops_line_taps = 32 };
    #else
    enum { convops_line_sums = 8, convops_line_taps = 1 << 30 };
    #endif
    """
    enum:
        LEAST_TAPS "convops_line_taps"     # from which on transposing is faster than loads that lie anywhere
        SUMS "convops_line_sums"           # neighbours whose sums stay in registers: full squares of vectors

cdef enum:
    RAGGED = 4                 # squares of which a part is read
    SHIFTED = 96               # bytes of taps up to which shifting is faster than transposing
    SPARE = RUN + 1            # vectors behind the last sample that may be read

# One tile: segments `length` outputs apart.
cdef struct Segments:
    const char* samples        # as they are, for those that are shifted the first `near` outputs'
    const char* rest           # those of the other outputs, copied
    Py_ssize_t near
    const char* transposed
    bint shifted
    Py_ssize_t length
    Py_ssize_t taps
    Py_ssize_t step            # bytes from tap to tap
    const char* weights
    const char* bias
    const char* add
    bint relu
    char* out
    Py_ssize_t count           # outputs of all segments
    const char* next_samples   # of the tile that follows, or of what follows the signal in memory
    char* next_out
    Py_ssize_t next_tile       # bytes from the results to those of the next tile; 0: there is none


def least_taps():
    """Fewer are left to others."""
    return LEAST_TAPS


def spare():
    """Items behind the last sample, per lane, that may be read."""
    return SPARE


def sums():
    """Outputs of a segment at once."""
    return SUMS


cdef inline outlined sum_neighbours(const char* x, Py_ssize_t step, Py_ssize_t taps, const char* weights, Vector* sums,
                                    Py_ssize_t blocks) noexcept nogil:
    """So many blocks of neighbours in all segments. The samples of a multiply-add come from memory."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, k, _b
    cdef Vector acc[SUMS]
    cdef Vector w
    cdef const char* at
    cdef int i
    for _b in range(blocks):
        at = x
        for i in range(SUMS):
            begin_chain(&acc[i])
        for k in range(taps):
            load_weight(weights + k * item, &w)
            for i in range(SUMS):
                acc[i] = acc[i] + w * (<const Vector*> at)[i]
            at = at + step
        for i in range(SUMS):
            sums[i] = acc[i]
        x, sums = x + SUMS * VECTOR_BYTES, sums + SUMS


cdef inline outlined store_square(const Segments* s, Py_ssize_t first, const Vector* sums) noexcept nogil:
    """As many neighbours of every segment as there are segments."""
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, at = first
    cdef int lanes = LANES if Vector is f32v else LANES // 2, i
    cdef Vector square[16]
    cdef Vector bias
    for i in range(lanes):
        square[i] = sums[i]
    load_weight(s.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    turn(square)
    if s.add == NULL and not s.relu and at + (lanes - 1) * s.length + lanes <= s.count:
        for i in range(lanes):
            (<Vector*> (s.out + at * item))[0] = square[i] + bias
            fetch_to_write(s.next_out + at * item)
            fetch(s.next_samples + at * item)
            at = at + s.length
        return
    for i in range(lanes):
        if at < s.count:
            end_vector(square[i], bias, NULL if s.add == NULL else s.add + at * item, s.relu, s.out + at * item,
                       s.count - at)
        at = at + s.length


cdef inline void sum_segments(const Segments* s, Vector* tag) noexcept nogil:
    cdef Py_ssize_t first = 0
    cdef int lanes = LANES if Vector is f32v else LANES // 2, i
    cdef Vector sums[SUMS]
    while first < s.length:
        sum_neighbours(s.transposed + first * VECTOR_BYTES, s.step, s.taps, s.weights, sums, 1)
        for i in range(SUMS // lanes):
            store_square(s, first + i * lanes, &sums[i * lanes])
        first = first + SUMS


cdef inline outlined sum_shifted(const Segments* segments, Vector* tag) noexcept nogil:
    """Few taps: samples are not transposed but shifted in registers."""
    cdef Segments here = segments[0]
    cdef const Segments* s = &here
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, lanes = VECTOR_BYTES // item, at = 0, k
    cdef Vector acc[RUN]
    cdef Vector bias
    cdef const char* line
    cdef int v
    load_weight(s.bias, &bias)
    bias = bias + 0
    while at < s.count:
        line, k = s.samples + at * item, 0
        for v in range(RUN):
            begin_chain(&acc[v])
        while k < s.taps:
            shifted_taps(RUN, s.taps - k, s.weights + k * item, line + k * item, acc)
            k = k + lanes
        if s.add == NULL and not s.relu and at + RUN * lanes <= s.count:
            for v in range(RUN):
                (<Vector*> (s.out + at * item))[v] = acc[v] + bias
                fetch_to_write(s.next_out + at * item + v * VECTOR_BYTES)
                fetch(s.next_samples + at * item + v * VECTOR_BYTES)
        else:
            for v in range(RUN):
                k = at + v * lanes
                if k < s.count:
                    end_vector(acc[v], bias, NULL if s.add == NULL else s.add + k * item, s.relu, s.out + k * item,
                               s.count - k)
        at = at + RUN * lanes


cdef inline void begin_shifted(const Args* a, const Tile* t, Segments* s, char* scratch,
                               const Real* tag) noexcept nogil:
    """Outputs whose samples lie where vectors may reach beyond them are made from those, the rest from a copy."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), run = RUN * lanes
    cdef Py_ssize_t near = lying(a, t, &s.samples, tag) - (s.taps - 1) - lanes
    s.near, s.rest = s.count, scratch + a.scratch_columns
    if near < s.count:
        s.near = near // run * run if near > 0 else 0
        copy_samples(a, t, s.near, s.count - s.near + s.taps - 1 + run + lanes, <Real*> s.rest)


cdef inline void begin_transposed(const Args* a, const Tile* t, Segments* s, Py_ssize_t reach, char* scratch,
                                  const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), wanted = (s.length + reach + lanes - 1) // lanes * lanes
    cdef Py_ssize_t span = (lanes - 1) * s.length + wanted, near = lying(a, t, &s.samples, tag)
    if near < span and s.count + RAGGED * lanes < lanes * s.length or near < s.count + reach:
        copy_samples(a, t, 0, span, <Real*> (scratch + a.scratch_columns))
        s.samples, near = scratch + a.scratch_columns, span
    transpose_segments(s.samples, s.length * <Py_ssize_t> sizeof(Real), wanted, near * <Py_ssize_t> sizeof(Real),
                       scratch + a.scratch_offsets, tag)


cdef inline void sum_both(const Segments* s, const Real* tag) noexcept nogil:
    """The outputs near their samples, and the rest."""
    cdef Segments part = s[0]
    cdef Py_ssize_t done = s.near * <Py_ssize_t> sizeof(Real)
    cdef int _
    part.count = s.near
    for _ in range(2):
        if Real is float:
            sum_shifted(&part, <f32v*> NULL)
        else:
            sum_shifted(&part, <f64v*> NULL)
        part.samples, part.count, part.out = s.rest, s.count - s.near, s.out + done
        part.add = NULL if s.add == NULL else s.add + done


cdef inline void store_sums(const Args* a, const Tile* t, Py_ssize_t channel, Real* sums) noexcept nogil:
    """Through an epilogue that is none for vectors; the bias is in the sums, and -0.0 leaves every number as it is."""
    cdef const char* add = NULL
    if a.epilogue.add.data != NULL:
        add = line_of(&a.epilogue.add, t, channel, 0, 0, 0)
    finish(&a.epilogue, sums, <Real> -0.0, <char*> line_of(&a.out, t, channel, 0, 0, 0), a.out.step[2], add,
           a.epilogue.add.step[2], t.extent[2])


cdef inline bint is_plain(const Args* a, Py_ssize_t item) noexcept nogil:
    """Whether vectors of sums become results."""
    return (a.epilogue.cast == NULL and a.out.step[2] == item
            and (a.epilogue.activation == NONE or a.epilogue.activation == RELU)
            and (a.epilogue.add.data == NULL or a.epilogue.add.step[2] == item))


cdef inline void sum_channel(const Args* a, const Tile* t, Segments* s, Py_ssize_t channel, char* scratch,
                             const Real* tag) noexcept nogil:
    cdef bint plain = is_plain(a, sizeof(Real))
    s.weights = a.weights + channel * s.taps * <Py_ssize_t> sizeof(Real)
    s.bias = a.epilogue.bias + channel * <Py_ssize_t> sizeof(Real)
    s.relu, s.add, s.out = plain and a.epilogue.activation == RELU, NULL, scratch
    if plain:
        s.out = <char*> line_of(&a.out, t, channel, 0, 0, 0)
        if a.epilogue.add.data != NULL:
            s.add = line_of(&a.epilogue.add, t, channel, 0, 0, 0)
    s.next_out = s.out + s.next_tile if plain else scratch
    if s.shifted:
        sum_both(s, tag)
    elif Real is float:
        sum_segments(s, <f32v*> NULL)
    else:
        sum_segments(s, <f64v*> NULL)
    if not plain:
        store_sums(a, t, channel, <Real*> scratch)


cdef void tile_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), item = sizeof(Real), reach, panel, r
    cdef Segments s
    cdef Tile t
    locate_box(a, number, &t)
    s.length, s.taps, s.step = a.axis[2].tile // lanes, a.axis[2].window, a.axis[2].dilation * VECTOR_BYTES
    s.count, reach = t.extent[2], (a.axis[2].window - 1) * a.axis[2].dilation
    s.shifted = SHIFTS and a.axis[2].dilation == 1 and s.taps * item <= SHIFTED
    s.next_tile = s.length * VECTOR_BYTES if t.origin[2] + s.count < a.axis[2].out else 0
    s.samples, s.transposed = scratch + a.scratch_columns, scratch + a.scratch_offsets
    for panel in range(t.panel_begin, t.panel_end):
        t.panel_begin = panel
        if s.shifted:
            begin_shifted(a, &t, &s, scratch, tag)
        else:
            begin_transposed(a, &t, &s, reach, scratch, tag)
        s.next_samples = s.samples + reach * item + s.length * VECTOR_BYTES
        for r in range(a.panel_rows):
            sum_channel(a, &t, &s, panel * a.panel_rows + r, scratch, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        tile_f(a, number, a.scratch, tag)


cdef api void depthwise_lines_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void depthwise_lines_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
