"""Activations, in the arithmetic of the values."""

import numpy as np


def activate(values, activation):
    """relu, leaky_relu, sigmoid, tanh or clip of real values; NaN passes."""
    name, *constants = (activation,) if isinstance(activation, str) else activation
    nan = values != values
    if name == "relu":
        answer = np.where(values > 0, values, 0)
    elif name == "leaky_relu":
        slope = constants[0] if constants else 0.01
        answer = np.where(values > 0, values, values * slope)
    elif name == "sigmoid":
        answer = 1 / (1 + np.exp(-values))
    elif name == "tanh":
        answer = np.tanh(values)
    else:
        answer = np.minimum(np.maximum(values, constants[0]), constants[1])
    return np.where(nan, values, answer) if nan.any() else answer
