"""The convolution theorem on examples small enough to follow: direct sums, and IFFT(FFT(a) FFT(k)), step by step.

Convolution in one domain is multiplication in the other: A. V. Oppenheim and R. W. Schafer, "Discrete-Time Signal
Processing", section 8.6. Spectra multiply to a circular convolution; zeros behind both operands, up to the length
of the full one, keep its ends apart.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

import convops

from .inputs import need

Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Example:
    """Operands of a convolution, and where they come from."""

    title: str
    story: str
    a: Numbers
    k: Numbers


EXAMPLES = (
    Example(
        "doses",
        "patients arriving each day, and doses that each needs on the 1st, 2nd and 3rd day: doses per day",
        np.array([1, 2, 3, 4, 5]),
        np.array([3, 2, 1]),
    ),
    Example("signal", "a signal and a symmetric kernel", np.array([3, 5, 6, 7, 8]), np.array([2, 1, 2])),
    Example("picture", "a picture and a kernel", np.arange(9).reshape(3, 3), np.array([[0, 1], [2, 3]])),
)


@dataclass(frozen=True)
class Proof:
    """Both ways to the full convolution of an example."""

    example: Example
    terms: tuple[str, ...]
    direct: Numbers
    spectra: tuple[Numbers, Numbers]
    inverse: Numbers
    circular: Numbers

    @property
    def product(self) -> Numbers:
        return self.spectra[0] * self.spectra[1]

    @property
    def difference(self) -> float:
        """The largest between the two ways."""
        return float(np.abs(self.direct - self.inverse).max())

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data, complex numbers as [real, imaginary]."""
        a, k = (_pairs(spectrum) for spectrum in self.spectra)
        return {
            "title": self.example.title,
            "a": self.example.a.tolist(),
            "k": self.example.k.tolist(),
            "terms": list(self.terms),
            "direct": self.direct.tolist(),
            "fft_a": a,
            "fft_k": k,
            "product": _pairs(self.product),
            "inverse": self.inverse.tolist(),
            "circular": self.circular.tolist(),
            "difference": self.difference,
        }

    def __str__(self) -> str:
        a, k = self.example.a, self.example.k
        length = " x ".join(map(str, self.direct.shape))
        return "\n".join(
            [
                f"{self.example.title}: {self.example.story}",
                *_shown("a", a),
                *_shown("k", k),
                "1. directly, out[n] = sum over j of a[n - j] k[j]",
                *(f"       {line}" for line in self.terms),
                *_shown("a * k", self.direct),
                f"2. the spectra of a and k, with zeros behind them up to {length}, the length of the answer",
                *_shown("FFT(a)", self.spectra[0]),
                *_shown("FFT(k)", self.spectra[1]),
                "3. their product, frequency by frequency",
                *_shown("FFT(a) FFT(k)", self.product),
                "4. and back",
                *_shown("IFFT", self.inverse),
                f"   largest difference from the direct sums: {self.difference:.1e}",
                "5. without the zeros the ends fall onto the beginning: circular convolution",
                *_shown("circular", self.circular),
            ]
        )


def prove(example: Example) -> Proof:
    """Compute an example both ways."""
    a, k = example.a, example.k
    direct, axes = convops.convolve(a, k), range(a.ndim)
    spectra = np.fft.fftn(a, direct.shape, axes), np.fft.fftn(k, direct.shape, axes)
    inverse = np.fft.ifftn(spectra[0] * spectra[1]).real
    circular = np.fft.ifftn(np.fft.fftn(a) * np.fft.fftn(k, a.shape, axes)).real
    return Proof(example, _terms(a, k, direct) if a.ndim == 1 else (), direct, spectra, inverse, circular)


def run(path: str | os.PathLike[str] | None = None) -> tuple[Proof, ...]:
    """All examples; a plot of the first if a path is given.

    Raises
    ------
    MissingExtra
        A plot was asked for, and matplotlib is not installed.
    OSError
        The plot cannot be written.
    """
    proofs = tuple(prove(example) for example in EXAMPLES)
    if path is not None:
        draw(proofs[0], path)
    return proofs


def _terms(a: Numbers, k: Numbers, direct: Numbers) -> tuple[str, ...]:
    """Every output with its products."""
    lines = []
    for n, total in enumerate(direct):
        products = [f"{a[n - j]} x {k[j]}" for j in range(len(k)) if 0 <= n - j < len(a)]
        lines.append(f"out[{n}] = {' + '.join(products)} = {total}")
    return tuple(lines)


def _shown(name: str, values: Numbers) -> list[str]:
    """Numbers in columns after a name."""
    rows = np.atleast_2d(values)
    cells = [[_number(value) for value in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    lines = ["  ".join(cell.rjust(width) for cell in row) for row in cells]
    return [f"   {name if not at else '':>13}   {line}" for at, line in enumerate(lines)]


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"{value.real + 0.0:.2f}{value.imag + 0.0:+.2f}i"
    return f"{value}" if isinstance(value, np.integer) else f"{round(float(value), 9) + 0.0:g}"


def _pairs(spectrum: Numbers) -> Any:
    return np.stack([spectrum.real, spectrum.imag], -1).tolist()


def draw(proof: Proof, path: str | os.PathLike[str]) -> None:
    """Operands, spectra, their product, and both answers, as a PNG."""
    need("matplotlib")
    from matplotlib.figure import Figure

    a, k = proof.spectra
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    panels = figure.subplots(2, 3)
    bars = [("a", proof.example.a), ("k", proof.example.k), ("a * k, summed directly", proof.direct)]
    stems = [("|FFT(a)|", np.abs(a)), ("|FFT(k)|", np.abs(k)), ("|FFT(a) FFT(k)|", np.abs(proof.product))]
    for axes, (title, values) in zip(panels[0], bars, strict=True):
        axes.bar(range(len(values)), values, color="#9ca3af", width=0.7)
        axes.set_title(title, loc="left")
    for axes, (title, values) in zip(panels[1], stems, strict=True):
        axes.stem(values, linefmt="#1b1f24", markerfmt="o", basefmt=" ")
        axes.set_title(title, loc="left")
        axes.set_xlabel("frequency")
    panels[0, 2].plot(proof.inverse, "o", color="#c2410c", label="IFFT of the product")
    panels[0, 2].legend(frameon=False)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(-0.6, len(proof.direct) - 0.4)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.15)
    figure.suptitle("Convolution is multiplication of spectra", fontweight="bold")
    figure.savefig(path, format="png", dpi=90)
