"""What part of the input one output of a stack of layers sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from convops.api.geometry.arguments import axes_of, count_axes, unwrap
from convops.problem.arguments import Pair, is_sequence, per_axis
from convops.problem.geometry import extent, resolve_padding


class Layer(NamedTuple):
    """A convolution or a pool as `receptive_field` sees it; each field is as in `output_length`."""

    window: Any
    stride: Any = 1
    dilation: Any = 1
    padding: Any = 0


class ReceptiveField(NamedTuple):
    """The input positions that one output depends on, along one axis.

    Attributes
    ----------
    size : int
        From the first to the last position that counts; with dilations there may be holes in between.
    jump : int
        Input positions from one output's field to the next one's, the product of the strides.
    first : int
        First position of output 0's field; negative on padding.
    """

    size: int
    jump: int
    first: int

    @property
    def center(self) -> float:
        """Middle of output 0's field, in input positions; half-way between two where the size is even."""
        return self.first + (self.size - 1) / 2

    def positions(self, output: int) -> range:
        """From the first to the last input position of one output's field, on padding or not."""
        first = self.first + output * self.jump
        return range(first, first + self.size)


START = ReceptiveField(1, 1, 0)
# Their totals do not depend on the size of the input.
FIXED_PADDINGS = ("valid", "full", "same_symmetric")


def receptive_field(layers: Iterable[Any], *, size: Any = None) -> Any:
    """Receptive field of the outputs of a stack of convolutions and pools.

    Layer by layer, from the input on: the field grows by ``(E - 1) * jump``, its first position moves by
    ``-pl * jump``, and the jump is multiplied with the stride.

    Parameters
    ----------
    layers : iterable
        One `Layer`, tuple ``(window, stride, dilation, padding)`` with the last ones left out at will, or mapping
        with these keys, per convolution or pool, the first one nearest to the input.
    size : int or sequence of int, optional
        Input length. Needed where a padding depends on it ("same", "same_lower" and "keep" together with a
        stride); where it is given, each layer is checked to fit.

    Returns
    -------
    ReceptiveField or tuple of ReceptiveField
        With fields `size`, `jump` and `first`, property `center` and method `positions`; one if all windows and
        `size` are ints.

    Raises
    ------
    TypeError
        A layer is neither of the three, or a number in it is no int.
    ValueError
        A number is out of range, a window does not fit, or `size` is needed. Messages name the layer.
    OverflowError
        With `size`: positions beyond 2^62.

    Notes
    -----
    Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill 2019).

    Examples
    --------
    The 7x7 convolution and the 3x3 pool that a residual network begins with:

    >>> from convops import geometry
    >>> stem = geometry.receptive_field([(7, 2, 1, 3), (3, 2, 1, 1)])
    >>> stem
    ReceptiveField(size=11, jump=4, first=-5)
    >>> stem.center, stem.positions(1)
    (0.0, range(-1, 10))
    >>> geometry.receptive_field([{"window": (3, 5), "dilation": 2}, (2, 2)])
    (ReceptiveField(size=6, jump=2, first=0), ReceptiveField(size=10, jump=2, first=0))
    """
    if isinstance(layers, (str, bytes, Mapping)) or not isinstance(layers, Iterable):
        raise TypeError(f"layers must be an iterable of layers, got {type(layers).__name__} {layers!r}")
    stack = [_layer(f"layers[{i}]", layer) for i, layer in enumerate(layers)]
    known = {} if size is None else {"size": size}
    count, single = count_axes(**known, **{f"layers[{i}].window": layer.window for i, layer in enumerate(stack)})
    lengths = None if size is None else per_axis("size", size, count, 1)
    fields = (START,) * count
    for i, layer in enumerate(stack):
        try:
            fields, lengths = _behind(fields, lengths, layer)
        except (TypeError, ValueError, OverflowError) as error:
            raise type(error)(f"layers[{i}]: {error}") from None
    return unwrap(fields, single)


def _layer(name: str, value: Any) -> Layer:
    if isinstance(value, Mapping):
        if "window" not in value or not set(value) <= set(Layer._fields):
            found = ", ".join(map(repr, value)) or "nothing"
            raise ValueError(f"{name} must have the key 'window' and may have {list(Layer._fields[1:])}, got {found}")
        return Layer(**value)
    if not is_sequence(value):
        raise TypeError(
            f"{name} must be a Layer, a tuple {Layer._fields} or a mapping, got {type(value).__name__} {value!r}"
        )
    if not 1 <= len(value) <= len(Layer._fields):
        raise ValueError(f"{name} must have one to four values, {Layer._fields}, got {len(value)}")
    return Layer(*value)


def _behind(
    fields: tuple[ReceptiveField, ...], lengths: tuple[int, ...] | None, layer: Layer
) -> tuple[tuple[ReceptiveField, ...], tuple[int, ...] | None]:
    """Fields and lengths behind one more layer."""
    count = len(fields)
    windows, strides = per_axis("window", layer.window, count, 1), per_axis("stride", layer.stride, count, 1)
    dilations = per_axis("dilation", layer.dilation, count, 1)
    if lengths is None:
        pads = _fixed_pads(layer.padding, windows, strides, dilations)
    else:
        options = {"stride": strides, "padding": layer.padding, "dilation": dilations}
        pads = resolve_padding(layer.padding, lengths, windows, strides, dilations)
        lengths = tuple(axis.out for axis in axes_of(count, lengths, windows, **options))
    given = zip(fields, windows, strides, dilations, pads, strict=True)
    grown = (
        ReceptiveField(field.size + (extent(n, d) - 1) * field.jump, field.jump * s, field.first - left * field.jump)
        for field, n, s, d, (left, _) in given
    )
    return tuple(grown), lengths


def _fixed_pads(
    padding: Any, windows: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[Pair, ...]:
    """Pads of an input of unknown length."""
    pads = resolve_padding(padding, (1,) * len(windows), windows, strides, dilations)
    if isinstance(padding, str) and padding not in FIXED_PADDINGS and max(strides) > 1:
        raise ValueError(f"padding {padding!r} with stride {strides} depends on the input: size must be given")
    return pads
