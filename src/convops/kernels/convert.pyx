# cython: language_level=3
"""Runs of items of any dtype into the reals of a kernel, and reals into any dtype.

Called through `Args.load` and `Epilogue.cast`, once per run of pixels or channels. Items may lie at any address.
Integers of 64 bits lose what a double cannot hold: the caller proves that they do not.
"""
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t)
from libc.string cimport memcpy

from convops.kernels.abi cimport Cast, Load
from convops.kernels.integers cimport Integer, cast_integer, cast_run
from convops.kernels.simd cimport VECTOR_BYTES, Real, f32v
from convops.kernels.wider cimport BYTES, from_i8, from_u8

cdef extern from *:
    """
    typedef struct { _Float16 value; } convops_f16;
    static inline float convops_from_f16(convops_f16 v) { return (float) v.value; }
    static inline convops_f16 convops_to_f16(double value) { convops_f16 v; v.value = (_Float16) value; return v; }
    typedef struct { unsigned short bits; } convops_bf16;
    static inline float convops_from_bf16(convops_bf16 v) {
        union { unsigned int u; float f; } r; r.u = (unsigned int) v.bits << 16; return r.f;
    }
    /* Rounded to odd first, so that the second rounding is the only one that shows. */
    static inline convops_bf16 convops_to_bf16(double value) {
        union { unsigned int u; float f; } r; convops_bf16 v; r.f = (float) value;
        if (value == value && (double) r.f != value) {
            if (__builtin_fabs((double) r.f) > __builtin_fabs(value)) r.u -= 1;
            r.u |= 1;
        }
        if (value != value) v.bits = (unsigned short) ((r.u >> 16) | 0x40);
        else v.bits = (unsigned short) ((r.u + 0x7fff + ((r.u >> 16) & 1)) >> 16);
        return v;
    }
    """
    ctypedef struct half "convops_f16":
        pass
    float from_half "convops_from_f16"(half) nogil
    half to_half "convops_to_f16"(double) nogil
    ctypedef struct bfloat "convops_bf16":
        pass
    float from_bfloat "convops_from_bf16"(bfloat) nogil
    bfloat to_bfloat "convops_to_bf16"(double) nogil
    uint16_t swap_16 "__builtin_bswap16"(uint16_t) nogil
    uint32_t swap_32 "__builtin_bswap32"(uint32_t) nogil
    uint64_t swap_64 "__builtin_bswap64"(uint64_t) nogil

# Stands for NumPy's bool in the tables: any bit pattern but zero is one.
ctypedef struct boolean:
    uint8_t byte

ctypedef fused Item:
    boolean
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    half
    bfloat
    float
    double


cdef inline void swap(char* item, Py_ssize_t size) noexcept nogil:
    cdef uint16_t two
    cdef uint32_t four
    cdef uint64_t eight
    if size == 2:
        memcpy(&two, item, 2)
        two = swap_16(two)
        memcpy(item, &two, 2)
    elif size == 4:
        memcpy(&four, item, 4)
        four = swap_32(four)
        memcpy(item, &four, 4)
    elif size == 8:
        memcpy(&eight, item, 8)
        eight = swap_64(eight)
        memcpy(item, &eight, 8)


cdef inline Real real_of(const char* address, bint swapped, const Item* tag, const Real* kind) noexcept nogil:
    cdef Item item
    memcpy(&item, address, sizeof(Item))
    if swapped:
        swap(<char*> &item, sizeof(Item))
    if Item is boolean:
        return <Real> 1 if item.byte else <Real> 0
    elif Item is half:
        return <Real> from_half(item)
    elif Item is bfloat:
        return <Real> from_bfloat(item)
    else:
        return <Real> item


cdef inline Py_ssize_t load_bytes(const Item* items, Real* to, Py_ssize_t count) noexcept nogil:
    """Whole vectors of bytes that lie side by side; how many items these are."""
    cdef Py_ssize_t j = 0, lanes = VECTOR_BYTES // <Py_ssize_t> sizeof(float)
    if BYTES and Real is float and (Item is uint8_t or Item is int8_t):
        while j + lanes <= count:
            (<f32v*> (to + j))[0] = from_u8(<const char*> (items + j)) if Item is uint8_t else from_i8(
                <const char*> (items + j))
            j = j + lanes
    return j


