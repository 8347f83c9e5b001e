"""The bounded memory, and the choice of a backend as far as it is remembered."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import convops
from convops.backends.base import this_machine
from convops.dispatch.choose import Wishes, best, candidates, choose, order
from convops.dispatch.memory import Memory


def test_a_value_is_found_again():
    memory = Memory(3)
    assert memory.get("a") is None
    memory.put("a", 1)
    memory.put("a", 2)
    assert (memory.get("a"), len(memory)) == (2, 1)
    memory.clear()
    assert (memory.get("a"), len(memory)) == (None, 0)


def test_what_is_used_outlives_what_is_not():
    memory = Memory(4)
    memory.put("used", 0)
    for number in range(100):
        assert memory.get("used") == 0
        memory.put(number, number)
        assert len(memory) <= 4
    assert memory.get(0) is None
    assert memory.get(99) == 99


def test_everything_used_is_still_bounded():
    memory = Memory(4)
    for number in range(100):
        memory.put(number, number)
        for key in range(100):
            memory.get(key)
        assert len(memory) <= 4


def test_storing_waits_for_nobody():
    memory = Memory(4)
    with memory._lock:
        memory.put("a", 1)
    assert memory.get("a") is None


def test_threads_share_it():
    memory = Memory(16)

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 64, 2000).tolist():
            value = memory.get(key)
            assert value in (None, -key)
            memory.put(key, -key)
            assert len(memory) <= 16

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, seed) for seed in range(8)]:
            done.result()


@pytest.mark.parametrize("seed", range(40))
def test_the_remembered_order_chooses_as_the_full_answers_do(seed):
    rng = np.random.default_rng(seed)
    size, taps = int(rng.integers(40, 90)), int(rng.integers(1, 34))
    x = np.zeros((1, 2, size, size), rng.choice(["f4", "f8", "i2", "c8"]))
    w = rng.standard_normal((2, 2, taps, taps)) * 10.0 ** rng.integers(-3, 200, (2, 2, 1, 1))
    w = w if seed % 3 else np.where(rng.random(w.shape) < 0.9, 0, w)
    w = np.clip(w, -100, 100).astype(x.dtype) if x.dtype.kind == "i" else w
    problem = convops.plan("conv", x, w).problem
    for accuracy in ("high", "standard", "fast", 1e-4, 1e-13):
        for name in ("auto", "direct", "fft"):
            wishes = Wishes(name, accuracy)
            expected = cheapest(candidates(problem, w, this_machine(), wishes), name)
            if expected is not None:
                assert choose(problem, w, this_machine(), wishes) is expected
                assert best(order(problem, this_machine(), wishes), problem, w, wishes) is expected


def cheapest(answers, name):
    """The argmin of the predicted time over those that apply, without the reference as long as others do."""
    if name != "auto":
        return next((c.backend for c in answers if c.backend.name == name and not c.refusal), None)
    able = [c for c in answers if c.reason is None]
    fast = [c for c in able if c.backend.name != "reference"] or able
    return min(fast, key=lambda c: c.seconds).backend if fast else None


def test_nobody_applies_in_the_remembered_order_either():
    x, w = np.zeros((1, 1, 9)), np.ones((1, 1, 3))
    problem = convops.plan("conv", x, w).problem
    wishes = Wishes(accuracy=1e-30)
    assert best(order(problem, this_machine(), wishes), problem, w, wishes) is None
