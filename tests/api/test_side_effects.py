"""What importing and calling leave alone: floating-point environment, handlers, environment, warnings."""

import os
import sys

import numpy as np
import pytest
from support import run_python, same_bits

import convops

FLOATING_POINT = """
    import ctypes, sys, threading
    import numpy as np

    libm = ctypes.CDLL("libm.so.6")

    def control():
        # glibc's fenv_t on x86-64: x87 control word first, MXCSR at byte 28; the low six bits are flags
        state = ctypes.create_string_buffer(64)
        libm.fegetenv(state)
        return state.raw[:2], int.from_bytes(state.raw[28:32], "little") & ~0x3F

    def subnormals_survive():
        tiny = np.full(1000, 1e-40, np.float32)
        return bool((tiny * np.float32(1) != 0).all() and np.float64(5e-324) * 1.0 != 0)

    def state():
        return control(), subnormals_survive()

    seen = []
    before = state()
    assert before[1]
    import convops
    x = np.random.default_rng(1).normal(size=(3, 8, 41, 43)).astype("f4")
    for backend in ("direct", "im2col", "fft", "reference"):
        convops.conv(x, x[:, :, :9, :11], backend=backend, workers=4)
    convops.max_pool(x, (3, 2), workers=4)
    convops.avg_pool(x, (3, 2), workers=4)
    seen.append(state())

    def work():
        convops.conv(x, x[:, :, :3, :3], workers=2)
        seen.append(state())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, before], (before, seen)
    print("done")
"""


def test_floating_point_environment_is_left_alone():
    if not sys.platform.startswith("linux") or os.uname().machine != "x86_64":
        pytest.skip("reads glibc's fenv_t of x86-64")
    assert run_python(FLOATING_POINT) == "done\n"


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("backend", ["direct", "im2col", "reference"])
def test_subnormals_pass_through(backend, workers):
    x = np.full((2, 1, 16, 33), 1e-40, np.float32)
    got = convops.conv(x, np.ones((1, 1, 1, 1), np.float32), backend=backend, workers=workers)
    same_bits(got, x)
    same_bits(convops.max_pool(x, (2, 3), workers=workers), x[:, :, :8, :11].copy())


def test_import_is_light_and_quiet():
    script = """
        import os, signal, sys, warnings
        import numpy
        environment, handlers = dict(os.environ), [signal.getsignal(s) for s in signal.valid_signals()]
        errors = numpy.geterr()
        warnings.simplefilter("error")
        import convops
        assert environment == dict(os.environ)
        assert handlers == [signal.getsignal(s) for s in signal.valid_signals()]
        assert errors == numpy.geterr()
        for heavy in ("scipy.signal", "scipy.ndimage", "torch", "matplotlib", "skimage", "pywt", "cv2"):
            assert heavy not in sys.modules, heavy
    """
    assert run_python(script) == ""


def test_calls_warn_about_nothing():
    script = """
        import warnings
        import numpy as np
        import convops
        warnings.simplefilter("error")
        x = np.zeros((1, 2, 9, 31))
        x[0, 0, 3, 3], x[0, 1, 2], x[0, 1, 7, 7] = np.inf, -np.inf, np.nan
        for backend in ("direct", "im2col", "fft", "reference"):
            convops.conv(x, np.zeros((3, 2, 9, 9)), np.full(3, np.inf), backend=backend, padding="same")
            convops.conv(x, np.ones((1, 2, 2, 2)), np.full(1, np.inf), backend=backend)
            convops.conv(np.full((1, 1, 9), 3e38, "f4"), np.full((1, 1, 2), 3e38, "f4"), backend=backend)
        for window in (2, (3, 2)):
            convops.max_pool(x, window)
            convops.avg_pool(x, window)
        convops.max_pool(x, 2, backend="reference")
        convops.avg_pool(x, 2, backend="reference", padding=1)
    """
    assert run_python(script) == ""
