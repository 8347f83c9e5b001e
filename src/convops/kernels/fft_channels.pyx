# cython: language_level=3
"""Overlap-save convolution of many channels by FFT: vectors run over channels, as in Winograd's tiles.

Called by `backends/fft_channels.py` through `bind.pyx`. A work item is some tiles of one group: their input channels
are transformed, frequency after frequency is multiplied by the spectra of the filters (`fft_products.pxd`), and each
panel of output channels is transformed back and stored. Tiles that are not finite are noted and left to the backend.
Groups of one channel and one filter go side by side in a vector. Start reading at `run_item`.
"""
from libc.string cimport memset

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fft_products cimport MOST_ROWS, multiply_rows
from convops.kernels.fft_spectrum cimport Header, from_spectrum, to_spectrum
from convops.kernels.lanes cimport load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Real, Vector, f32v, f64v, outlined
from convops.kernels.tile cimport ceil_div, minimum, source
from convops.kernels.winograd_inputs cimport copy_lines, copy_pixels, copy_vectors, end_of, is_straight, transpose_line
from convops.kernels.winograd_outputs cimport store_channels, store_pixels

# One tile: its number, its image, and the padded positions where it begins.
cdef struct Place:
    Py_ssize_t number
    Py_ssize_t batch
    Py_ssize_t at[3]


def most_rows():
    """Tiles that are multiplied together."""
    return MOST_ROWS


cdef inline Py_ssize_t tiles_along(const Axis* axis) noexcept nogil:
    return ceil_div((axis.out - 1) * axis.stride + 1, axis.tile)


cdef inline Py_ssize_t tiles_of(const Args* a) noexcept nogil:
    """Of all images."""
    return a.images * tiles_along(&a.axis[0]) * tiles_along(&a.axis[1]) * tiles_along(&a.axis[2])


cdef inline Place place_of(const Args* a, Py_ssize_t number) noexcept nogil:
    cdef Place p
    cdef Py_ssize_t i, count
    p.number = number
    for i in range(2, -1, -1):
        count = tiles_along(&a.axis[i])
        p.at[i] = number % count * a.axis[i].tile
        number = number // count
    p.batch = number
    return p


cdef inline void load_line(const Args* a, const char* image, const Py_ssize_t* at, Py_ssize_t channels,
                           Py_ssize_t count, Real* to, Real* rows, const char* end) noexcept nogil:
    """`count` pixels of a line, each a vector of channels."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), d = source(&a.axis[0], at[0]), h = source(&a.axis[1], at[1])
    cdef const char* line = image + d * a.x.step[0] + h * a.x.step[1]
    if a.load == NULL and a.x.channel == sizeof(Real) and channels == lanes:
        copy_vectors(a, to, line, d, h, at[2], count)
    elif d < 0 or h < 0 or a.x.channel == sizeof(Real) or (a.load != NULL and a.pixels_first):
        copy_pixels(a, to, line, d, h, at[2], channels, count)
    elif is_straight(a, line, at[2], channels, count, end, to):
        transpose_line(a, to, line, d, h, at[2], count)
    else:
        copy_lines(a, to, rows, line, at[2], channels, count)


cdef inline void load_tile(const Args* a, const Header* h, const Place* p, Py_ssize_t channel, Py_ssize_t channels,
                           Real* z, Real* rows) noexcept nogil:
    """Some channels; zeros behind the last output, as what stands there must not be loud."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), width = 2 * h.size[2], d, i, there
    cdef const char* image = a.x.data + p.batch * a.x.batch + channel * a.x.channel
    cdef const char* end = end_of(a, z)
    cdef Py_ssize_t at[3]
    at[2] = p.at[2]
    for d in range(h.size[0]):
        at[0] = p.at[0] + d
        for i in range(h.size[1]):
            at[1] = p.at[1] + i
            there = minimum(width, a.axis[2].padded - at[2])
            if at[0] >= a.axis[0].padded or at[1] >= a.axis[1].padded:
                there = 0
            else:
                load_line(a, image, at, channels, there, z, rows, end)
            # A line may have ended in a square that reaches beyond it.
            memset(z + there * lanes, 0, (width - there) * VECTOR_BYTES)
            z = z + width * lanes


cdef inline void spectrum_of(const Header* h, char* z, const Real* tag) noexcept nogil:
    if Real is float:
        to_spectrum(h, <f32v*> z)
    else:
        to_spectrum(h, <f64v*> z)


