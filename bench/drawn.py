"""Layers that nobody tuned for, drawn at random: the same seed gives the same layers.

Channels and map sizes are drawn evenly on a logarithmic scale, windows and strides evenly. No channel count is
a multiple of 16. Half of the layers are square, the other half draw every axis by itself. A draw outside FLOPS,
above LARGEST_BYTES or without output is drawn again: a layer takes at most some 0.1 s, and so long that it is not
the overhead of a call that is measured.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from workload import Layer

CHANNELS = (1, 1024)
MAPS = (5, 300)
WINDOWS = (1, 7)
STRIDES = (1, 3)
FLOPS = (1e6, 10e9)
LARGEST_BYTES = 128e6
SEED = 1


def draw_layers(seed: int, count: int, skip: int = 0) -> tuple[Layer, ...]:
    """Return layers number `skip` to `skip + count` of the endless list that belongs to `seed`."""
    generator = random.Random(seed)
    return tuple(_fitting(generator, number) for number in range(skip + count))[skip:]


def _fitting(generator: random.Random, number: int) -> Layer:
    while True:
        layer = _draw(generator, number)
        if min(layer.output_shape) > 0 and FLOPS[0] <= layer.flops <= FLOPS[1] and layer.bytes <= LARGEST_BYTES:
            return layer


def _draw(generator: random.Random, number: int) -> Layer:
    axes = 1 if generator.random() < 0.5 else 2  # a square layer draws one axis and uses it twice
    size = _both(_logarithmic(generator, MAPS) for _ in range(axes))
    window = _both(generator.randint(*WINDOWS) for _ in range(axes))
    stride = _both(generator.randint(*STRIDES) for _ in range(axes))
    padding = _both(generator.randint(0, length // 2) for length in window[:axes])
    channels, filters = _channels(generator), _channels(generator)
    shape = f"{channels}x{_text(size)}_{filters}x{_text(window)}_s{_text(stride)}_p{_text(padding)}"
    return Layer(f"{number:03}_{shape}", "random", "conv", (1, channels, *size), window, filters, stride, padding)


def _both(values: Iterable[int]) -> tuple[int, int]:
    drawn = tuple(values)
    return drawn[0], drawn[-1]


def _channels(generator: random.Random) -> int:
    while (number := _logarithmic(generator, CHANNELS)) % 16 == 0:
        pass
    return number


def _logarithmic(generator: random.Random, limits: tuple[int, int]) -> int:
    low, high = limits
    return round(math.exp(generator.uniform(math.log(low), math.log(high))))


def _text(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values[:1] if values[0] == values[1] else values))
