# cython: language_level=3, freethreading_compatible=True
"""Scratch memory lent to the calls of a plan, which may run in many threads at once."""
from cpython.bytearray cimport PyByteArray_FromStringAndSize, PyByteArray_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF

cdef extern from *:
    """
    static PyObject* convops_take(PyObject** slot) {
        return __atomic_exchange_n(slot, (PyObject*) 0, __ATOMIC_ACQ_REL);
    }
    static int convops_put(PyObject** slot, PyObject* block) {
        PyObject* empty = 0;
        return __atomic_compare_exchange_n(slot, &empty, block, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    """
    PyObject* convops_take(PyObject** slot)
    bint convops_put(PyObject** slot, PyObject* block)


cdef class Workspace:
    """At most four free blocks wait for the next call. A block changes hands by one atomic exchange: no lock."""

    def __dealloc__(self):
        cdef int i
        for i in range(4):
            Py_XDECREF(self.free[i])

    def __reduce__(self):
        return Workspace, ()

    cpdef bytearray borrow(self, Py_ssize_t size):
        """At least `size` bytes of undefined content."""
        cdef PyObject* taken
        cdef bytearray block
        cdef int i
        for i in range(4):
            taken = convops_take(&self.free[i])
            if taken != NULL:
                block = <bytearray> taken
                Py_DECREF(block)  # the slot's reference
                if PyByteArray_GET_SIZE(block) >= size:
                    return block
        return new_block(size)

    cpdef give_back(self, bytearray block):
        """Keep a block for the next call, or let it go."""
        cdef int i
        Py_INCREF(block)
        for i in range(4):
            if convops_put(&self.free[i], <PyObject*> block):
                return
        Py_DECREF(block)


cdef bytearray new_block(Py_ssize_t size):
    """`size` bytes that nobody has written yet."""
    try:
        return PyByteArray_FromStringAndSize(NULL, size)
    except MemoryError:
        raise MemoryError(f"cannot allocate {size} bytes of scratch memory") from None
