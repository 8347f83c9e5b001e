# Arrays without asking Python: what they are, where they lie, and new ones. Modules that ask call `import_array` once.
from numpy cimport (
    PyArray_CheckExact, PyArray_DATA, PyArray_DIMS, PyArray_EMPTY, PyArray_ISWRITEABLE, PyArray_ITEMSIZE,
    PyArray_NDIM, PyArray_STRIDES, ndarray, npy_intp)

cdef extern from "numpy/arrayobject.h":
    void* PyArray_DESCR(ndarray array)     # borrowed

# What an array looks like, as long as it lives; strides in bytes.
cdef struct View:
    char* data
    int ndim
    Py_ssize_t item
    const Py_ssize_t* shape
    const Py_ssize_t* strides


cdef inline bint is_array(array, dtype) noexcept:
    """Whether it is an array, of no other class, and of this very dtype."""
    return PyArray_CheckExact(array) and PyArray_DESCR(<ndarray> array) == <void*> dtype


cdef inline View look(ndarray array) noexcept:
    cdef View view
    view.data, view.ndim, view.item = <char*> PyArray_DATA(array), PyArray_NDIM(array), PyArray_ITEMSIZE(array)
    view.shape, view.strides = <const Py_ssize_t*> PyArray_DIMS(array), <const Py_ssize_t*> PyArray_STRIDES(array)
    return view


cdef inline bint is_writeable(ndarray array) noexcept:
    return PyArray_ISWRITEABLE(array)


cdef inline object new_line(Py_ssize_t length, int dtype):
    """An array of one axis that nobody has written yet; the dtype by its `num`."""
    cdef npy_intp shape = length
    return PyArray_EMPTY(1, &shape, dtype, False)
