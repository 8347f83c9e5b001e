# cython: language_level=3, freethreading_compatible=True
"""The short way to a kernel, for arrays that are exactly as planned: one look at each, no Python objects.

Whatever is unusual (another type, dtype or shape, a read-only or overlapping `out`, a result that does not fit) is
refused by the answer False, and the caller goes the long way, which knows what to do or what to say.
"""
from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING

import numpy

from convops.kernels.abi cimport Args, Load, Operand
from convops.kernels.bind cimport Launch
from convops.kernels.scratch cimport Workspace, new_block

cdef object Array = numpy.ndarray
cdef object empty = numpy.empty
cdef object BYTE = numpy.dtype("uint8")

cdef enum:
    MOST_AXES = 8
    MOST_OPERANDS = 3
    HUGE = 1 << 22

# Where an array lies in memory.
cdef struct Span:
    const char* begin
    const char* end


cdef class Expected:
    """What an array must be, and which of its axes are batch, channel and spatial ones."""
    cdef object dtype
    cdef int ndim, batches, channel
    cdef Py_ssize_t shape[MOST_AXES]
    cdef int batch[MOST_AXES]
    cdef int spatial[3]

    def __init__(self, dtype, shape, batch=(), channel=None, spatial=()):
        if len(shape) > MOST_AXES or len(spatial) > 3:
            raise ValueError("too many axes for the short way")
        self.dtype, self.ndim, self.batches = dtype, len(shape), len(batch)
        self.channel = -1 if channel is None else channel
        for i, length in enumerate(shape):
            self.shape[i] = length
        for i, axis in enumerate(batch):
            self.batch[i] = axis
        for i, axis in enumerate((-1,) * (3 - len(spatial)) + tuple(spatial)):
            self.spatial[i] = axis

    cdef bint take(self, array, Py_buffer* view, int flags):
        """Open a view of the array; False if it is not as expected."""
        cdef int i
        if type(array) is not Array or array.dtype is not self.dtype:
            return False
        try:
            PyObject_GetBuffer(array, view, PyBUF_STRIDES | flags)
        except (BufferError, ValueError):
            return False
        if view.ndim == self.ndim:
            for i in range(self.ndim):
                if view.shape[i] != self.shape[i]:
                    break
            else:
                return True
        PyBuffer_Release(view)
        return False

    cdef bint place(self, const Py_buffer* view, Operand* to) noexcept:
        """Pointer and strides in canonical order; False where the batch axes are not one in memory."""
        cdef Py_ssize_t length = 1, size, stride
        cdef int i
        to.data = <char*> view.buf
        to.batch = 0
        for i in range(self.batches - 1, -1, -1):
            size, stride = view.shape[self.batch[i]], view.strides[self.batch[i]]
            if size == 1:
                continue
            if length == 1:
                to.batch = stride
            elif stride != to.batch * length:
                return False
            length = length * size
        to.channel = view.strides[self.channel] if self.channel >= 0 else 0
        for i in range(3):
            to.step[i] = view.strides[self.spatial[i]] if self.spatial[i] >= 0 else 0
        return True


