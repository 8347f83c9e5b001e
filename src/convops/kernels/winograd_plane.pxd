# A tile of a plane at work in `winograd_planes.pyx`: its sizes, and where in the scratch memory its parts lie.
from libc.string cimport memset

from convops.kernels.abi cimport NONE, RELU, Args, Operand
from convops.kernels.open_lines cimport CHUNK, turns_of
from convops.kernels.padded_lines cimport Line
from convops.kernels.past_caches cimport CACHE_LINE
from convops.kernels.simd cimport VECTOR_BYTES, Real
from convops.kernels.tile cimport ceil_div, minimum
from convops.kernels.winograd_pairs cimport MOST_OUTPUTS

cdef enum:
    MOST_REACH = 64            # samples from a window's first column to its last
    UNIT = 16                  # samples: a halo is so many, or a multiple of it
    MOST_ROWS = 5 * MOST_OUTPUTS - 1
    ASIDE = CHUNK + 2 * CACHE_LINE     # bytes of a line of results that goes past the caches

# A tile at work, in chunks of CHUNK bytes.
cdef struct Job:
    Line origin
    Py_ssize_t height          # outputs
    Py_ssize_t width
    int outputs                # of a transform
    int points
    int open                   # groups of the window's lines
    int turns                  # transforms at a time
    Py_ssize_t chunk           # samples
    Py_ssize_t bytes           # of the chunk at hand
    Py_ssize_t reach           # samples from a window's first column to its last
    Py_ssize_t halo            # and in front of a chunk, so that windows may begin there
    Py_ssize_t pitch           # bytes of both
    char* inputs               # transformed: transform, point, halo and chunk
    char* sums                 # transform, point
    char* kept                 # of output lines further down: chunk, point, group
    char* copies               # of input lines; of results for an epilogue that is none for vectors
    char* aside                # results before they are stored past the caches
    char* strange              # lanes that are not 0 met a sum that is not finite
    const char* rows[MOST_ROWS]    # input lines of the next transforms, where the tile's first padded column would lie
    const char* copied[MOST_ROWS]
    bint lying                 # all of them are lines of x, as they are
    bint plain                 # the epilogue is one for vectors


cdef inline int outputs_of(Py_ssize_t lines) noexcept nogil:
    return 3 if lines <= 6 or lines == 9 else 4


cdef inline Py_ssize_t scratch_of(int lines, Py_ssize_t reach, Py_ssize_t width, int item) noexcept nogil:
    """Bytes for windows of so many lines and such a reach, and tiles of such a width."""
    cdef int outputs = outputs_of(lines), open = ceil_div(lines, outputs), points = 2 * outputs - 1
    cdef Py_ssize_t chunks = ceil_div(width * item, CHUNK)
    cdef Py_ssize_t halo = ceil_div(reach, UNIT) * UNIT * item
    return (turns_of(open) * (points * (halo + 2 * CHUNK) + outputs * ASIDE) + MOST_ROWS * CHUNK + VECTOR_BYTES
            + chunks * points * (open - 1) * CHUNK + CACHE_LINE)


cdef inline char* item_of(const Operand* o, const Line* at, Py_ssize_t down) noexcept nogil:
    """NULL where there is no operand."""
    if o.data == NULL:
        return NULL
    return o.data + at.batch * o.batch + (at.row + down) * o.step[1] + at.column * o.step[2]


cdef inline void begin_tile(const Args* a, Job* j, Py_ssize_t number, char* scratch, const Real* tag) noexcept nogil:
    cdef Py_ssize_t across = ceil_div(a.axis[2].out, a.axis[2].tile), down = ceil_div(a.axis[1].out, a.axis[1].tile), i
    j.origin.column = number % across * a.axis[2].tile
    j.origin.row = number // across % down * a.axis[1].tile
    j.origin.batch = number // across // down
    j.height = minimum(a.axis[1].tile, a.axis[1].out - j.origin.row)
    j.width = minimum(a.axis[2].tile, a.axis[2].out - j.origin.column)
    j.outputs = outputs_of(a.axis[1].window)
    j.points, j.open = 2 * j.outputs - 1, <int> ceil_div(a.axis[1].window, j.outputs)
    j.turns, j.chunk = turns_of(j.open), CHUNK // sizeof(Real)
    j.reach = (a.axis[2].window - 1) * a.axis[2].dilation
    j.halo = ceil_div(j.reach, UNIT) * UNIT
    j.pitch = j.halo * sizeof(Real) + CHUNK
    j.inputs = scratch + (-<Py_ssize_t> scratch & (CACHE_LINE - 1))
    j.sums = j.inputs + j.turns * j.points * j.pitch
    j.copies = j.sums + j.turns * j.points * CHUNK
    j.aside = j.copies + MOST_ROWS * CHUNK
    j.strange = j.aside + j.turns * j.outputs * ASIDE
    j.kept = j.strange + VECTOR_BYTES
    j.plain = (a.epilogue.cast == NULL and a.out.step[2] == sizeof(Real)
               and a.epilogue.activation in (NONE, RELU)
               and (a.epilogue.add.data == NULL or a.epilogue.add.step[2] == sizeof(Real)))
    for i in range(MOST_ROWS):
        j.copied[i] = j.copies + i * CHUNK
    memset(j.strange, 0, VECTOR_BYTES)
