"""The registry: unique names, reference last and always willing, reasons for every refusal."""

import named
import numpy as np
import pytest
from support import CONV_BACKENDS, FIXED_ORDER

from convops import conv, explain, plan
from convops.backends.base import Backend
from convops.dispatch import choose
from convops.dispatch.registry import backends_for


@pytest.mark.parametrize("kind", ["conv", "pool"])
def test_names_are_unique_and_reference_is_last(kind):
    names = [backend.name for backend in backends_for(kind)]
    assert len(set(names)) == len(names) >= 2
    assert names[-1] == "reference"
    assert all(isinstance(backend, Backend) for backend in backends_for(kind))


@pytest.mark.parametrize("name", [name for name, case in named.CONV.items() if case.depth])
def test_planning_needs_no_data(name):
    case = named.CONV[name]
    x, w, bias = case.arrays()
    for backend in FIXED_ORDER:
        planned = plan("conv", (x.shape, x.dtype), w, bias, backend=backend, **case.geometry())
        assert planned.backend == backend
        assert planned.output_shape == case.expected().shape


@pytest.mark.parametrize("accuracy", ["high", "standard", "fast", 1e-2])
def test_accuracy_decides_who_may_serve(accuracy):
    x, w = np.ones((1, 1, 64, 67), "f4"), np.ones((1, 1, 31, 29), "f4")
    planned = plan("conv", x, w, accuracy=accuracy)
    assert planned.backend in CONV_BACKENDS
    if accuracy == "high":
        assert planned.backend != "fft"
        (row,) = (r for r in explain("conv", x, w, accuracy="high").rows if r["backend"] == "fft")
        assert "accuracy" in row["refusal"]


def test_exact_is_refused_with_a_reason_until_a_backend_serves_it():
    with pytest.raises(ValueError, match="accuracy"):
        plan("conv", np.ones((1, 1, 9)), np.ones((1, 1, 3)), accuracy="exact")


def test_explanations_name_every_backend_and_the_winner():
    x, w = np.ones((1, 4, 31, 37), "f4"), np.ones((4, 4, 3, 3), "f4")
    table = str(explain("conv", x, w)).splitlines()
    for name in CONV_BACKENDS:
        assert any(name in line for line in table)


def test_weights_are_not_read_for_a_bound_that_cannot_fit(monkeypatch):
    """Plain calls would read all weights each time: FFT is the cheapest here, and never has an elementwise bound."""
    x, w = np.ones((1, 64, 56, 56), "f4"), np.ones((64, 64, 5, 5), "f4")
    asked = []
    ask = choose._objection
    monkeypatch.setattr(
        choose, "_objection", lambda b, p, w, wishes: asked.append(w is not None) or ask(b, p, w, wishes)
    )
    for _ in range(3):
        conv(x, w, accuracy="high")
        assert asked
        assert not any(asked)