cdef inline outlined scale_line(Vector* z, Py_ssize_t count, const char* scale, Vector* strange) noexcept nogil:
    """Multiply by the scale; lanes of `strange` that are not 0 met a number that is not finite."""
    cdef Vector factor, total = strange[0]
    cdef Py_ssize_t i
    load_weight(scale, &factor)
    for i in range(count):
        z[i] = z[i] * factor
        total = total + z[i] * 0
    strange[0] = total


cdef inline bint scale_tile(const Args* a, const Header* h, char* z, const Real* tag) noexcept nogil:
    """Whether all sums of a tile are finite."""
    cdef Real strange[16]
    cdef Real scale = <Real> h.scale
    cdef Py_ssize_t d, i, lanes = VECTOR_BYTES // sizeof(Real), line
    memset(strange, 0, VECTOR_BYTES)
    for d in range(a.axis[0].tile):
        for i in range(a.axis[1].tile):
            line = (d * h.size[1] + i) * 2 * h.size[2] * VECTOR_BYTES
            if Real is float:
                scale_line(<f32v*> (z + line), a.axis[2].tile, <const char*> &scale, <f32v*> strange)
            else:
                scale_line(<f64v*> (z + line), a.axis[2].tile, <const char*> &scale, <f64v*> strange)
    for i in range(lanes):
        if strange[i] != 0:
            return False
    return True


