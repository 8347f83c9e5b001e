"""Moments of kernels about their middle."""

import numpy as np


def slope(kernel, axis):
    """Answer of correlation to a ramp of slope 1 along one axis."""
    return (kernel * np.indices(kernel.shape)[axis]).sum()


def moment(kernel, *powers):
    """Sum of the weights times powers of the positions, counted from the middle."""
    total = kernel
    for axis, (n, power) in enumerate(zip(kernel.shape, powers, strict=True)):
        x = np.arange(n) - (n - 1) / 2
        total = total * (x**power).reshape([-1 if i == axis else 1 for i in range(kernel.ndim)])
    return total.sum()
