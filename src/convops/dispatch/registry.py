"""The one list of backends. Order matters only between equals; `reference` is last and always applies."""

from __future__ import annotations

from convops.backends.base import Backend
from convops.backends.direct import Direct
from convops.backends.fft import Fft
from convops.backends.im2col import Im2col
from convops.backends.integer import Integer
from convops.backends.interleaved import Interleaved
from convops.backends.linear import Linear
from convops.backends.pool_gather import PoolGather
from convops.backends.pool_window import PoolWindow
from convops.backends.reference import Reference
from convops.backends.reference_pool import ReferencePool
from convops.backends.rewrites.base import Rewriting
from convops.backends.rewrites.complex import ComplexChannels, ComplexParts
from convops.backends.rewrites.integer import ExactIntegers
from convops.backends.rewrites.rank import OuterAxis
from convops.backends.rewrites.stuffed import Phases
from convops.backends.separable import Separable
from convops.backends.separable_integers import SeparableIntegers
from convops.backends.weight_grad import WeightGrad
from convops.backends.winograd import Winograd
from convops.backends.winograd_planes import WinogradPlanes

EXACT = (ComplexChannels(), ComplexParts(), ExactIntegers(), Phases(), OuterAxis())
SMOOTH = (ComplexChannels(), ComplexParts(), Phases())

DIRECT = Rewriting(Interleaved(Direct()), EXACT)

BACKENDS: tuple[Backend, ...] = (
    DIRECT,
    Rewriting(Im2col(), EXACT),
    Rewriting(Integer(DIRECT), (Phases(),)),
    Rewriting(Linear(), EXACT),
    Rewriting(Winograd("winograd", 6), SMOOTH),
    Rewriting(Winograd("winograd4", 4), SMOOTH),
    Rewriting(Winograd("winograd8", 8), SMOOTH),
    Rewriting(Interleaved(WinogradPlanes()), SMOOTH),
    Rewriting(Fft(), SMOOTH),
    SeparableIntegers(Rewriting(Separable((Direct(), Fft())), SMOOTH), DIRECT),
    Rewriting(WeightGrad(), EXACT),
    Reference(),
    PoolWindow(),
    PoolGather(),
    ReferencePool(),
)


def backends_for(kind: str) -> tuple[Backend, ...]:
    """The backends of one kind of problem, "conv" or "pool", in the order of the registry."""
    return tuple(backend for backend in BACKENDS if backend.kind == kind)


def by_name(kind: str, name: str) -> Backend:
    """The named backend; the error lists the valid names."""
    found = {backend.name: backend for backend in backends_for(kind)}
    if not isinstance(name, str):
        raise TypeError(f"backend must be a name, got {type(name).__name__} {name!r}")
    if name not in found:
        raise ValueError(f"backend must be 'auto' or one of {sorted(found)}, got {name!r}")
    return found[name]
