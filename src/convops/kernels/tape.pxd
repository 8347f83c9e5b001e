cdef class Tape:
    cdef object buffer, dtype
    cdef tuple before
    cdef int axis
    cdef Py_ssize_t capacity, begin, end
    cdef readonly Py_ssize_t item      # bytes of one
    cdef char* line                    # of the buffer, if it is one
    cdef public Py_ssize_t samples     # of the signal up to now, for its user to count

    cdef _make_room(self, Py_ssize_t count)
    cdef const char* _alike(self, samples, Py_ssize_t count) noexcept
    cdef bint _copied(self, samples, Py_ssize_t count) noexcept
    cdef void _keep_last(self, const char* samples, Py_ssize_t count) noexcept