cdef class Express:
    """One kernel call. `holding` makes it that of a plan; `once` packs its weights for a single call."""
    cdef Launch launch, pack
    cdef Expected x, out, add, w, bias
    cdef Py_ssize_t images, scratch, items
    cdef Load load
    cdef object workers
    cdef Workspace memory
    cdef object held
    cdef const char* weights
    cdef const char* offsets
    cdef int operands
    cdef bint skips
    cdef Span spans[MOST_OPERANDS]

    def __init__(self, Launch launch, Expected x, Expected out, *, Py_ssize_t images, Expected add=None,
                 Py_ssize_t scratch=0, size_t load=0, workers=None):
        self.launch, self.x, self.out, self.add = launch, x, out, add
        self.images, self.scratch, self.load, self.workers = images, scratch, <Load> <void*> load, workers

    def pack_with(self, Launch pack, Expected w, Expected bias, Py_ssize_t items):
        """Itself, now able to pack weights into so many bytes."""
        self.pack, self.w, self.bias, self.items = pack, w, bias, items
        return self

    def holding(self, weights, bias, Workspace memory, operands, bint skips=False):
        """Itself, with packed weights and scratch memory of a plan; `out` must lie apart from the operands."""
        self.held = weights, bias, tuple(operands)
        self.weights, self.offsets, self.memory = _address(weights), _address(bias), memory
        self.skips = skips
        for array in operands:
            if self.operands == MOST_OPERANDS:
                raise ValueError("too many operands for the short way")
            self.spans[self.operands] = _span(array)
            self.operands += 1
        return self

    def __call__(self, x, out, add=None):
        """Whether it was done: `out` holds the result then."""
        return self._call(x, out, add, self.weights, self.offsets, self.spans, self.operands, self.skips)

    def once(self, x, out, add, w, bias, tuple operands):
        """The same with weights of the call's own; `operands` is what `out` must lie apart from, beside x and add."""
        cdef Py_buffer views[2]
        cdef Span spans[MOST_OPERANDS]
        cdef int held = 0, count = 0, i
        cdef const char* offsets = NULL
        cdef char* weights
        if len(operands) > MOST_OPERANDS or (bias is None) != (self.bias is None) or (w is None) != (self.w is None):
            return False
        try:
            for array in operands:
                spans[count] = _span(array)
                count = count + 1
            if bias is not None:
                if not self.bias.take(bias, &views[held], 0):
                    return False
                held = held + 1
                if views[0].strides[0] != views[0].itemsize and views[0].shape[0] > 1:
                    return False
                offsets = <const char*> views[0].buf
            if w is None:
                return self._call(x, out, add, NULL, offsets, spans, count, False)
            if not self.w.take(w, &views[held], 0):
                return False
            held = held + 1
            # NumPy asks for huge pages where they pay.
            packed = new_block(self.items) if self.items < HUGE else empty(self.items, BYTE)
            weights = PyByteArray_AS_STRING(packed) if self.items < HUGE else _address(packed)
            finite = self._pack(&views[held - 1], weights)
            return self._call(x, out, add, weights, offsets, spans, count, finite)
        finally:
            for i in range(held):
                PyBuffer_Release(&views[i])

    cdef bint _pack(self, const Py_buffer* w, char* packed) except -1:
        """Whether all weights are finite."""
        cdef Args args = self.pack.args
        cdef int status = 0
        self.w.place(w, &args.x)
        args.out.data = packed
        args.workers = 1
        args.epilogue.status = &status
        self.pack._run(&args, 1)
        return status == 0

    cdef bint _call(self, x, out, add, const char* weights, const char* bias, const Span* operands,
                    int count, bint skips) except -1:
        cdef Py_buffer views[3]
        cdef Args args
        cdef int held = 0, status = 0, i
        if (add is None) != (self.add is None):
            return False
        try:
            if not self.out.take(out, &views[0], PyBUF_WRITABLE):
                return False
            held = 1
            if not self.x.take(x, &views[1], 0):
                return False
            held = 2
            if add is not None:
                if not self.add.take(add, &views[2], 0):
                    return False
                held = 3
            if not _apart(views, held, operands, count):
                return False
            args = self.launch.args
            if not self.out.place(&views[0], &args.out) or not self.x.place(&views[1], &args.x):
                return False
            if add is not None and not self.add.place(&views[2], &args.epilogue.add):
                return False
            args.load, args.weights = self.load, weights
            if bias != NULL:
                args.epilogue.bias = bias
            if not skips:
                args.skipped_axis = -1
            args.epilogue.status = &status
            self._run(&args)
        finally:
            for i in range(held):
                PyBuffer_Release(&views[i])
        return status == 0

    cdef _run(self, Args* args):
        cdef bytearray block
        args.workers = 1 if self.workers is None else self.workers()
        if self.memory is None:
            block = new_block(self.scratch * args.workers)
        else:
            block = self.memory.borrow(self.scratch * args.workers)
        args.scratch = PyByteArray_AS_STRING(block)
        try:
            self.launch._run(args, self.images)
        finally:
            if self.memory is not None:
                self.memory.give_back(block)


cdef Span _extent(const Py_buffer* view) noexcept:
    """From the first byte to behind the last."""
    cdef Span span
    cdef Py_ssize_t reach
    cdef int i
    span.begin = span.end = <const char*> view.buf
    for i in range(view.ndim):
        if view.shape[i] == 0:
            span.begin = span.end = <const char*> view.buf
            return span
        reach = (view.shape[i] - 1) * view.strides[i]
        if reach < 0:
            span.begin = span.begin + reach
        else:
            span.end = span.end + reach
    span.end = span.end + view.itemsize
    return span


cdef bint _apart(const Py_buffer* views, int count, const Span* operands, int others) noexcept:
    """Whether the first array lies apart from the other arrays and operands; False also where they interleave."""
    cdef Span out = _extent(&views[0]), span
    cdef int i
    for i in range(1, count + others):
        span = _extent(&views[i]) if i < count else operands[i - count]
        if span.begin < out.end and out.begin < span.end:
            return False
    return True


cdef Span _span(array) except *:
    cdef Py_buffer view
    cdef Span span
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
    span = _extent(&view)
    PyBuffer_Release(&view)
    return span


cdef char* _address(array) except? NULL:
    """Of an array that outlives its use."""
    cdef Py_buffer view
    if array is None:
        return NULL
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
    PyBuffer_Release(&view)
    return <char*> view.buf
