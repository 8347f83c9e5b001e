"""Every pool, dtype and backend against pools computed window by window in rational numbers."""

import random
from fractions import Fraction
from math import inf, isinf, prod

import brute
import ml_dtypes
import numpy as np
import pytest
from composite.memory import LAYOUTS

import convops

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
INTEGERS = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
TINY = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
BACKENDS = ["pool_window", "pool_gather", "reference"]
EXTENT = {1: 10, 2: 4, 3: 2, 4: 1}
LONGEST = {1: 5, 2: 4, 3: 3, 4: 2}


def dtype_of(name):
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


class Problem:
    """Geometry and values drawn from a number."""

    def __init__(self, number, dtype, special=True):
        self.choose, self.numbers = random.Random(number), np.random.default_rng(number)
        between = self.choose.randint
        n = self.choose.choice([1, 2, 2, 3, 4])
        self.window = tuple(between(1, LONGEST[n]) for _ in range(n))
        self.dtype = dtype_of(dtype)
        self.geometry = {
            "stride": tuple(between(1, 3) for _ in range(n)),
            "dilation": tuple(self.choose.choice([1, 1, 2]) for _ in range(n)),
            "padding": tuple((between(-1, w - 1), between(0, w - 1)) for w in self.window),
            "ceil_mode": self.choose.random() < 0.4,
        }
        long = 40 if self.choose.random() < 0.2 else 0
        extents = [(w - 1) * d + 2 for w, d in zip(self.window, self.geometry["dilation"], strict=True)]
        sizes = [e + between(0, EXTENT[n]) + long * (i == n - 1) for i, e in enumerate(extents)]
        self.x = self.values((between(1, 2), between(1, 3), *sizes), special)
        self.lines = [
            brute.line(m, w, s, d, pads, self.geometry["ceil_mode"])
            for m, w, s, d, pads in zip(
                sizes, self.window, *(self.geometry[k] for k in ("stride", "dilation", "padding")), strict=True
            )
        ]

    def values(self, shape, special):
        kind = self.dtype.kind
        if kind == "b":
            return self.numbers.random(shape) < 0.5
        if kind in "iu" and self.choose.random() < 0.5:
            limits = np.iinfo(self.dtype)
            return self.numbers.integers(limits.min, limits.max, shape, self.dtype, endpoint=True)
        if kind in "iu" or self.choose.random() < 0.5:
            return self.numbers.integers(0 if kind == "u" else -4, 5, shape).astype(self.dtype)
        x = self.numbers.normal(0, 10, shape).astype(self.dtype)
        if special:
            x = np.where(self.numbers.random(shape) < 0.1, self.numbers.choice([np.nan, inf, -inf], shape), x)
        return x.astype(self.dtype)

    @property
    def holds_empty_windows(self):
        return any(not real for line in self.lines for real, _, _ in line)

    def run(self, name, backend, **options):
        """In a random layout in memory, channels last for some; back to channels first."""
        n, last = len(self.window), self.choose.random() < 0.3
        if backend == "pool_window" and n > 3:
            backend = "auto"
        x = np.moveaxis(self.x, 1, -1) if last else self.x
        layouts = [
            name for name in LAYOUTS if name not in ("zero-stride", "byte-swapped" if x.dtype.kind == "V" else "")
        ]
        x = LAYOUTS[self.choose.choice(layouts)](x)
        layout = "channels_last" if last else "channels_first"
        got = getattr(convops, name)(x, self.window, backend=backend, layout=layout, **self.geometry, **options)
        back = (lambda y: np.moveaxis(y, -1, 1)) if last else (lambda y: y)
        return tuple(map(back, got)) if isinstance(got, tuple) else back(got)


def same(got, expected):
    """Equal numbers, NaN where NaN is."""
    if got.dtype.kind not in "biu":
        got, expected = got.astype(np.float64), expected.astype(np.float64)
    assert got.shape == expected.shape
    assert ((got == expected) | ((got != got) & (expected != expected))).all()


