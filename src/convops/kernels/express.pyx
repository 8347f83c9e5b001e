# cython: language_level=3, freethreading_compatible=True
"""The short way to a kernel, for arrays that are exactly as planned: one look at each, no Python objects.

Whatever is unusual (another type, dtype or shape, a read-only or overlapping `out`, a result that does not fit) is
refused by the answer False, and the caller goes the long way, which knows what to do or what to say.
"""
from cpython.bytearray cimport PyByteArray_AS_STRING

import numpy
from numpy cimport import_array

from convops.kernels.abi cimport Args, Load, Operand
from convops.kernels.apart cimport are_apart, keep_apart
from convops.kernels.array cimport View, is_array, is_writeable, look
from convops.kernels.bind cimport Launch
from convops.kernels.scratch cimport Workspace, new_block

import_array()

cdef object empty = numpy.empty
cdef object BYTE = numpy.dtype("uint8")

cdef enum:
    KEPT = 1 << 23             # bytes of a block that waits for the next plain call, at most
    SHARED = 1 << 17           # bytes of packed weights that threads share the packing of, at least
    LINE = 64                  # bytes at whose multiples packed weights and scratch memory begin

# Lent to plain calls. The system would take memory back after each call, and clear it page by page for the next.
cdef Workspace WEIGHTS = Workspace()
cdef Workspace SCRATCH = Workspace()


cdef class Expected:
    """What an array must be, and which of its axes are batch, channel and spatial ones."""

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

    cdef bint take(self, array, View* view, bint writes) noexcept:
        """Look at the array; False if it is not as expected."""
        cdef int i
        if not is_array(array, self.dtype) or (writes and not is_writeable(array)):
            return False
        view[0] = look(array)
        if view.ndim != self.ndim:
            return False
        for i in range(self.ndim):
            if view.shape[i] != self.shape[i]:
                return False
        return True

    cdef bint place(self, const View* view, Operand* to) noexcept:
        """Pointer and strides in canonical order; False where the batch axes are not one in memory."""
        cdef Py_ssize_t length = 1, size, stride
        cdef int i
        to.data = view.data
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
    """One kernel call. `holding` makes it that of a plan; `once` takes the weights of a single call.

    `items` replaces the tiles of all images where tiles of several images go together.
    """

    def __init__(self, Launch launch, Expected x, Expected out, *, Py_ssize_t images, Py_ssize_t items=0,
                 Expected add=None, Py_ssize_t scratch=0, size_t load=0, workers=None):
        self.launch, self.x, self.out, self.add = launch, x, out, add
        self.images, self.items, self.scratch, self.workers = images, items, scratch, workers
        self.load = <Load> <void*> load

    def taking(self, Expected w, Expected bias, Launch pack=None, Py_ssize_t packed=0):
        """Itself, now able to take weights: packed into so many bytes, or handed to the kernel as they are."""
        self.w, self.bias, self.pack, self.packed = w, bias, pack, packed
        return self

    def finite(self):
        """Itself, now refusing weights that are not finite, which only packing finds out."""
        self.only_finite = True
        return self

    def holding(self, weights, bias, Workspace memory, operands, bint skips=False):
        """Itself, with packed weights and scratch memory of a plan; `out` must lie apart from the operands."""
        self.held = weights, bias, tuple(operands)
        self.memory = memory
        self.given.weights, self.given.bias, self.given.skips = _address(weights), _address(bias), skips
        for array in operands:
            keep_apart(&self.given.kept, array)
        return self

    def lent(self):
        """Itself, without scratch memory of its own: it takes that of plain calls."""
        self.memory = None
        return self

    def kept_bytes(self):
        """Of packed weights."""
        return 0 if self.held is None or self.held[0] is None else self.held[0].nbytes

    def __call__(self, x, out, add=None):
        """Whether it was done: `out` holds the result then."""
        return self._call(x, out, add, &self.given)

    def once(self, x, out, add, w, bias, tuple operands):
        """The same, with weights of the call's own where it holds none; `out` must lie apart from `operands`, too."""
        cdef View bias_view, w_view
        cdef Given given = self.given
        if (bias is None) != (self.bias is None) or (w is None) != (self.w is None):
            return False
        for array in operands:
            keep_apart(&given.kept, array)
        if bias is not None:
            if not self.bias.take(bias, &bias_view, False):
                return False
            if bias_view.strides[0] != bias_view.item and bias_view.shape[0] > 1:
                return False
            given.bias = bias_view.data
        if w is None:
            return self._call(x, out, add, &given)
        if not self.w.take(w, &w_view, False):
            return False
        if self.pack is None:
            given.filters = &w_view
            return self._call(x, out, add, &given)
        return self._call_packed(x, out, add, &w_view, &given)

    cdef bint _call_packed(self, x, out, add, const View* w, Given* given) except -1:
        cdef bytearray block = None
        try:
            if self.packed < KEPT:
                block = WEIGHTS.borrow(self.packed + LINE)
                given.weights = _aligned(PyByteArray_AS_STRING(block))
            else:
                # NumPy asks for huge pages where they pay.
                large = empty(self.packed + LINE, BYTE)
                given.weights = _aligned(_address(large))
            given.skips = self._pack(w, <char*> given.weights)
            return (given.skips or not self.only_finite) and self._call(x, out, add, given)
        finally:
            if block is not None:
                WEIGHTS.give_back(block)

    cdef bint _pack(self, const View* w, char* packed) except -1:
        """Whether all weights are finite."""
        cdef Args args = self.pack.args
        cdef int status = 0
        self.w.place(w, &args.x)
        args.out.data = packed
        args.workers = self._team() if self.packed >= SHARED else 1
        args.epilogue.status = &status
        self.pack._run(&args, 1)
        return status == 0

    cdef bint _call(self, x, out, add, const Given* given) except -1:
        cdef View views[3]
        cdef Args args
        cdef int status = 0
        if (add is None) != (self.add is None):
            return False
        if not self.out.take(out, &views[0], True) or not self.x.take(x, &views[1], False):
            return False
        if add is not None and not self.add.take(add, &views[2], False):
            return False
        if not are_apart(views, 2 if add is None else 3, &given.kept):
            return False
        args = self.launch.args
        if not self.out.place(&views[0], &args.out) or not self.x.place(&views[1], &args.x):
            return False
        if add is not None and not self.add.place(&views[2], &args.epilogue.add):
            return False
        if given.filters != NULL:
            self.w.place(given.filters, &args.filters)
        self._fill(&args, given, &status)
        self._run(&args)
        return status == 0

    cdef int _team(self) except -1:
        return 1 if self.workers is None else self.workers()

    cdef bint is_short_line(self):
        return self.x.ndim == self.out.ndim == 1 and self.add is None and self.workers is None

    cdef void _fill(self, Args* args, const Given* given, int* status) noexcept:
        if given.weights != NULL:
            args.weights = given.weights
        args.load = self.load
        if given.bias != NULL:
            args.epilogue.bias = given.bias
        if not given.skips:
            args.skipped_axis = -1
        args.epilogue.status = args.nonfinite = status

    cdef _run(self, Args* args):
        cdef bytearray block
        cdef Workspace memory = SCRATCH if self.memory is None else self.memory
        cdef Py_ssize_t size
        args.images = self.images
        args.workers = self._team()
        size = self.scratch * args.workers + LINE
        block = memory.borrow(size)
        args.scratch = _aligned(PyByteArray_AS_STRING(block))
        try:
            self.launch._run(args, self.images, self.items)
        finally:
            if self.memory is not None or size < KEPT:
                memory.give_back(block)


