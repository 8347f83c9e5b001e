from convops.kernels.abi cimport Args, Axis
from convops.kernels.team cimport Kernel


cdef class Launch:
    cdef Args args
    cdef Kernel kernel
    cdef Py_ssize_t tiles
    cdef double chunk
    cdef Py_ssize_t grain, kin
    cdef object keep

    cdef _set_axis(self, Axis* to, axis)
    cdef Py_ssize_t _count(self, Args* args, Py_ssize_t images, Py_ssize_t items) noexcept
    cdef _run(self, Args* args, Py_ssize_t images, Py_ssize_t items=*)
