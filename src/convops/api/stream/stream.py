"""Filtering a signal that comes in blocks, the same as filtering all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from convops.api.arguments import given
from convops.api.stream.blocks import blocks_of, form
from convops.api.stream.engine import Engine
from convops.api.stream.settings import parse
from convops.backends.base import Array
from convops.kernels.feed import Feed
from convops.problem import dtypes


class Stream(Feed):
    """Filter a signal that comes in blocks of any size, with the result of filtering all of it at once.

    Parameters
    ----------
    k : array_like
        The kernel, one-dimensional.
    operation : {"convolve", "correlate"}
        Whether the kernel is flipped: ``y[n] = sum over j of k[j] * x[n - j * dilation]``, or not (then it is
        conjugated, as a matched filter is).
    mode : {"causal", "full", "same", "valid"}
        Which outputs there are. "causal": as many as samples, none of which depends on later samples, as
        `scipy.signal.lfilter`; the others as in `convolve`.
    stride, dilation : int
        Keep every stride-th output, from the first on; put dilation - 1 zeros between the kernel's items.
    block : int, optional
        A bound on latency: outputs wait for at most block - 1 samples after the last that they need. By default long
        kernels are applied in tiles as long as is fastest (`latency` tells), short ones without any delay.
    axis : int
        The axis of time. All others are channels, filtered one by one.
    backend, accuracy, overflow, workers, max_workspace
        See `conv`; backend is "auto", "direct", "im2col", "fft" or "reference", overflow is not "widen".

    Attributes
    ----------
    variant : str or None
        What orders the arithmetic, known with the first block: a `Plan.variant`, or ``"partitioned[...]"``.
    latency : int or None
        The most outputs that are withheld although their samples have come: 0 for direct summation.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong, named in the message.

    Notes
    -----
    The bits of the result do not depend on how the signal was cut. Direct sums have one order anyhow; transforms are
    made of tiles at fixed positions of the signal, counted from its first sample (overlap-save, Oppenheim and Schafer,
    "Discrete-Time Signal Processing", section 8.7). Without `block` they are the tiles of the call on the whole
    array: where `variant` is that of its plan, ``push`` and ``flush`` give the same bits as that call. With `block`
    the tiles are as long as that, or kernels are partitioned (`convops.api.stream.partitions`).

    NaN and infinity stay where the definition puts them, integers are exact. The first block fixes the dtype and the
    other axes. A block that raises an error leaves the stream as it was. A stream may be used from several threads,
    one at a time gets hold of it.

    Examples
    --------
    >>> import convops
    >>> stream = convops.Stream([3, 2, 1])
    >>> stream.push([1, 2]), stream.push([3, 4, 5])
    (array([3, 8]), array([14, 20, 26]))
    >>> stream = convops.Stream([3, 2, 1], mode="full")
    >>> stream.push([1, 2, 3, 4, 5]), stream.flush()
    (array([ 3,  8, 14, 20, 26]), array([14,  5]))
    """

    def __init__(
        self,
        k: Any,
        *,
        operation: str = "convolve",
        mode: str = "causal",
        stride: int = 1,
        dilation: int = 1,
        block: int | None = None,
        axis: int = -1,
        backend: str = "auto",
        accuracy: str | float = "standard",
        overflow: str = "raise",
        workers: int | None = None,
        max_workspace: int | None = None,
    ) -> None:
        self._arguments = {name: value for name, value in locals().items() if name not in ("self", "k")}
        self._settings = parse(k, **self._arguments)
        self._engine: Engine | None = None

    def __repr__(self) -> str:
        settings = self._settings
        return f"<Stream {settings.operation} of {settings.k.size} taps, {settings.mode}, {self.variant}>"

    @property
    def variant(self) -> str | None:
        return None if self._engine is None else self._engine.way.variant

    @property
    def latency(self) -> int | None:
        return None if self._engine is None else (self._engine.way.chunk or 1) - 1

    def _push(self, block: Any) -> Array:
        """The long way of `push`."""
        with self._turn:
            self._next, engine = None, self._engine
            if engine is None or type(block) is not np.ndarray or not engine.takes(block.shape, block.dtype):
                block, engine = self._checked(block)
            elif block.ndim == 1 and (known := engine.known(len(block))) is not None:
                result = known(block)
                if result is not None:
                    self._next = known
                    return result
            result = engine.push(block)
            self._next = engine.repeat
            return result

    def flush(self) -> Array:
        """End the signal: return all outputs that are still missing. The next block begins a new signal."""
        with self._turn:
            if self._engine is None:
                raise ValueError("flush before the first block: there is no signal, and no dtype of a result")
            self._next = None
            return self._engine.flush()

    def process(self, blocks: Iterable[Any], progress: Callable[[int], object] | None = None) -> Iterator[Array]:
        """Filter a whole signal, block after block, its end included.

        Parameters
        ----------
        blocks : iterable of array_like, or ndarray
            Arrays as `push` takes them, such as a file's reader yields; an array is cut into blocks.
        progress : callable, optional
            Called after every block with the number of samples taken so far.

        Yields
        ------
        ndarray
            Outputs in order, empty ones left out.

        Raises
        ------
        TypeError, ValueError
            Before anything is filtered: blocks is no iterable or lacks the axis, or progress is not callable.

        Examples
        --------
        >>> import numpy as np, convops
        >>> mean = convops.Stream(np.full(4, 0.25), stride=2)
        >>> [part.tolist() for part in mean.process([np.ones(3), np.ones(4)])]
        [[0.25, 0.75], [1.0, 1.0]]
        """
        if progress is not None and not callable(progress):
            raise TypeError(f"progress must be callable, got {type(progress).__name__}")
        return self._process(blocks_of(blocks, self._settings.axis), progress)

    def _process(self, blocks: Iterable[Any], progress: Callable[[int], object] | None) -> Iterator[Array]:
        taken = 0
        for block in blocks:
            result = self.push(block)
            taken += np.shape(block)[self._settings.axis]
            if result.size:
                yield result
            if progress is not None:
                progress(taken)
        if self._engine is not None and (result := self.flush()).size:
            yield result

    def reset(self) -> None:
        """Forget the signal; the next block begins a new one, of any dtype and shape."""
        with self._turn:
            self._next = None
            if self._engine is not None:
                self._engine.reset()

    def copy(self) -> Stream:
        """An independent stream in the same state."""
        twin = Stream(self._settings.k, **self._arguments)
        with self._turn:
            twin._engine = None if self._engine is None else self._engine.copy()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        with self._turn:
            engine = self._engine
            signal = engine and (engine.frame.shape, engine.frame.dtype, engine.tiling, engine.state())
        return {"k": self._settings.k, "arguments": self._arguments, "signal": signal}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Stream.__init__(self, state["k"], **state["arguments"])
        if state["signal"] is not None:
            shape, dtype, tiling, content = state["signal"]
            engine = self._settings.engine(shape, dtype, None)
            if engine.tiling != tiling:
                raise ValueError(f"the stream was saved in tiles {tiling}, they would be {engine.tiling} here")
            engine.restore(content)
            self._engine = engine

    def _checked(self, block: Any) -> tuple[Array, Engine]:
        """A block of another kind than those before, if it may be; the first of a signal fixes what they are like."""
        block = given("block", block)
        dtypes.check("block", block.dtype)
        if not -block.ndim <= self._settings.axis < block.ndim:
            raise ValueError(f"block must have the axis {self._settings.axis}, got shape {block.shape}")
        engine = self._engine
        if engine is None or not engine.samples:
            engine = self._engine = self._settings.engine(block.shape, block.dtype, engine)
        frame = engine.frame
        if not engine.takes(block.shape, frame.dtype):
            wanted = form(frame.shape, frame.axis)
            raise ValueError(f"block must have the shape {wanted}, as those before, got {block.shape}")
        if not np.can_cast(block.dtype, frame.dtype, "safe"):
            raise ValueError(f"block must cast safely to {frame.dtype}, the dtype of the first, got {block.dtype}")
        return block.astype(frame.dtype, copy=False), engine
