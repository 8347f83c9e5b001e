"""Complex convolutions as one of real numbers: Re and Im of each channel are two channels, four products in one sum.

(xr + i xi)(wr + i wi) = (xr wr - xi wi) + i (xr wi + xi wr): each part of the result sums 2 K real products, as the
definition multiplies them, and keeps the bound 2 K u (|xr| |wr| + |xi| |wi|). Three products would not: they sum
(xr + xi)(wr + wi), whose error is that of the louder part.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.finish import finish
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue


class ComplexChannels(Rewrite):
    """Complex numbers whose channels lie together are such pairs of channels already, in x and in the result."""

    def applies(self, problem: ConvProblem) -> bool:
        return problem.dtype in dtypes.COMPLEX and _joins(problem)

    def parts(self, problem: ConvProblem) -> list[Part]:
        return [Part(_joined(problem))]

    def extra_bytes(self, problem: ConvProblem) -> int:
        item = np.dtype(problem.dtype).itemsize
        sums = (1 + problem.epilogue.has_add) * problem.out_channels * prod(problem.out_spatial)
        weights = 2 * problem.out_channels * problem.products
        return item * (sums + problem.channels * prod(problem.spatial) + weights)

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        real, joined = dtypes.named(dtypes.COMPLEX[problem.dtype]), _joined(problem)
        offsets = None if bias is None else np.stack([bias.real, bias.imag], 1).reshape(-1).astype(real)
        runner = solve(joined, _matrices(w, real, problem.types.x in dtypes.COMPLEX), offsets)

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            result = _pairs(out)
            if add is not None:
                # A real one has an imaginary part, too: nothing.
                add = add.astype(dtypes.named(problem.dtype), copy=False)
            if result is not None and (_pairs(x) is not None or not np.iscomplexobj(x)):
                more = {} if add is None else {"add": _as_pairs(add, real)}
                runner(_as_pairs(x, x.real.dtype), result, workers, **more)
                return
            sums = np.empty((1, joined.out_channels, *out.shape[2:]), dtypes.named(joined.types.result))
            for image in range(len(x)):
                more = {} if add is None else {"add": _as_pairs(add[image : image + 1], real)}
                runner(_as_pairs(x[image : image + 1], x.real.dtype), sums, workers, **more)
                out.real[image], out.imag[image] = sums[0, ::2], sums[0, 1::2]

        return run


class ComplexParts(Rewrite):
    """Four convolutions of parts, one added to the other, where a part has the padding or the kernels of its own."""

    def applies(self, problem: ConvProblem) -> bool:
        return problem.dtype in dtypes.COMPLEX

    def parts(self, problem: ConvProblem) -> list[Part]:
        return [Part(_real(problem, True), 2), Part(_real(problem, False), 2)]

    def extra_bytes(self, problem: ConvProblem) -> int:
        sums = problem.out_channels * prod(problem.out_spatial) * np.dtype(problem.dtype).itemsize
        image = problem.channels * prod(problem.spatial) * np.dtype(problem.dtype).itemsize
        return sums + 3 * sums // 2 + image

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        parts = _real(problem, True), _real(problem, False)
        wr, wi = (w.real, w.imag) if np.iscomplexobj(w) else (w, None)
        # Which part of the result, from which part of x, by which runner.
        terms = [(0, 0, solve(parts[0], wr, None)), (1, 1, solve(parts[1], wr, None))]
        if wi is not None:
            terms += [(0, 1, solve(parts[1], -wi, None)), (1, 0, solve(parts[0], wi, None))]
        if problem.types.x not in dtypes.COMPLEX and complex(problem.fill).imag == 0:
            terms = [term for term in terms if term[1] == 0]

        real = dtypes.named(dtypes.COMPLEX[problem.dtype])

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            for image in range(len(x)):
                items, place = _parts_of(x[image : image + 1]), out[image : image + 1]
                held, spare = [np.zeros_like(place, real), np.zeros_like(place, real)], np.empty_like(place, real)
                for to, source, runner in terms:
                    # Kernels may compute an output twice, so that what they add must not be what they write.
                    runner(items[source], spare, workers, add=held[to])
                    held[to], spare = spare, held[to]
                sums = np.empty_like(place, dtypes.named(problem.dtype))
                sums.real, sums.imag = held
                origin, rows = (image,) + (0,) * (sums.ndim - 1), slice(0, sums.shape[1])
                part = None if add is None else add[image]
                out[image] = finish(problem, sums[0], bias, part, rows, origin)

        return run


def _joins(problem: ConvProblem) -> bool:
    """One number pads all channels, and there are more than one, for which alone there are faster kernels."""
    fill = complex(problem.fill)
    real = problem.types.x not in dtypes.COMPLEX
    single = problem.group_channels * problem.group_rows == 1
    return (fill.imag == 0 if real else fill.real == fill.imag) and not (problem.exchanged or single)


def _joined(problem: ConvProblem) -> ConvProblem:
    """With rows of both parts; with channels of both parts where x has two."""
    part = dtypes.COMPLEX[problem.dtype]
    return replace(
        problem,
        channels=problem.channels * (2 if problem.types.x in dtypes.COMPLEX else 1),
        out_channels=2 * problem.out_channels,
        types=Types(dtypes.COMPLEX.get(problem.types.x, problem.types.x), part, dtypes.COMPLEX[problem.types.result]),
        fill=complex(problem.fill).real,
        epilogue=replace(problem.epilogue, policy=None),
    )


def _matrices(w: Array, real: np.dtype, pairs: bool) -> Array:
    """[[wr, -wi], [wi, wr]] for each weight, or its first column where x is real."""
    columns = 2 if pairs else 1
    joined = np.empty((2 * w.shape[0], columns * w.shape[1], *w.shape[2:]), real)
    joined[::2, ::columns], joined[1::2, ::columns] = w.real, w.imag
    if pairs:
        joined[1::2, 1::2] = w.real
        np.negative(w.imag, out=joined[::2, 1::2], casting="same_kind")
    return joined


def _pairs(values: Array) -> Array | None:
    """Canonical complex numbers as twice as many real channels, if they lie like that."""
    if not values.dtype.isnative or not np.iscomplexobj(values) or values.strides[1] != values.itemsize:
        return None
    return np.moveaxis(np.moveaxis(values, 1, -1).view(values.real.dtype), -1, 1)


def _as_pairs(values: Array, real: np.dtype) -> Array:
    """The same by a copy where they do not; real numbers are one channel each."""
    if not np.iscomplexobj(values):
        return values
    pairs = _pairs(values)
    if pairs is None:
        pairs = np.empty((len(values), 2 * values.shape[1], *values.shape[2:]), real.newbyteorder("="))
        pairs[:, ::2], pairs[:, 1::2] = values.real, values.imag
    return pairs


def _parts_of(x: Array) -> tuple[Array, Array]:
    """In the order of x, but each by itself, as kernels read it faster."""
    if np.iscomplexobj(x):
        return x.real.copy("K"), x.imag.copy("K")
    return x, np.broadcast_to(np.zeros((), x.dtype), x.shape)


def _real(problem: ConvProblem, real: bool) -> ConvProblem:
    """The problem of one part; every term is added to what the others left in the result."""
    part = dtypes.COMPLEX[problem.dtype]
    x = dtypes.COMPLEX.get(problem.types.x, problem.types.x)
    fill = complex(problem.fill)
    epilogue = Epilogue(has_add=True, policy=None)
    return replace(problem, types=Types(x, part, part), fill=fill.real if real else fill.imag, epilogue=epilogue)
