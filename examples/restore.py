"""Blur a picture, add noise, restore it: draws a sheet, and prints errors and times beside scikit-image.

    python examples/restore.py docs/images/restoration.png        needs scikit-image and matplotlib

The scene is larger than the picture of it, as it is in front of a lens: what is blurred into the picture from outside
is not known to anyone who restores it.
"""

import sys
from functools import partial
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from skimage import data, restoration

import convops

DETAIL = (slice(0, 220), slice(120, 340))
ITERATIONS = 30


def disk(radius):
    """A lens out of focus."""
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    plane = (np.hypot(rows, columns) <= radius + 0.5).astype("float32")
    return plane / plane.sum()


def photographed(scene, k, noise):
    """What the camera gives of a scene, and the part of the scene that it shows."""
    y = convops.convolve(scene, k, "valid")
    inner = tuple(slice((n - 1) // 2, (n - 1) // 2 + m) for n, m in zip(k.shape, y.shape, strict=True))
    return y + noise * np.random.default_rng(0).standard_normal(y.shape).astype("float32"), scene[inner]


def decibels(image, truth):
    """Peak signal-to-noise ratio."""
    return -10 * np.log10(np.mean((image - truth) ** 2))


def ways(y, k):
    """Pairs of names and calls: ours, and what scikit-image has for the same task at the same parameters."""
    lucy = partial(convops.deconvolve, y, k, method="richardson_lucy", iterations=ITERATIONS, workers=1)
    tikhonov = partial(convops.deconvolve, y, k, method="tikhonov", workers=1)
    return {
        "Wiener": partial(convops.deconvolve, y, k, workers=1),
        "Tikhonov": tikhonov,
        "Tikhonov, balance 0.01": partial(tikhonov, balance=0.01),
        "skimage wiener, balance 0.01": partial(restoration.wiener, y, k, 0.01),
        "skimage unsupervised_wiener": lambda: restoration.unsupervised_wiener(y, k, rng=0)[0],
        f"Richardson-Lucy, {ITERATIONS}": lucy,
        "the same, 10 accelerated": partial(lucy, iterations=10, accelerate=True),
        f"skimage richardson_lucy, {ITERATIONS}": partial(restoration.richardson_lucy, y, k, num_iter=ITERATIONS),
    }


def main(path):
    scene = data.camera().astype("float32") / 255
    blurs = {"out of focus": (disk(4), 0.003), "motion": (np.eye(13, dtype="float32") / 13, 0.003)}
    figure = Figure(figsize=(12, 5.7), layout="constrained")
    panels = figure.subplots(2, 5)
    for row, (title, (k, noise)) in zip(panels, blurs.items(), strict=True):
        y, truth = photographed(scene, k, noise)
        print(f"{title}, {k.shape[0]}x{k.shape[1]}, noise {noise}: {decibels(y, truth):.1f} dB")
        pictures = {f"{title}, noise {noise}": y}
        for name, call in ways(y, k).items():
            call()
            begin = perf_counter()
            pictures[name] = call()
            print(f"  {name:32} {decibels(pictures[name], truth):5.1f} dB {1e3 * (perf_counter() - begin):6.0f} ms")
        shown = [*list(pictures)[:3], f"Richardson-Lucy, {ITERATIONS}", f"skimage richardson_lucy, {ITERATIONS}"]
        for axes, name in zip(row, shown, strict=True):
            axes.imshow(np.clip(pictures[name][DETAIL], 0, 1), cmap="gray", vmin=0, vmax=1)
            axes.set_title(f"{name}\n{decibels(pictures[name], truth):.1f} dB", fontsize=9, loc="left")
            axes.set_axis_off()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "restoration.png")
