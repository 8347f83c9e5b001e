# Which micro-kernel takes a block of depthwise outputs.
from convops.kernels.block cimport ACROSS, ALONE, Block
from convops.kernels.counted cimport WIDE, can_count, counted_3, counted_5, counted_masked_3, counted_masked_5
from convops.kernels.rolling cimport can_roll, rolled_vectors
from convops.kernels.simd cimport Vector
from convops.kernels.sliding cimport alone_8, slide_1, slide_2, slide_4, slide_masked, slide_masked_4
from convops.kernels.three cimport three_4, three_4_apart, three_7, three_7_apart

cdef enum Kind:
    INSIDE                     # every vector lies on the input
    COPIED                     # every vector lies in the copy, and what follows the last may be read
    MASKED                     # vectors may reach beyond the input's line
    SMALL                      # the same for 3x3 windows
    APART                      # and those with stride 2


cdef inline int masked_at_once(const Block* b) noexcept nogil:
    """How many vectors that may reach beyond the input a micro-kernel takes where there is more than one."""
    if can_roll(b):
        return <int> rolled_vectors(b.window[1])
    return WIDE if can_count(b) else ACROSS


cdef inline int vectors_at_once(const Block* b, Kind kind, Py_ssize_t left) noexcept nogil:
    """How many of the vectors that are left the next micro-kernel takes."""
    cdef Py_ssize_t least
    if kind >= MASKED:
        return masked_at_once(b) if kind == MASKED and left > 1 else 1
    least = 1 if kind == COPIED else 0
    if can_roll(b):
        return rolled_vectors(b.window[1]) if left >= rolled_vectors(b.window[1]) - least else 1
    if can_count(b) and left >= WIDE - least:
        return WIDE
    if b.lines == 1 and left >= (ALONE // 2 + 1 if least else ALONE):
        return ALONE
    if ACROSS == 4 and left >= (3 if least else 4):
        return 4
    return 2 if left >= 2 else 1


cdef inline void sum_block(Block* b, int vectors, Kind kind, Vector* tag) noexcept nogil:
    if kind == SMALL:
        if b.lines > 4:
            three_7(b, tag)
        else:
            three_4(b, tag)
    elif kind == APART:
        if b.lines > 4:
            three_7_apart(b, tag)
        else:
            three_4_apart(b, tag)
    elif kind == MASKED and vectors == WIDE and can_count(b):
        if b.window[2] == 3:
            counted_masked_3(b, tag)
        else:
            counted_masked_5(b, tag)
    elif kind == MASKED and vectors > 1:
        slide_masked_4(b, tag)
    elif kind == MASKED:
        slide_masked(b, tag)
    elif vectors == WIDE and can_count(b):
        if b.window[2] == 3:
            counted_3(b, tag)
        else:
            counted_5(b, tag)
    elif vectors == ALONE:
        alone_8(b, tag)
    elif vectors == 4:
        slide_4(b, tag)
    elif vectors == 2:
        slide_2(b, tag)
    else:
        slide_1(b, tag)
