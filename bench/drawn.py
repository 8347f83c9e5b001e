"""Problems that nobody tuned for, drawn at random: the same seed gives the same problems.

Channels and map sizes are drawn evenly on a logarithmic scale, windows and strides evenly. No channel count is
a multiple of 16. Half of the layers are square, the other half draw every axis by itself. A draw outside FLOPS,
above LARGEST_BYTES or without output is drawn again: a layer takes at most some 0.1 s, and so long that it is not
the overhead of a call that is measured. `draw_mixed` adds signals, images and pools; their sizes are drawn likewise.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from workload import POOLS, Layer

CHANNELS = (1, 1024)
MAPS = (5, 300)
WINDOWS = (1, 7)
STRIDES = (1, 3)
SAMPLES, TAPS = (1000, 1_000_000), (2, 10_000)
PIXELS, KERNELS = (50, 1500), (2, 40)
POOL_CHANNELS, POOL_MAPS, POOL_WINDOWS = (1, 128), (10, 300), (2, 12)
FLOPS = (1e6, 10e9)
LARGEST_BYTES = 128e6
SEED = 1


def draw_layers(seed: int, count: int, skip: int = 0) -> tuple[Layer, ...]:
    """Return layers number `skip` to `skip + count` of the endless list that belongs to `seed`."""
    generator = random.Random(seed)
    return tuple(_fitting(generator, number, _draw) for number in range(skip + count))[skip:]


def draw_mixed(seed: int, count: int, skip: int = 0) -> tuple[Layer, ...]:
    """Return the same from a list in which layers, signals, images and pools take turns."""
    generator = random.Random(seed)
    kinds = (_draw, _draw_signal, _draw_image, _draw_pool)
    return tuple(_fitting(generator, n, kinds[n % len(kinds)]) for n in range(skip + count))[skip:]


def _fitting(generator: random.Random, number: int, draw: Callable[[random.Random, int], Layer]) -> Layer:
    while True:
        layer = draw(generator, number)
        fits = layer.operation in POOLS or FLOPS[0] <= layer.flops <= FLOPS[1]
        if fits and min(layer.output_shape) > 0 and layer.bytes <= LARGEST_BYTES:
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


def _draw_signal(generator: random.Random, number: int) -> Layer:
    taps = _logarithmic(generator, TAPS) | 1  # odd, so that "same" is symmetric
    samples = max(taps, _logarithmic(generator, SAMPLES))
    return Layer(f"{number:03}_{samples}_{taps}", "random", "convolve", (samples,), (taps,), padding=taps // 2)


def _draw_image(generator: random.Random, number: int) -> Layer:
    size = _both(_logarithmic(generator, PIXELS) for _ in range(2))
    window = _both(_logarithmic(generator, KERNELS) | 1 for _ in range(generator.randint(1, 2)))
    name = f"{number:03}_{_text(size)}_{_text(window)}"
    return Layer(name, "random", "correlate", size, window, padding=tuple(n // 2 for n in window))


def _draw_pool(generator: random.Random, number: int) -> Layer:
    operation = generator.choice(POOLS)
    shape = (1, *(_logarithmic(generator, limits) for limits in (POOL_CHANNELS, POOL_MAPS, POOL_MAPS)))
    window = _both(generator.randint(*POOL_WINDOWS) for _ in range(generator.randint(1, 2)))
    stride = _both(generator.randint(1, length) for length in window)
    name = f"{number:03}_{operation[:3]}_{shape[1]}x{_text(shape[2:])}_{_text(window)}_s{_text(stride)}"
    return Layer(name, "random", operation, shape, window, stride=stride)


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
