"""Ways to ask the library, shared by the tests: backends from the registry, layouts, comparisons."""

import hashlib
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

import convops
from convops.dispatch.registry import backends_for

# These take nothing but gradients in filters and small integers, see `backends/test_weight_grad.py`, `test_integer.py`.
SPECIAL = ("weight_grad", "integer")
CONV_BACKENDS = [backend.name for backend in backends_for("conv") if backend.name not in SPECIAL]
# Windows as large as the input have one, too, see `backends/test_linear.py`.
ANY_WINDOW = [name for name in CONV_BACKENDS if name != "linear"]
POOL_BACKENDS = [backend.name for backend in backends_for("pool")]
UNCONDITIONAL = {"direct", "im2col", "reference", "pool_window"}  # take every float problem up to rank 3
FIXED_ORDER = ["direct", "im2col"]
DTYPES = ["float32", "float64"]
WORKERS = [1, 2, 3, 4, 7, 8, 16]
ALL_SIGNALLING = {
    "float32": np.uint32(0x7FA00000),
    "float64": np.uint64(0x7FF4000000000000),
    "int64": np.int64(-1),
}


def to_last(x, n):
    """Channels-first array with n spatial axes as a contiguous channels-last one."""
    return np.ascontiguousarray(np.moveaxis(x, x.ndim - n - 1, -1))


def to_first(x, n):
    """Undo `to_last`, as a view."""
    return np.moveaxis(x, -1, x.ndim - n - 1)


def accepts(backend, call, *args, **keywords):
    """Whether the backend takes the problem; a refusal is a ValueError that names it."""
    has_channels = call != "conv" or args[1].shape[1] > 0
    if backend in UNCONDITIONAL and has_channels:
        return True
    try:
        convops.plan(call, *args, backend=backend, **keywords)
    except ValueError as refusal:
        if backend not in str(refusal):
            raise
        return False
    return True


def run_conv(case, backend, arrays, **options):
    """The library's answer for a ConvCase, or None where the backend refuses."""
    x, w, bias = arrays
    keywords = {**case.geometry(), **options}
    planned = {k: v for k, v in keywords.items() if k != "out"}
    if backend != "auto" and not accepts(backend, "conv", x, w, bias, **planned):
        return None
    return convops.conv(x, w, bias, backend=backend, **keywords)


def run_signal(case, backend, arrays, **options):
    """The library's answer for a SignalCase, or None where the backend refuses."""
    keywords = {**case.options(), **options}
    if backend != "auto" and not accepts(backend, case.op, *arrays, **keywords):
        return None
    return getattr(convops, case.op)(*arrays, backend=backend, **keywords)


def run_max(case, backend, x, **options):
    """The library's maximum for a PoolCase."""
    return convops.max_pool(x, case.window, backend=backend, **case.geometry(), **options)


def run_avg(case, backend, x, **options):
    """The library's mean for a PoolCase."""
    return convops.avg_pool(x, case.window, backend=backend, **case.geometry(), **case.average, **options)


def same_values(got, expected):
    """Shape and every value, NaN where NaN is."""
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


def same_bits(got, expected):
    """Shape, dtype and every bit."""
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    assert digest(got) == digest(expected)


def digest(*arrays):
    """Hash of the values in C order."""
    state = hashlib.sha256()
    for a in arrays:
        state.update(repr((a.shape, a.dtype.str)).encode())
        state.update(np.ascontiguousarray(a).tobytes())
    return state.hexdigest()


def poisoned(shape, dtype):
    """An output array whose every cell is a signalling NaN (or -1)."""
    out = np.empty(shape, dtype)
    out.view(ALL_SIGNALLING[out.dtype.name].dtype)[...] = ALL_SIGNALLING[out.dtype.name]
    return out


def argument_error(name, *kinds):
    """Expect an error whose message names the argument."""
    return pytest.raises(kinds or (TypeError, ValueError, OverflowError), match=rf"\b{name}\b")


def native(x):
    """The plain contiguous copy that a layout is compared with."""
    return np.ascontiguousarray(x.astype(x.dtype.newbyteorder("=")))


def run_python(script, *arguments):
    """Standard output of a script that must succeed."""
    command = [sys.executable, "-c", dedent(script), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


def rng(seed):
    return np.random.default_rng(seed)


def reals(seed, shape, dtype="f4"):
    return rng(seed).standard_normal(shape).astype(dtype)


def integers(seed, shape, dtype="i1"):
    info = np.iinfo(dtype)
    return rng(seed).integers(info.min, info.max, shape, dtype, endpoint=True)


def planned(name, arrays, options):
    return convops.plan(name, *arrays, **options)(arrays[0])
