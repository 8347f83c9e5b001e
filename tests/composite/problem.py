"""One drawn call as plain data."""

from dataclasses import dataclass, field

import numpy as np

REAL_NAMES = ("float16", "bfloat16", "float32", "float64")


@dataclass
class Problem:
    """Everything that a call of the library needs, and what was meant by it."""

    number: int
    op: str  # public name below convops, e.g. "conv" or "grad.conv_input"
    operands: dict  # positional arguments in order, name -> array or value
    keywords: dict = field(default_factory=dict)
    flavour: str = "exact"  # exact | real | special | wide
    memory: dict = field(default_factory=dict)  # operand -> layout in memory
    out: str | None = None  # memory layout of an out= array
    via: str = "call"  # call | plan
    mistake: str | None = None
    errors: tuple = ()  # classes one of which the mistake must raise

    def option(self, name, default=None):
        """A keyword's value."""
        return self.keywords.get(name, default)

    def describe(self):
        """The call on one line, arrays by dtype, shape and layout."""
        parts = []
        for name, value in self.operands.items():
            if isinstance(value, np.ndarray):
                parts.append(f"{name}={value.dtype.name}{list(value.shape)}:{self.memory.get(name, 'c-order')}")
            else:
                parts.append(f"{name}={value!r}")
        for name, value in self.keywords.items():
            shown = f"{value.dtype.name}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)
            parts.append(f"{name}={shown}")
        extras = [f"out:{self.out}"] if self.out else []
        extras += [f"mistake:{self.mistake}"] if self.mistake else []
        extras += [self.flavour, self.via]
        return f"seed {self.number}: {self.op}({', '.join(parts)})  [{', '.join(extras)}]"


def _form(value, n_forms=("int", "per axis")):
    return n_forms[1] if isinstance(value, (tuple, list)) else n_forms[0]


def _spelling(name, value):
    if name in ("padding", "mode", "nan", "layout", "overflow", "accuracy", "indices", "kind", "pool", "backend"):
        if name == "padding" and not isinstance(value, str):
            nested = isinstance(value, (tuple, list)) and any(isinstance(v, tuple) for v in value)
            return "pairs" if nested else _form(value)
        return "tolerance" if isinstance(value, float) else value
    if name == "activation":
        return value if isinstance(value, str) else value[0]
    if name in ("stride", "input_dilation", "dilation", "origin", "output_padding"):
        values = value if isinstance(value, (tuple, list)) else (value,)
        return f"{'fraction ' if any(getattr(v, 'denominator', 1) > 1 for v in values) else ''}{_form(value)}"
    if name == "dtype":
        return np.dtype(value).name
    return "given"


def options(problem):
    """Names of everything that this problem draws, for the table of shares."""
    yield f"op={problem.op}"
    yield f"flavour={problem.flavour}"
    yield f"via={problem.via}"
    yield f"out={problem.out}"
    yield f"mistake={problem.mistake}"
    if problem.mistake:
        return
    for name, layout in problem.memory.items():
        yield f"memory={layout}"
        yield f"{problem.op}.{name}.dtype={problem.operands[name].dtype.name}"
    for name, value in problem.keywords.items():
        yield f"{problem.op}.{name}={_spelling(name, value)}"
        if name == "boundary":
            sides = (
                [value] if isinstance(value, str) else [s for v in value for s in ([v] if isinstance(v, str) else v)]
            )
            yield from (f"boundary={side}" for side in sides)
