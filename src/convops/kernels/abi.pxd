# The one struct between backends and kernels. All strides are in bytes, as in NumPy; ranks are padded to three.

# Where finished sums go at once, after bias and relu: rows `pitch` bytes apart, which are pixels where vectors run
# over channels and channels where they run over pixels.
cdef struct Finish:
    char* out
    Py_ssize_t pitch
    const char* bias
    bint relu
    const char* ahead          # what is asked for: pieces of memory, `apart` bytes from one to the next, then those
    Py_ssize_t apart           # `hop` bytes behind them; for the next pixel `forth` bytes further on
    Py_ssize_t hop
    Py_ssize_t forth

# Panels of output channels, `pitch` bytes of weights apart, times one panel of pixels; the last sums may be finished.
ctypedef void (*Micro)(Py_ssize_t steps, const char* rows, const char* columns, const Py_ssize_t* offsets,
                       char* totals, bint first, Py_ssize_t panels, Py_ssize_t pitch,
                       const Finish* finish) noexcept nogil
# One panel with vectors over output channels, times runs of neighbouring pixels, `step` bytes apart; the last sums
# may be finished, without an `out` they are kept.
ctypedef void (*Turned)(Py_ssize_t steps, const char* x, Py_ssize_t step, const char* weights,
                        const Py_ssize_t* offsets, char* totals, bint first, Py_ssize_t runs,
                        const Finish* finish) noexcept nogil
# The same for `lines` lines of one run each, one or two at once, `hop` bytes apart. Steps come in `groups` of `steps`;
# those before `first` leave out the run's first pixel, those from `last` on the last one: there they multiply zeros.
# A vector of weights that lies `ahead` bytes behind those of a step is asked for, its other one with the next lines.
cdef struct Edge:
    Py_ssize_t lines
    Py_ssize_t hop
    Py_ssize_t groups
    Py_ssize_t steps
    Py_ssize_t first
    Py_ssize_t last
    Py_ssize_t ahead

ctypedef void (*Edged)(const Edge* edge, const char* x, Py_ssize_t step, const char* weights,
                       const Py_ssize_t* offsets, char* totals, bint first, const Finish* finish) noexcept nogil
# `count` lines of vectors through a transform: items `step` bytes apart, results `pitch`, lines `next_x` and `next_to`.
ctypedef void (*Pass)(int count, const char* x, Py_ssize_t step, Py_ssize_t next_x, char* to, Py_ssize_t pitch,
                      Py_ssize_t next_to) noexcept nogil
# Sums over channel blocks for tiles `step` bytes apart, blocks `next_x`.
ctypedef void (*Product)(Py_ssize_t channels, Py_ssize_t block, const char* x, Py_ssize_t step, Py_ssize_t next_x,
                         const char* weights, char* totals) noexcept nogil
# Items of any dtype to the kernel's reals and back; `step` counts bytes of the user's array, `pitch` reals.
ctypedef void (*Load)(const char* items, Py_ssize_t step, char* to, Py_ssize_t pitch,
                      Py_ssize_t count) noexcept nogil
ctypedef void (*Cast)(const char* values, Py_ssize_t pitch, char* out, Py_ssize_t step, Py_ssize_t count,
                      int policy, int* status) noexcept nogil
# Neighbouring 32-bit sums to items of any integer dtype; False, and nothing done, where one does not fit.
ctypedef bint (*Narrow)(const char* sums, char* out, Py_ssize_t step, Py_ssize_t count) noexcept nogil

cdef enum:
    MOST_PIXELS = 14           # of a run, at any level

# One spatial axis. The index map leads from a padded position to an input position: inside
# [inner_begin, inner_end) it is (position - shift) / spacing, outside it is read from `border` (NULL: fill
# everywhere). -1 is fill, -2 one of the zeros between the samples of a stuffed input.
cdef struct Axis:
    Py_ssize_t size
    Py_ssize_t window
    Py_ssize_t stride
    Py_ssize_t dilation
    Py_ssize_t out
    Py_ssize_t padded
    Py_ssize_t shift
    Py_ssize_t inner_begin
    Py_ssize_t inner_end
    Py_ssize_t spacing
    const Py_ssize_t* border
    Py_ssize_t counted         # pooling: padded positions below it may count in the divisor
    Py_ssize_t tile            # outputs per tile
    Py_ssize_t phases          # distinct values of tap * dilation mod stride
    Py_ssize_t reach           # (window - 1) * dilation // stride

cdef struct Operand:
    char* data
    Py_ssize_t batch
    Py_ssize_t channel
    Py_ssize_t step[3]

