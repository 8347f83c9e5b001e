"""Random pools with what the oracle gathers for them, and its gradients brought back to the shape of x."""

from math import prod

import numpy as np
from oracles import Refused, gradients, windows

NAMES = ("valid", "full", "same", "same_lower", "same_symmetric", "keep")


def pool_geometry(rng, n):
    """Window, geometry, and an input with the oracle's windows; None where the problem has no answer."""
    draw = lambda low, high: tuple(int(v) for v in rng.integers(low, high, n))  # noqa: E731
    window = draw(1, 5)
    geometry = {
        "stride": draw(1, 4) if rng.random() < 0.8 else None,
        "padding": str(rng.choice(NAMES)) if rng.random() < 0.4 else tuple(zip(draw(-2, 5), draw(-2, 5), strict=True)),
        "dilation": draw(1, 4),
        "ceil_mode": bool(rng.random() < 0.5),
    }
    x = rng.integers(-4, 5, (2, 3, *(int(v) for v in rng.integers(1, 9, n))))
    try:
        got = windows.gather(x.reshape(6, *x.shape[2:]), window, **geometry)
    except Refused:
        return None
    return window, geometry, x, got


def folded(got, shares, shape):
    """The oracle's gradient from the shares of all taps."""
    return gradients.scatter_windows(got, shares, prod(shape[2:])).reshape(shape)


def drawn_pools(seed, count=12):
    """Random pools of one to three axes with integer gradients."""
    rng = np.random.default_rng(seed)
    while count:
        n = int(rng.integers(1, 4))
        drawn = pool_geometry(rng, n)
        if drawn is not None:
            count -= 1
            window, geometry, x, got = drawn
            shape = (2, 3, *got.real.shape[:n])
            yield rng, n, window, geometry, x, got, rng.integers(-9, 10, shape)
