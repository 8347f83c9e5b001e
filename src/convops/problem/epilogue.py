"""What happens to a sum before it is stored: bias, residual, activation, overflow policy, cast. In this order."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign
from typing import Any

import numpy as np

from convops.problem import dtypes
from convops.problem.arguments import is_sequence

ACTIVATIONS = (None, "relu", "leaky_relu", "sigmoid", "tanh", "clip")
POLICIES = ("raise", "wrap", "saturate", "widen")
LEAKY_SLOPE = 0.01


@dataclass(frozen=True, slots=True)
class Epilogue:
    """`policy` is None where the result's dtype holds every possible sum, or is not an integer."""

    has_bias: bool = False
    has_add: bool = False
    activation: str | None = None
    constants: tuple[float, float] = (0.0, 0.0)
    policy: str | None = "raise"
    # 0.0 equals -0.0, but as a slope or a limit it gives other bits: problems with these are not the same.
    signs: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signs", tuple(copysign(1.0, constant) for constant in self.constants))

    @property
    def terms(self) -> int:
        """Summands beside the products."""
        return self.has_bias + self.has_add


PLAIN = Epilogue()


def parse_activation(value: Any, compute: str) -> tuple[str | None, tuple[float, float]]:
    """Name and constants from None, a name, ("leaky_relu", slope) or ("clip", low, high)."""
    name, *constants = value if is_sequence(value) else (value,)
    if not isinstance(name, (str, type(None))):
        raise TypeError(f"activation must be a name or a tuple that begins with one, got {value!r}")
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {list(ACTIVATIONS)}, got {value!r}")
    if name is not None and compute in dtypes.COMPLEX:
        raise TypeError(f"activation {name!r} is not defined for {compute}")
    if name in ("sigmoid", "tanh") and compute == dtypes.INTEGER:
        raise TypeError(f"activation {name!r} needs floating-point sums; x and w are integers")
    return name, _constants(name, tuple(_number(value, c) for c in constants))


def _number(value: Any, constant: Any) -> float:
    if isinstance(constant, (bool, str)) or not np.isscalar(constant) or isinstance(constant, complex):
        raise TypeError(f"activation constants must be real numbers, got {value!r}")
    if constant != constant:
        raise ValueError(f"activation constants must not be NaN, got {value!r}")
    return float(constant)


def _constants(name: str | None, given: tuple[float, ...]) -> tuple[float, float]:
    if name == "leaky_relu" and len(given) <= 1:
        return (given[0] if given else LEAKY_SLOPE), 0.0
    if name == "clip" and len(given) == 2 and given[0] <= given[1]:
        return given[0], given[1]
    if name == "clip":
        raise ValueError(f'activation "clip" takes a lower and an upper limit, ("clip", low, high), got {given}')
    if given:
        raise ValueError(f"activation {name!r} takes {'one slope' if name == 'leaky_relu' else 'no constants'}")
    return 0.0, 0.0


def parse_policy(overflow: Any) -> str:
    """The overflow policy's name."""
    if not isinstance(overflow, str):
        raise TypeError(f"overflow must be one of {list(POLICIES)}, got {type(overflow).__name__} {overflow!r}")
    if overflow not in POLICIES:
        raise ValueError(f"overflow must be one of {list(POLICIES)}, got {overflow!r}")
    return overflow
