# A few input lines, one after the other, into all output lines that they reach.
#
# So many output lines are open as the window has lines; they differ in age, by which they find their weights. An input
# line goes into all of them in one pass over its taps, then the oldest is done, and its sums begin the youngest. After
# a multiple of `open` lines every age is back in its registers: then sums that stay open are kept in memory for the
# next call. Each output is one chain of multiply-adds, taps in C order. Start reading at `add_lines`.
from convops.kernels.block cimport ACROSS
from convops.kernels.lanes cimport begin_chain, load, load_weight
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined, outlined

cdef enum:
    CHUNK = 512                # bytes of a line at most

cdef struct Lines:
    const char* x              # the first output's first tap
    Py_ssize_t pitch           # bytes from one input line to the next
    const char* weights        # tap by tap those of the open lines, the youngest first
    Py_ssize_t taps
    Py_ssize_t step            # bytes from one tap to the next
    char* done                 # the sums of each line that is done, so many bytes apart
    Py_ssize_t done_pitch
    char* open                 # those that stay open, the younger first
    bint begins                # nothing is open yet
    Py_ssize_t bytes           # of each line, whole vectors


cdef inline int turns_of(int open) noexcept nogil:
    """Input lines of a call."""
    return 3 if open == 3 else 4


cdef inline inlined begin_age(int age, int open, int across, const Lines* c, Py_ssize_t at,
                              Vector* acc) noexcept nogil:
    cdef int v
    if age >= open:
        return
    for v in range(across):
        if age == 0 or c.begins:
            begin_chain(&acc[age * ACROSS + v])
        else:
            load(c.open + (age - 1) * CHUNK + at + v * VECTOR_BYTES, &acc[age * ACROSS + v])


cdef inline inlined keep_age(int age, int open, int across, const Lines* c, Py_ssize_t at,
                             const Vector* acc) noexcept nogil:
    cdef int v
    if age < open:
        for v in range(across):
            (<Vector*> (c.open + (age - 1) * CHUNK + at + v * VECTOR_BYTES))[0] = acc[age * ACROSS + v]


cdef inline inlined add_into(int age, int open, int across, int turn, const char* weights, const Vector* column,
                             Vector* acc) noexcept nogil:
    """A vector of each column into the line of that age."""
    cdef int v, r = (age - turn + 4 * open) % open
    cdef Vector w
    if age >= open:
        return
    load_weight(weights + age * (4 if Vector is f32v else 8), &w)
    for v in range(across):
        acc[r * ACROSS + v] = acc[r * ACROSS + v] + w * column[v]


cdef inline inlined add_line(int open, int across, int turn, const Lines* c, Py_ssize_t at,
                             Vector* acc) noexcept nogil:
    cdef Vector column[ACROSS]
    cdef int v, r = (open - 1 - turn + 4 * open) % open
    cdef Py_ssize_t _
    cdef const char* x = c.x + turn * c.pitch + at
    cdef const char* weights = c.weights
    if turn >= turns_of(open):
        return
    for _ in range(c.taps):
        for v in range(across):
            load(x + v * VECTOR_BYTES, &column[v])
        add_into(0, open, across, turn, weights, column, acc)
        add_into(1, open, across, turn, weights, column, acc)
        add_into(2, open, across, turn, weights, column, acc)
        add_into(3, open, across, turn, weights, column, acc)
        x, weights = x + c.step, weights + open * (4 if Vector is f32v else 8)
    for v in range(across):
        (<Vector*> (c.done + turn * c.done_pitch + at + v * VECTOR_BYTES))[0] = acc[r * ACROSS + v]
        begin_chain(&acc[r * ACROSS + v])


cdef inline inlined add_vectors(int open, int across, const Lines* c, Py_ssize_t at, Vector* tag) noexcept nogil:
    cdef Vector acc[4 * ACROSS]
    begin_age(0, open, across, c, at, acc)
    begin_age(1, open, across, c, at, acc)
    begin_age(2, open, across, c, at, acc)
    begin_age(3, open, across, c, at, acc)
    add_line(open, across, 0, c, at, acc)
    add_line(open, across, 1, c, at, acc)
    add_line(open, across, 2, c, at, acc)
    add_line(open, across, 3, c, at, acc)
    keep_age(1, open, across, c, at, acc)
    keep_age(2, open, across, c, at, acc)
    keep_age(3, open, across, c, at, acc)


cdef inline inlined add_open(int open, const Lines* lines, Vector* tag) noexcept nogil:
    cdef Lines here = lines[0]
    cdef Py_ssize_t at = 0
    while at + ACROSS * VECTOR_BYTES <= here.bytes:
        add_vectors(open, ACROSS, &here, at, tag)
        at = at + ACROSS * VECTOR_BYTES
    while at < here.bytes:
        add_vectors(open, 1, &here, at, tag)
        at = at + VECTOR_BYTES


cdef inline outlined add_2(const Lines* c, Vector* tag) noexcept nogil:
    add_open(2, c, tag)


cdef inline outlined add_3(const Lines* c, Vector* tag) noexcept nogil:
    add_open(3, c, tag)


cdef inline outlined add_4(const Lines* c, Vector* tag) noexcept nogil:
    add_open(4, c, tag)


cdef inline void add_lines(int open, const Lines* c, Vector* tag) noexcept nogil:
    if open == 2:
        add_2(c, tag)
    elif open == 3:
        add_3(c, tag)
    else:
        add_4(c, tag)
