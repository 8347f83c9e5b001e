"""Operations with makers of their arrays, for tests that call each of them again and again."""

from operator import attrgetter

import numpy as np
from support import integers, reals, rng

import convops

NAN = np.float32(np.nan)


def _holes(seed):
    values = reals(seed, 30)
    values[rng(seed).random(30) < 0.3] = NAN
    return values


# Operation, makers of the arrays from a seed, keywords.
CASES = {
    "conv": ("conv", lambda s: (reals(s, (2, 3, 8, 7)), reals(s + 1, (5, 3, 3, 2))), {}),
    "conv, bias, options": (
        "conv",
        lambda s: (reals(s, (2, 4, 9, 7)), reals(s + 1, (6, 2, 3, 2)), reals(s + 2, 6)),
        {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "groups": 2, "activation": ("clip", -0.5, 1.0)},
    ),
    "conv, boundary": (
        "conv",
        lambda s: (reals(s, (1, 2, 9, 7)), reals(s + 1, (2, 2, 3, 3))),
        {"padding": "same", "boundary": ("reflect", "wrap"), "dilation": 2},
    ),
    "conv, channels last": (
        "conv",
        lambda s: (reals(s, (2, 3, 8, 7, 3)), reals(s + 1, (17, 3, 3, 2))),
        {"layout": "channels_last", "fill": 0.5, "padding": 1},
    ),
    "conv, no batch": ("conv", lambda s: (reals(s, (3, 9)), reals(s + 1, (2, 3, 4))), {}),
    "conv, float16": ("conv", lambda s: (reals(s, (1, 3, 8, 7), "f2"), reals(s + 1, (2, 3, 3, 3), "f2")), {}),
    "conv, mixed": ("conv", lambda s: (integers(s, (1, 2, 8, 7), "u1"), reals(s + 1, (2, 2, 3, 3))), {}),
    "conv, float64": ("conv", lambda s: (reals(s, (1, 2, 8, 7), "f8"), reals(s + 1, (2, 2, 3, 3))), {}),
    "conv, complex": (
        "conv",
        lambda s: (reals(s, (1, 2, 9)) + 1j * reals(s, (1, 2, 9)), reals(s + 1, (2, 2, 3)) * 1j),
        {},
    ),
    "conv, int8": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"dtype": np.int32}),
    "conv, wrap": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"overflow": "wrap"}),
    "conv, widen": ("conv", lambda s: (integers(s, (1, 2, 9)), integers(s + 1, (2, 2, 3))), {"overflow": "widen"}),
    "conv, four axes": ("conv", lambda s: (reals(s, (1, 2, 3, 4, 3, 5)), reals(s + 1, (2, 2, 2, 2, 2, 2))), {}),
    "conv, im2col": ("conv", lambda s: (reals(s, (1, 2, 9, 8)), reals(s + 1, (2, 2, 2, 2))), {"backend": "im2col"}),
    "conv, fft": ("conv", lambda s: (reals(s, (1, 1, 128, 131)), reals(s + 1, (1, 1, 41, 39))), {}),
    "conv_transpose": (
        "conv_transpose",
        lambda s: (reals(s, (1, 4, 5, 6)), reals(s + 1, (4, 3, 3, 2)), reals(s + 2, 6)),
        {"stride": 2, "groups": 2, "output_padding": 1},
    ),
    "conv_transpose, gaps": (
        "conv_transpose",
        lambda s: (reals(s, (2, 4, 5, 6)), reals(s + 1, (4, 3, 1, 2))),
        {"stride": (3, 2), "output_padding": (2, 0)},
    ),
    "conv_transpose, gaps with bias": (
        "conv_transpose",
        lambda s: (reals(s, (1, 4, 5, 6)), reals(s + 1, (4, 3, 1, 2)), reals(s + 2, 3)),
        {"stride": 2, "activation": "relu", "layout": "channels_first"},
    ),
    "conv, winograd": (
        "conv",
        lambda s: (reals(s, (2, 36, 13, 11)), reals(s + 1, (37, 36, 3, 3)), reals(s + 2, 37)),
        {"padding": 1, "backend": "winograd", "activation": "relu"},
    ),
    "conv, winograd, many tiles": (
        "conv",
        lambda s: (reals(s, (3, 5, 67, 71), "f8"), reals(s + 1, (6, 5, 3, 4), "f8")),
        {"backend": "winograd8", "layout": "channels_first"},
    ),
    "conv, winograd, line": (
        "conv",
        lambda s: (reals(s, (2, 19, 6)), reals(s + 1, (8, 3, 3))),
        {"backend": "winograd4", "groups": 2, "layout": "channels_last"},
    ),
    "conv, stuffed": (
        "conv",
        lambda s: (reals(s, (2, 3, 8, 7)), reals(s + 1, (5, 3, 3, 2))),
        {"input_dilation": (2, 3), "padding": 2},
    ),
    "conv, linear": ("conv", lambda s: (reals(s, (5, 3, 8, 7)), reals(s + 1, (19, 3, 8, 7))), {"backend": "linear"}),
    "grad.conv_input": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 5, 8, 7)), reals(s + 1, (5, 3, 3, 3)), (2, 3, 8, 7)),
        {"padding": 1},
    ),
    "grad.conv_input, strided": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 8, 7, 6)), reals(s + 1, (6, 3, 3, 2)), (2, 16, 14, 6)),
        {"padding": ((1, 1), (0, 0)), "stride": 2, "groups": 2, "layout": "channels_last"},
    ),
    "grad.conv_input, gaps": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 5, 4, 4)), reals(s + 1, (5, 3, 1, 1)), (1, 3, 8, 7)),
        {"stride": 2},
    ),
    "grad.conv_input, winograd": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 40, 14, 14)), reals(s + 1, (40, 41, 3, 3)), (1, 41, 14, 14)),
        {"padding": 1, "backend": "winograd"},
    ),
    "grad.conv_input, boundary": (
        "grad.conv_input",
        lambda s: (reals(s, (1, 2, 8, 7)), reals(s + 1, (2, 3, 3, 3)), (1, 3, 8, 7)),
        {"padding": 1, "boundary": "reflect"},
    ),
    "grad.conv_input, complex": (
        "grad.conv_input",
        lambda s: (reals(s, (2, 7)) * (1 + 1j), reals(s + 1, (2, 3, 3)) * 1j, (3, 9)),
        {},
    ),
    "grad.conv_input, nothing": (
        "grad.conv_input",
        lambda s: (reals(s, (0, 2, 7)), reals(s + 1, (2, 3, 3)), (0, 3, 9)),
        {},
    ),
    "convolve": ("convolve", lambda s: (reals(s, (9, 8)), reals(s + 1, (3, 2))), {}),
    "convolve, axes": (
        "convolve",
        lambda s: (reals(s, (9, 4, 8)), reals(s + 1, (3, 2))),
        {"mode": "same", "axes": (2, 0), "boundary": "reflect", "origin": (1, 0)},
    ),
    "convolve, missing": ("convolve", lambda s: (_holes(s), reals(s + 1, 3)), {"nan": "ignore", "min_weight": 0.25}),
    "correlate": ("correlate", lambda s: (reals(s, 19), reals(s + 1, 4)), {"mode": "valid", "stride": 2}),
    "correlate, complex": ("correlate", lambda s: (reals(s, 19), reals(s + 1, 4) * (1 + 2j)), {}),
    "max_pool": ("max_pool", lambda s: (reals(s, (2, 3, 8, 7)),), {"window": 2, "padding": 1}),
    "min_pool, bool": ("min_pool", lambda s: (reals(s, (2, 3, 8, 7)) > 0,), {"window": (2, 3), "stride": 1}),
    "avg_pool": ("avg_pool", lambda s: (reals(s, (3, 8, 7)),), {"window": (3, 2), "ceil_mode": True}),
    "sum_pool": ("sum_pool", lambda s: (integers(s, (1, 2, 9, 8), "u2"),), {"window": 2}),
    "sum_pool, widen": ("sum_pool", lambda s: (integers(s, (1, 2, 9, 8)),), {"window": 2, "overflow": "widen"}),
    "lp_pool": ("lp_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 2, "p": 3.5}),
    "median_pool": ("median_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 3}),
    "rank_pool": ("rank_pool", lambda s: (integers(s, (1, 2, 9, 8), "u1"),), {"window": 3, "rank": -2}),
    "adaptive_pool": ("adaptive_pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"output_size": (4, None)}),
    "pool": ("pool", lambda s: (reals(s, (1, 2, 9, 8)),), {"window": 2, "func": lambda items: items.sum(axis=-1)}),
}


def call_of(name):
    return attrgetter(name)(convops)
