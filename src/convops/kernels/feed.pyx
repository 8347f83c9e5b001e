# cython: language_level=3, freethreading_compatible=True
"""The way of a block through a stream: the same as that of the block before, if it is like that.

`Feed` is what `api/stream/stream.py` makes a Stream of; `api/stream/engine.py` says what the next block may try.
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.string cimport memcpy

import numpy
from numpy cimport import_array

from convops.kernels.array cimport look, new_line
from convops.kernels.express cimport Line
from convops.kernels.tape cimport Tape

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

import_array()

cdef object Array = numpy.ndarray
cdef object empty = numpy.empty


cdef class Repeat:
    """The next block of a signal in the state that the last one met: it goes the same way, if it is alike.

    Without a `plan`, blocks only wait, until the tape would hold `most` samples. With one, its samples `first` to
    `last` make results of the shape and dtype, and as many as came are dropped.
    """
    cdef Tape tape
    cdef object plan, dtype
    cdef tuple block, shape
    cdef Py_ssize_t count, most, first, last
    cdef int number            # of the dtype

    def __init__(self, Tape tape, tuple block, Py_ssize_t most, plan, Py_ssize_t first, Py_ssize_t last, tuple shape,
                 dtype):
        self.tape, self.block, self.count, self.most = tape, block, block[tape.axis], most
        self.plan, self.first, self.last, self.shape, self.dtype = plan, first, last, shape, dtype
        self.number = dtype.num

    def __call__(self, block):
        """`take`, for Python."""
        return self.take(block)

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
        cdef const char* x = tape._alike(block, self.count)
        cdef char* out
        cdef bint fits
        if x == NULL:
            return None
        result = new_line(self.count, self.number)
        out = look(result).data
        tape._make_room(self.seam)
        if self.aside:
            with nogil:
                fits = self._run(x, out)
        else:
            fits = self._run(x, out)
        if not fits:
            return None
        PyErr_CheckSignals()
        tape._keep_last(x, self.count)
        return result

    cdef bint _run(self, const char* x, char* out) noexcept nogil:
        """Whether all results fit."""
        cdef Py_ssize_t before = self.tape.end - self.tape.begin
        memcpy(self.tape.line + self.tape.end * self.item, x, self.seam * self.item)
        if not self.start.run(self.tape.line + self.tape.begin * self.item, out):
            return False
        return self.seam == self.count or self.rest.run(
            x + (self.seam - before) * self.item, out + self.seam * self.pitch)


cdef class RepeatTiles(Repeat):
    """A block of a line that completes any number of chunks, each a call of the kernel on samples of the tape."""
    cdef Line tile
    cdef Py_ssize_t reach, chunk, pitch

    def __init__(self, Tape tape, Py_ssize_t count, dtype, Line tile, Py_ssize_t reach, Py_ssize_t chunk):
        Repeat.__init__(self, tape, (count,), 0, None, 0, 0, (0,), dtype)
        self.tile, self.reach, self.chunk, self.pitch = tile, reach, chunk, dtype.itemsize

    cdef take(self, block):
        cdef Tape tape = self.tape
        cdef Py_ssize_t length = tape.end - tape.begin, tiles = (length - self.reach + self.count) // self.chunk
        if length + self.count > tape.capacity:
            return None
        tape._make_room(self.count)
        if not tape._copied(block, self.count):
            return None
        result = new_line(tiles * self.chunk, self.number)
        if tiles and not self._run(tape.line + tape.begin * tape.item, look(result).data, tiles):
            return None
        tape.begin = tape.begin + tiles * self.chunk
        tape.end = tape.end + self.count
        tape.samples = tape.samples + self.count
        return result

    cdef bint _run(self, const char* x, char* out, Py_ssize_t tiles) except -1:
        """Whether all results fit."""
        cdef Py_ssize_t i
        cdef bint fits
        for i in range(tiles):
            with nogil:
                fits = self.tile.run(x + i * self.chunk * self.tape.item, out + i * self.chunk * self.pitch)
            PyErr_CheckSignals()
            if not fits:
                return False
        return True


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
