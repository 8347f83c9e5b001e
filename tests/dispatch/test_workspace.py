"""What one more worker costs in memory, on layers of real networks and on signals and images."""

import numpy as np
import pytest

from convops import plan
from convops.dispatch.registry import backends_for
from convops.kernels.machine import this_machine

MOST_BYTES_OF_A_WORKER = 16 << 20
# Input and filters; stride.
LAYERS = {
    "alexnet conv1": ((1, 3, 227, 227), (96, 3, 11, 11), 4),
    "vgg16 conv1_1": ((8, 3, 224, 224), (64, 3, 3, 3), 1),
    "vgg16 conv1_2": ((1, 64, 224, 224), (64, 64, 3, 3), 1),
    "vgg16 conv4_2": ((8, 512, 28, 28), (512, 512, 3, 3), 1),
    "vgg16 conv5": ((1, 512, 14, 14), (512, 512, 3, 3), 1),
    "fully connected": ((1, 512, 7, 7), (1024, 512, 7, 7), 1),
    "resnet50 conv1": ((1, 3, 224, 224), (64, 3, 7, 7), 2),
    "resnet50 conv5 1x1": ((1, 2048, 7, 7), (512, 2048, 1, 1), 1),
    "large window": ((1, 64, 56, 56), (64, 64, 31, 31), 1),
    "image": ((1, 1, 2048, 2048), (1, 1, 63, 63), 1),
    "signal": ((1, 1, 1_000_000), (1, 1, 4097), 1),
    "volume": ((1, 16, 32, 64, 64), (32, 16, 3, 3, 3), 1),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_worker_needs_little_memory_of_its_own(name, dtype):
    x, w, stride = LAYERS[name]
    weights = np.broadcast_to(np.ones(1, dtype), w)
    problem = plan("conv", (x, dtype), weights, padding="same", stride=stride, backend="reference").problem
    able = [backend for backend in backends_for("conv") if backend.supports(problem) is None]
    assert {"direct", "im2col", "reference"} <= {backend.name for backend in able}
    for backend in able:
        one, two = (backend.workspace(problem, this_machine(), workers) for workers in (1, 2))
        assert 0 <= two - one <= MOST_BYTES_OF_A_WORKER, backend.name