cdef inline void store_line(const Args* a, const Place* p, Py_ssize_t d, Py_ssize_t h, Py_ssize_t channel,
                            Py_ssize_t channels, Real* sums, Real* columns) noexcept nogil:
    """The sums of a line that the stride keeps."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), stride = a.axis[2].stride, i, k, offset
    cdef Py_ssize_t first = ceil_div(p.at[2], stride)
    cdef Py_ssize_t count = minimum(ceil_div(p.at[2] + a.axis[2].tile, stride), a.axis[2].out) - first
    cdef char* out
    cdef const char* add = NULL
    if count <= 0:
        return
    if stride > 1:
        offset = first * stride - p.at[2]
        for i in range(count):
            for k in range(lanes):
                sums[i * lanes + k] = sums[(offset + i * stride) * lanes + k]
    out = (a.out.data + p.batch * a.out.batch + channel * a.out.channel + d * a.out.step[0] + h * a.out.step[1]
           + first * a.out.step[2])
    if a.epilogue.add.data != NULL:
        add = (a.epilogue.add.data + p.batch * a.epilogue.add.batch + channel * a.epilogue.add.channel
               + d * a.epilogue.add.step[0] + h * a.epilogue.add.step[1] + first * a.epilogue.add.step[2])
    if a.out.channel == sizeof(Real) or a.pixels_first:
        store_pixels(a, sums, channel, channels, out, add, count)
    else:
        store_channels(a, sums, columns, channel, channels, out, add, count)


cdef inline void store_tile(const Args* a, const Header* h, const Place* p, Py_ssize_t channel, Py_ssize_t channels,
                            char* z, Real* columns) noexcept nogil:
    """Back from the spectrum of some output channels, and through the epilogue."""
    cdef Py_ssize_t d, i
    cdef Py_ssize_t at[3]
    if Real is float:
        from_spectrum(a, h, <f32v*> z)
    else:
        from_spectrum(a, h, <f64v*> z)
    if not scale_tile(a, h, z, columns):
        a.nonfinite[p.number] = 1
        return
    for d in range(a.axis[0].tile):
        at[0] = p.at[0] + d
        if at[0] % a.axis[0].stride or at[0] // a.axis[0].stride >= a.axis[0].out:
            continue
        for i in range(a.axis[1].tile):
            at[1] = p.at[1] + i
            if at[1] % a.axis[1].stride or at[1] // a.axis[1].stride >= a.axis[1].out:
                continue
            store_line(a, p, at[0] // a.axis[0].stride, at[1] // a.axis[1].stride, channel, channels,
                       <Real*> (z + (d * h.size[1] + i) * 2 * h.size[2] * VECTOR_BYTES), columns)


cdef inline void multiply_all(const Args* a, const Header* h, Py_ssize_t tiles, int vectors, const char* x,
                              const char* w, char* y, const Real* tag) noexcept nogil:
    """All frequencies of some tiles and one panel of output channels."""
    cdef Py_ssize_t blocks = ceil_div(a.channels * sizeof(Real), VECTOR_BYTES), _slot, t, rows
    for _slot in range(h.slots):
        t = 0
        while t < tiles:
            rows = minimum(MOST_ROWS, tiles - t)
            if Real is float:
                multiply_rows(rows, vectors, a.channels, x + t * blocks * a.pitch_inputs, blocks * a.pitch_inputs,
                              a.pitch_inputs, w, y + t * vectors * a.pitch_inputs, a.pitch_inputs, <const f32v*> NULL)
            else:
                multiply_rows(rows, vectors, a.channels, x + t * blocks * a.pitch_inputs, blocks * a.pitch_inputs,
                              a.pitch_inputs, w, y + t * vectors * a.pitch_inputs, a.pitch_inputs, <const f64v*> NULL)
            t = t + rows
        x, y = x + 2 * VECTOR_BYTES, y + 2 * VECTOR_BYTES
        w = w + 2 * vectors * a.channels * VECTOR_BYTES


cdef inline void run_panels(const Args* a, Py_ssize_t group, Py_ssize_t first, Py_ssize_t tiles, char* scratch,
                            const Real* tag) noexcept nogil:
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), blocks = ceil_div(a.channels, lanes), t, c, row
    cdef Py_ssize_t panels = ceil_div(a.rows, a.panel_rows), panel, v, vectors = a.panel_rows // lanes
    cdef Real* columns = <Real*> (scratch + a.scratch_line)
    cdef char* x = scratch + a.scratch_columns
    cdef char* y = scratch + a.scratch_sums
    cdef const char* w = a.weights + h.spectra
    cdef Place p
    for t in range(tiles):
        p = place_of(a, first + t)
        for c in range(blocks):
            load_tile(a, h, &p, group * a.channels + c * lanes, minimum(lanes, a.channels - c * lanes),
                      <Real*> (x + (t * blocks + c) * a.pitch_inputs), columns)
            spectrum_of(h, x + (t * blocks + c) * a.pitch_inputs, tag)
    for panel in range(panels):
        multiply_all(a, h, tiles, <int> vectors, x,
                     w + (group * panels + panel) * h.slots * 2 * vectors * a.channels * VECTOR_BYTES, y, tag)
        for t in range(tiles):
            p = place_of(a, first + t)
            for v in range(vectors):
                row = panel * a.panel_rows + v * lanes
                if row < a.rows:
                    store_tile(a, h, &p, group * a.rows + row, minimum(lanes, a.rows - row),
                               y + (t * vectors + v) * a.pitch_inputs, columns)


cdef inline outlined multiply_items(Vector* z, const Vector* w, Py_ssize_t count) noexcept nogil:
    cdef Vector re, im
    cdef Py_ssize_t i
    for i in range(count):
        re, im = z[2 * i], z[2 * i + 1]
        z[2 * i] = re * w[2 * i] - im * w[2 * i + 1]
        z[2 * i + 1] = re * w[2 * i + 1] + im * w[2 * i]


cdef inline void run_depthwise(const Args* a, Py_ssize_t block, Py_ssize_t first, Py_ssize_t tiles, char* scratch,
                               const Real* tag) noexcept nogil:
    """A vector of groups that have one channel and one filter each."""
    cdef const Header* h = <const Header*> a.weights
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real), count = minimum(lanes, a.groups - block * lanes), t
    cdef Real* columns = <Real*> (scratch + a.scratch_line)
    cdef char* z = scratch + a.scratch_columns
    cdef const char* w = a.weights + h.spectra + block * h.slots * 2 * VECTOR_BYTES
    cdef Place p
    for t in range(tiles):
        p = place_of(a, first + t)
        load_tile(a, h, &p, block * lanes, count, <Real*> z, columns)
        spectrum_of(h, z, tag)
        if Real is float:
            multiply_items(<f32v*> z, <const f32v*> w, h.slots)
        else:
            multiply_items(<f64v*> z, <const f64v*> w, h.slots)
        store_tile(a, h, &p, block * lanes, count, z, columns)


cdef inline bint is_depthwise(const Args* a) noexcept nogil:
    return a.channels == 1 and a.rows == 1


cdef inline void run_item(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Item `number`: groups, or vectors of them, fastest."""
    cdef Py_ssize_t groups = ceil_div(a.groups * sizeof(Real), VECTOR_BYTES) if is_depthwise(a) else a.groups
    cdef Py_ssize_t first = number // groups * a.tile_columns
    cdef Py_ssize_t tiles = minimum(a.tile_columns, tiles_of(a) - first)
    if is_depthwise(a):
        run_depthwise(a, number % groups, first, tiles, scratch, tag)
    else:
        run_panels(a, number % groups, first, tiles, scratch, tag)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(a.tile_begin, a.tile_end):
        run_item(a, i, a.scratch, tag)


cdef api void fft_channels_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void fft_channels_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
