"""Memory beside forbidden pages: who touches what lies beyond an array is killed."""

import ctypes
import mmap

import numpy as np


class Guarded:
    """Memory that ends (or begins) where a page begins (or ends) that must not be touched."""

    def __init__(self, size):
        pages = -(-size // mmap.PAGESIZE)
        self.memory = mmap.mmap(-1, (pages + 2) * mmap.PAGESIZE)
        self.begin = mmap.PAGESIZE
        self.end = (pages + 1) * mmap.PAGESIZE
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for page in (address, address + self.end):
            assert protect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0

    def array(self, shape, dtype, at_end):
        """An array that touches one of the two pages."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        start = self.end - size if at_end else self.begin
        return np.frombuffer(self.memory, dtype, int(np.prod(shape)), start).reshape(shape)


def guard(plain, at_end):
    """A copy beside a forbidden page."""
    copy = Guarded(plain.nbytes).array(plain.shape, plain.dtype, at_end)
    copy[...] = plain
    return copy
