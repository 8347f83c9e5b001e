from convops.kernels.abi cimport Args

# Computes the tiles [tile_begin, tile_end) with the scratch memory of one worker.
ctypedef void (*Kernel)(const Args* a) noexcept nogil

cdef void share(Kernel kernel, const Args* args, Py_ssize_t grain, Py_ssize_t kin) noexcept nogil
