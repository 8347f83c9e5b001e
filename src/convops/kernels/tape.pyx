# cython: language_level=3, freethreading_compatible=True
"""The samples of a signal that are still needed, in a buffer along which they move.

Used by `api/stream/engine.py` and `feed.pyx`, for every block that is pushed: samples of one line are copied without
NumPy.
"""
from cpython.buffer cimport PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcpy, memmove

import numpy

cdef enum:
    CHEAP = 8                  # times as many samples come as are moved

cdef object Array = numpy.ndarray


cdef class Tape:
    """Grows at its end, shrinks at its begin; moved back to the front of the buffer when it meets its end."""

    def __init__(self, shape, int axis, dtype, Py_ssize_t capacity):
        cdef Py_buffer view
        self.buffer = numpy.zeros((*shape[:axis], capacity, *shape[axis + 1:]), dtype)
        self.dtype, self.before, self.axis = self.buffer.dtype, (slice(None),) * axis, axis
        self.capacity, self.begin, self.end, self.item = capacity, 0, 0, self.dtype.itemsize
        self.samples = 0
        self.line = NULL
        if len(shape) == 1:
            PyObject_GetBuffer(self.buffer, &view, PyBUF_STRIDES)
            self.line = <char*> view.buf
            PyBuffer_Release(&view)

    def __len__(self):
        return self.end - self.begin

    def view(self, Py_ssize_t first, Py_ssize_t last):
        """Samples counted from the oldest."""
        cdef object part = slice(self.begin + first, self.begin + last)
        return self.buffer[part] if self.axis == 0 else self.buffer[(*self.before, part)]

    def append(self, samples, Py_ssize_t count):
        """An array of so many samples, or one number for all; at most as many as fit behind what is there."""
        self._make_room(count)
        if not self._copied(samples, count):
            self.buffer[(*self.before, slice(self.end, self.end + count))] = samples
        self.end = self.end + count

    cdef _make_room(self, Py_ssize_t count):
        """Behind what is there, which moves if that costs little: the front of the buffer is in the caches."""
        cdef Py_ssize_t length = self.end - self.begin
        cdef bint cheap = self.line != NULL and CHEAP * length <= count and length <= self.begin
        if self.end + count <= self.capacity and not cheap:
            return
        if self.line != NULL:
            memmove(self.line, self.line + self.begin * self.item, length * self.item)
        else:
            self.buffer[(*self.before, slice(0, length))] = self.view(0, length).copy()
        self.begin, self.end = 0, length

    cdef bint _alike(self, samples, Py_ssize_t count, Py_buffer* view):
        """Whether they lie side by side, in the dtype of the buffer; the view is open then."""
        if self.line == NULL or type(samples) is not Array or samples.dtype is not self.dtype:
            return False
        try:
            PyObject_GetBuffer(samples, view, PyBUF_STRIDES)
        except (BufferError, ValueError):
            return False
        if view.ndim == 1 and view.shape[0] == count and (view.strides[0] == self.item or count == 1):
            return True
        PyBuffer_Release(view)
        return False

    cdef bint _copied(self, samples, Py_ssize_t count) except -1:
        cdef Py_buffer view
        if not self._alike(samples, count, &view):
            return False
        memcpy(self.line + self.end * self.item, view.buf, count * self.item)
        PyBuffer_Release(&view)
        return True

    cdef void _keep_last(self, const char* samples, Py_ssize_t count) noexcept:
        """As many as there are, of at least as many new ones: all are taken, and all but those forgotten."""
        cdef Py_ssize_t length = self.end - self.begin
        memcpy(self.line, samples + (count - length) * self.item, length * self.item)
        self.begin, self.end = 0, length
        self.samples = self.samples + count

    def drop(self, Py_ssize_t count):
        """Forget the oldest."""
        self.begin = self.begin + count

    def shorten(self, Py_ssize_t count):
        """Forget the newest."""
        self.end = self.end - count

    def content(self):
        """A copy of all samples."""
        return self.view(0, self.end - self.begin).copy()

    def refill(self, samples):
        """Hold these and no others."""
        self.begin = self.end = 0
        self.append(samples, samples.shape[self.axis])
