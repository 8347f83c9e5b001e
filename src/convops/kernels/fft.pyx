# cython: language_level=3
"""Overlap-save convolution of one-channel lines and planes by FFT: every lane of a vector transforms a tile of its own.

Called by `backends/fft_lanes.py` through `bind.pyx`; the passes are in `fft_passes.pxd`. The real samples of a tile
count as half as many complex ones. What the transform of a kernel does to theirs is z[k] <- a z[k] + b conj(z[-k]),
where a and b come with the weights. Tiles that are not finite are noted and left to the
backend. Start reading at `group_f`.
"""
from convops.kernels.abi cimport Args, Axis
from convops.kernels.fft_lanes cimport Header, reals_of
from convops.kernels.fft_passes cimport backward, forward
from convops.kernels.lanes cimport fetch_to_write, load_weight
from convops.kernels.padded_lines cimport Line, copy_samples, lying, moved, note
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined, prefetch
from convops.kernels.tile cimport ceil_div, finish, minimum
from convops.kernels.transpose cimport transpose

cdef enum:
    CACHE_LINE = 64
    LANES = VECTOR_BYTES // 4      # of float32
    CHUNK = 128                    # samples of a lane moved at once, and on which line of the copy the next one lies
    PITCH = CHUNK + 16

# Up to as many tiles as there are lanes, of one image or of several, by their first lines.
cdef struct Group:
    Py_ssize_t first
    Py_ssize_t count
    bint together                  # all lanes filled, by neighbours in one line of tiles
    Line tiles[LANES]


# What is asked for while the spectra are filtered: samples of the next group, and where this one's results go.
cdef struct Ahead:
    const char* samples
    char* results
    Py_ssize_t lines               # of the caches, with each pair


def lanes(int itemsize):
    """Tiles that are transformed side by side."""
    return VECTOR_BYTES // itemsize


def scratch_layout(Py_ssize_t items, int itemsize):
    """Bytes before the copied samples of a tile of so many items, and in all."""
    cdef Py_ssize_t copies = 64 + items * VECTOR_BYTES
    return copies, copies + VECTOR_BYTES * PITCH


cdef inline outlined filter_pairs(Vector* z, Py_ssize_t pairs, const Py_ssize_t* at, const char* factors,
                                  Ahead ahead) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, p, _i
    cdef int k
    cdef Vector f[8]
    cdef Vector re, im, back_re, back_im
    cdef Vector* one
    cdef Vector* other
    for p in range(pairs):
        one, other = z + at[2 * p], z + at[2 * p + 1]
        for _i in range(ahead.lines):
            prefetch(ahead.samples, 0, 2)
            fetch_to_write(ahead.results)
            ahead.samples, ahead.results = ahead.samples + CACHE_LINE, ahead.results + CACHE_LINE
        for k in range(8):
            load_weight(factors + k * item, &f[k])
        re, im, back_re, back_im = one[0], one[1], other[0], other[1]
        one[0] = f[0] * re - f[1] * im + f[2] * back_re + f[3] * back_im
        one[1] = f[0] * im + f[1] * re + f[3] * back_re - f[2] * back_im
        other[0] = f[4] * back_re - f[5] * back_im + f[6] * re + f[7] * im
        other[1] = f[4] * back_im + f[5] * back_re + f[7] * re - f[6] * im
        factors = factors + 8 * item


cdef inline outlined scale_all(Vector* z, Py_ssize_t lines, Py_ssize_t pitch, Py_ssize_t count, const char* scale,
                               Vector* strange) noexcept nogil:
    """Multiply by the scale; lanes of `strange` that are not 0 met a number that is not finite."""
    cdef Vector factor, total
    cdef Py_ssize_t i, _line
    load_weight(scale, &factor)
    total = factor * 0
    for _line in range(lines):
        for i in range(count):
            z[i] = z[i] * factor
            total = total + z[i] * 0
        z = z + pitch
    strange[0] = total


