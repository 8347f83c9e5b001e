# cython: language_level=3
"""Fully connected layers: each output is the inner product of an image with a row of weights, read where it lies.

Called by `backends/linear.py` through `bind.pyx`; hands nothing on. Vectors run along the products, so that rows need
no packing; sums of the lanes are added up after `block_steps` vectors. A work item is a range of rows times some
images, which take the weights from memory together. Start reading at `item_f`.
"""
from libc.string cimport memset

from convops.kernels.abi cimport Args
from convops.kernels.rows cimport Rows, image_rows, read_rows, weight_rows
from convops.kernels.simd cimport (
    VECTOR_BYTES, Real, Vector, f32v, f64v, high_f32, high_f64, inlined, low_f32, low_f64, outlined)
from convops.kernels.tile cimport ceil_div, finish, minimum
from convops.kernels.turn cimport LANES

cdef extern from *:
    """
    #if defined(__AVX512F__)
    enum { convops_rows_1 = 8, convops_rows_2 = 8, convops_rows_3 = 8, convops_rows_4 = 6 };
    #else
    enum { convops_rows_1 = 8, convops_rows_2 = 4, convops_rows_3 = 3, convops_rows_4 = 2 };
    #endif
    """
    enum:
        ROWS_1 "convops_rows_1"    # whose sums stay in registers, with those of so many images
        ROWS_2 "convops_rows_2"
        ROWS_3 "convops_rows_3"
        ROWS_4 "convops_rows_4"

cdef enum:
    MOST_SUMS = 32

# What an item covers.
cdef struct Item:
    Py_ssize_t group
    Py_ssize_t row
    Py_ssize_t rows
    Py_ssize_t image
    Py_ssize_t images


