"""What the named kernels refuse, the dtypes they come in, and the examples of their docstrings."""

import doctest
from itertools import product

import numpy as np
import pytest
from support import argument_error

import convops
from convops.api import filters

RNG = np.random.default_rng(5)
IMAGE = RNG.integers(0, 256, (23, 19)).astype(float)
VOLUME = RNG.integers(0, 256, (9, 11, 7)).astype(float)
DIRECTIONS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]


SIZED = [filters.identity, filters.box, filters.binomial, filters.unsharp]
NUMBER = {
    "sigma": [filters.gaussian, filters.log, filters.dog],
    "radius": [filters.disk],
    "length": [filters.motion],
    "frequency": [filters.gabor],
    "amount": [filters.sharpen],
}
PLAIN = [
    filters.identity,
    filters.edge,
    filters.laplacian,
    filters.sharpen,
    filters.sobel,
    filters.prewitt,
    filters.scharr,
    filters.roberts,
    filters.emboss,
    filters.kirsch,
    filters.robinson,
]


def test_every_kernel_has_the_dtype_asked_for():
    names = ("float16", "bfloat16", "float32", "float64", "complex64", ">f4")
    makers = [lambda make=make, **k: make(3, **k) for make in (*SIZED, filters.gaussian, filters.log, filters.dog)]
    makers += [lambda make=make, **k: make(3, **k) for make in (filters.disk, filters.motion)]
    makers += [*PLAIN, filters.difference]
    for make, name in product(makers, names):
        got, exact = make(dtype=name), make()
        assert got.dtype.name == name.replace(">f4", "float32")
        assert got.flags.c_contiguous
        assert got.flags.writeable
        np.testing.assert_array_equal(got.astype(complex), exact.astype(got.dtype).astype(complex))
    assert filters.gabor(0.1, dtype="complex64").dtype == np.complex64


def test_integer_dtypes_hold_kernels_exactly():
    for make in PLAIN:
        np.testing.assert_array_equal(make(dtype="int8"), make())
    assert filters.box(normalize=False, dtype=bool).all()
    for call in (
        lambda: filters.box(dtype="int64"),
        lambda: filters.gaussian(dtype=int),
        lambda: filters.sobel(dtype="uint8"),
        lambda: filters.binomial(12, normalize=False, dtype="int8"),
        lambda: filters.sharpen(dtype=bool),
        lambda: filters.binomial(40, normalize=False, ndim=1, dtype="float16"),
    ):
        with argument_error("dtype", ValueError):
            call()
    for value in (object, "U3", "no such", 3, "M8[s]"):
        with argument_error("dtype", TypeError):
            filters.identity(dtype=value)
    for real in ("float64", "int64"):
        with argument_error("dtype", TypeError):
            filters.gabor(0.1, dtype=real)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, None, "3", (), (3, 0), (3, 2.0), [[3, 3]], 1j], ids=repr)
@pytest.mark.parametrize("make", SIZED)
def test_bad_sizes(make, value):
    with argument_error("size", TypeError, ValueError):
        make(value)


@pytest.mark.parametrize("value", [True, "1", 1j, float("nan"), float("inf"), -float("inf"), 10**400, {}, [[1.0]]])
@pytest.mark.parametrize(("name", "make"), [(name, make) for name, makes in NUMBER.items() for make in makes])
def test_bad_numbers(name, make, value):
    with argument_error(name, TypeError, ValueError):
        make(value)


