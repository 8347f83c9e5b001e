# A block of neighbouring output pixels with vectors over channels: what it is, how its sums begin and end.
from convops.kernels.lanes cimport begin_chain, end_vector, load_f32, load_f64
from convops.kernels.simd cimport VECTOR_BYTES, Vector, f32v, inlined
from convops.kernels.tile cimport minimum

cdef enum:
    PIXELS = 7                 # outputs whose sums stay in registers

# A block of output pixels of one line. Position p of window line i lies at points[i * positions + p], or
# p * steps[i] bytes behind lines[i].
cdef struct Block:
    char** points
    char** lines
    Py_ssize_t* steps
    Py_ssize_t positions
    Py_ssize_t line_count      # of both output lines together, where there are two
    Py_ssize_t rows            # output lines
    Py_ssize_t down            # input lines from one output line to the next
    Py_ssize_t wide            # taps of a line
    Py_ssize_t slide           # positions from one output to the next
    const char* weights
    Py_ssize_t tap             # bytes from tap to tap
    const char* bias
    Py_ssize_t channels
    bint overlap               # the last vector may begin earlier: nothing lies behind the last channel
    bint relu
    Py_ssize_t pixels
    Py_ssize_t blocks          # full ones, one behind the other, where positions go by steps
    char* out
    Py_ssize_t out_step
    Py_ssize_t out_row
    const char* add
    Py_ssize_t add_step
    Py_ssize_t add_row
    Py_ssize_t ahead           # bytes to the input of the next line of outputs, which is asked for; 0 if it is not


cdef inline inlined end_pixel(int s, const Block* b, Py_ssize_t at, Py_ssize_t count, Vector bias, char* out,
                              const char* add, const Vector* acc) noexcept nogil:
    if s < b.pixels:
        end_vector(acc[s], bias, add + s * b.add_step + at if add != NULL else NULL, b.relu,
                   out + s * b.out_step + at, count)


cdef inline inlined end_pixels(const Block* b, Py_ssize_t c, char* out, const char* add,
                               const Vector* acc) noexcept nogil:
    cdef int lanes = VECTOR_BYTES // 4 if Vector is f32v else VECTOR_BYTES // 8
    cdef Py_ssize_t count = minimum(lanes, b.channels - c), at = c * (VECTOR_BYTES // lanes)
    cdef Vector bias
    if Vector is f32v:
        bias = load_f32(b.bias + at, count)
    else:
        bias = load_f64(b.bias + at, count)
    bias = bias + 0    # sums begin with +0.0, so that a bias of -0.0 is one of +0.0
    end_pixel(0, b, at, count, bias, out, add, acc)
    end_pixel(1, b, at, count, bias, out, add, acc)
    end_pixel(2, b, at, count, bias, out, add, acc)
    end_pixel(3, b, at, count, bias, out, add, acc)
    end_pixel(4, b, at, count, bias, out, add, acc)
    end_pixel(5, b, at, count, bias, out, add, acc)
    end_pixel(6, b, at, count, bias, out, add, acc)


cdef inline inlined begin_pixels(Vector* acc) noexcept nogil:
    begin_chain(&acc[0])
    begin_chain(&acc[1])
    begin_chain(&acc[2])
    begin_chain(&acc[3])
    begin_chain(&acc[4])
    begin_chain(&acc[5])
    begin_chain(&acc[6])
