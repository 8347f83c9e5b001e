# Windows that slide along lines: as many lines as possible at once, one in each lane of a vector.
from convops.kernels.abi cimport Args, Axis
from convops.kernels.fold cimport Item
from convops.kernels.pool_band cimport STRANDS, Job, identity, line_at, seen
from convops.kernels.pool_lanes cimport item_bytes
from convops.kernels.pool_sliding cimport Slide, completes, slide, slide_from
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, f64v, outlined, prefetch
from convops.kernels.tile cimport ceil_div, maximum, minimum
from convops.kernels.turn cimport turn


cdef enum:
    AHEAD = 512                # bytes: so many lines at once are too many for the hardware to foresee


# Lines at work: where position 0 of the padded axis would lie, and where results go.
cdef struct Strands:
    const char* items[STRANDS]
    char* to[STRANDS]
    Py_ssize_t count
    Py_ssize_t step            # bytes from item to item
    Py_ssize_t pitch           # bytes of a vector per strand, whole vectors
    char* columns              # turned lines: one item of each
    char* results


cdef inline void take_some(const char* items, Py_ssize_t step, Py_ssize_t begin, Py_ssize_t end, char* to,
                           const char* neutral, const Vector* tag) noexcept nogil:
    """The items of a vector from `begin` to `end`, neutral ones around them."""
    cdef Py_ssize_t k, size = item_bytes(tag)
    for k in range(VECTOR_BYTES // size):
        if Vector is f32v:
            (<float*> to)[k] = (<const float*> (items + k * step if begin <= k < end else neutral))[0]
        else:
            (<double*> to)[k] = (<const double*> (items + k * step if begin <= k < end else neutral))[0]


cdef inline outlined turn_strands(const Axis* axis, const Strands* s, Py_ssize_t first, Py_ssize_t position,
                                  const char* neutral, const Vector* tag) noexcept nogil:
    """The items at a vector of positions, of as many strands, into columns."""
    cdef Vector rows[16]
    cdef Py_ssize_t i, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    cdef Py_ssize_t begin = axis.inner_begin - position, end = axis.inner_end - position
    cdef const char* items
    for i in range(lanes):
        items = s.items[minimum(first + i, s.count - 1)] + position * s.step
        prefetch(items + AHEAD, 0, 2)
        if begin <= 0 and end >= lanes and s.step == size:
            rows[i] = (<const Vector*> items)[0]
        else:
            take_some(items, s.step, begin, end, <char*> &rows[i], neutral, tag)
    turn(rows)
    for i in range(lanes):
        (<Vector*> (s.columns + i * s.pitch + first * size))[0] = rows[i]


cdef inline outlined turn_results(const Strands* s, Py_ssize_t first, Py_ssize_t offset,
                                  const Vector* tag) noexcept nogil:
    """Results of as many strands as a vector has lanes back into lines."""
    cdef Vector rows[16]
    cdef Py_ssize_t i, size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag)
    for i in range(lanes):
        rows[i] = (<const Vector*> (s.results + i * s.pitch + first * size))[0]
    turn(rows)
    for i in range(minimum(lanes, s.count - first)):
        (<Vector*> (s.to[first + i] + offset * size))[0] = rows[i]


cdef inline void run_strands(const Args* a, int kind, const Job* j, Strands* s, const char* neutral,
                             const Vector* tag) noexcept nogil:
    cdef Py_ssize_t size = item_bytes(tag), lanes = VECTOR_BYTES // item_bytes(tag), k, q, ready = 0, offset = 0
    cdef Py_ssize_t length = ceil_div(s.count, lanes) * lanes, position, count = seen(&a.axis[2], j.wide), c = 0
    cdef Slide slider = slide_from(&a.axis[2], j.w, length, length * size, j.strands)
    cdef bint done
    s.pitch = slider.pitch
    s.columns = slider.chains + slider.dilation * slider.pitch
    s.results = s.columns + lanes * s.pitch
    while c < count:
        position = slider.position
        for q in range(length // lanes):
            turn_strands(&a.axis[2], s, q * lanes, position, neutral, tag)
        for k in range(minimum(lanes, count - c)):
            done = completes(&slider)
            slide(kind, &slider, s.columns + k * s.pitch, s.results + ready * s.pitch, NULL, True, tag)
            ready = ready + done
            if done and (ready == lanes or offset + ready == j.wide):
                for q in range(length // lanes):
                    turn_results(s, q * lanes, offset, tag)
                offset, ready = offset + ready, 0
        c = c + lanes


cdef inline void flush(const Args* a, int kind, const Job* j, Strands* s, const Item* tag) noexcept nogil:
    cdef Item neutral = identity(kind, tag)
    if s.count == 0:
        return
    if Item is float:
        run_strands(a, kind, j, s, <const char*> &neutral, <const f32v*> NULL)
    elif Item is double:
        run_strands(a, kind, j, s, <const char*> &neutral, <const f64v*> NULL)
    s.count = 0


cdef inline void fold_strands(const Args* a, int kind, const Job* j, const Item* tag) noexcept nogil:
    """All lines at work along themselves."""
    cdef Strands s
    cdef Py_ssize_t i, p
    cdef const char* line
    s.count, s.step = 0, a.x.step[2]
    for i in range(j.lines):
        line = line_at(a, j, i)
        for p in range(j.planes if line != NULL else 0):
            s.items[s.count] = line + p * a.x.channel - a.axis[2].shift * a.x.step[2]
            s.to[s.count] = <char*> (<Item*> j.folded + i * j.out_pitch + p * j.out_span)
            s.count = s.count + 1
            if s.count == STRANDS:
                flush(a, kind, j, &s, tag)
    flush(a, kind, j, &s, tag)
