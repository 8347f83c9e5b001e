"""How many numbers a layer learns."""

from __future__ import annotations

from math import prod
from typing import Any

from convops.problem.arguments import flag, integer, is_sequence, per_axis


def parameter_count(channels: int, out_channels: int, window: Any, *, groups: int = 1, bias: bool = True) -> int:
    """Weights and biases of a convolution: ``K * (C / groups * prod(window) + 1)``, without the 1 if `bias` is False.

    Parameters
    ----------
    channels, out_channels : int
        Input channels C and output channels K.
    window : int or sequence of int
        Taps per axis; an int means one axis, so that a 5x5 window is ``(5, 5)``.
    groups : int
        Divides C and K; each output channel sees C / groups input channels.
    bias : bool
        Whether each output channel has a bias.

    Returns
    -------
    int
        A fully connected layer from an image is the convolution with a window of the image's size.

    Raises
    ------
    TypeError
        An argument is no int, or `bias` no bool.
    ValueError
        An argument is out of range, or `groups` does not divide both numbers of channels.

    Notes
    -----
    Parameter sharing: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 9.2. Groups: Krizhevsky,
    Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks" (2012).

    Examples
    --------
    >>> from convops import geometry
    >>> geometry.parameter_count(3, 32, (5, 5))
    2432
    >>> geometry.parameter_count(512, 10, (7, 7), bias=False)
    250880
    """
    channels, out_channels = integer("channels", channels, 0), integer("out_channels", out_channels, 0)
    groups = integer("groups", groups, 1)
    for name, value in (("channels", channels), ("out_channels", out_channels)):
        if value % groups:
            raise ValueError(f"groups={groups} must divide {name}={value}")
    count = len(window) if is_sequence(window) else 1
    if count == 0:
        raise ValueError("window must have one value per axis, got none")
    taps = prod(per_axis("window", window, count, 1))
    return out_channels * (channels // groups * taps + flag("bias", bias))
