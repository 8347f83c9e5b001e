"""Child process of test_lattice: extreme values on every parameter, under a memory limit.

Prints a JSON list of what went wrong; a crash shows as the exit status.
"""

import faulthandler
import json
import resource
import sys
from itertools import product
from pathlib import Path

import numpy as np

import convops

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracles.geometry import effective, output_length, source

GIB = 1 << 30
BIG = [2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1, 2**32, 2**32 + 1, 2**61, 2**62, 2**63 - 1]
INTS = [0, -1, 1, 2, *BIG, 2**63, 2**64 + 1, -(2**63), 10**30]
OTHERS = [
    True,
    1.5,
    float("nan"),
    [],
    (),
    None,
    "3",
    object(),
    b"3",
    1j,
    ...,
    np.ones(2),
    range(3),
    {},
    10**400,
]
ERRORS = (TypeError, ValueError, OverflowError, MemoryError)
SMALL = 10_000  # outputs that are computed and compared
HANGS = 20  # seconds
X = [3, 1, 4, 1, 5, 9, 2]
KERNEL = [2, -7, 1]


def taps(first, n, dilation, boundary):
    """Input index (or None) under each tap of a window, in unbounded integers."""
    return [source(first + j * dilation, len(X), boundary) for j in range(n)]


def real_taps(first, n, dilation):
    """Input indices under a window that may have any number of taps."""
    return [p for p in range(len(X)) if p >= first and (p - first) % dilation == 0 and (p - first) // dilation < n]


def expected(op, n, stride, dilation, left, right, boundary):
    """The answer as a list, an exception class, or None where it is too long to compute."""
    if n < 1 or stride < 1 or dilation < 1:
        return ValueError
    outputs = output_length(len(X), effective(n, dilation), stride, left, right)
    if outputs is None:
        return ValueError
    if outputs > SMALL:
        return None
    starts = [i * stride - left for i in range(outputs)]
    if op == "conv":
        windows = [taps(first, n, dilation, boundary) for first in starts]
        return [sum(k * X[t] for k, t in zip(KERNEL, w, strict=False) if t is not None) for w in windows]
    real = [[X[t] for t in real_taps(first, n, dilation)] for first in starts]
    if op == "max_pool":
        return ValueError if [] in real else [max(r) for r in real]
    return [sum(r) / len(r) if r else float("nan") for r in real]


def call(op, n, boundary, **keywords):
    """One line through the library."""
    x = np.array([[X]], "f4")
    if op == "conv":
        return convops.conv(x, np.array([[KERNEL[:n]]], "f4"), boundary=boundary, **keywords)[0, 0]
    return getattr(convops, op)(x, (n,), **keywords)[0, 0]


def verdict(op, n, stride, dilation, left, right, boundary):
    """None, or what is wrong with the library's answer."""
    answer = expected(op, n, stride, dilation, left, right, boundary)
    faulthandler.dump_traceback_later(HANGS, exit=True)
    try:
        got = call(op, n, boundary, stride=stride, dilation=dilation, padding=((left, right),))
    except ERRORS as error:
        refused_for_size = isinstance(error, (OverflowError, MemoryError))
        fine = refused_for_size if answer is None else isinstance(answer, type) and isinstance(error, ValueError)
        fine = fine or (answer is None and ("max_workspace" in str(error) or "padding" in str(error)))
        sizes = max(abs(v) for v in (n, stride, dilation, left, right))
        return None if fine or (refused_for_size and sizes >= 2**61) else f"{type(error).__name__}: {error}"
    except BaseException as error:
        return f"unexpected {type(error).__name__}: {error}"
    if answer is None or isinstance(answer, type):
        return f"accepted, shape {got.shape}"
    same = got.shape == (len(answer),) and np.allclose(got, answer, rtol=1e-6, equal_nan=True)
    return None if same else f"{got.tolist()} and not {answer}"


def geometries(op):
    """Problems with one or two extreme numbers."""
    windows = [1, 2, 3] if op == "conv" else [*INTS, 3]
    boundaries = ["constant", "wrap", "reflect"] if op == "conv" else ["constant"]
    for boundary in boundaries:
        for n, value in product(windows, INTS):
            yield n, value, 1, 0, 0, boundary
            yield n, 1, value, 0, 0, boundary
            for extreme in (value, -value):
                yield n, max(value, 1), 1, extreme, 0, boundary
                yield n, max(value, 1), 1, 0, extreme, boundary
                yield n, max(value, 1), value, extreme, extreme, boundary
                yield n, 2, value, extreme, extreme, boundary
            yield n, 1, 1, value, value, boundary
            yield n, 1, 1, value, -value, boundary
            yield n, 3, 1, -value, value + 5, boundary


def geometry_sweep(op):
    """Every extreme geometry against the oracle."""
    for n, *numbers in geometries(op):
        wrong = verdict(op, n, *numbers)
        if wrong:
            yield f"{op} {(n, *numbers)}: {wrong}"


def parameter_sweep():
    """Every value on every keyword: an answer or one of the four errors."""
    x, w, line, kernel = np.ones((2, 3, 7)), np.ones((3, 3, 2)), np.ones(9), np.ones(3)
    common = ["stride", "dilation", "out", "backend", "workers", "max_workspace"]
    conv = [*common, "bias", "padding", "groups", "boundary", "fill", "layout", "accuracy"]
    signal = [*common, "mode", "axes", "boundary", "fill", "origin", "accuracy"]
    pool = [*common, "window", "padding", "ceil_mode", "axes", "layout"]
    operations = {
        "conv": ((x, w), conv),
        "convolve": ((line, kernel), signal),
        "correlate": ((line, kernel), signal),
        "max_pool": ((x,), [*pool, "indices"]),
        "avg_pool": ((x,), [*pool, "count_include_pad", "divisor"]),
    }
    for op, (arrays, names) in operations.items():
        for name, value in product(names, [*INTS, *OTHERS]):
            keywords = {"window": (2,)} if op.endswith("pool") else {}
            faulthandler.dump_traceback_later(HANGS, exit=True)
            try:
                getattr(convops, op)(*arrays, **{**keywords, name: value})
            except ERRORS:
                continue
            except BaseException as error:
                yield f"{op}({name}={value!r}): {type(error).__name__}: {error}"


if __name__ == "__main__":
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 3 * GIB, used + 3 * GIB))
    wrong = parameter_sweep() if sys.argv[1] == "parameters" else geometry_sweep(sys.argv[1])
    print(json.dumps(list(wrong)))
