# cython: language_level=3, freethreading_compatible=True
"""The door from Python to the kernels: arrays become pointers and strides, nothing else happens here.

Called by the backends; hands one `Args` to a kernel, chunk by chunk, and answers signals in between. `express.pyx`
is the same door for arrays that are exactly as planned.
"""
from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.string cimport memcpy, memset

from convops.kernels.abi cimport Args, Axis, Cast, Edged, Load, Micro, Narrow, Operand, Pass, Product, Turned
from convops.kernels.team cimport Kernel, share

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static int convops_threads(void) { return omp_get_max_threads(); }
    static int convops_openmp(void) { return _OPENMP; }
    #else
    static int convops_threads(void) { return 0; }
    static int convops_openmp(void) { return 0; }
    #endif
    """
    int convops_threads() nogil
    int convops_openmp() nogil

cdef enum:
    TILES_PER_WORKER = 8       # at least, so that all end at nearly the same time


def max_threads():
    """Threads that OpenMP would use now: OMP_NUM_THREADS and thread limits of the process count. 0 without OpenMP."""
    return convops_threads()


def openmp_version():
    """The date of the OpenMP standard this build uses, 0 without OpenMP."""
    return convops_openmp()


cdef class Launch:
    """A kernel with everything filled in that does not depend on the arrays of a call.

    `tiles` are those of one image with as many row panels as a tile may have, and `chunk` is the number of images
    between two looks at signals. `grain` tiles go together; where it is 0, tiles whose numbers differ by a multiple of
    the number of workers are done in order by one worker. `kin` tiles in a row, and the row panels of any tile, share
    what is prepared for them: one worker had better do them all. `zeros` stand for a bias that is not given,
    `matrices` for weights.
    """

    def __init__(self, module, str name, axes, *, Py_ssize_t tiles, double chunk, Py_ssize_t grain=1, Py_ssize_t kin=1,
                 zeros=None, matrices=None, size_t micro=0, size_t turned=0, size_t edged=0, bytes fill=bytes(16),
                 double divisor=0, bint count_padding=False, int activation=0, constants=(0.0, 0.0), size_t cast=0,
                 int policy=0, size_t products=0, passes=(0, 0, 0, 0), **sizes):
        memset(&self.args, 0, sizeof(Args))
        capsule = module.__pyx_capi__[name]
        self.kernel = <Kernel> PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))
        self.args.micro = <Micro> <void*> micro
        self.args.turned = <const Turned*> turned
        self.args.edged = <const Edged*> edged
        self.args.products = <const Product*> products
        for i in range(2):
            self.args.input_pass[i] = <Pass> <void*> <size_t> passes[i]
            self.args.output_pass[i] = <Pass> <void*> <size_t> passes[2 + i]
        self.args.divisor = divisor
        self.args.count_padding = count_padding
        self.args.epilogue.cast = <Cast> <void*> cast
        self.args.epilogue.policy = policy
        self.args.epilogue.activation = activation
        self.args.epilogue.constants[0], self.args.epilogue.constants[1] = constants
        memcpy(self.args.fill, <const char*> fill, min(len(fill), sizeof(self.args.fill)))
        self.args.fresh = True
        self.tiles = tiles
        self.chunk = chunk
        self.grain, self.kin = grain, max(kin, grain)
        self.keep = [self._set_axis(&self.args.axis[i], axis) for i, axis in enumerate(axes)], zeros, matrices
        self.args.epilogue.bias = _pointer(zeros, [], 0)
        self.args.weights = _pointer(matrices, [], 0)
        self._set_sizes(**sizes)

    cdef _set_axis(self, Axis* to, axis):
        to.size, to.window, to.stride, to.dilation, to.out = (
            axis.size, axis.window, axis.stride, axis.dilation, axis.out)
        to.padded, to.shift, to.inner_begin, to.inner_end, to.spacing = (
            axis.padded, axis.shift, axis.inner_begin, axis.inner_end, axis.spacing)
        to.counted, to.tile, to.phases, to.reach = axis.counted, axis.tile, axis.phases, axis.reach
        cdef const Py_ssize_t[::1] border = axis.border
        to.border = &border[0] if border is not None and border.shape[0] else NULL
        return axis.border

    def _set_sizes(self, *, groups=1, channels=1, rows=1, panel_rows=1, panel_unit=1, panel_columns=1, tile_panels=1,
                   tile_columns=1, block_channels=1, block_steps=1, halo_channels=0, halo_gap=0, pixels_first=False,
                   skipped_axis=-1, scratch_stride=0, scratch_line=0, scratch_columns=0, scratch_offsets=0,
                   scratch_halo=0, scratch_sums=0, sum_images=1, pack_blocks=1, segments=1, look_ahead=False,
                   past_caches=False, pooling=0, norm=0.0, rank=0, strips=1, pitch_inputs=0, pitch_sums=0,
                   word_items=1, limbs=1, limb_ratio=0.0, size_t narrow=0):
        a = &self.args
        a.groups, a.channels, a.rows = groups, channels, rows
        a.panel_rows, a.panel_unit, a.panel_columns = panel_rows, panel_unit, panel_columns
        a.tile_panels, a.tile_columns = tile_panels, tile_columns
        a.block_channels, a.block_steps = block_channels, block_steps
        a.halo_channels, a.halo_gap, a.pixels_first = halo_channels, halo_gap, pixels_first
        a.skipped_axis = skipped_axis
        a.scratch_stride, a.scratch_line = scratch_stride, scratch_line
        a.scratch_columns, a.scratch_offsets = scratch_columns, scratch_offsets
        a.scratch_halo, a.scratch_sums = scratch_halo, scratch_sums
        a.sum_images, a.pack_blocks, a.segments, a.look_ahead = sum_images, pack_blocks, segments, look_ahead
        a.past_caches, a.pooling, a.norm, a.rank = past_caches, pooling, norm, rank
        a.strips, a.pitch_inputs, a.pitch_sums = strips, pitch_inputs, pitch_sums
        a.word_items, a.limbs, a.limb_ratio, a.narrow = word_items, limbs, limb_ratio, <Narrow> <void*> narrow

    def __call__(self, x, out, *, Py_ssize_t images=1, Py_ssize_t items=0, weights=None, plain_weights=None, bias=None,
                 add=None, index=None, grad=None, filters=None, scratch=None, nonfinite=None, int workers=1,
                 size_t load=0, bint skips=False):
        """Run the kernel on canonical arrays: (batch, channel, up to three spatial axes).

        `items` replaces the tiles of all images where tiles of several images go together; `skips` says that products
        with zero padding change no sum. False where a result did not fit its dtype; the caller finds out which.
        """
        cdef Args args = self.args
        cdef list views = []
        cdef int status = 0
        args.load = <Load> <void*> load
        args.epilogue.status = &status
        try:
            _operand(&args.x, x, views, 0)
            _operand(&args.out, out, views, PyBUF_WRITABLE)
            _operand(&args.epilogue.add, add, views, 0)
            _operand(&args.index, index, views, PyBUF_WRITABLE)
            _operand(&args.grad, grad, views, 0)
            _operand(&args.filters, filters, views, 0)
            if weights is not None:
                args.weights = _pointer(weights, views, 0)
            if bias is not None:
                args.epilogue.bias = _pointer(bias, views, 0)
            if not skips:
                args.skipped_axis = -1
            args.scratch = _pointer(scratch, views, PyBUF_WRITABLE)
            args.plain_weights = _pointer(plain_weights, views, 0)
            args.nonfinite = <int*> _pointer(nonfinite, views, PyBUF_WRITABLE)
            args.workers = workers
            args.images = images
            self._run(&args, images, items)
        finally:
            views.clear()
        return status == 0

    cdef Py_ssize_t _count(self, Args* args, Py_ssize_t images, Py_ssize_t items) noexcept:
        """Tiles of a call."""
        cdef Py_ssize_t tiles = self.tiles * images
        return items if items else tiles * _split_panels(args, tiles)

    cdef _run(self, Args* args, Py_ssize_t images, Py_ssize_t items=0):
        cdef Py_ssize_t begin = 0, tiles = self._count(args, images, items), kin = self.kin, chunk
        if not items and self.grain == 1:
            kin = max(1, tiles // max(1, self.tiles * images))
        chunk = max(1, <Py_ssize_t> (self.chunk * tiles / images))
        if self.grain > 1:
            chunk = (chunk + self.grain - 1) // self.grain * self.grain
        while begin < tiles:
            args.tile_begin = begin
            begin = min(begin + chunk * args.workers, tiles)
            args.tile_end = begin
            with nogil:
                share(self.kernel, args, self.grain, kin)
            PyErr_CheckSignals()


cdef Py_ssize_t _split_panels(Args* args, Py_ssize_t tiles) noexcept:
    """Parts of the row panels: one, unless a tile's sums outgrow its memory or some workers found too few tiles."""
    cdef Py_ssize_t panels = (args.rows + args.panel_rows - 1) // args.panel_rows, parts = 1
    if args.workers > 1:
        parts = min(panels, (TILES_PER_WORKER * args.workers + tiles - 1) // tiles)
    parts = max(parts, (panels + args.tile_panels - 1) // args.tile_panels)
    args.tile_panels = (panels + parts - 1) // parts
    return (panels + args.tile_panels - 1) // args.tile_panels


cdef class _View:
    """A buffer without a format: any dtype and read-only arrays pass."""
    cdef Py_buffer buffer

    def __cinit__(self, array, int flags):
        PyObject_GetBuffer(array, &self.buffer, PyBUF_STRIDES | flags)

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef _operand(Operand* to, array, list views, int flags):
    if array is None:
        return
    cdef _View view = _View(array, flags)
    cdef Py_buffer* buffer = &view.buffer
    cdef int i, missing = 5 - buffer.ndim
    views.append(view)
    to.data = <char*> buffer.buf
    to.batch = buffer.strides[0]
    to.channel = buffer.strides[1]
    for i in range(3):
        to.step[i] = buffer.strides[2 + i - missing] if i >= missing else 0


cdef char* _pointer(array, list views, int flags) except? NULL:
    if array is None:
        return NULL
    cdef _View view = _View(array, flags)
    views.append(view)
    return <char*> view.buffer.buf