cdef class Line:
    """A plan's call for one line whose items lie side by side, short enough for one thread: only addresses change.

    One call at a time.
    """

    def __init__(self, Express way, Py_ssize_t step, Py_ssize_t pitch):
        self.way, self.args, self.kernel = way, way.launch.args, way.launch.kernel
        way._fill(&self.args, &way.given, &self.status)
        self.args.x.step[2], self.args.out.step[2] = step, pitch
        self.args.images = self.args.workers = 1
        self.args.tile_begin, self.args.tile_end = 0, way.launch._count(&self.args, 1, way.items)
        self.scratch = new_block(way.scratch + LINE)
        self.args.scratch = _aligned(PyByteArray_AS_STRING(self.scratch))

    @staticmethod
    def of(way, Py_ssize_t step, Py_ssize_t pitch):
        """None where it would be something else than one short line."""
        if type(way) is not Express or not (<Express> way).is_short_line():
            return None
        return Line(way, step, pitch)

    cdef bint run(self, const char* x, char* out) noexcept nogil:
        """Whether the result fits; the caller answers for the addresses."""
        self.status = 0
        self.args.x.data, self.args.out.data = <char*> x, out
        self.kernel(&self.args)
        return self.status == 0


cdef char* _aligned(char* block) noexcept:
    """The first whole cache line."""
    return block + (-<Py_ssize_t> block & (LINE - 1))


cdef char* _address(array) except? NULL:
    """Of an array that outlives its use."""
    return NULL if array is None else look(array).data
