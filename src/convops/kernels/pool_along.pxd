# The first step of separable pools: every line of a band along itself.
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport MAXIMUM, MINIMUM, Item, beats, is_nan
from convops.kernels.pool_band cimport Job, climbs, identity, line_at, rises, seen, whole_vectors
from convops.kernels.pool_climb cimport climb_extremes, climb_sums
from convops.kernels.pool_items cimport are_clean, fold_items, move_clean_items, move_items
from convops.kernels.pool_lanes cimport CLEAN
from convops.kernels.pool_rows cimport Run, row_of
from convops.kernels.simd cimport VECTOR_BYTES
from convops.kernels.tile cimport maximum, minimum
from convops.kernels.window cimport Taps, taps_of


cdef enum:
    AHEAD = 1 << 10            # bytes between what is read of a line and what is asked for
    LINES_AHEAD = 12           # the same where strips are narrower than their lines


cdef inline Py_ssize_t ahead_of(const Args* a, const Job* j) noexcept nogil:
    """What to ask for: the same place of a later line, of the next planes, or further along the line."""
    if j.planes > 1:
        return j.planes * a.x.channel
    return AHEAD if j.together else LINES_AHEAD * a.x.step[1]


cdef inline Py_ssize_t ahead_when_copied(const Args* a, const Job* j) noexcept nogil:
    """The same, but nothing where it is asked for later on, by `pool_rise.rise`."""
    return 0 if climbs(a) and rises(a, j) and j.planes == 1 else ahead_of(a, j)


cdef inline void look_for_nan(const Args* a, Job* j, const char* line, const Item* tag) noexcept nogil:
    """Extremes are faster as long as the strip has none. Lines that are copied are looked at meanwhile."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = j.w * axis.stride, begin = maximum(first, axis.inner_begin)
    cdef Py_ssize_t count = minimum(first + seen(axis, j.wide), axis.inner_end) - begin
    if a.x.step[2] != j.unit * <Py_ssize_t> sizeof(Item):
        j.clean = False
    elif j.clean and count > 0:
        j.clean = are_clean(<const Item*> (line + (begin - axis.shift) * a.x.step[2]), count * j.unit, ahead_of(a, j))


cdef inline int kind_of(int kind, const Job* j) noexcept nogil:
    return kind + CLEAN if j.clean else kind


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
    run.ahead = 0 if j.clean or j.together else ahead_of(a, j)  # whoever looked for NaN asked
    if j.begin < j.end:
        fold_items(kind_of(kind, j), to + (j.begin - j.w) * j.unit,
                   <const Item*> (line + (j.begin * axis.stride - axis.shift) * step), &run)
    for w in range(j.w, j.begin):
        fold_pixel(a, kind, j, w, to + (w - j.w) * j.unit, line)
    for w in range(j.end, j.w + j.wide):
        fold_pixel(a, kind, j, w, to + (w - j.w) * j.unit, line)


cdef inline void clear_copy(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    """Identities everywhere; items will be copied between them."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Item)
    cdef Py_ssize_t begin = maximum(0, a.axis[2].inner_begin - j.w * a.axis[2].stride) * j.unit
    if climbs(a):
        begin = 0              # copied once, read by vectors again and again
    if j.copies:
        j.copy = j.scratch + (whole_vectors(begin, tag) - begin) * <Py_ssize_t> sizeof(Item)
        fill(kind, <Item*> j.scratch, j.group * j.pitch + lanes)


