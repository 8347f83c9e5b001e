"""Named pools: of maps in networks, of images, of narrow integers, and order statistics."""

from __future__ import annotations

from dataclasses import replace

from workload import Layer


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

# Dilations of images by flat structures that are no rectangles.
MORPHOLOGY = tuple(
    replace(
        _pool(f"{kernel}_{n}_{size}_{x_dtype or 'float32'}", "max_pool", (1, 1, size, size), n, 1, n // 2),
        suite="morphology",
        kernel=kernel,
        x_dtype=x_dtype,
        out_dtype=x_dtype,
    )
    for x_dtype in ("", "uint8")
    for size in (512, 2048)
    for kernel, n in (("cross", 3), ("ellipse", 5), ("ellipse", 7), ("ellipse", 11), ("ellipse", 31))
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
