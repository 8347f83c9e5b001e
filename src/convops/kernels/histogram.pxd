# Cumulative histograms of bytes in two levels: how many items are at most 16 v + 15 (v = 0 ... 15), and of the items
# with the high digit v how many have a low digit of at most 0 ... 15.
#
# The item of rank r has as its high digit the number of counts in the first level that are at most r. No prefix sums
# are needed, as counts are kept summed, and one vector adds an item to all that it counts for.
from libc.stdint cimport uint8_t, uint16_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__AVX2__)
    #include <immintrin.h>
    #endif
    typedef uint8_t convops_u8x16 __attribute__((vector_size(16), aligned(1), may_alias));
    typedef uint16_t convops_u16x16 __attribute__((vector_size(32), aligned(2), may_alias));
    /* From 15 - d on: what an item with the digit d counts for. */
    enum { convops_column = 272 };
    static const uint8_t convops_digits[31] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    #define CONVOPS_DIGIT(d) (*(const convops_u8x16*) (convops_digits + 15 - (d)))
    #if defined(__AVX2__)
    #define CONVOPS_WIDE(column) ((convops_u16x16) _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i*) (column))))
    #else
    #define CONVOPS_WIDE(column) __builtin_convertvector(*(const convops_u8x16*) (column), convops_u16x16)
    #endif
    static inline void convops_enter(uint8_t* column, unsigned item) {
        *(convops_u8x16*) column += CONVOPS_DIGIT(item >> 4);
        *(convops_u8x16*) (column + 16 + (item & 240)) += CONVOPS_DIGIT(item & 15);
    }
    static inline void convops_leave(uint8_t* column, unsigned item) {
        *(convops_u8x16*) column -= CONVOPS_DIGIT(item >> 4);
        *(convops_u8x16*) (column + 16 + (item & 240)) -= CONVOPS_DIGIT(item & 15);
    }
    static inline void convops_replace(uint8_t* column, unsigned item, unsigned old) {
        *(convops_u8x16*) column += CONVOPS_DIGIT(item >> 4) - CONVOPS_DIGIT(old >> 4);
        *(convops_u8x16*) (column + 16 + (item & 240)) += CONVOPS_DIGIT(item & 15);
        *(convops_u8x16*) (column + 16 + (old & 240)) -= CONVOPS_DIGIT(old & 15);
    }
    static inline void convops_add(uint16_t* sums, const uint8_t* column) {
        *(convops_u16x16*) sums += CONVOPS_WIDE(column);
    }
    static inline void convops_subtract(uint16_t* sums, const uint8_t* column) {
        *(convops_u16x16*) sums -= CONVOPS_WIDE(column);
    }
    static inline convops_u16x16 convops_total(const uint8_t* column, Py_ssize_t count) {
        convops_u16x16 even = {0}, odd = {0};
        Py_ssize_t i;
        for (i = 0; i + 1 < count; i += 2) {
            even += CONVOPS_WIDE(column + i * convops_column);
            odd += CONVOPS_WIDE(column + (i + 1) * convops_column);
        }
        return i < count ? even + odd + CONVOPS_WIDE(column + i * convops_column) : even + odd;
    }
    static inline void convops_add_all(uint16_t* sums, const uint8_t* column, Py_ssize_t count) {
        *(convops_u16x16*) sums = convops_total(column, count);
    }
    static inline unsigned convops_at_most(convops_u16x16 sums, unsigned rank) {
    #if defined(__AVX512BW__) && defined(__AVX512VL__)
        return (unsigned) __builtin_popcount(
            _mm256_cmple_epu16_mask((__m256i) sums, _mm256_set1_epi16((short) rank)));
    #elif defined(__AVX2__)
        __m256i ranks = _mm256_set1_epi16((short) rank);
        __m256i less = _mm256_cmpeq_epi16(_mm256_min_epu16((__m256i) sums, ranks), (__m256i) sums);
        return (unsigned) __builtin_popcount((unsigned) _mm256_movemask_epi8(less)) / 2;
    #else
        unsigned number = 0;
        for (int v = 0; v < 16; v++) number += sums[v] <= rank;
        return number;
    #endif
    }
    static inline unsigned convops_at_most_of(const uint16_t* sums, unsigned rank) {
        return convops_at_most(*(const convops_u16x16*) sums, rank);
    }
    /* `count` windows of `width` columns, each one column further. */
    static void convops_slide(const uint8_t* columns, Py_ssize_t width, Py_ssize_t count, unsigned rank, uint8_t* out,
                              Py_ssize_t step, unsigned sign) {
        convops_u16x16 high = convops_total(columns, width), low[16];
        uint16_t below[17] = {0};
        Py_ssize_t at[16], last = (width - 1) * convops_column;
        for (int v = 0; v < 16; v++) at[v] = -width;
        for (Py_ssize_t i = 0; i < count; i++) {
            unsigned v = convops_at_most(high, rank);
            const uint8_t* column = columns + 16 * (v + 1);
            Py_ssize_t lag = i - at[v];
            convops_u16x16 sums;
            *(convops_u16x16*) (below + 1) = high;
            if (2 * lag < width) {
                sums = low[v];
                for (lag = 1 - lag; lag <= 0; lag++)
                    sums += CONVOPS_WIDE(column + lag * convops_column + last)
                        - CONVOPS_WIDE(column + (lag - 1) * convops_column);
            } else {
                sums = convops_total(column, width);
            }
            low[v] = sums;
            at[v] = i;
            out[i * step] = (uint8_t) ((16 * v + convops_at_most(sums, rank - below[v])) ^ sign);
            if (i + 1 < count)
                high += CONVOPS_WIDE(columns + last + convops_column) - CONVOPS_WIDE(columns);
            columns += convops_column;
        }
    }
    """
    void enter "convops_enter"(uint8_t* column, unsigned int item) nogil
    void leave "convops_leave"(uint8_t* column, unsigned int item) nogil
    void replace "convops_replace"(uint8_t* column, unsigned int item, unsigned int old) nogil
    # To the 16 counts of a level those of a column, or of several.
    void add "convops_add"(uint16_t* sums, const uint8_t* column) nogil
    void subtract "convops_subtract"(uint16_t* sums, const uint8_t* column) nogil
    void add_all "convops_add_all"(uint16_t* sums, const uint8_t* column, Py_ssize_t count) nogil
    unsigned int at_most "convops_at_most_of"(const uint16_t* sums, unsigned int rank) nogil
    void slide "convops_slide"(const uint8_t* columns, Py_ssize_t width, Py_ssize_t count, unsigned int rank,
                               uint8_t* out, Py_ssize_t step, unsigned int sign) nogil
    enum:
        COLUMN "convops_column"                # bytes of the histogram of a column, which holds at most 255 items


# The histogram of a window: of the second level those parts that were asked for, each for columns of its own.
cdef struct Histogram:
    uint16_t high[16]
    uint16_t low[16][16]
    Py_ssize_t begin[16]
    Py_ssize_t end[16]
    Py_ssize_t first           # columns of the first level
    Py_ssize_t last


cdef inline void clear(Histogram* h, Py_ssize_t column) noexcept nogil:
    cdef int v
    for v in range(16):
        h.high[v] = 0
        h.begin[v] = h.end[v] = column
    h.first = h.last = column


cdef inline void move(Histogram* h, const uint8_t* columns, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """On to the columns [begin, end), neither of which ever goes back."""
    while h.last < end:
        add(h.high, columns + h.last * COLUMN)
        h.last = h.last + 1
    while h.first < begin:
        subtract(h.high, columns + h.first * COLUMN)
        h.first = h.first + 1


cdef inline void move_low(Histogram* h, const uint8_t* columns, int v) noexcept nogil:
    """The second level of one high digit follows, column by column or from the beginning."""
    cdef uint16_t* sums = h.low[v]
    columns = columns + 16 * (v + 1)
    if h.last - h.end[v] + h.first - h.begin[v] >= h.last - h.first:
        add_all(sums, columns + h.first * COLUMN, h.last - h.first)
        h.begin[v], h.end[v] = h.first, h.last
        return
    while h.end[v] < h.last:
        add(sums, columns + h.end[v] * COLUMN)
        h.end[v] = h.end[v] + 1
    while h.begin[v] < h.first:
        subtract(sums, columns + h.begin[v] * COLUMN)
        h.begin[v] = h.begin[v] + 1


cdef inline int item_of_rank(Histogram* h, const uint8_t* columns, Py_ssize_t rank) noexcept nogil:
    cdef int v = <int> at_most(h.high, <unsigned int> rank)
    move_low(h, columns, v)
    if v > 0:
        rank = rank - h.high[v - 1]
    return 16 * v + <int> at_most(h.low[v], <unsigned int> rank)