cdef inline void copy_run(Job* j, Item* to, const Item* items, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    if j.clean:
        j.clean = move_clean_items(to, items, count, ahead)
    else:
        move_items(to, items, count, ahead)


cdef inline void copy_line(const Args* a, Job* j, Item* to, const char* line) noexcept nogil:
    """What the band sees of a line; the identities around it are there already."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = j.w * axis.stride, count = seen(axis, j.wide), p, step = a.x.step[2]
    cdef Py_ssize_t begin = minimum(count, maximum(0, axis.inner_begin - first))
    cdef Py_ssize_t end = maximum(begin, minimum(count, axis.inner_end - first))
    cdef Py_ssize_t ahead = ahead_when_copied(a, j)
    to = to + begin * j.unit
    line = line + (first + begin - axis.shift) * step
    if j.together and step == j.unit * <Py_ssize_t> sizeof(Item):
        copy_run(j, to, <const Item*> line, (end - begin) * j.unit, ahead)
    elif not j.together and step == sizeof(Item):
        for p in range(j.planes):
            copy_run(j, to + p * j.span, <const Item*> (line + p * a.x.channel), end - begin, ahead)
    else:
        copy_items(a, j, to, line, end - begin)


cdef inline void copy_items(const Args* a, Job* j, Item* to, const char* line, Py_ssize_t count) noexcept nogil:
    """So many pixels that lie apart."""
    cdef Py_ssize_t i, p, step = a.x.step[2]
    j.clean = False
    if j.together:
        for i in range(count):
            memcpy(to + i * j.unit, line + i * step, j.unit * sizeof(Item))
        return
    for p in range(j.planes):
        for i in range(count):
            to[p * j.span + i] = (<const Item*> (line + p * a.x.channel + i * step))[0]


cdef inline void fold_copies(const Args* a, int kind, const Job* j, Item* to, Py_ssize_t count) noexcept nogil:
    """All windows along so many copied lines."""
    cdef Py_ssize_t pixel = j.unit * <Py_ssize_t> sizeof(Item), stride = a.axis[2].stride, i
    cdef Run run = row_of(a.axis[2].window, a.axis[2].dilation * pixel, stride, j.length, True)
    run.times, run.next_items = count, j.pitch * <Py_ssize_t> sizeof(Item)
    run.next_to = j.out_pitch * <Py_ssize_t> sizeof(Item)
    if not j.together or stride == 1:
        fold_items(kind_of(kind, j), to, <const Item*> j.copy, &run)
        return
    run.step, run.times, run.count, run.next_to, run.next_items = 1, j.wide, j.unit, pixel, stride * pixel
    run.whole = False
    for i in range(count):
        fold_items(kind_of(kind, j), to + i * j.out_pitch, <const Item*> j.copy + i * j.pitch, &run)


cdef inline void copy_and_fold(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
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


cdef inline void fill_margins(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """Identities around what will be copied, as the last line went through many hands."""
    cdef const Axis* axis = &a.axis[2]
    cdef Py_ssize_t first = j.w * axis.stride, span = seen(axis, j.wide)
    cdef Py_ssize_t begin = minimum(span, maximum(0, axis.inner_begin - first)) * j.unit
    cdef Py_ssize_t end = maximum(begin, minimum(span, axis.inner_end - first) * j.unit)
    if j.planes > 1:
        begin = end = 0
    fill(kind, <Item*> j.copy, begin)
    fill(kind, <Item*> j.copy + end, j.pitch - end)


cdef inline void climb_line(const Args* a, int kind, Job* j, Item* to, const char* line) noexcept nogil:
    """All windows along a line, in a copy."""
    cdef const char* later = line + (j.w * a.axis[2].stride - a.axis[2].shift) * a.x.step[2] + ahead_of(a, j)
    fill_margins(a, kind, j, to)
    copy_line(a, j, <Item*> j.copy, line)
    if kind == MAXIMUM or kind == MINIMUM:
        climb_extremes(a, kind_of(kind, j), j, to, later, to)
    else:
        climb_sums(a, j, to, later, to)


cdef inline void fold_lines(const Args* a, int kind, Job* j, const Item* tag) noexcept nogil:
    cdef Py_ssize_t i
    cdef const char* line
    cdef bint climbing = climbs(a)
    cdef Item* to
    for i in range(j.lines):
        line, to = line_at(a, j, i), <Item*> j.folded + i * j.out_pitch
        if line == NULL:
            fill(kind, to, j.out_pitch)
            continue
        if climbing:
            climb_line(a, kind, j, to, line)
        elif not j.copies:
            look_for_nan(a, j, line, tag)
            fold_in_place(a, kind, j, to, line)
    if not climbing and j.copies:
        copy_and_fold(a, kind, j, tag)
