# The first step of separable pools: every line of a band along itself.
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item, beats, is_nan
from convops.kernels.pool_band cimport MOST_ALONG, Job, identity, line_at, seen, slides, whole_vectors
from convops.kernels.pool_lanes cimport move, u8v
from convops.kernels.pool_run cimport Run, fold_run, row_of
from convops.kernels.pool_sliding cimport Slide, completes, slide, slide_from
from convops.kernels.pool_strands cimport fold_strands
from convops.kernels.simd cimport VECTOR_BYTES, f32v, f64v
from convops.kernels.tile cimport maximum, minimum
from convops.kernels.window cimport Taps, taps_of


cdef enum:
    AHEAD = 1 << 10            # bytes between what is copied and what is asked for


cdef inline void fold_items(int kind, Item* to, const Item* items, const Run* run) noexcept nogil:
    if Item is float:
        fold_run(kind, <char*> to, <const char*> items, run, <const f32v*> NULL)
    elif Item is double:
        fold_run(kind, <char*> to, <const char*> items, run, <const f64v*> NULL)
    elif Item is uint8_t:
        fold_run(kind, <char*> to, <const char*> items, run, <const u8v*> NULL)


cdef inline void move_items(Item* to, const Item* items, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    if Item is float:
        move(<char*> to, <const char*> items, count, ahead, <const f32v*> NULL)
    elif Item is double:
        move(<char*> to, <const char*> items, count, ahead, <const f64v*> NULL)
    elif Item is uint8_t:
        move(<char*> to, <const char*> items, count, ahead, <const u8v*> NULL)


cdef inline void slide_items(int kind, Slide* s, Item* to, const Item* items, const Item* divisors,
                             bint whole) noexcept nogil:
    if Item is float:
        slide(kind, s, <const char*> items, <char*> to, <const char*> divisors, whole, <const f32v*> NULL)
    elif Item is double:
        slide(kind, s, <const char*> items, <char*> to, <const char*> divisors, whole, <const f64v*> NULL)
    elif Item is uint8_t:
        slide(kind, s, <const char*> items, <char*> to, <const char*> divisors, whole, <const u8v*> NULL)


cdef inline void fill(int kind, Item* to, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    cdef Item value = identity(kind, to)
    for i in range(count):
        to[i] = value


cdef inline Item joined(int kind, Item best, Item value) noexcept nogil:
    if kind == MAXIMUM or kind == MINIMUM:
        return value if beats(kind, value, best) | is_nan(value) else best
    return best + value


cdef inline void fold_few(int kind, Item* to, const Item* items, const Run* run) noexcept nogil:
    """Item by item, for less than a vector where nothing else may be read."""
    cdef Py_ssize_t i, k, shift = run.shift // <Py_ssize_t> sizeof(Item)
    cdef Item best
    for i in range(run.count):
        best = items[i]
        if kind != MAXIMUM and kind != MINIMUM:
            best = best + 0
        for k in range(1, run.n):
            best = joined(kind, best, items[k * shift + i])
        to[i] = best


cdef inline void fold_pixel(const Args* a, int kind, const Job* j, Py_ssize_t w, Item* to,
                            const char* line) noexcept nogil:
    """One output where its line lies; taps on padding are left out."""
    cdef Taps taps = taps_of(&a.axis[2], w)
    cdef const Item* items = <const Item*> (line + (taps.origin + taps.begin * taps.step) * a.x.step[2])
    cdef Run run = row_of(taps.end - taps.begin, taps.step * a.x.step[2], 1, j.unit, False)
    if run.n <= 0:
        fill(kind, to, j.unit)
    elif j.unit * sizeof(Item) >= VECTOR_BYTES:
        fold_items(kind, to, items, &run)
    else:
        fold_few(kind, to, items, &run)


cdef inline void fold_in_place(const Args* a, int kind, const Job* j, Item* to, const char* line) noexcept nogil:
    """Along a line where it lies."""
    cdef const Axis* axis = &a.axis[2]
    cdef Run run = row_of(axis.window, axis.dilation * a.x.step[2], axis.stride, j.end - j.begin, False)
    cdef Py_ssize_t w, step = a.x.step[2], pixel = j.unit * <Py_ssize_t> sizeof(Item)
    if j.together:
        run.step, run.times, run.count = 1, j.end - j.begin, j.unit
        run.next_items, run.next_to = axis.stride * step, pixel
        if run.next_items == pixel:
            run.count, run.times = run.count * run.times, 1
    if j.begin < j.end:
        fold_items(kind, to + (j.begin - j.w) * j.unit,
                   <const Item*> (line + (j.begin * axis.stride - axis.shift) * step), &run)
    for w in range(j.w, j.begin):
        fold_pixel(a, kind, j, w, to + (w - j.w) * j.unit, line)
    for w in range(j.end, j.w + j.wide):
        fold_pixel(a, kind, j, w, to + (w - j.w) * j.unit, line)


cdef inline void clear_copy(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """Identities everywhere; items will be copied between them."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Item)
    cdef Py_ssize_t begin = maximum(0, a.axis[2].inner_begin - j.w * a.axis[2].stride) * j.unit
    if j.copies:
        j.copy = j.scratch + (whole_vectors(begin, tag) - begin) * <Py_ssize_t> sizeof(Item)
        fill(kind, <Item*> j.scratch, j.group * j.pitch + lanes)


cdef inline void copy_line(const Args* a, const Job* j, Item* to, const char* line) noexcept nogil:
    """What the band sees of a line; the identities around it are there already."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = j.w * axis.stride, count = seen(axis, j.wide), i, p, step = a.x.step[2]
    cdef Py_ssize_t begin = minimum(count, maximum(0, axis.inner_begin - first))
    cdef Py_ssize_t end = maximum(begin, minimum(count, axis.inner_end - first))
    cdef Py_ssize_t ahead = AHEAD if j.planes == 1 else j.planes * a.x.channel  # the same line of the next planes
    to = to + begin * j.unit
    line = line + (first + begin - axis.shift) * step
    if j.together and step == j.unit * <Py_ssize_t> sizeof(Item):
        move_items(to, <const Item*> line, (end - begin) * j.unit, AHEAD)
    elif j.together:
        for i in range(end - begin):
            memcpy(to + i * j.unit, line + i * step, j.unit * sizeof(Item))
    elif step == sizeof(Item):
        for p in range(j.planes):
            move_items(to + p * j.span, <const Item*> (line + p * a.x.channel), end - begin, ahead)
    else:
        for p in range(j.planes):
            for i in range(end - begin):
                to[p * j.span + i] = (<const Item*> (line + p * a.x.channel + i * step))[0]


cdef inline void fold_copies(const Args* a, int kind, const Job* j, Item* to, Py_ssize_t count) noexcept nogil:
    """All windows along so many copied lines."""
    cdef Py_ssize_t pixel = j.unit * <Py_ssize_t> sizeof(Item), stride = a.axis[2].stride, i
    cdef Run run = row_of(a.axis[2].window, a.axis[2].dilation * pixel, stride, j.length, True)
    run.times, run.next_items = count, j.pitch * <Py_ssize_t> sizeof(Item)
    run.next_to = j.out_pitch * <Py_ssize_t> sizeof(Item)
    if not j.together or stride == 1:
        fold_items(kind, to, <const Item*> j.copy, &run)
        return
    run.step, run.times, run.count, run.next_to, run.next_items = 1, j.wide, j.unit, pixel, stride * pixel
    run.whole = False
    for i in range(count):
        fold_items(kind, to + i * j.out_pitch, <const Item*> j.copy + i * j.pitch, &run)


cdef inline void copy_and_fold(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Lines of which copies are folded, as many as possible at once."""
    cdef Py_ssize_t i, first = 0, count = 0
    cdef const char* line
    for i in range(j.lines):
        line = line_at(a, j, i)
        if line == NULL:
            continue
        if count == 0:
            first = i
        copy_line(a, j, <Item*> j.copy + count * j.pitch, line)
        count = count + 1
        if count == j.group or i + 1 == j.lines or line_at(a, j, i + 1) == NULL:
            fold_copies(a, kind, j, <Item*> j.folded + first * j.out_pitch, count)
            count = 0


cdef inline void double_copy(const Args* a, int kind, const Job* j, Item* to) noexcept nogil:
    """Extremes of ever longer windows along the copied line; the last two may overlap."""
    cdef Py_ssize_t n = 1, window = a.axis[2].window, shift = a.axis[2].dilation * <Py_ssize_t> sizeof(Item)
    cdef Run run
    while 2 * n < window:
        run = row_of(4 if 4 * n < window else 2, n * shift, 1, j.pitch, True)
        fold_items(kind, <Item*> j.copy, <const Item*> j.copy, &run)
        n = n * run.n
    run = row_of(2, (window - n) * shift, a.axis[2].stride, j.length, True)
    fold_items(kind, to, <const Item*> j.copy, &run)


cdef inline void slide_copy(const Args* a, int kind, const Job* j, Item* to) noexcept nogil:
    """All windows along a copied line of pixels whose channels lie side by side."""
    cdef Py_ssize_t pitch = whole_vectors(j.unit, to) * <Py_ssize_t> sizeof(Item), i, w = 0
    cdef Slide s = slide_from(&a.axis[2], j.w, j.unit, pitch, j.strands)
    cdef bint done
    for i in range(seen(&a.axis[2], j.wide)):
        done = completes(&s)
        slide_items(kind, &s, to + w * j.unit, <const Item*> j.copy + i * j.unit, NULL, False)
        w = w + done


cdef inline void slide_line(const Args* a, int kind, const Job* j, Item* to, const char* line) noexcept nogil:
    """Along a copied line where it cannot be turned."""
    if not j.together:
        fill(kind, <Item*> j.copy, j.pitch)  # the last line went through many hands
    copy_line(a, j, <Item*> j.copy, line)
    if j.together:
        slide_copy(a, kind, j, to)
    else:
        double_copy(a, kind, j, to)


cdef inline void fold_lines(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    cdef Py_ssize_t i
    cdef const char* line
    cdef bint sliding = slides(&a.axis[2], MOST_ALONG)
    cdef Item* to
    for i in range(j.lines):
        line, to = line_at(a, j, i), <Item*> j.folded + i * j.out_pitch
        if line == NULL:
            fill(kind, to, j.out_pitch)
        elif sliding and j.copies:
            slide_line(a, kind, j, to, line)
        elif not (sliding or j.copies):
            fold_in_place(a, kind, j, to, line)
    if sliding and not j.copies:
        fold_strands(a, kind, j, tag)
    elif not sliding and j.copies:
        copy_and_fold(a, kind, j, tag)
