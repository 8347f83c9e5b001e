# cython: language_level=3, freethreading_compatible=True
"""The samples of a signal that are still needed, in a buffer along which they move.

Used by `api/stream/engine.py`, for every block that is pushed: samples of one line are copied without NumPy.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.string cimport memcpy, memmove

import numpy

from convops.kernels.express cimport Line

cdef extern from "pythread.h":
    ctypedef void* PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_INTR
    int NOWAIT_LOCK
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait) nogil
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible) nogil
    void PyThread_release_lock(PyThread_type_lock lock)

cdef object Array = numpy.ndarray
cdef object empty = numpy.empty


cdef class Tape:
    """Grows at its end, shrinks at its begin; moved back to the front of the buffer when it meets its end."""
    cdef object buffer, dtype
    cdef tuple before
    cdef int axis
    cdef Py_ssize_t capacity, begin, end
    cdef readonly Py_ssize_t item      # bytes of one
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
        """Behind what is there, which moves if that costs little: the front of the buffer is in the caches."""
        cdef Py_ssize_t length = self.end - self.begin
        if self.end + count <= self.capacity and (length > count or self.begin < length):
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

    cdef void keep_last(self, const char* samples, Py_ssize_t count) noexcept:
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

    cdef take(self, block):
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


cdef class RepeatLine(Repeat):
    """The same for a line, with a result for every sample, without plans.

    The tape sees the first samples of a block, those of the `seam`; the kernel reads the others where they lie.
    """
    cdef Line start, rest
    cdef Py_ssize_t seam, item, pitch
    cdef bint aside            # other threads may run meanwhile; letting them costs more than a short block

    def __init__(self, Tape tape, Py_ssize_t count, dtype, Line start, Py_ssize_t seam, Line rest, bint aside):
        Repeat.__init__(self, tape, (count,), 0, None, 0, 0, (count,), dtype)
        self.start, self.seam, self.rest, self.aside = start, seam, rest, aside
        self.item, self.pitch = tape.item, dtype.itemsize

    cdef take(self, block):
        cdef Tape tape = self.tape
        cdef Py_buffer x, out
        cdef bint fits
        if not tape._alike(block, self.count, &x):
            return None
        try:
            result = empty(self.shape, self.dtype)
            PyObject_GetBuffer(result, &out, PyBUF_SIMPLE)
            PyBuffer_Release(&out)     # the result is nobody else's yet
            tape._make_room(self.seam)
            if self.aside:
                with nogil:
                    fits = self._run(<const char*> x.buf, <char*> out.buf)
            else:
                fits = self._run(<const char*> x.buf, <char*> out.buf)
            if not fits:
                return None
            PyErr_CheckSignals()
            tape.keep_last(<const char*> x.buf, self.count)
            return result
        finally:
            PyBuffer_Release(&x)

    cdef bint _run(self, const char* x, char* out) noexcept nogil:
        """Whether all results fit."""
        cdef Py_ssize_t before = self.tape.end - self.tape.begin
        memcpy(self.tape.line + self.tape.end * self.item, x, self.seam * self.item)
        if not self.start.run(self.tape.line + self.tape.begin * self.item, out):
            return False
        return self.seam == self.count or self.rest.run(
            x + (self.seam - before) * self.item, out + self.seam * self.pitch)


@cython.auto_pickle(False)
cdef class Turn:
    """A lock that costs little where nobody waits; `with` it for a long time."""
    cdef PyThread_type_lock lock

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError("no lock could be allocated")

    def __dealloc__(self):
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def __enter__(self):
        cdef PyLockStatus status = PY_LOCK_INTR
        while status == PY_LOCK_INTR:
            with nogil:
                status = PyThread_acquire_lock_timed(self.lock, -1, True)
            PyErr_CheckSignals()

    def __exit__(self, *error):
        PyThread_release_lock(self.lock)


@cython.auto_pickle(False)
cdef class Feed:
    """What takes blocks: those that go the way of the last one at once, others by `_push`, which sets `_next`."""
    cdef readonly Turn _turn
    cdef public Repeat _next

    def __cinit__(self):
        self._turn = Turn()

    def push(self, block):
        """Take the next samples, any number of them; return the outputs that are complete, maybe none.

        Raises
        ------
        TypeError, ValueError
            The block is no array of numbers, or does not go with the first.
        OverflowError
            An integer result does not fit its dtype; the stream is as it was before the block. Positions in the
            message count from the begin of the piece, of at most 65,536 items, in which it was found.
        """
        cdef PyThread_type_lock lock = self._turn.lock
        result = None
        if PyThread_acquire_lock(lock, NOWAIT_LOCK):
            try:
                if self._next is not None:
                    result = self._next.take(block)
            finally:
                PyThread_release_lock(lock)
        return self._push(block) if result is None else result
