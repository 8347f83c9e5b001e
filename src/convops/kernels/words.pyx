# cython: language_level=3
"""Integers of 8 and 16 bits into words of four bytes, as `micro_integer.pyx` reads them, and sums into small results.

Called through `Args.load`, which these fill with a function of more arguments, and `Args.narrow`; `pack_words` and
`sum_rows` by `backends/integer_weights.py`, with the weights in place of x. Items may lie at any address.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from convops.kernels.abi cimport Args, Narrow
from convops.kernels.halo_words cimport LoadWords
from convops.kernels.tile cimport ceil_div, minimum, packed_row, panel_count, panel_height

ctypedef fused Item:
    int8_t
    uint8_t
    int16_t
    uint16_t

# A quarter or a half of a word; a quarter with a sign is one of weights.
ctypedef fused Part:
    uint8_t
    int8_t
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
    if Part is int16_t:
        return <uint16_t> part
    else:
        return <uint8_t> part


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


cdef inline void pack_block(const Args* a, const char* filters, Py_ssize_t word, Py_ssize_t words, Py_ssize_t height,
                            Py_ssize_t valid, uint32_t* to) noexcept nogil:
    """Some words of one panel, tap by tap; rows and channels that do not exist are zeros."""
    cdef Py_ssize_t kd, kh, kw, c, i, channels
    cdef const char* tap
    cdef uint32_t mask
    for kd in range(a.axis[0].window):
        for kh in range(a.axis[1].window):
            for kw in range(a.axis[2].window):
                tap = filters + kd * a.x.step[0] + kh * a.x.step[1] + kw * a.x.step[2]
                for c in range(word, word + words):
                    channels = minimum(a.word_items, a.channels - c * a.word_items)
                    (<LoadWords> a.load)(tap + c * a.word_items * a.x.channel, a.x.batch, a.x.channel, channels,
                                         <char*> to, valid)
                    if channels < a.word_items:
                        mask = (<uint32_t> 1 << (32 // a.word_items * channels)) - 1
                        for i in range(valid):
                            to[i] = to[i] & mask
                    for i in range(valid, height):
                        to[i] = 0
                    to = to + height


cdef api void pack_words(const Args* a) noexcept nogil:
    """Weights in the order of the kernel: group, panel, block of words, tap, word, row."""
    cdef Py_ssize_t taps = a.axis[0].window * a.axis[1].window * a.axis[2].window, group, panel, height, c, block
    cdef Py_ssize_t words = ceil_div(a.channels, a.word_items), first
    cdef uint32_t* to
    for group in range(a.tile_begin, a.tile_end):
        for panel in range(panel_count(a)):
            height, first, c = panel_height(a, panel), panel * a.panel_rows, 0
            to = <uint32_t*> a.out.data + packed_row(a, group, panel) * words * taps
            while c < words:
                block = minimum(a.block_channels, words - c)
                pack_block(a, a.x.data + (group * a.rows + first) * a.x.batch, c, block, height,
                           minimum(height, a.rows - first), to)
                to, c = to + block * taps * height, c + block


cdef inline void sum_row(const Args* a, Py_ssize_t row, const Item* tag) noexcept nogil:
    """What is positive and what is negative; blocks of so few items that 32 bits hold their sum."""
    cdef const char* items = a.x.data + row * a.x.batch
    cdef int64_t* sums = <int64_t*> a.out.data + 2 * row
    cdef Py_ssize_t i, j = 0, block, count = a.channels
    cdef int32_t positive, negative, value
    cdef Item item
    sums[0], sums[1] = 0, 0
    while j < count:
        block, positive, negative = minimum(1 << 14, count - j), 0, 0
        for i in range(j, j + block):
            memcpy(&item, items + i * <Py_ssize_t> sizeof(Item), sizeof(Item))
            value = item
            positive = positive + (value if value > 0 else 0)
            negative = negative + (value if value < 0 else 0)
        sums[0], sums[1], j = sums[0] + positive, sums[1] + negative, j + block


cdef inline void sum_rows(const Args* a, const Item* tag) noexcept nogil:
    """Rows of `channels` neighbours each."""
    cdef Py_ssize_t row
    for row in range(a.tile_begin, a.tile_end):
        sum_row(a, row, tag)


cdef api void sum_rows_int8(const Args* a) noexcept nogil:
    sum_rows(a, <const int8_t*> NULL)


cdef api void sum_rows_uint8(const Args* a) noexcept nogil:
    sum_rows(a, <const uint8_t*> NULL)


cdef api void sum_rows_int16(const Args* a) noexcept nogil:
    sum_rows(a, <const int16_t*> NULL)


cdef api void sum_rows_uint16(const Args* a) noexcept nogil:
    sum_rows(a, <const uint16_t*> NULL)


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
cdef dict weights = {
    ("int8", 4): <size_t> <LoadWords> load[int8_t, int8_t],
    ("int8", 2): <size_t> <LoadWords> load[int8_t, int16_t],
    ("int16", 2): <size_t> <LoadWords> load[int16_t, int16_t],
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


def weights_address(str dtype, int items):
    """The same for weights."""
    return weights[dtype, items]


def offset(str dtype, int items):
    """What `load_address` adds to each item."""
    return {("int8", 4): 128, ("uint16", 2): -32768}.get((dtype, items), 0)


def narrow_address(str dtype):
    """What writes 32-bit sums as `dtype`; 0 where there is nothing of this kind."""
    return narrows.get(dtype, 0)
