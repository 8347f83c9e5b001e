"""What plain calls remember: no arrays, not too much, and whatever other threads and forks do."""

import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from call_cases import CASES, call_of
from support import planned, reals, rng, run_python, same_bits

import convops
from convops.api import calls
from convops.dispatch.routine import MOST_KNOWN


def test_no_array_is_remembered():
    x, w = reals(1, (1, 2, 8, 7)), reals(2, (2, 2, 3, 3))
    alive = weakref.ref(x), weakref.ref(w)
    for _ in range(3):
        convops.conv(x, w)
    del x, w
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_the_memory_is_bounded():
    for seed in range(1500):
        draw = rng(seed).integers(1, 12, 4)
        x, w = np.ones((1, 1, 12 + draw[0], 12 + draw[1]), "f4"), np.ones((1, 1, draw[2], draw[3]), "f4")
        for _ in range(2):
            convops.conv(x, w)
        convops.max_pool(x, (int(draw[2]), int(draw[3])))
        assert len(calls.ROUTINES) <= calls.MOST_ROUTINES
    assert len(calls.ROUTINES) == calls.MOST_ROUTINES


def test_many_threads_with_many_geometries():
    problems = []
    for seed in range(60):
        case = rng(seed).choice([case for case in CASES if case != "conv, fft"])
        name, make, options = CASES[case]
        arrays = make(seed)
        problems.append((name, arrays, options, planned(name, arrays, options)))
    for seed in range(60, 100):
        a, b, c, d = (int(n) for n in rng(seed).integers(1, 9, 4))
        arrays = reals(seed, (a, b, 7 + c, 9)), reals(seed + 1, (d, b, c, 3))
        problems.append(("conv", arrays, {"workers": d}, planned("conv", arrays, {})))

    def work(thread):
        for number in rng(thread).permutation(np.repeat(np.arange(len(problems)), 4)):
            name, arrays, options, expected = problems[number]
            same_bits(call_of(name)(*arrays, **options), expected)

    calls.ROUTINES.clear()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, thread) for thread in range(8)]:
            done.result()


def test_a_plan_is_shared_by_threads_that_change_the_number_of_workers():
    x, w = reals(1, (3, 16, 61, 67)), reals(2, (16, 16, 3, 3))
    expected = planned("conv", (x, w), {})

    def work(workers):
        for _ in range(5):
            same_bits(convops.conv(x, w, workers=workers), expected)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, 1 + n % 4) for n in range(8)]:
            done.result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_while_another_thread_remembered():
    script = """
        import os, signal
        import numpy as np
        import convops
        from convops.api import calls

        x, w = np.ones((1, 1, 9, 9), "f4"), np.ones((1, 1, 3, 3), "f4")
        expected = convops.conv(x, w).tobytes()
        calls.ROUTINES._lock.acquire()
        child = os.fork()
        if not child:
            signal.alarm(60)
            same = all(convops.conv(x, w).tobytes() == expected for _ in range(3))
            other = convops.conv(x[:, :, 1:], w).shape == (1, 1, 6, 7)
            os._exit(0 if same and other else 3)
        assert os.waitpid(child, 0)[1] == 0
        print("done")
    """
    assert run_python(script) == "done\n"


def test_few_and_small_filters_are_known_again():
    x = reals(1, (300, 301))
    for size, kept in ((9, True), (65, False)):
        calls.ROUTINES.clear()
        for seed in range(40):
            w = np.outer(reals(seed, (size,)), reals(seed + 1, (size,)))
            for _ in range(3):
                convops.correlate(x, w, "same", boundary="reflect")
        (entry,) = calls.ROUTINES._entries.values()
        assert len(entry.value._known) == (MOST_KNOWN if kept else 0)
