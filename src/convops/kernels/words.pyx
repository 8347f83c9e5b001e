# cython: language_level=3
"""Integers of 8 and 16 bits into words of four bytes, as `micro_integer.pyx` reads them, and sums into small results.

Called through `Args.load`, which these fill with a function of more arguments, and `Args.narrow`. Items may lie at any
address.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from convops.kernels.abi cimport Narrow
from convops.kernels.halo_words cimport LoadWords

ctypedef fused Item:
    int8_t
    uint8_t
    int16_t
    uint16_t

# A quarter or a half of a word.
ctypedef fused Part:
    uint8_t
    int16_t

ctypedef fused Result:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    int64_t


cdef inline Part part_of(const char* address, const Item* tag, const Part* kind) noexcept nogil:
    """An item; where its range is not that of the part, as its distance from the least one."""
    cdef Item item
    memcpy(&item, address, sizeof(Item))
    if Part is uint8_t and Item is int8_t:
        return <uint8_t> (item + 128)
    elif Part is int16_t and Item is uint16_t:
        return <int16_t> (item - 32768)
    else:
        return <Part> item


cdef inline uint32_t bits_of(Part part) noexcept nogil:
    if Part is uint8_t:
        return part
    else:
        return <uint16_t> part


cdef void load(const Item* items, Py_ssize_t step, Py_ssize_t channel, Py_ssize_t valid, Part* to,
               Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t parts = 4 // sizeof(Part), j, c
    cdef const char* address = <const char*> items
    cdef const char* lines[4]
    cdef uint32_t word
    if valid == parts and channel == sizeof(Item) and step == parts * <Py_ssize_t> sizeof(Item):
        for j in range(count * parts):
            to[j] = part_of(address + j * <Py_ssize_t> sizeof(Item), items, to)
        return
    # Weights of channels that do not exist are zero, so that any item may stand for them.
    for c in range(4):
        lines[c] = address + (c * channel if c < valid else 0)
    if step == sizeof(Item):
        for j in range(count):
            word = 0
            for c in range(4 // <Py_ssize_t> sizeof(Part)):
                word = word | (bits_of(part_of(lines[c] + j * <Py_ssize_t> sizeof(Item), items, to))
                               << (8 * <Py_ssize_t> sizeof(Part) * c))
            (<uint32_t*> to)[j] = word
        return
    for j in range(count):
        word = 0
        for c in range(4 // <Py_ssize_t> sizeof(Part)):
            word = word | bits_of(part_of(lines[c] + j * step, items, to)) << (8 * <Py_ssize_t> sizeof(Part) * c)
        (<uint32_t*> to)[j] = word


cdef bint narrow(const int32_t* sums, Result* out, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    """Whether all sums fit; nothing is written where one does not."""
    cdef int32_t low = 0, high = 0, outside = 0
    cdef Py_ssize_t j
    cdef Result item
    if Result is int8_t:
        low, high = -128, 127
    elif Result is uint8_t:
        low, high = 0, 255
    elif Result is int16_t:
        low, high = -32768, 32767
    elif Result is uint16_t:
        low, high = 0, 65535
    if Result is not int32_t and Result is not int64_t:
        for j in range(count):
            outside = outside | (sums[j] < low) | (sums[j] > high)
        if outside:
            return False
    if step == sizeof(Result):
        for j in range(count):
            item = <Result> sums[j]
            memcpy(<char*> out + j * <Py_ssize_t> sizeof(Result), &item, sizeof(Result))
        return True
    for j in range(count):
        item = <Result> sums[j]
        memcpy(<char*> out + j * step, &item, sizeof(Result))
    return True


cdef dict loads = {
    ("int8", 4): <size_t> <LoadWords> load[int8_t, uint8_t],
    ("uint8", 4): <size_t> <LoadWords> load[uint8_t, uint8_t],
    ("int8", 2): <size_t> <LoadWords> load[int8_t, int16_t],
    ("uint8", 2): <size_t> <LoadWords> load[uint8_t, int16_t],
    ("int16", 2): <size_t> <LoadWords> load[int16_t, int16_t],
    ("uint16", 2): <size_t> <LoadWords> load[uint16_t, int16_t],
}
cdef dict narrows = {
    "int8": <size_t> <Narrow> narrow[int8_t],
    "uint8": <size_t> <Narrow> narrow[uint8_t],
    "int16": <size_t> <Narrow> narrow[int16_t],
    "uint16": <size_t> <Narrow> narrow[uint16_t],
    "int32": <size_t> <Narrow> narrow[int32_t],
    "int64": <size_t> <Narrow> narrow[int64_t],
}


def load_address(str dtype, int items):
    """What reads `items` channels of `dtype` as one word."""
    return loads[dtype, items]


def offset(str dtype, int items):
    """What `load_address` adds to each item."""
    return {("int8", 4): 128, ("uint16", 2): -32768}.get((dtype, items), 0)


def narrow_address(str dtype):
    """What writes 32-bit sums as `dtype`; 0 where there is nothing of this kind."""
    return narrows.get(dtype, 0)
