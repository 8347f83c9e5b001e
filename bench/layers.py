"""The named problems that every benchmark runs on: network layers, image filters, signals, pools.

Plain data without arrays. `SUITES` maps a suite's name to its layers; `workload.Layer` says what a layer
knows; `networks.py` and `kinds.py` hold the layers of networks. "layers" and "more" are groups of suites.
"""

from __future__ import annotations

from dataclasses import replace

from gradients import gradients
from kinds import AUDIO, BATCHES, DENSE, DILATED, GROUPED, RECTANGULAR, VIDEO
from networks import ALEXNET, DEPTHWISE, GOOGLENET, LENET5, RESNET50, VGG16
from pool_gradients import pool_gradients
from pools import MORPHOLOGY, NARROW_POOLS, POOLS, RANKS
from workload import Layer


def _filter(size: int, window: int, boundary: str = "constant") -> Layer:
    suffix = "" if boundary == "constant" else f"_{boundary}"
    return Layer(
        name=f"{size}_{window}x{window}{suffix}",
        suite="filters",
        operation="correlate",
        input_shape=(size, size),
        window=(window, window),
        padding=window // 2,
        boundary=boundary,
    )


FILTERS = (
    *(_filter(size, window) for size in (512, 2048, 4096) for window in (3, 5, 7, 9, 11, 31, 63)),
    _filter(2048, 5, "reflect"),
    _filter(2048, 31, "reflect"),
)


def _smoothing(size: int, kernel: str, window: int, x_dtype: str = "") -> Layer:
    filtered = _filter(size, window, "reflect")
    name = f"{size}_{kernel}_{window}{x_dtype and '_' + x_dtype}"
    return replace(filtered, name=name, suite="separable", kernel=kernel, x_dtype=x_dtype, out_dtype=x_dtype)


_SMOOTHING = (*(("gaussian", n) for n in (5, 9, 15, 31)), *(("box", n) for n in (3, 9, 31, 101)))
SEPARABLE = tuple(
    _smoothing(size, *kernel, x_dtype)
    for x_dtype in ("", "uint8")
    for size in (512, 2048, 4096)
    for kernel in _SMOOTHING
)

# Images of bytes filtered to bytes and to reals.
IMAGES = tuple(
    replace(
        _filter(size, window),
        name=f"{size}_{window}x{window}_{out or 'float32'}",
        suite="images",
        x_dtype="uint8",
        out_dtype=out,
    )
    for out in ("uint8", "")
    for size in (512, 2048, 4096)
    for window in (3, 5, 7, 9)
)

# Images (H, W, 3), each colour by the same kernel.
_COLOURED = (
    *(_filter(size, window) for size in (512, 2048, 4096) for window in (3, 5, 7, 9)),
    _filter(2048, 5, "reflect"),
    *(
        _smoothing(size, kernel, window, x_dtype)
        for x_dtype in ("", "uint8")
        for size in (512, 2048)
        for kernel, window in (("gaussian", 5), ("box", 9))
    ),
    *(layer for layer in IMAGES if layer.input_shape[0] < 4096 and layer.window[0] < 7),
)
COLOUR = tuple(replace(f, suite="colour", input_shape=(*f.input_shape, 3), colours=3) for f in _COLOURED)

SIGNALS = tuple(
    Layer(f"1e{power}_{taps}", "signals", "convolve", (10**power,), (taps,), padding=taps // 2)
    for power in (4, 5, 6, 7)
    for taps in (9, 65, 513, 4097, 100001)
    if taps <= 10**power
)

# One problem of each kind: about two minutes on two cores.
_QUICK = (
    "lenet5/c3_5x5",
    "alexnet/conv2_5x5_g2",
    "vgg16/conv3_2",
    "googlenet/3a_5x5",
    "resnet50/conv1_7x7_s2",
    "resnet50/conv4_3x3",
    "resnet50/conv3_reduce_1x1",
    "resnet50/conv3_in_1x1_s2",
    "depthwise/128x56_s1",
    "filters/2048_3x3",
    "filters/2048_11x11",
    "signals/1e6_65",
    "signals/1e6_4097",
    "pools/max_3x3_s2_maps",
    "pools/avg_15x15_s1_image",
)

_LAYERS = {
    "lenet5": LENET5,
    "alexnet": ALEXNET,
    "vgg16": VGG16,
    "googlenet": GOOGLENET,
    "resnet50": RESNET50,
    "depthwise": DEPTHWISE,
}
_MORE = {
    "audio": AUDIO,
    "video": VIDEO,
    "dilated": DILATED,
    "grouped": GROUPED,
    "rectangular": RECTANGULAR,
    "dense": DENSE,
    "batches": BATCHES,
}
# Of the suites of other numbers.
_SHAPES = ("conv1_7x7_s2", "conv2_3x3", "conv2_out_1x1", "conv3_3x3_s2_v15", "conv4_3x3", "conv4_reduce_1x1")
_OTHERS = {
    "filters": FILTERS,
    "separable": SEPARABLE,
    "images": IMAGES,
    "signals": SIGNALS,
    "pools": POOLS,
    "pools_narrow": NARROW_POOLS,
    "morphology": MORPHOLOGY,
    "ranks": RANKS,
}


def _together(suites: dict[str, tuple[Layer, ...]]) -> tuple[Layer, ...]:
    return tuple(layer for suite in suites.values() for layer in suite)


SUITES: dict[str, tuple[Layer, ...]] = {**_LAYERS, **_MORE, **_OTHERS}
SUITES["all"] = _together(SUITES)
SUITES["layers"] = _together(_LAYERS)
SUITES["more"] = _together(_MORE)
SUITES["quick"] = tuple(layer for layer in SUITES["all"] if f"{layer.suite}/{layer.name}" in _QUICK)
_NUMBERS = (
    ALEXNET[1],
    *(layer for layer in RESNET50 if layer.name in _SHAPES),
    DEPTHWISE[2],
)


def _of(dtype: str, suite: str) -> tuple[Layer, ...]:
    return tuple(replace(x, name=f"{x.suite}_{x.name}_{dtype}", suite=suite, dtype=dtype) for x in _NUMBERS)


SUITES["integers"] = _of("uint8", "integers") + _of("int8", "integers") + _of("int16", "integers")
SUITES["complex"] = _of("complex64", "complex") + _of("complex128", "complex")
SUITES["colour"] = COLOUR
SUITES["pool_gradients"] = pool_gradients(POOLS)
SUITES["gradients"] = gradients(ALEXNET + VGG16 + GOOGLENET + RESNET50)
