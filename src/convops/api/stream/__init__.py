"""Filters for signals that come in blocks: `Stream`.

stream.py      what users call: blocks in, outputs out, locking, copies
settings.py    those arguments, checked
engine.py      samples in, samples out: what is kept between blocks
blocks.py      what blocks look like, and an array cut into them
lines.py       blocks of one line, filtered where they lie
ways.py        how outputs are computed: any count of them, or tiles on a grid
partitions.py  long kernels with short latency
choice.py      which of the ways it is
"""

from convops.api.stream.stream import Stream

__all__ = ["Stream"]