def test_numbers_out_of_range():
    for name, call in (
        ("sigma", lambda: filters.gaussian(0)),
        ("sigma", lambda: filters.gaussian((1, -1))),
        ("sigma", lambda: filters.gaussian((1, 2, 3), ndim=2)),
        ("order", lambda: filters.gaussian(1, order=-1)),
        ("order", lambda: filters.gaussian(1, order=17)),
        ("order", lambda: filters.gaussian((1, 1), order=(1, 1, 1))),
        ("truncate", lambda: filters.gaussian(1, truncate=-1)),
        ("radius", lambda: filters.gaussian(1, radius=-1)),
        ("radius", lambda: filters.disk(-0.5)),
        ("ratio", lambda: filters.dog(1, 1)),
        ("length", lambda: filters.motion(0.5)),
        ("frequency", lambda: filters.gabor(0)),
        ("bandwidth", lambda: filters.gabor(0.1, bandwidth=0)),
        ("bandwidth", lambda: filters.gabor(0.1, bandwidth=1e-320)),
        ("sigma", lambda: filters.gabor(0.1, sigma=(1, 2, 3))),
        ("sigma", lambda: filters.gabor(0.1, sigma=0)),
        ("size", lambda: filters.identity(4)),
        ("size", lambda: filters.unsharp((3, 4))),
        ("size", lambda: filters.binomial(4097)),
        ("size", lambda: filters.box((3, 3), ndim=3)),
        ("ndim", lambda: filters.box(1, ndim=65)),
        ("ndim", lambda: filters.sobel(ndim=0)),
        ("axis", lambda: filters.sobel(2)),
        ("axis", lambda: filters.difference(axis=-2)),
        ("order", lambda: filters.difference(0)),
        ("accuracy", lambda: filters.difference(accuracy=3)),
        ("accuracy", lambda: filters.difference(kind="forward", accuracy=40)),
        ("spacing", lambda: filters.difference(spacing=0)),
        ("kind", lambda: filters.difference(kind="centered")),
        ("kind", lambda: filters.laplacian("round")),
        ("ndim", lambda: filters.laplacian("isotropic", ndim=3)),
        ("kind", lambda: filters.edge("isotropic")),
        ("sign", lambda: filters.edge(sign=2)),
        ("direction", lambda: filters.kirsch("n")),
        ("diagonal", lambda: filters.roberts("both")),
    ):
        with argument_error(name, ValueError):
            call()


def test_wrong_kinds():
    for name, call in (
        ("axis", lambda: filters.sobel(True)),
        ("axis", lambda: filters.prewitt(1.0)),
        ("ndim", lambda: filters.scharr(ndim=2.0)),
        ("normalize", lambda: filters.sobel(normalize=1)),
        ("normalize", lambda: filters.box(normalize=None)),
        ("normalize", lambda: filters.disk(2, normalize="no")),
        ("zero_sum", lambda: filters.log(zero_sum=1)),
        ("sign", lambda: filters.edge(sign=True)),
        ("direction", lambda: filters.emboss(3)),
        ("kind", lambda: filters.laplacian(2)),
        ("diagonal", lambda: filters.roberts(0)),
        ("order", lambda: filters.gaussian(1, order=1.0)),
        ("radius", lambda: filters.gaussian(1, radius=1.0)),
        ("order", lambda: filters.difference(1.0)),
        ("accuracy", lambda: filters.difference(accuracy=True)),
        ("angle", lambda: filters.motion(3, None)),
        ("phase", lambda: filters.gabor(0.1, phase="0")),
    ):
        with argument_error(name, TypeError):
            call()


def test_kernels_that_cannot_exist():
    for call in (
        lambda: filters.box(2**62),
        lambda: filters.identity(2**40 + 1),
        lambda: filters.gaussian(1e300),
        lambda: filters.gaussian(1e12),
        lambda: filters.disk(1e300),
        lambda: filters.motion(1e300, 0.3),
        lambda: filters.gabor(1e-250),
        lambda: filters.sobel(ndim=60),
        lambda: filters.binomial(100, normalize=False),
    ):
        with pytest.raises(OverflowError):
            call()
    for call in (
        lambda: filters.gaussian(1e-300, order=3, radius=2),
        lambda: filters.difference(2, spacing=1e-300),
        lambda: filters.gabor(0.1, sigma=1e-200),
    ):
        with pytest.raises(ValueError, match="not finite"):
            call()


@pytest.mark.parametrize("name", filters.__all__)
def test_docstrings(name, monkeypatch):
    monkeypatch.setattr(convops, "filters", filters, raising=False)
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(filters, name), name)
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0