cdef inline void convolve(const Args* a, const Header* h, Vector* z, const char* scale, Ahead ahead,
                          Vector* strange) noexcept nogil:
    cdef Py_ssize_t item = 4 if Vector is f32v else 8, i
    cdef const char* twiddles = reals_of(h)
    cdef const char* columns = twiddles + h.twiddles * item
    cdef const char* factors = columns + h.line_twiddles * item
    for i in range(h.lines):
        forward(z + 2 * i * h.size, h.size, 1, <int> h.radix, twiddles)
    if h.lines > 1:
        forward(z, h.lines, h.size, <int> h.line_radix, columns)
    filter_pairs(z, h.pairs, <const Py_ssize_t*> (h + 1), factors, ahead)
    if h.lines > 1:
        backward(z, h.lines, h.size, <int> h.line_radix, factors)
    for i in range(a.axis[1].tile):
        backward(z + 2 * i * h.size, h.size, 1, <int> h.radix, columns)
    scale_all(z, a.axis[1].tile, 2 * h.size, a.axis[2].tile, scale, strange)


cdef inline const char* plain_samples(const Args* a, const Group* g, Line line, Py_ssize_t width,
                                      const Real* tag) noexcept nogil:
    """Where the samples of the first lane lie if those of all lie in one line of x, as they are; else NULL."""
    if not g.together:
        return NULL
    return lying(a, line, (VECTOR_BYTES // <Py_ssize_t> sizeof(Real) - 1) * a.axis[2].tile + width, tag)


cdef inline Py_ssize_t copy_lanes(const Args* a, const Group* g, Py_ssize_t row, Py_ssize_t column, Py_ssize_t width,
                                  Real* copies) noexcept nogil:
    """Copy so many samples of every lane's line; bytes from one lane to the next."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), step = a.axis[2].tile, span = (lanes - 1) * step + width, i
    if g.together and span <= lanes * PITCH:
        copy_samples(a, moved(g.tiles[0], row, column), span, copies)
        return step * sizeof(Real)
    for i in range(lanes):
        copy_samples(a, moved(g.tiles[minimum(i, g.count - 1)], row, column), width, copies + i * PITCH)
    return PITCH * sizeof(Real)


cdef inline void load_line(const Args* a, const Group* g, Py_ssize_t row, Py_ssize_t length, char* z,
                           Real* copies) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), column = 0, width, i, pitch
    cdef const char* samples
    while column < length:
        width = minimum(CHUNK, length - column)
        pitch = a.axis[2].tile * sizeof(Real)
        samples = plain_samples(a, g, moved(g.tiles[0], row, column), width, copies)
        if samples == NULL:
            samples, pitch = <const char*> copies, copy_lanes(a, g, row, column, width, copies)
        i = 0
        while i < width:
            transpose(samples + i * <Py_ssize_t> sizeof(Real), pitch, z + (column + i) * VECTOR_BYTES, VECTOR_BYTES,
                      copies)
            i = i + lanes
        column = column + width


cdef inline void store(const Args* a, Line line, Py_ssize_t width, Real* sums) noexcept nogil:
    """Those of `width` sums that the strides keep."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = line.column, end = line.column + width, h = line.row, i
    cdef const char* add = NULL
    if a.axis[1].stride > 1:
        if h % a.axis[1].stride:
            return
        h = h // a.axis[1].stride
    if axis.stride > 1:
        first, end = ceil_div(first, axis.stride), ceil_div(end, axis.stride)
    end = minimum(end, axis.out)
    if first >= end or h >= a.axis[1].out:
        return
    if axis.stride > 1:
        for i in range(first, end):
            sums[i - first] = sums[i * axis.stride - line.column]
    if a.epilogue.add.data != NULL:
        add = (a.epilogue.add.data + line.batch * a.epilogue.add.batch + h * a.epilogue.add.step[1]
               + first * a.epilogue.add.step[2])
    finish(&a.epilogue, sums, (<const Real*> a.epilogue.bias)[0],
           a.out.data + line.batch * a.out.batch + h * a.out.step[1] + first * a.out.step[2], a.out.step[2], add,
           a.epilogue.add.step[2], end - first)


cdef inline void store_line(const Args* a, const Group* g, Py_ssize_t row, const char* z, Real* copies,
                            const Real* strange) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), step = a.axis[2].tile, column = 0, width, i
    while column < step:
        width = minimum(CHUNK, step - column)
        i = 0
        while i < width:
            transpose(z + (column + i) * VECTOR_BYTES, VECTOR_BYTES, <char*> (copies + i), PITCH * sizeof(Real), copies)
            i = i + lanes
        for i in range(g.count):
            if strange[i] == 0:
                store(a, moved(g.tiles[i], row, column), width, copies + i * PITCH)
        column = column + width


cdef inline Ahead ahead_of(const Args* a, const Group* g, const Header* h, const Real* tag) noexcept nogil:
    """Of signals: planes have lines that hardware foresees."""
    cdef Py_ssize_t span = a.axis[2].tile * (VECTOR_BYTES // sizeof(Real)), bytes = span * sizeof(Real)
    cdef const Line* line = &g.tiles[0]
    cdef Ahead ahead
    ahead.lines = 0
    ahead.samples = ahead.results = <char*> a.weights
    if g.together and a.axis[1].out == 1 and a.axis[2].stride == 1 and a.load == NULL and a.epilogue.cast == NULL:
        ahead.samples = (a.x.data + line.batch * a.x.batch
                         + (line.column + span - a.axis[2].shift) * <Py_ssize_t> sizeof(Real))
        ahead.results = a.out.data + line.batch * a.out.batch + line.column * <Py_ssize_t> sizeof(Real)
        ahead.lines = ceil_div(bytes, CACHE_LINE * h.pairs)
    return ahead


cdef void group_f(const Args* a, const Group* g, char* scratch, const Real* tag) noexcept nogil:
    cdef const Header* h = <const Header*> a.weights
    cdef Real strange[LANES]
    cdef Real scale = <Real> h.scale
    cdef Real* copies = <Real*> (scratch + a.scratch_columns)
    cdef char* z = scratch + (-<Py_ssize_t> scratch & 63)
    cdef Py_ssize_t i
    for i in range(h.lines):
        load_line(a, g, i, 2 * h.size, z + 2 * i * h.size * VECTOR_BYTES, copies)
    if Real is float:
        convolve(a, h, <f32v*> z, <const char*> &scale, ahead_of(a, g, h, copies), <f32v*> strange)
    else:
        convolve(a, h, <f64v*> z, <const char*> &scale, ahead_of(a, g, h, copies), <f64v*> strange)
    for i in range(a.axis[1].tile):
        store_line(a, g, i, z + 2 * i * h.size * VECTOR_BYTES, copies, strange)
    for i in range(g.count):
        if strange[i] != 0:
            note(a, g.first + i)


cdef inline Py_ssize_t tiles_along(const Axis* axis) noexcept nogil:
    return ceil_div((axis.out - 1) * axis.stride + 1, axis.tile)


cdef inline void run_group(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef Py_ssize_t across = tiles_along(&a.axis[2]), down = tiles_along(&a.axis[1])
    cdef Py_ssize_t first = a.tile_begin + number * lanes, i, j
    cdef Group g
    g.first, g.count = first, minimum(lanes, a.tile_end - first)
    g.together = g.count == lanes and first % across + lanes <= across
    for i in range(g.count):
        j = first + i
        g.tiles[i].column = j % across * a.axis[2].tile
        g.tiles[i].row = j // across % down * a.axis[1].tile
        g.tiles[i].batch = j // across // down
    group_f(a, &g, scratch, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number, groups = ceil_div(a.tile_end - a.tile_begin, VECTOR_BYTES // sizeof(Real))
    for number in range(groups):
        run_group(a, number, a.scratch, tag)


cdef api void fft_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
