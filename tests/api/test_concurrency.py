"""Forks, process pools, threads and interrupts."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import numpy as np
import pytest
from cases import ConvCase
from support import ANY_WINDOW, run_conv, run_python, same_bits

import convops

BUSY = ConvCase((61, 67), (3, 5), 13, 17, padding="same")
LIMIT = 120  # seconds until a child counts as hung


@pytest.mark.parametrize("backend", ["direct", "im2col", "fft"])
def test_a_forked_child_computes_the_same(backend):
    script = """
        import os, sys
        import numpy as np
        import convops

        x = np.random.default_rng(1).normal(size=(4, 8, 61, 67)).astype("f4")
        w = np.random.default_rng(2).normal(size=(8, 8, 9, 9)).astype("f4")
        call = lambda: convops.conv(x, w, padding="same", workers=4, backend=sys.argv[1]).tobytes()
        expected = call()
        for _ in range(5):
            child = os.fork()
            if not child:
                os._exit(0 if call() == expected and call() == expected else 3)
            assert os.waitpid(child, 0)[1] == 0
            assert call() == expected
        print("done")
    """
    assert run_python(script, backend) == "done\n"


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_process_pools(method, tmp_path):
    script = """
        import multiprocessing, sys
        import numpy as np
        import convops

        def work(seed):
            x = np.random.default_rng(seed).normal(size=(2, 4, 41, 43))
            y = convops.conv(x, x[:, :, :3, :5], workers=3)
            return float(convops.max_pool(y, (2, 3), workers=3).sum())

        if __name__ == "__main__":
            expected = [work(seed) for seed in range(8)]
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                assert pool.map(work, range(8)) == expected
            assert work(3) == expected[3]
            print("done")
    """
    path = tmp_path / "pool.py"
    path.write_text(dedent(script))
    run = subprocess.run([sys.executable, path, method], capture_output=True, text=True, timeout=LIMIT)
    assert run.stdout == "done\n", run.stderr[-3000:]


@pytest.mark.parametrize("backend", ANY_WINDOW)
def test_many_threads_at_once(backend):
    arrays = BUSY.reals()
    expected = run_conv(BUSY, backend, arrays)
    if expected is None:
        return
    planned = convops.plan("conv", *arrays, backend=backend, **BUSY.geometry())
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(run_conv, BUSY, backend, arrays, workers=n % 3 + 1) for n in range(16)]
        calls += [pool.submit(planned, arrays[0]) for _ in range(16)]
        for call in calls:
            same_bits(call.result(), expected)


@pytest.mark.parametrize("backend", [*ANY_WINDOW, "pool"])
def test_keyboard_interrupt_arrives_and_the_next_call_is_right(backend):
    script = """
        import signal, sys, threading, time
        import numpy as np
        import convops

        rng = np.random.default_rng(1)
        window = (3, 3) if sys.argv[1] in ("winograd", "winograd4", "winograd8") else (9, 7)
        x, w = rng.normal(size=(4, 16, 97, 89)).astype("f4"), rng.normal(size=(32, 16, *window)).astype("f4")
        groups = 16 if sys.argv[1] in ("separable", "winograd_planes") else 1
        w = w[: 32 if groups == 1 else 16, : 16 // groups]
        if sys.argv[1] == "pool":
            call = lambda: convops.max_pool(x, (31, 29), stride=1)
        else:
            call = lambda: convops.conv(x[:1], w, padding="same", groups=groups, backend=sys.argv[1])
        # A process started in the background may inherit an ignored SIGINT.
        handler = signal.default_int_handler
        signal.signal(signal.SIGINT, handler)
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        expected = call().tobytes()
        for delay in (0.01, 0.05, 0.2):
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                while True:
                    call()
            except KeyboardInterrupt:
                pass
            assert call().tobytes() == expected
        assert signal.getsignal(signal.SIGINT) is handler
        print("done")
    """
    assert run_python(script, backend) == "done\n"


def test_helpers_are_few_take_no_signals_and_live_on_in_a_child():
    script = """
        import os, signal
        import numpy as np
        import convops

        x, w = np.ones((64, 16, 61, 67), "f4"), np.ones((16, 16, 3, 3), "f4")

        def threads():
            return set(os.listdir("/proc/self/task"))

        def blocked(thread):
            status = open(f"/proc/self/task/{thread}/status").read().split("SigBlk:")[1]
            return int(status.split()[0], 16)

        def helpers():
            before = threads()
            for _ in range(5):
                convops.conv(x, w, workers=3)
            return threads() - before

        found = helpers()
        assert len(found) == 2, found
        interrupt = 1 << signal.SIGINT - 1
        assert all(blocked(thread) & interrupt for thread in found)
        assert not helpers()
        child = os.fork()
        if not child:
            os._exit(0 if len(helpers()) == 2 else 3)
        assert os.waitpid(child, 0)[1] == 0
        print("done")
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    assert run_python(script) == "done\n"


def test_helpers_round_as_their_caller_does():
    script = """
        import ctypes
        import numpy as np
        import convops

        libm = ctypes.CDLL("libm.so.6")
        x = np.random.default_rng(1).normal(size=(8, 8, 61, 67)).astype("f4")
        w = np.random.default_rng(2).normal(size=(8, 8, 3, 3)).astype("f4")
        call = lambda workers: convops.conv(x, w, workers=workers, backend="direct").tobytes()
        nearest = call(1)
        assert call(4) == nearest
        libm.fesetround(0x800)  # upward, on x86
        upward = call(1)
        assert all(call(4) == upward for _ in range(5))
        libm.fesetround(0)
        assert upward != nearest == call(4)
        print("done")
    """
    if os.uname().machine != "x86_64":
        pytest.skip("knows the rounding modes of x86")
    assert run_python(script) == "done\n"


def test_more_callers_than_places_on_the_board():
    arrays = BUSY.reals()
    expected = run_conv(BUSY, "direct", arrays)
    planned = convops.plan("conv", *arrays, backend="direct", workers=5, **BUSY.geometry())
    with ThreadPoolExecutor(40) as pool:
        for got in pool.map(planned, [arrays[0]] * 400):
            same_bits(got, expected)


def test_helpers_give_back_the_cpus_they_sleep_off():
    """A helper sleeps off its caller's CPU, and may use all CPUs again when it wakes."""
    script = """
        import os, threading, time
        import numpy as np
        import convops

        x, w = np.ones((1, 32, 61, 67), "f4"), np.ones((32, 32, 3, 3), "f4")
        allowed = os.sched_getaffinity(0)
        call = lambda: convops.conv(x, w, workers=2, backend="direct").tobytes()
        expected = call()
        helpers = [int(task) for task in os.listdir("/proc/self/task") if int(task) != os.getpid()]
        for cpu in (*allowed, *allowed):
            os.sched_setaffinity(0, {cpu})
            time.sleep(0.01)
            assert call() == expected
        os.sched_setaffinity(0, allowed)
        for helper in helpers:
            assert os.sched_getaffinity(helper) and len(allowed - os.sched_getaffinity(helper)) <= 1
        print("done")
    """
    assert run_python(script) == "done\n"


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf")])
def test_threads_share_the_packing_of_weights(value):
    rng = np.random.default_rng(7)
    x, w = rng.normal(size=(1, 96, 9, 8)).astype("f4"), rng.normal(size=(130, 96, 3, 3)).astype("f4")
    w[129, 95, 2, 2] = value
    call = [convops.conv(x, w, padding=1, accuracy="high", workers=n) for _ in range(3) for n in (1, 3)]
    expected = convops.plan("conv", x, w, padding=1, accuracy="high", workers=1)(x)
    for result in call:
        same_bits(result, expected)