# sum, bias, add, activation, cast: applied once, by `tile.finish`.
cdef struct Epilogue:
    const char* bias
    Operand add
    int activation
    double constants[2]
    Cast cast                  # NULL: the result is of the kernel's own dtype
    int policy                 # of integers that do not fit, see below
    int* status                # set to 1 by a value that the policy does not admit

cdef struct Args:
    Operand x
    Operand out
    Operand index              # where a maximum came from (pooling)
    Operand grad               # of a scalar in the result of a convolution (weight gradients)
    Axis axis[3]
    Epilogue epilogue
    const char* weights        # packed: group, row panel, step, row
    Micro micro
    const Turned* turned       # [vectors - 1][pixels of a run - 1]
    const Edged* edged         # [two lines][pixels of a run - 1], for two vectors; NULL: no line is short
    Load load                  # NULL: x is of the kernel's own dtype
    char fill[16]              # one of the kernel's reals
    Py_ssize_t groups
    Py_ssize_t channels        # input channels of one group
    Py_ssize_t rows            # output channels of one group
    Py_ssize_t panel_rows      # rows of the micro-kernel
    Py_ssize_t panel_unit      # the last panel has no more rows than a multiple of it needs
    Py_ssize_t panel_columns   # pixels of the micro-kernel
    Py_ssize_t tile_panels     # row panels per tile
    Py_ssize_t tile_columns    # pixels per tile where a tile is a run of pixels
    # The reduction's order: channel blocks, taps, channels; sums restart at each channel block and after so many
    # products.
    Py_ssize_t block_channels
    Py_ssize_t block_steps
    # Where vectors run over output channels: channels copied at once, 0 to read x where it lies; whether the copy
    # keeps the channels of a pixel together, and items between the pixels then.
    Py_ssize_t halo_channels
    Py_ssize_t halo_gap
    bint pixels_first
    int skipped_axis           # taps that this axis puts on padding are left out; -1: they are zeros like others
    double divisor             # pooling: > 0 replaces the number of taps
    bint count_padding
    Py_ssize_t tile_begin
    Py_ssize_t tile_end
    int workers
    char* scratch
    bint fresh                 # the worker finds nothing of this call in its scratch memory yet
    # Scratch memory: bytes per worker, and where in them, behind the totals, one line of results, the columns
    # or the halo, and the offsets begin.
    Py_ssize_t scratch_stride
    Py_ssize_t scratch_line
    Py_ssize_t scratch_columns
    Py_ssize_t scratch_offsets
    bint look_ahead            # what the next block needs is asked for
    bint past_caches           # results are stored past the caches where they can be
    # Weight gradients: images that sums run over, reduction blocks whose x is copied together, parts into which the
    # work of a tile is cut, and where in the scratch the copy of x begins.
    Py_ssize_t sum_images
    Py_ssize_t pack_blocks
    Py_ssize_t segments
    Py_ssize_t scratch_halo
    int pooling                # what a pool makes of its windows, a Kind of `fold.pxd`
    double norm                # lp pooling: the p
    Py_ssize_t rank            # rank pooling: from the end where negative
    # Winograd: a block is so many strips (rows of tiles, of all images) by `tile_columns` tiles. Bytes from one point
    # to the next, where halo and sums begin, and where sums that are no numbers are done by the definition: without
    # these weights they are only noted.
    Py_ssize_t images
    Py_ssize_t strips
    Py_ssize_t pitch_inputs
    Py_ssize_t pitch_sums
    Py_ssize_t scratch_sums
    const char* plain_weights
    int* nonfinite
    const Product* products    # for runs of 1, 2, ... tiles
    Pass input_pass[2]         # of lines and of columns
    Pass output_pass[2]
    # Integers: channels per word of four bytes; limbs of the weights and the ratio of one to the next, 0 where sums of
    # 32 bits are wide enough; what stores these, NULL to store them as they are or through the epilogue.
    Py_ssize_t word_items
    Py_ssize_t limbs
    double limb_ratio
    Narrow narrow
    Operand filters            # transformed panel by panel, by the matrices in `weights`; NULL: weights are packed

# Codes of Epilogue.policy, in the order of `backends.lowering.POLICIES`.
cdef enum:
    RAISE = 0
    WRAP = 1
    SATURATE = 2

# Activation codes of Epilogue.activation, in the order of `problem.epilogue.ACTIVATIONS`.
cdef enum:
    NONE = 0
    RELU = 1
    LEAKY_RELU = 2
    SIGMOID = 3
    TANH = 4
    CLIP = 5
