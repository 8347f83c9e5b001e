# cython: language_level=3, freethreading_compatible=True
"""The samples of a signal that are still needed, in a buffer along which they move.

Used by `api/stream/engine.py` and `feed.pyx`, for every block that is pushed: samples of one line are copied without
NumPy.
"""
from libc.string cimport memcpy, memmove

import numpy
from numpy cimport import_array

from convops.kernels.array cimport View, is_array, look

import_array()

cdef enum:
    CHEAP = 8                  # times as many samples come as are moved


cdef class Tape:
    """Grows at its end, shrinks at its begin; moved back to the front of the buffer when it meets its end."""

    def __init__(self, shape, int axis, dtype, Py_ssize_t capacity):
        self.buffer = numpy.zeros((*shape[:axis], capacity, *shape[axis + 1:]), dtype)
        self.dtype, self.before, self.axis = self.buffer.dtype, (slice(None),) * axis, axis
        self.capacity, self.begin, self.end, self.item = capacity, 0, 0, self.dtype.itemsize
        self.samples = 0
        self.line = NULL
        if len(shape) == 1:
            self.line = look(self.buffer).data

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

    cdef const char* _alike(self, samples, Py_ssize_t count) noexcept:
        """Where they begin if they lie side by side, in the dtype of the buffer; else NULL."""
        cdef View view
        if self.line == NULL or not is_array(samples, self.dtype):
            return NULL
        view = look(samples)
        if view.ndim == 1 and view.shape[0] == count and (view.strides[0] == self.item or count == 1):
            return view.data
        return NULL

    cdef bint _copied(self, samples, Py_ssize_t count) noexcept:
        cdef const char* items = self._alike(samples, count)
        if items == NULL:
            return False
        memcpy(self.line + self.end * self.item, items, count * self.item)
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
