"""Random calls of the pools."""

from math import prod

from oracles.dtypes import is_real_float

from composite.choices import COMPLEX, FLOATS, INTEGERS, as_dtype
from composite.problem import Problem
from composite.shapes import Placement, outputs_of
from composite.shared import common, finish, flavour_of, hold

POOLS = {
    "max_pool": 26,
    "min_pool": 12,
    "avg_pool": 22,
    "sum_pool": 10,
    "lp_pool": 10,
    "rank_pool": 8,
    "median_pool": 7,
    "pool": 5,
}
BACKENDS = {"auto": 84, "reference": 8, "pool_window": 8}
LONGEST = {1: 7, 2: 4, 3: 3, 4: 2}
FREE = {1: 14, 2: 5, 3: 3, 4: 2}


def first_item(values):
    """A reduction that depends on the order of the taps."""
    return values[..., 0]


def last_item(values):
    """Another one."""
    return values[..., -1]


def largest(values):
    """Maximum over the last axis."""
    return values.max(axis=-1)


def spread(values):
    """Range over the last axis."""
    return values.max(axis=-1) - values.min(axis=-1)


FUNCTIONS = (first_item, last_item, largest, spread)


def pool_dtype(choose, op):
    """A dtype that the pool takes."""
    names = {"float32": 30, "float64": 18, "float16": 6, "bfloat16": 6, "bool": 5} | dict.fromkeys(INTEGERS, 5)
    if op in ("sum_pool", "avg_pool"):
        names |= dict.fromkeys(COMPLEX, 4)
    if op == "pool":
        names = {"float32": 1, "float64": 1, "int32": 1, "int64": 1}
    return choose.one(names)


