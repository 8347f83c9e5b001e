from convops.kernels.abi cimport Args, Load, Operand
from convops.kernels.apart cimport Kept
from convops.kernels.array cimport View
from convops.kernels.bind cimport Launch
from convops.kernels.scratch cimport Workspace
from convops.kernels.team cimport Kernel

cdef enum:
    MOST_AXES = 8

# What a call brings beside x, out and add. The kernel packs `filters` itself.
cdef struct Given:
    const char* weights
    const char* bias
    const View* filters
    bint skips
    Kept kept


cdef class Expected:
    cdef object dtype
    cdef int ndim, batches, channel
    cdef Py_ssize_t shape[MOST_AXES]
    cdef int batch[MOST_AXES]
    cdef int spatial[3]

    cdef bint take(self, array, View* view, bint writes) noexcept
    cdef bint place(self, const View* view, Operand* to) noexcept


cdef class Express:
    cdef Launch launch, pack
    cdef Expected x, out, add, w, bias
    cdef Py_ssize_t images, items, scratch, packed
    cdef Load load
    cdef object workers
    cdef Workspace memory
    cdef object held
    cdef Given given
    cdef bint only_finite

    cdef bint is_short_line(self)
    cdef void _fill(self, Args* args, const Given* given, int* status) noexcept
    cdef bint _call_packed(self, x, out, add, const View* w, Given* given) except -1
    cdef bint _pack(self, const View* w, char* packed) except -1
    cdef bint _call(self, x, out, add, const Given* given) except -1
    cdef int _team(self) except -1
    cdef _run(self, Args* args)


cdef class Line:
    cdef Express way
    cdef Args args
    cdef Kernel kernel
    cdef bytearray scratch
    cdef int status

    cdef bint run(self, const char* x, char* out) noexcept nogil
