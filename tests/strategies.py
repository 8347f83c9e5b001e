"""Random problems. Sizes are built to fit, so that nothing needs to be thrown away."""

from collections import Counter
from math import prod

from cases import PIXELS, PRODUCTS, ROWS, ConvCase, PoolCase, SignalCase, exceeds_tile
from hypothesis import strategies as st
from oracles.geometry import BOUNDARIES, PADDING_NAMES, effective, output_length, resolve_padding

DRAWN = Counter()  # "<kind>: <class>" -> how many; the summary of a test run prints it

PRIMES = [p for p in range(2, 400) if all(p % q for q in range(2, int(p**0.5) + 1))]
FLOATS = st.sampled_from(["float32", "float64"])
SEEDS = st.integers(0, 2**32 - 1)


def _count(kind, case):
    DRAWN[f"{kind}: {'more than one tile, with a tail' if case.is_tiled() else 'small'}"] += 1
    return case


def _primes_between(low, high):
    return [p for p in PRIMES if low <= p <= high]


@st.composite
def _pads(draw, extents, lowest=0, beyond=2):
    """Numeric pads, most of them different on the two sides."""
    sides = [st.integers(lowest, e + beyond) for e in extents]
    return tuple((draw(side), draw(side)) for side in sides)


@st.composite
def _boundaries(draw, n):
    """One name, one per axis, or pairs."""
    name = st.sampled_from(BOUNDARIES)
    form = draw(st.sampled_from(["one", "axes", "pairs"]))
    if form == "one":
        return draw(name)
    each = name if form == "axes" else st.tuples(name, name)
    return tuple(draw(each) for _ in range(n))


def _least_length(extent, stride, padding, outputs=1):
    """Smallest M that gives at least `outputs` windows."""
    m = 1
    while True:
        pads = resolve_padding(padding, (m,), (extent,), (stride,))
        if (output_length(m, extent, stride, *pads[0]) or 0) >= outputs:
            return m
        m += 1


def _length(draw, extent, stride, padding, used, outputs=1, tail=False):
    """A prime that no other dimension has and that gives at least `outputs` windows."""
    least = _least_length(extent, stride, padding, outputs)
    fits = [p for p in PRIMES if p >= max(least, 2) and p not in used]
    if tail:
        lengths = {
            p: output_length(p, extent, stride, *resolve_padding(padding, (p,), (extent,), (stride,))[0])
            for p in fits[:12]
        }
        fits = [p for p in lengths if lengths[p] % 2 and exceeds_tile(lengths[p], PIXELS)] or fits
    chosen = draw(st.sampled_from(fits[:4]))
    used.add(chosen)
    return chosen


def _axis_padding(padding, axis):
    return padding if isinstance(padding, str) else (padding[axis],)


@st.composite
def _placement(draw, n, longest_window, names=PADDING_NAMES, lowest=-2):
    """Window, stride, dilation and padding, different from axis to axis."""
    window = tuple(draw(st.permutations(range(1, longest_window + 1)))[:n])
    stride = tuple(draw(st.permutations(range(1, 4)))[:n])
    dilation = tuple(draw(st.permutations(range(1, 4)))[:n])
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    padding = draw(st.one_of(st.sampled_from(names), _pads(extents, lowest)))
    return window, stride, dilation, padding, extents


@st.composite
def conv_cases(draw, large=None, ranks=(1, 2, 3), dtypes=FLOATS):
    """A convolution; about half exceed one tile, with a tail, in rows, pixels and channels."""
    large = draw(st.booleans()) if large is None else large
    n = draw(st.sampled_from(ranks))
    window, stride, dilation, padding, extents = draw(_placement(n, 3 if large else 5))
    if large:
        stride = (*stride[:-1], draw(st.integers(1, 2)))
    used, spatial = set(), []
    for axis in range(n):
        many = large and axis == n - 1
        pad = _axis_padding(padding, axis)
        spatial.append(_length(draw, extents[axis], stride[axis], pad, used, PIXELS + 1 if many else 1, many))
    block = PRODUCTS // prod(window)
    depth = draw(st.sampled_from([p for p in PRIMES if p > block][:3] if large else [1, 2, 3, 5]))
    rows = draw(st.sampled_from(_primes_between(ROWS + 1, 2 * ROWS + 4) if large else [1, 2, 3, 7]))
    groups = draw(st.sampled_from([1, 1, 2] if large else [1, 2, 3]))
    batch = draw(st.sampled_from([(), (1,), (2,)] if large else [(), (1,), (3,), (2, 2)]))
    case = ConvCase(
        tuple(spatial),
        window,
        depth,
        rows,
        groups,
        batch,
        stride,
        dilation,
        padding,
        draw(_boundaries(n)),
        draw(st.integers(-3, 3)),
        draw(st.booleans()),
        draw(dtypes),
        draw(SEEDS),
    )
    return _count("conv", case)


@st.composite
def signal_cases(draw, ranks=(1, 2, 3)):
    """A call of convolve or correlate; about half have rows longer than one tile."""
    large, n = draw(st.booleans()), draw(st.sampled_from(ranks))
    op = draw(st.sampled_from(["convolve", "correlate"]))
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    window, stride, dilation, _, extents = draw(_placement(n, 5))
    if large and n == 1:
        window = (draw(st.sampled_from(_primes_between(2, 61))),)
        extents = [effective(window[0], dilation[0])]
    used, shape = set(), []
    for axis in range(n):
        many = large and axis == n - 1
        least = (2 * PIXELS if many else 1) + extents[axis]
        shape.append(_length(draw, least, stride[axis], ((0, 0),), used, 1))
    low = [-(e // 2) for e in extents]
    origin = tuple(draw(st.integers(a, (e - 1) // 2)) for a, e in zip(low, extents, strict=True))
    if large:
        stride = (*stride[:-1], 1)
    case = SignalCase(
        op,
        tuple(shape),
        window,
        mode,
        stride,
        dilation,
        draw(_boundaries(n)),
        draw(st.integers(-3, 3)),
        origin if mode == "same" else 0,
        draw(FLOATS),
        draw(SEEDS),
    )
    return _count("signal", case)


@st.composite
def pool_cases(draw, ranks=(1, 2, 3)):
    """A pooling whose windows all hold a real tap; about half have rows longer than one tile."""
    large, n = draw(st.booleans()), draw(st.sampled_from(ranks))
    window, stride, dilation, _, extents = draw(_placement(n, 4))
    ceil_mode = draw(st.booleans())  # a window that rounding up adds may lie wholly in what a crop removed
    right = [st.integers(0 if ceil_mode else -1, e - 1) for e in extents]
    padding = tuple((draw(st.integers(-1, e - 1)), draw(side)) for e, side in zip(extents, right, strict=True))
    used, spatial = set(), []
    for axis in range(n):
        outputs = PIXELS + 1 if large and axis == n - 1 else 1
        m = _length(draw, extents[axis], stride[axis], (padding[axis],), used, outputs)
        spatial.append(max(m, dilation[axis] + 2))
    average = draw(st.sampled_from([{}, {"count_include_pad": True}, {"divisor": 3}, {"divisor": -2}]))
    batch = draw(st.sampled_from([(3,), (2, 1), (1, 2)]))
    case = PoolCase(
        tuple(spatial),
        window,
        batch,
        stride,
        padding,
        dilation,
        ceil_mode,
        draw(FLOATS),
        draw(SEEDS),
        average,
    )
    return _count("pool", case)
