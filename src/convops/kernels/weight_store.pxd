# How the gradient of a convolution in its filters is stored: panels turned, channels and taps side by side.
from convops.kernels.abi cimport NONE, Args, Operand
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport ceil_div, finish, minimum
from convops.kernels.turn cimport turn_out
from convops.kernels.weight_parts cimport Part


cdef inline Py_ssize_t flat_step(const Args* a, const Operand* o, Py_ssize_t channels) noexcept nogil:
    """Bytes from item to item where all taps of so many channels follow each other in C order; 0 where they do not."""
    cdef Py_ssize_t step = 0, expected = 0
    cdef int i
    for i in range(2, -1, -1):
        if a.axis[i].out > 1:
            if step == 0:
                step = expected = o.step[i]
            if o.step[i] != expected:
                return 0
            expected = expected * a.axis[i].out
    if step == 0:
        return o.channel
    return step if channels == 1 or o.channel == expected else 0


cdef inline void list_places(const Args* a, const Part* part, Py_ssize_t* places, const Real* tag) noexcept nogil:
    """Where the sums of a panel stand, in the order of the result: channels, then taps. In bytes."""
    cdef Py_ssize_t c, tap, taps = a.axis[0].out * a.axis[1].out * a.axis[2].out, wide = a.axis[2].out
    for c in range(part.channels):
        for tap in range(taps):
            if part.flat:
                places[0] = tap // wide * part.rows + tap % wide * part.channels + c
            else:
                places[0] = tap * part.rows + c
            places[0] = places[0] * a.panel_rows * sizeof(Real)
            places = places + 1


cdef inline void store_line(const Args* a, const Part* part, Real* line, char* out, const char* add) noexcept nogil:
    """The gradients of one output channel through the epilogue, at once where they follow each other."""
    cdef Py_ssize_t step = flat_step(a, &a.out, part.channels), add_step, c, i, j, wide = a.axis[2].out
    cdef Py_ssize_t deep = a.axis[0].out, high = a.axis[1].out
    add_step = flat_step(a, &a.epilogue.add, part.channels) if add != NULL else 1
    if step and add_step:
        finish(&a.epilogue, line, <Real> 0, out, step, add, add_step, part.channels * deep * high * wide)
        return
    for c in range(part.channels):
        for i in range(deep):
            for j in range(high):
                finish(&a.epilogue, line, <Real> 0,
                       out + c * a.out.channel + i * a.out.step[0] + j * a.out.step[1], a.out.step[2],
                       NULL if add == NULL else add + c * a.epilogue.add.channel + i * a.epilogue.add.step[0]
                       + j * a.epilogue.add.step[1], a.epilogue.add.step[2], wide)
                line = line + wide


cdef inline void store_panel(const Args* a, const Part* part, Py_ssize_t row, Py_ssize_t valid, const Real* totals,
                             const Py_ssize_t* places, Real* line) noexcept nogil:
    cdef Py_ssize_t items = part.channels * a.axis[0].out * a.axis[1].out * a.axis[2].out, i, q
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(Real)
    cdef char* out = a.out.data + row * a.out.batch + part.channel * a.out.channel
    cdef const char* add = NULL
    if (flat_step(a, &a.out, part.channels) == sizeof(Real) and a.epilogue.add.data == NULL
            and a.epilogue.activation == NONE and a.epilogue.cast == NULL):
        for q in range(ceil_div(items, lanes)):
            for i in range(ceil_div(valid, lanes)):
                turn_out(totals + i * lanes, places + q * lanes, minimum(lanes, items - q * lanes),
                         <Real*> (out + i * lanes * a.out.batch) + q * lanes, a.out.batch,
                         minimum(lanes, valid - i * lanes))
        return
    for i in range(valid):
        for q in range(items):
            line[q] = (<const Real*> (<const char*> (totals + i) + places[q]))[0]
        if a.epilogue.add.data != NULL:
            add = a.epilogue.add.data + (row + i) * a.epilogue.add.batch + part.channel * a.epilogue.add.channel
        store_line(a, part, line, out + i * a.out.batch, add)