cdef void load_native(const Item* items, Py_ssize_t step, Real* to, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    cdef const char* address = <const char*> items
    cdef Py_ssize_t j
    if step == sizeof(Item) and pitch == 1:
        for j in range(load_bytes(items, to, count), count):
            to[j] = real_of(address + j * <Py_ssize_t> sizeof(Item), False, items, to)
    else:
        for j in range(count):
            to[j * pitch] = real_of(address + j * step, False, items, to)


cdef void load_swapped(const Item* items, Py_ssize_t step, Real* to, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(count):
        to[j * pitch] = real_of(<const char*> items + j * step, True, items, to)


cdef void cast(const Real* values, Py_ssize_t pitch, Item* out, Py_ssize_t step, Py_ssize_t count, int policy,
               int* status) noexcept nogil:
    cdef Py_ssize_t j
    cdef Item item
    if Item in Integer:
        if pitch == 1 and step == sizeof(Item) and cast_run(values, out, count, policy):
            return
    for j in range(count):
        if Item is boolean:
            item.byte = values[j * pitch] != 0
        elif Item is half:
            item = to_half(values[j * pitch])
        elif Item is bfloat:
            item = to_bfloat(values[j * pitch])
        elif Item is float or Item is double:
            item = <Item> values[j * pitch]
        else:
            cast_integer(values[j * pitch], &item, policy, status)
        memcpy(<char*> out + j * step, &item, sizeof(Item))


cdef dict loads = {}, casts = {}


cdef register(str name, size_t native_f32, size_t native_f64, size_t swapped_f32, size_t swapped_f64, size_t cast_f32,
              size_t cast_f64):
    loads[name, 4, False], loads[name, 8, False] = native_f32, native_f64
    loads[name, 4, True], loads[name, 8, True] = swapped_f32, swapped_f64
    casts[name, 4], casts[name, 8] = cast_f32, cast_f64


register("bool", <size_t> <Load> load_native[boolean, float], <size_t> <Load> load_native[boolean, double],
         <size_t> <Load> load_swapped[boolean, float], <size_t> <Load> load_swapped[boolean, double],
         <size_t> <Cast> cast[float, boolean], <size_t> <Cast> cast[double, boolean])
register("int8", <size_t> <Load> load_native[int8_t, float], <size_t> <Load> load_native[int8_t, double],
         <size_t> <Load> load_swapped[int8_t, float], <size_t> <Load> load_swapped[int8_t, double],
         <size_t> <Cast> cast[float, int8_t], <size_t> <Cast> cast[double, int8_t])
register("int16", <size_t> <Load> load_native[int16_t, float], <size_t> <Load> load_native[int16_t, double],
         <size_t> <Load> load_swapped[int16_t, float], <size_t> <Load> load_swapped[int16_t, double],
         <size_t> <Cast> cast[float, int16_t], <size_t> <Cast> cast[double, int16_t])
register("int32", <size_t> <Load> load_native[int32_t, float], <size_t> <Load> load_native[int32_t, double],
         <size_t> <Load> load_swapped[int32_t, float], <size_t> <Load> load_swapped[int32_t, double],
         <size_t> <Cast> cast[float, int32_t], <size_t> <Cast> cast[double, int32_t])
register("int64", <size_t> <Load> load_native[int64_t, float], <size_t> <Load> load_native[int64_t, double],
         <size_t> <Load> load_swapped[int64_t, float], <size_t> <Load> load_swapped[int64_t, double],
         <size_t> <Cast> cast[float, int64_t], <size_t> <Cast> cast[double, int64_t])
register("uint8", <size_t> <Load> load_native[uint8_t, float], <size_t> <Load> load_native[uint8_t, double],
         <size_t> <Load> load_swapped[uint8_t, float], <size_t> <Load> load_swapped[uint8_t, double],
         <size_t> <Cast> cast[float, uint8_t], <size_t> <Cast> cast[double, uint8_t])
register("uint16", <size_t> <Load> load_native[uint16_t, float], <size_t> <Load> load_native[uint16_t, double],
         <size_t> <Load> load_swapped[uint16_t, float], <size_t> <Load> load_swapped[uint16_t, double],
         <size_t> <Cast> cast[float, uint16_t], <size_t> <Cast> cast[double, uint16_t])
register("uint32", <size_t> <Load> load_native[uint32_t, float], <size_t> <Load> load_native[uint32_t, double],
         <size_t> <Load> load_swapped[uint32_t, float], <size_t> <Load> load_swapped[uint32_t, double],
         <size_t> <Cast> cast[float, uint32_t], <size_t> <Cast> cast[double, uint32_t])
register("uint64", <size_t> <Load> load_native[uint64_t, float], <size_t> <Load> load_native[uint64_t, double],
         <size_t> <Load> load_swapped[uint64_t, float], <size_t> <Load> load_swapped[uint64_t, double],
         <size_t> <Cast> cast[float, uint64_t], <size_t> <Cast> cast[double, uint64_t])
register("float16", <size_t> <Load> load_native[half, float], <size_t> <Load> load_native[half, double],
         <size_t> <Load> load_swapped[half, float], <size_t> <Load> load_swapped[half, double],
         <size_t> <Cast> cast[float, half], <size_t> <Cast> cast[double, half])
register("bfloat16", <size_t> <Load> load_native[bfloat, float], <size_t> <Load> load_native[bfloat, double],
         <size_t> <Load> load_swapped[bfloat, float], <size_t> <Load> load_swapped[bfloat, double],
         <size_t> <Cast> cast[float, bfloat], <size_t> <Cast> cast[double, bfloat])
register("float32", <size_t> <Load> load_native[float, float], <size_t> <Load> load_native[float, double],
         <size_t> <Load> load_swapped[float, float], <size_t> <Load> load_swapped[float, double],
         <size_t> <Cast> cast[float, float], <size_t> <Cast> cast[double, float])
register("float64", <size_t> <Load> load_native[double, float], <size_t> <Load> load_native[double, double],
         <size_t> <Load> load_swapped[double, float], <size_t> <Load> load_swapped[double, double],
         <size_t> <Cast> cast[float, double], <size_t> <Cast> cast[double, double])


def load_address(str dtype, bint swapped, int itemsize):
    """What reads items of `dtype` as reals of `itemsize` bytes; 0 where nothing is to be converted."""
    native = dtype == ("float32" if itemsize == 4 else "float64")
    return 0 if native and not swapped else loads[dtype, itemsize, swapped]


def cast_address(str dtype, int itemsize):
    """What writes reals of `itemsize` bytes as `dtype`; 0 where nothing is to be converted."""
    return 0 if dtype == ("float32" if itemsize == 4 else "float64") else casts[dtype, itemsize]
