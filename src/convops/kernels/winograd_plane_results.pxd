# The results of `winograd_planes.pyx`: sums at all points to output lines. Start reading at `store`.
from convops.kernels.abi cimport RELU, Args
from convops.kernels.block cimport GENERAL, PASSING, WHOLE, End
from convops.kernels.lanes cimport end_vector, load, load_weight
from convops.kernels.open_lines cimport CHUNK
from convops.kernels.padded_lines cimport Line, moved
from convops.kernels.past_caches cimport CACHE_LINE, PAST, address, goes_past, move_lines_past, store_past
from convops.kernels.simd cimport Real, VECTOR_BYTES, Vector, f32v, f64v, inlined, outlined
from convops.kernels.tile cimport finish, minimum
from convops.kernels.winograd_lines cimport scaled
from convops.kernels.winograd_pairs cimport MOST_OUTPUTS, MOST_POINTS, output_pairs
from convops.kernels.winograd_plane cimport ASIDE, Job, item_of

# One transform's results: where its lines go, and what is added to them.
cdef struct Results:
    const char* sums
    char* out[MOST_OUTPUTS]
    const char* add[MOST_OUTPUTS]
    const char* bias
    bint relu
    Py_ssize_t count


cdef inline inlined end_vectors(int points, int outputs, End end, const Results* results, char* strange,
                                Vector* tag) noexcept nogil:
    cdef Results here = results[0]
    cdef const Results* r = &here
    cdef Vector s[MOST_POINTS]
    cdef Vector y[MOST_OUTPUTS]
    cdef Vector bias, total = (<Vector*> strange)[0]
    cdef Py_ssize_t at = 0, item = 4 if Vector is f32v else 8
    cdef int i
    load_weight(r.bias, &bias)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    while at < r.count * item:
        for i in range(points):
            load(r.sums + i * CHUNK + at, &s[i])
        output_pairs(points, s, y)
        for i in range(outputs):
            total = total + scaled(0, y[i])
            if end == PASSING:
                store_past(r.out[i] + at, y[i] + bias)
            elif end == WHOLE:
                (<Vector*> (r.out[i] + at))[0] = y[i] + bias
            else:
                end_vector(y[i], bias, NULL if r.add[i] == NULL else r.add[i] + at, r.relu, r.out[i] + at,
                           r.count - at // item)
        at = at + VECTOR_BYTES
    (<Vector*> strange)[0] = total


cdef inline outlined end_lines(int points, End end, const Results* r, char* strange, Vector* tag) noexcept nogil:
    if points == 5 and end == PASSING:
        end_vectors(5, 3, PASSING, r, strange, tag)
    elif points == 5 and end == WHOLE:
        end_vectors(5, 3, WHOLE, r, strange, tag)
    elif points == 5:
        end_vectors(5, 3, GENERAL, r, strange, tag)
    elif end == PASSING:
        end_vectors(7, 4, PASSING, r, strange, tag)
    elif end == WHOLE:
        end_vectors(7, 4, WHOLE, r, strange, tag)
    else:
        end_vectors(7, 4, GENERAL, r, strange, tag)


cdef inline char* place_aside(const Job* j, Py_ssize_t line, const char* out) noexcept nogil:
    """Where a line of results waits: as `out` does, it lies in a line of the caches."""
    cdef char* to = j.aside + line * ASIDE + CACHE_LINE
    return to + (address(out) & (CACHE_LINE - 1))


cdef inline End end_of(const Args* a, const Job* j, const Results* r, bint passes, const Real* tag) noexcept nogil:
    """How all lines of a transform are stored first."""
    if r.relu or r.add[0] != NULL or r.count * <Py_ssize_t> sizeof(Real) % VECTOR_BYTES:
        return GENERAL
    return PASSING if passes and goes_past(r.out[0], a.out.step[1]) else WHOLE


cdef inline void store(const Args* a, Job* j, Py_ssize_t turn, Py_ssize_t row, Py_ssize_t column,
                       const Real* tag) noexcept nogil:
    """The lines of one transform, from such an output of the tile on; those behind its last are dropped."""
    cdef Line at = moved(j.origin, row, column)
    cdef Py_ssize_t i, lines = minimum(j.outputs, j.height - row)
    cdef bint passes = PAST and a.past_caches and j.plain, aside
    cdef Real none = <Real> -0.0
    cdef End end
    cdef Results r
    r.sums, r.count = j.sums + turn * j.points * CHUNK, minimum(j.chunk, j.width - column)
    r.bias = a.epilogue.bias if j.plain else <const char*> &none
    r.relu = j.plain and a.epilogue.activation == RELU
    for i in range(j.outputs):
        r.out[i], r.add[i] = j.copies + i * CHUNK, NULL
        if j.plain and i < lines:
            r.out[i], r.add[i] = item_of(&a.out, &at, i), item_of(&a.epilogue.add, &at, i)
    end = end_of(a, j, &r, passes, tag)
    aside = passes and end != PASSING
    for i in range(lines if aside else 0):
        r.out[i] = place_aside(j, turn * j.outputs + i, r.out[i])
    if Real is float:
        end_lines(j.points, end, &r, j.strange, <f32v*> NULL)
    else:
        end_lines(j.points, end, &r, j.strange, <f64v*> NULL)
    for i in range(lines if aside else 0):
        move_lines_past(item_of(&a.out, &at, i), r.out[i], r.count * sizeof(Real), column == 0,
                        column + r.count == j.width)
    for i in range(0 if j.plain else lines):
        finish(&a.epilogue, <Real*> r.out[i], (<const Real*> a.epilogue.bias)[0], item_of(&a.out, &at, i),
               a.out.step[2], item_of(&a.epilogue.add, &at, i), a.epilogue.add.step[2], r.count)