def close(got, exact, dtype, slack=0):
    """Within slack |e| of each exact number and half a unit in the last place."""
    assert got.shape == exact.shape
    unit, tiny = Fraction(UNIT[dtype]), Fraction(TINY[dtype])
    for value, e in zip(got.astype(np.float64).flat, exact.flat, strict=True):
        if e is None:
            assert value != value
        elif isinf(value):
            assert abs(e) >= 65519
        else:
            assert abs(Fraction(value) - e) <= Fraction(slack) * abs(e) + max(unit * abs(Fraction(value)), tiny / 2)


def refused(problem, name, backend, **options):
    with pytest.raises(ValueError, match="padding"):
        problem.run(name, backend, **options)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["max_pool", "min_pool"])
def test_extremes(name, backend, dtype):
    for number in range(3):
        problem = Problem(number, dtype)
        if problem.holds_empty_windows:
            refused(problem, name, backend)
            continue
        values, plane, inside = brute.first_extremes(problem.x, problem.lines, name == "max_pool")
        for kind, where in (("plane", plane), ("window", inside)):
            got, index = problem.run(name, backend, indices=kind)
            assert got.dtype == problem.dtype
            same(got, values)
            same(index, where)
        same(problem.run(name, backend), values)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_order_statistics(backend, dtype):
    for number in range(10, 13):
        problem = Problem(number, dtype)
        if problem.holds_empty_windows:
            refused(problem, "median_pool", backend)
            continue
        fewest = prod(min(len(real) for real, _, _ in line) for line in problem.lines)
        same(problem.run("median_pool", backend), brute.pooled(problem.x, problem.lines, brute.ranked(None)))
        for rank in {0, fewest - 1, fewest // 2, -fewest}:
            got = problem.run("rank_pool", backend, rank=rank)
            assert got.dtype == problem.dtype
            same(got, brute.pooled(problem.x, problem.lines, brute.ranked(rank)))
        with pytest.raises(ValueError, match="rank"):
            problem.run("rank_pool", backend, rank=fewest)


def check_integers(problem, name, backend, exact, dtype, **options):
    """Every policy on exact results in an integer dtype."""
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    rounded = [round(e) for e in exact.flat]
    for policy in ("raise", "wrap", "saturate"):
        options |= {"dtype": dtype, "overflow": policy}
        misfits = [i for i, e in enumerate(rounded) if not low <= e <= high]
        if policy == "raise" and misfits:
            with pytest.raises(OverflowError, match="index"):
                problem.run(name, backend, **options)
            continue
        got = problem.run(name, backend, **options)
        assert got.dtype == dtype
        wrapped = [(e - low) % (high - low + 1) + low for e in rounded]
        wanted = wrapped if policy == "wrap" else [min(max(e, low), high) for e in rounded]
        assert [int(v) for v in got.flat] == wanted


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_and_means_of_integers_are_rounded_once(backend, dtype):
    for number in range(20, 22):
        problem = Problem(number, dtype)
        sums = brute.pooled(problem.x, problem.lines, brute.total)
        wide = "uint64" if dtype.startswith("u") else "int64"
        check_integers(problem, "sum_pool", backend, sums, wide)
        check_integers(problem, "sum_pool", backend, sums, "int8")
        by = 7.3 if number == 20 else -3
        for options, reduce in (
            ({}, brute.mean),
            ({"count_include_pad": True}, brute.padded_mean),
            ({"divisor": by}, lambda items, count, by=by: brute.total(items, count) / Fraction(by)),
        ):
            means = brute.pooled(problem.x, problem.lines, reduce)
            close(problem.run("avg_pool", backend, **options), means, "float64")
            for narrow in ("float32", "bfloat16"):
                close(problem.run("avg_pool", backend, dtype=narrow, **options), means, narrow)
            if None not in means:
                check_integers(problem, "avg_pool", backend, means, "int16", **options)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_and_means_of_floats(backend, dtype):
    for number in range(30, 34):
        problem = Problem(number, dtype, special=False)
        problem.x = np.abs(problem.x)
        slack = (prod(problem.window) + 2) * (2.0**-53 if dtype == "float64" else 2.0**-24)
        for name, options, reduce in (
            ("sum_pool", {}, brute.total),
            ("avg_pool", {}, brute.mean),
            ("avg_pool", {"count_include_pad": True}, brute.padded_mean),
        ):
            got = problem.run(name, backend, **options)
            assert got.dtype == problem.dtype
            close(got, brute.pooled(problem.x, problem.lines, reduce), dtype, slack)


@pytest.mark.parametrize("p", [1, 2, 3, 0.5, 1.5, 2.7, inf])
@pytest.mark.parametrize("backend", BACKENDS)
def test_norms(backend, p):
    for number, dtype in enumerate([*FLOATS, "int8", "uint64", "bool"], 40):
        problem = Problem(number, dtype, special=False)
        wide = np.abs(problem.x.astype(np.float64))

        def norm(items, count):
            items = np.array(items, np.longdouble)
            return items.max(initial=0) if p == inf else (items ** np.longdouble(p)).sum() ** (1 / np.longdouble(p))

        exact = brute.pooled(wide, problem.lines, norm).astype(np.longdouble)
        got = problem.run("lp_pool", backend, p=p)
        result = dtype if dtype in FLOATS else "float64"
        assert got.dtype == dtype_of(result)
        allowed = (UNIT[result] + (prod(problem.window) + 8) / min(p, 1) * 2.0**-52) * exact + TINY[result] / 2
        small = exact < 65000
        assert (np.abs(got.astype(np.longdouble) - exact) <= allowed)[small].all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool"])
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_functions(backend, dtype):
    for number in range(50, 54):
        problem = Problem(number, dtype)

        def mixed(items):
            return items[..., 0].astype("f8") * 3 + items[..., -1] + items.shape[-1]

        if problem.holds_empty_windows:
            refused(problem, "pool", backend, func=mixed)
            continue
        expected = brute.pooled(problem.x, problem.lines, lambda i, _: float(i[0]) * 3 + float(i[-1]) + len(i))
        got = problem.run("pool", backend, func=mixed)
        assert got.dtype == np.float64
        same(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64", "bool"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_adaptive_windows(backend, dtype):
    for number, (sizes, lengths) in enumerate(
        [((7,), (3,)), ((5, 17), (7, 11)), ((6, 8), (3, 4)), ((3, 4, 9), (2, 4, 5))]
    ):
        x = np.random.default_rng(number).integers(0, 5, (2, 3, *sizes)).astype(dtype)
        if dtype == "float32":
            x[x == 4] = np.nan
        lines = [brute.adaptive_line(m, length) for m, length in zip(sizes, lengths, strict=True)]
        values, plane, inside = brute.first_extremes(x, lines)
        for layout in ("channels_first", "channels_last"):
            last = layout == "channels_last"
            given, back = (np.moveaxis(x, 1, -1), lambda y: np.moveaxis(y, -1, 1)) if last else (x, lambda y: y)
            options = {"layout": layout, "backend": backend}
            for kind, where in (("plane", plane), ("window", inside)):
                got, index = convops.adaptive_pool(given, lengths, indices=kind, **options)
                same(back(got), values)
                same(back(index), where)
            if dtype != "float32":
                got = back(convops.adaptive_pool(given, lengths, "avg", **options))
                close(got, brute.pooled(x, lines, brute.mean), "float16" if dtype == "float16" else "float64", 2.0**-20)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_complex_sums_are_the_sums_of_their_parts(backend, dtype):
    problem = Problem(60, "float64", special=False)
    x = problem.x
    problem.x = (x - 1j * x[..., ::-1]).astype(dtype)
    for name in ("sum_pool", "avg_pool"):
        got = problem.run(name, backend)
        assert got.dtype == dtype
        for part in ("real", "imag"):
            problem.x = np.ascontiguousarray(getattr((x - 1j * x[..., ::-1]).astype(dtype), part))
            np.testing.assert_allclose(getattr(got, part), problem.run(name, backend), rtol=1e-6, atol=1e-5)
        problem.x = (x - 1j * x[..., ::-1]).astype(dtype)
