"""The contact sheet: every operation's input and result on one page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .inputs import Array, Inputs, need

_INK, _FAINT, _ACCENT, _RAW = "#1b1f24", "#6b7280", "#c2410c", "#9ca3af"
_STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 8.5, "text.color": _INK}
_GRID = {"left": 0.03, "right": 0.97, "top": 0.905, "bottom": 0.05, "hspace": 0.22, "wspace": 0.06}
_FACE = (slice(15, 215), slice(125, 325))  # magnified, because sharpening is lost in a small picture
_DISC = (slice(480, 800), slice(40, 360))  # where the optic nerve enters; multiples of the pools' window
_POOL = 8

Results = Mapping[str, Array]
Panel = tuple[str, str, NDArray[Any]]


def draw(inputs: Inputs, results: Results, path: str | os.PathLike[str]) -> None:
    """Write the sheet as a PNG; ``results`` are keyed as the operations are."""
    need("matplotlib")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(11, 12.2), facecolor="white")
        _compose(figure, inputs, results)
        figure.savefig(path, format="png", dpi=90, pil_kwargs={"optimize": True})


def _compose(figure: Any, inputs: Inputs, results: Results) -> None:
    figure.text(0.03, 0.97, "convops", fontsize=21, fontweight="bold", va="center")
    note = "convolution and pooling on CPUs: real pictures and a real signal, in float32"
    figure.text(0.175, 0.968, note, fontsize=10.5, color=_FAINT, va="center")
    grid = figure.add_gridspec(4, 4, height_ratios=(1, 1, 1, 0.62), **_GRID)
    for cell, panel in zip(grid, _panels(inputs, results), strict=False):
        _picture(figure.add_subplot(cell), *panel)
    _signal(figure.add_subplot(grid[3, :]), inputs.ecg, results["fir"])


def _panels(inputs: Inputs, results: Results) -> list[Panel]:
    """List the pictures in reading order, four to a row."""
    astronaut, camera, retina, _ = inputs
    pooled = tuple(slice(side.start // _POOL, side.stop // _POOL) for side in _DISC)
    blurred = results["lens_blur"]
    return [
        ("Astronaut", "input, 512 x 512 in colour", astronaut),
        ("Detail", "input", astronaut[_FACE]),
        ("Sharpen", "3 x 3 kernel", results["sharpen"][_FACE]),
        ("Gaussian blur", "19 x 19 kernel, sigma 3", results["gaussian"][_FACE]),
        ("Camera", "input, 512 x 512", camera),
        ("Sobel edges", "two 3 x 3 kernels in one call", results["sobel"] / 2),
        ("Retina", "input, 1411 x 1411 in colour", retina),
        ("Lens blur", "31 x 31 disk", blurred),
        ("Local contrast", "green, less its lens blur", 0.5 + 4 * (retina - blurred)[..., 1]),
        ("Detail", "input", retina[_DISC]),
        ("Max pool", f"{_POOL} x {_POOL} windows: bright spots survive", results["max_pool"][pooled]),
        ("Mean pool", f"{_POOL} x {_POOL} windows: a true small copy", results["avg_pool"][pooled]),
    ]


def _picture(axes: Any, title: str, note: str, image: NDArray[Any]) -> None:
    smooth = "hanning" if image.shape[0] > 100 else "nearest"  # the pools' pixels shall be seen
    axes.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation=smooth)
    axes.set_axis_off()
    axes.text(0, 1.085, title, transform=axes.transAxes, fontsize=11, fontweight="bold")
    axes.text(0, 1.025, note, transform=axes.transAxes, color=_FAINT)


def _signal(axes: Any, before: Array, after: Array) -> None:
    axes.plot(before, color=_RAW, linewidth=1, label="input")
    axes.plot(after, color=_ACCENT, linewidth=1.5, label="band-pass")
    axes.set_xlim(0, before.size - 1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=_FAINT, length=3)
    axes.spines["bottom"].set_color("#d1d5db")
    axes.set_yticks([])
    axes.set_xlabel("sample", color=_FAINT)
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 1.25), ncols=2)
    axes.text(0, 1.13, "Electrocardiogram", transform=axes.transAxes, fontsize=11, fontweight="bold")
    note = "1024 samples, FIR band-pass of 257 taps: drift and noise go, beats stay in place"
    axes.text(0, 1.03, note, transform=axes.transAxes, color=_FAINT)
