# cython: language_level=3, freethreading_compatible=True
"""The samples of a signal that are still needed, in a buffer along which they move.

Used by `api/stream/engine.py`, for every block that is pushed: samples of one line are copied without NumPy.
"""
from cpython.buffer cimport PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcpy, memmove

import numpy

cdef object Array = numpy.ndarray
cdef object empty = numpy.empty


cdef class Tape:
    """Grows at its end, shrinks at its begin; moved back to the front of the buffer when it meets its end."""
    cdef object buffer, dtype
    cdef tuple before
    cdef int axis
    cdef Py_ssize_t capacity, begin, end, item
    cdef char* line                    # of the buffer, if it is one
    cdef public Py_ssize_t samples     # of the signal up to now, for its user to count

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
        cdef Py_ssize_t length = self.end - self.begin
        if self.end + count <= self.capacity:
            return
        if self.line != NULL:
            memmove(self.line, self.line + self.begin * self.item, length * self.item)
        else:
            self.buffer[(*self.before, slice(0, length))] = self.view(0, length).copy()
        self.begin, self.end = 0, length

    cdef bint _copied(self, samples, Py_ssize_t count) except -1:
        """Whether they lay side by side, in the dtype of the buffer."""
        cdef Py_buffer view
        cdef bint alike
        if self.line == NULL or type(samples) is not Array or samples.dtype is not self.dtype:
            return False
        try:
            PyObject_GetBuffer(samples, &view, PyBUF_STRIDES)
        except (BufferError, ValueError):
            return False
        alike = view.ndim == 1 and view.shape[0] == count and (view.strides[0] == self.item or count == 1)
        if alike:
            memcpy(self.line + self.end * self.item, view.buf, count * self.item)
        PyBuffer_Release(&view)
        return alike

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


cdef class Repeat:
    """The next block of a signal in the state that the last one met: it goes the same way, if it is alike.

    Without a `plan`, blocks only wait, until the tape would hold `most` samples. With one, its samples `first` to
    `last` make results of the shape and dtype, and as many as came are dropped.
    """
    cdef Tape tape
    cdef object plan, dtype
    cdef tuple block, shape
    cdef Py_ssize_t count, most, first, last

    def __init__(self, Tape tape, tuple block, Py_ssize_t most, plan, Py_ssize_t first, Py_ssize_t last, tuple shape,
                 dtype):
        self.tape, self.block, self.count, self.most = tape, block, block[tape.axis], most
        self.plan, self.first, self.last, self.shape, self.dtype = plan, first, last, shape, dtype

    def __call__(self, block):
        """The results; None where the long way must see the block, which was not taken then."""
        cdef Tape tape = self.tape
        if self.plan is None and tape.end - tape.begin + self.count >= self.most:
            return None
        if not self._taken(block):
            return None
        result = empty(self.shape, self.dtype)
        if self.plan is not None:
            try:
                self.plan(tape.view(self.first, self.last), result)
            except BaseException:
                tape.end = tape.end - self.count
                raise
            tape.begin = tape.begin + self.count
        tape.samples = tape.samples + self.count
        return result

    cdef bint _taken(self, block) except -1:
        cdef Tape tape = self.tape
        tape._make_room(self.count)
        if not tape._copied(block, self.count):
            if type(block) is not Array or block.dtype is not tape.dtype or block.shape != self.block:
                return False
            tape.buffer[(*tape.before, slice(tape.end, tape.end + self.count))] = block
        tape.end = tape.end + self.count
        return True