def _pads(choose, extents):
    form = choose.one({"none": 4, "name": 2, "pairs": 4, "int": 1})
    if form == "none":
        return (0,) * len(extents)
    if form == "name":
        return choose.one(("valid", "same", "same_lower", "same_symmetric", "full"))
    if form == "int":
        return (choose.between(-1, min(extents) // 2),) * len(extents)
    return tuple((choose.between(-1, e - 1), choose.between(-1, e - 1)) for e in extents)


def _geometry(choose, n):
    large = choose.chance(0.1)
    window = choose.distinct(1, LONGEST[n], n)
    stride = choose.distinct(1, 3, n) if choose.chance(0.7) else window
    dilation = choose.distinct(1, 3, n) if choose.chance(0.25) else (1,) * n
    extents = [d * (m - 1) + 1 for m, d in zip(window, dilation, strict=True)]
    place = Placement(window, stride, dilation, _pads(choose, extents), (1,) * n, (1,) * n)
    ceil_mode = choose.chance(0.35)
    sizes = []
    for axis in range(n):
        size = 1
        while not _fits(place, axis, size, ceil_mode):
            size += 1
        sizes.append(size + choose.between(0, FREE[n]))
    if large:
        sizes[-1] += choose.between(34, 70) * stride[-1]
    if choose.chance(0.02):
        sizes[choose.between(0, n - 1)] = 0
    place.sizes = tuple(sizes)
    return place, ceil_mode


def _fits(place, axis, size, ceil_mode):
    pads = place.padding if isinstance(place.padding, str) else (place.padding[axis],)
    one = Placement(*((v[axis],) for v in (place.window, place.stride, place.dilation)), pads, (1,), (size,))
    return (outputs_of(one, ceil_mode=ceil_mode)[0] or 0) >= 1


def _arranged(choose, kw, place):
    """The array's shape, the window argument, and axes= or layout=."""
    n, sizes = len(place.window), place.sizes
    how = choose.one({"last": 5, "network": 3, "axes": 3})
    if how == "axes":
        ndim = n + choose.between(0, 2)
        axes = tuple(choose.random.sample(range(ndim), n))
        shape = [choose.between(1, 3) for _ in range(ndim)]
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = size
        kw["axes"] = (
            axes[0] if n == 1 and choose.chance(0.5) else tuple(a - ndim if choose.chance(0.2) else a for a in axes)
        )
        return tuple(shape), choose.form(place.window)
    lead = tuple(choose.between(1, 3) for _ in range(2 if how == "network" else choose.between(0, 3)))
    last = lead and choose.chance(0.35)
    if last:
        kw["layout"] = "channels_last"
    shape = (*lead[:-1], *sizes, lead[-1]) if last else (*lead, *sizes)
    form = (
        place.window[0] if how == "network" and len(set(place.window)) == 1 else choose.one((tuple, list))(place.window)
    )
    return shape, form


def _special_keywords(choose, op, dtype, kw, place):
    """What only some of the pools take."""
    if op in ("max_pool", "min_pool"):
        if choose.chance(0.5):
            kw["indices"] = choose.one(("plane", "window", "array"))
    elif op == "avg_pool":
        if choose.chance(0.35):
            kw["count_include_pad"] = choose.chance(0.8)
        if choose.chance(0.25):
            kw["divisor"] = choose.one((1, 3, -2, 0.5, 7))
    elif op == "lp_pool" and choose.chance(0.8):
        kw["p"] = choose.one((1, 2, 3, 0.5, 1.5, float("inf")))
    elif op == "rank_pool":
        taps = prod(place.window)
        kw["rank"] = choose.one((0, -1, choose.between(-taps, taps - 1), choose.between(0, (taps - 1) // 2)))


def _final(choose, op, dtype, kw):
    """dtype= and overflow= of the pools."""
    shared = common(choose, dtype, backends=BACKENDS)
    for name in ("dtype", "overflow"):
        shared.pop(name, None)
    if op in ("sum_pool", "avg_pool") and dtype.kind != "b" and choose.chance(0.2):
        shared["dtype"] = choose.one(COMPLEX if dtype.kind == "c" else (*FLOATS[:3], "int8", "int32", "int64", "uint8"))
        if as_dtype(shared["dtype"]).kind in "iu" and choose.chance(0.6):
            shared["overflow"] = choose.one(("raise", "wrap", "saturate"))
    kw |= shared


def draw_pool(choose, number):
    """A call of one of the pools."""
    op = choose.one(POOLS)
    name = pool_dtype(choose, op)
    dtype = as_dtype(name)
    while True:
        place, ceil_mode = _geometry(choose, choose.one({1: 30, 2: 48, 3: 15, 4: 7}))
        if prod(place.sizes) * prod(place.window) <= (600 if op == "pool" else 20_000):
            break
    problem = Problem(number, op, {})
    kw = problem.keywords
    problem.flavour = flavour_of(choose, dtype, (dtype,))
    if problem.flavour == "wide" and op in ("sum_pool", "avg_pool", "lp_pool") and dtype.itemsize > 4:
        problem.flavour = "exact"
    if op == "pool" and problem.flavour == "special":
        problem.flavour = "exact"
    _final(choose, op, dtype, kw)
    if as_dtype(kw.get("dtype", name)).kind in "iu" and is_real_float(dtype):
        problem.flavour = "exact"
    shape, window = _arranged(choose, kw, place)
    for option in ("stride", "dilation"):
        value = getattr(place, option)
        if value != (place.window if option == "stride" else (1,) * len(value)) or choose.chance(0.1):
            kw[option] = choose.form(value)
    if isinstance(place.padding, str) or set(place.padding) != {0}:
        kw["padding"] = place.padding
    if ceil_mode:
        kw["ceil_mode"] = True
    _special_keywords(choose, op, dtype, kw, place)
    x = choose.values(shape, name, 6, problem.flavour)
    problem.operands = {}
    hold(problem, choose, x=x, window=window)
    if op == "pool":
        hold(problem, choose, func=choose.one(FUNCTIONS))
        kw.pop("accuracy", None)
    return finish(choose, problem)


def whole_extent(choose, number):
    """Global pooling: window None over (N, C, *spatial)."""
    op = choose.one(("max_pool", "avg_pool", "sum_pool", "min_pool", "lp_pool", "median_pool"))
    name = choose.one(("float32", "float64", "int16"))
    shape = tuple(choose.between(1, 4) for _ in range(2 + choose.between(1, 3)))
    problem = Problem(number, op, {}, {}, "exact")
    hold(problem, choose, x=choose.values(shape, name, 6))
    if choose.chance(0.5):
        problem.operands["window"] = None
    return finish(choose, problem)


def draw_pools(choose, number):
    """A pool with windows, or over the whole extent."""
    return whole_extent(choose, number) if choose.chance(0.05) else draw_pool(choose, number)
