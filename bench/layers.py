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

SIGNALS = tuple(
    Layer(f"1e{power}_{taps}", "signals", "convolve", (10**power,), (taps,), padding=taps // 2)
    for power in (4, 5, 6, 7)
    for taps in (9, 65, 513, 4097, 100001)
    if taps <= 10**power
)


def _pool(
    name: str,
    operation: str,
    shape: tuple[int, ...],
    window: int,
    stride: int = 1,
    padding: int = 0,
    count_include_pad: bool = False,
) -> Layer:
    return Layer(
        name=f"{operation[:3]}_{name}",
        suite="pools",
        operation=operation,
        input_shape=shape,
        window=(window, window),
        stride=stride,
        padding=padding,
        count_include_pad=count_include_pad,
    )


_IMAGE = (1, 1, 2048, 2048)
_MAPS = (8, 64, 112, 112)
POOLS = (
    _pool("3x3_s2_maps", "max_pool", _MAPS, 3, 2, 1),
    _pool("3x3_s2_maps", "avg_pool", _MAPS, 3, 2, 1),
    _pool("2x2_s2_maps", "max_pool", _MAPS, 2, 2),
    _pool("3x3_s1_googlenet_4a", "max_pool", (8, 480, 14, 14), 3, 1, 1),
    _pool("3x3_s1_googlenet_4a", "avg_pool", (8, 480, 14, 14), 3, 1, 1),
    _pool("2x2_s2_28x28", "avg_pool", (8, 256, 28, 28), 2, 2),
    _pool("3x3_s1_image", "max_pool", _IMAGE, 3, 1, 1),
    _pool("2x2_s2_image", "max_pool", _IMAGE, 2, 2),
    _pool("2x2_s2_image", "avg_pool", _IMAGE, 2, 2),
    _pool("5x5_s1_image", "max_pool", _IMAGE, 5, 1, 2),
    _pool("5x5_s1_image", "avg_pool", _IMAGE, 5, 1, 2, count_include_pad=True),
    _pool("9x9_s1_image", "max_pool", _IMAGE, 9, 1, 4),
    _pool("9x9_s1_image", "avg_pool", _IMAGE, 9, 1, 4, count_include_pad=True),  # the box filter
    _pool("15x15_s1_image", "max_pool", _IMAGE, 15),
    _pool("15x15_s1_image", "avg_pool", _IMAGE, 15),
    _pool("31x31_s1_image", "max_pool", _IMAGE, 31, 1, 15),
    _pool("31x31_s1_image", "avg_pool", _IMAGE, 31, 1, 15, count_include_pad=True),
    _pool("101x101_s1_image", "max_pool", _IMAGE, 101, 1, 50),
    _pool("101x101_s1_image", "avg_pool", _IMAGE, 101, 1, 50, count_include_pad=True),
    _pool("9x9_s1_512", "max_pool", (1, 1, 512, 512), 9, 1, 4),
    _pool("9x9_s1_4096", "max_pool", (1, 1, 4096, 4096), 9, 1, 4),
    _pool("global_resnet50", "avg_pool", (8, 2048, 7, 7), 7),
    _pool("global_14x14", "max_pool", (8, 512, 14, 14), 14),
    _pool("global_56x56", "avg_pool", (8, 256, 56, 56), 56),
)

# Images of integers, which OpenCV pools too.
NARROW_POOLS = tuple(
    replace(
        _pool(f"{n}x{n}_{dtype}", operation, _IMAGE, n, 1, n // 2, count_include_pad=True),
        suite="pools_narrow",
        x_dtype=dtype,
        out_dtype=dtype,
    )
    for operation, dtypes, windows in (
        ("max_pool", ("uint8", "uint16", "int16"), (3, 5, 9, 31, 101)),
        ("avg_pool", ("uint8",), (3,)),
    )
    for dtype in dtypes
    for n in windows
)

# Order statistics of images, for which windows of OpenCV are odd squares: of reals and 16 bits up to 5x5.
RANKS = tuple(
    replace(
        _pool(f"{window}x{window}_{size}_{x_dtype or 'float32'}", "median_pool", (1, 1, size, size), window),
        suite="ranks",
        x_dtype=x_dtype,
        out_dtype=x_dtype,
    )
    for x_dtype, windows in (("uint8", (3, 5, 7, 9, 15, 31)), ("uint16", (3, 5)), ("", (3, 5)))
    for size in (512, 2048, 4096)
    for window in windows
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
SUITES["pool_gradients"] = pool_gradients(POOLS)
SUITES["gradients"] = gradients(ALEXNET + VGG16 + GOOGLENET + RESNET50)
