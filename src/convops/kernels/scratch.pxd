from cpython.object cimport PyObject


cdef class Workspace:
    cdef PyObject* free[4]

    cpdef bytearray borrow(self, Py_ssize_t size)
    cpdef give_back(self, bytearray block)


cdef bytearray new_block(Py_ssize_t size)