cdef inline inlined add_lanes(Vector* sums, int count, int images, Real* totals, Py_ssize_t pitch) noexcept nogil:
    """The lanes of each sum by halves, for as many sums as a vector has lanes at once.

    Halves of two sums go together, item by item in turn: in the end every sum has one lane.
    """
    cdef Vector a[16]
    cdef const Real* total = <const Real*> a
    cdef int lanes = LANES if Vector is f32v else LANES // 2, first = 0, i, half
    while first < count:
        for i in range(lanes):
            a[i] = sums[first + i if first + i < count else count - 1]
        half = lanes // 2
        while half > 0:
            for i in range(half):
                if Vector is f32v:
                    a[i] = low_f32(a[i], a[i + half]) + high_f32(a[i], a[i + half])
                else:
                    a[i] = low_f64(a[i], a[i + half]) + high_f64(a[i], a[i + half])
            half = half // 2
        for i in range(first, minimum(first + lanes, count)):
            totals[i // images * pitch + i % images] += total[i - first]
        first = first + lanes


cdef inline inlined dot(int images, int rows, const Rows* x, const Rows* w, Py_ssize_t steps, Real* totals,
                        Py_ssize_t pitch, Vector* tag) noexcept nogil:
    """So many vectors of some images times those of some rows."""
    cdef Vector sums[MOST_SUMS]
    cdef Vector items[4]
    cdef Vector weights, zero
    cdef Py_ssize_t s
    cdef int i, r
    memset(&zero, 0, VECTOR_BYTES)
    for i in range(images * rows):
        sums[i] = zero
    for s in range(steps):
        for i in range(images):
            items[i] = (<const Vector*> (x.data + i * x.pitch))[s]
        for r in range(rows):
            weights = (<const Vector*> (w.data + r * w.pitch))[s]
            for i in range(images):
                sums[r * images + i] = sums[r * images + i] + items[i] * weights
    add_lanes(sums, images * rows, images, totals, pitch)


cdef inline outlined dots(int images, int rows, const Rows* x, const Rows* w, Py_ssize_t steps, Real* totals,
                          Py_ssize_t pitch, Vector* tag) noexcept nogil:
    """The same for the numbers that occur."""
    if images == 1 and rows == ROWS_1:
        dot(1, ROWS_1, x, w, steps, totals, pitch, tag)
    elif images == 2 and rows == ROWS_2:
        dot(2, ROWS_2, x, w, steps, totals, pitch, tag)
    elif images == 3 and rows == ROWS_3:
        dot(3, ROWS_3, x, w, steps, totals, pitch, tag)
    elif images == 4 and rows == ROWS_4:
        dot(4, ROWS_4, x, w, steps, totals, pitch, tag)
    elif images == 1:
        dot(1, 1, x, w, steps, totals, pitch, tag)
    elif images == 2:
        dot(2, 1, x, w, steps, totals, pitch, tag)
    elif images == 3:
        dot(3, 1, x, w, steps, totals, pitch, tag)
    else:
        dot(4, 1, x, w, steps, totals, pitch, tag)


cdef inline void block(int images, int rows, Rows x, Rows w, Py_ssize_t items, Real* totals,
                       Py_ssize_t pitch) noexcept nogil:
    """Some images times some rows, over one block of products; the last vector is filled up with zeros."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), steps = items // lanes, rest = items % lanes
    cdef Real last[2][8 * LANES]
    cdef Rows ends[2]
    if steps:
        if Real is float:
            dots(images, rows, &x, &w, steps, totals, pitch, <f32v*> NULL)
        else:
            dots(images, rows, &x, &w, steps, totals, pitch, <f64v*> NULL)
    if rest:
        ends[0] = last_vectors(&x, images, steps * lanes, rest, last[0])
        ends[1] = last_vectors(&w, rows, steps * lanes, rest, last[1])
        if Real is float:
            dots(images, rows, &ends[0], &ends[1], 1, totals, pitch, <f32v*> NULL)
        else:
            dots(images, rows, &ends[0], &ends[1], 1, totals, pitch, <f64v*> NULL)


cdef inline Rows last_vectors(const Rows* rows, int count, Py_ssize_t first, Py_ssize_t rest, Real* to) noexcept nogil:
    cdef Py_ssize_t lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(Real), i, j
    cdef Rows ends
    memset(to, 0, count * VECTOR_BYTES)
    for i in range(count):
        for j in range(rest):
            to[i * lanes + j] = (<const Real*> (rows.data + i * rows.pitch))[first + j]
    ends.data, ends.pitch = <const char*> to, VECTOR_BYTES
    return ends


cdef inline void multiply(const Args* a, const Item* item, Rows x, Rows w, Py_ssize_t rows, Py_ssize_t items,
                          Real* totals) noexcept nogil:
    """All images of an item times `rows` rows, one block after the other; totals: [row][image]."""
    cdef Py_ssize_t size = sizeof(Real), length = a.block_steps * (VECTOR_BYTES // size), at, r, image = 0, most
    cdef int images
    cdef Rows near, far
    while image < item.images:
        images = <int> minimum(4, item.images - image)
        most = ROWS_1 if images == 1 else ROWS_2 if images == 2 else ROWS_3 if images == 3 else ROWS_4
        r = 0
        while r < rows:
            if rows - r < most:
                most = 1
            at = 0
            while at < items:
                near.data, near.pitch = x.data + image * x.pitch + at * size, x.pitch
                far.data, far.pitch = w.data + r * w.pitch + at * size, w.pitch
                block(images, <int> most, near, far, minimum(length, items - at),
                      totals + r * a.tile_columns + image, a.tile_columns)
                at = at + length
            r = r + most
        image = image + images


cdef inline Item locate(const Args* a, Py_ssize_t number) noexcept nogil:
    """Item `number`, the rows fastest."""
    cdef Py_ssize_t parts = ceil_div(a.rows, a.panel_rows)
    cdef Item item
    item.row = number % parts * a.panel_rows
    item.rows = minimum(a.panel_rows, a.rows - item.row)
    item.group = number // parts % a.groups
    item.image = number // parts // a.groups * a.tile_columns
    item.images = minimum(a.tile_columns, a.images - item.image)
    return item


cdef void item_f(const Args* a, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    """Products that are read together stay in the cache while they meet all rows, a few at a time."""
    cdef Py_ssize_t products = a.channels * a.axis[0].window * a.axis[1].window * a.axis[2].window, at = 0, items, r
    cdef Py_ssize_t span = a.pack_blocks * a.block_steps * (VECTOR_BYTES // <Py_ssize_t> sizeof(Real)), few
    cdef Item item = locate(a, number)
    cdef Real* totals = <Real*> scratch
    cdef Rows x, w
    memset(totals, 0, item.rows * a.tile_columns * sizeof(Real))
    while at < products:
        items = minimum(span, products - at)
        x = read_rows(image_rows(a, item.group, item.image, totals), item.images, at, items,
                      <Real*> (scratch + a.scratch_columns), span)
        r = 0
        while r < item.rows:
            few = minimum(a.tile_panels, item.rows - r)
            w = read_rows(weight_rows(a, item.group * a.rows + item.row + r, totals), few, at, items,
                          <Real*> (scratch + a.scratch_halo), span)
            multiply(a, &item, x, w, few, items, totals + r * a.tile_columns)
            r = r + few
        at = at + items
    store(a, &item, totals)


cdef inline void store(const Args* a, const Item* item, Real* totals) noexcept nogil:
    cdef Py_ssize_t r, channel
    cdef const char* add
    for r in range(item.rows):
        channel = item.group * a.rows + item.row + r
        add = a.epilogue.add.data
        if add != NULL:
            add = add + item.image * a.epilogue.add.batch + channel * a.epilogue.add.channel
        finish(&a.epilogue, totals + r * a.tile_columns, (<const Real*> a.epilogue.bias)[channel],
               a.out.data + item.image * a.out.batch + channel * a.out.channel, a.out.batch, add,
               a.epilogue.add.batch, item.images)


cdef inline void run(const Args* a, const Real* tag) noexcept nogil:
    cdef Py_ssize_t number
    for number in range(a.tile_begin, a.tile_end):
        item_f(a, number, a.scratch, tag)


cdef api void linear_f32(const Args* a) noexcept nogil:
    run(a, <const float*> NULL)


cdef api void linear_f64(const Args* a) noexcept nogil:
    run(a, <const double*> NULL)
