"""The last step: typed Cython on raw pointers, one extension module per kernel and ISA level.

Start reading at `micro.pyx` (the multiply-add loop every convolution ends in), then `gemm.pyx` (im2col) and
`direct.pyx`, which feed it. `bind.pyx` is the only door from Python; `isa.py` imports exactly one level.
"""
