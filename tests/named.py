"""Named problems that every backend, layout, worker count and level is held to."""

from cases import ConvCase, PoolCase

CONV = {
    "pointwise": ConvCase((7, 11), (1, 1), depth=67, rows=17),
    "tiled-same": ConvCase((5, 37), (3, 2), depth=67, rows=17, batch=(2,), padding="same"),
    "tiled-strided": ConvCase((11, 73), (2, 5), depth=67, rows=29, batch=(), stride=(3, 2), padding=((1, 0), (2, 3))),
    "tiled-groups": ConvCase((7, 41), (3, 5), depth=67, rows=17, groups=2, stride=(2, 1), padding=((0, 1), (3, 2))),
    "depthwise": ConvCase((13, 41), (3, 5), depth=1, rows=1, groups=19, stride=(1, 2), padding=((2, 1), (0, 3))),
    "depth-multiplier": ConvCase((7, 11), (2, 3), depth=1, rows=3, groups=5, padding="same_lower"),
    "dilated": ConvCase((17, 43), (3, 2), depth=5, rows=7, dilation=(2, 3), padding="same_symmetric"),
    "all-different": ConvCase(
        (23, 19),
        (3, 5),
        depth=3,
        rows=5,
        groups=2,
        stride=(2, 3),
        dilation=(3, 2),
        padding=((4, 1), (0, 5)),
        fill=2,
    ),
    "negative-pads": ConvCase((13, 17), (3, 2), padding=((-2, 1), (3, -4)), boundary="reflect"),
    "crop-to-pad": ConvCase((3,), (2,), padding=((-4, 5),), boundary="wrap"),
    "long-pads": ConvCase((3, 5), (2, 3), padding=((7, 11), (13, 12)), boundary=("symmetric", "reflect")),
    "mixed-sides": ConvCase(
        (7, 5),
        (3, 2),
        padding=((3, 2), (4, 6)),
        boundary=(("edge", "wrap"), ("constant", "symmetric")),
        fill=-3,
    ),
    "keep-strided": ConvCase((11, 13), (2, 3), stride=(3, 2), padding="keep"),
    "full": ConvCase((5, 7), (3, 4), padding="full", stride=(1, 2)),
    "window-as-input": ConvCase((7, 11), (7, 11), depth=13, rows=17, batch=(3,)),
    "line": ConvCase((211,), (9,), depth=3, rows=5, batch=(2,), padding="same"),
    "line-long-kernel": ConvCase((487,), (131,), depth=1, rows=1, batch=(), padding="same"),
    "volume": ConvCase((5, 7, 11), (2, 3, 4), depth=3, rows=4, stride=(1, 2, 1), dilation=(2, 1, 3), padding="same"),
    "large-window": ConvCase((53, 61), (17, 15), depth=1, rows=1, batch=(2,), padding="same", boundary="reflect"),
    "window-over-block": ConvCase((29, 61), (19, 17), depth=2, rows=3, padding="same_lower"),
    "line-over-block": ConvCase((701,), (700,), depth=1, rows=1, batch=(), padding="full"),
    "pointwise-over-block": ConvCase((3, 41), (1, 1), depth=577, rows=17, batch=()),
    "no-batch": ConvCase((7, 5), (2, 3), batch=(), bias=False),
    "many-batch": ConvCase((5, 7), (3, 2), batch=(2, 1, 3)),
    "one-pixel": ConvCase((1, 1), (3, 5), padding="same", boundary="reflect", batch=(2,)),
    "no-channels": ConvCase((5, 7), (3, 2), depth=0),
    "no-images": ConvCase((5, 7), (3, 2), batch=(0,)),
    "no-rows": ConvCase((5, 7), (3, 2), rows=0),
    "empty-axis": ConvCase((0, 7), (3, 2)),
}

RANK_4 = ConvCase((3, 5, 4, 7), (2, 3, 1, 4), depth=2, rows=3, stride=(1, 2, 3, 2), padding="same")

POOL = {
    "two-by-two": PoolCase((6, 8), (2, 2)),
    "overlapping": PoolCase((13, 41), (3, 2), stride=(1, 1)),
    "tiled": PoolCase((7, 83), (3, 5), stride=(2, 1), padding=((1, 2), (2, 3))),
    "strided": PoolCase((17, 79), (3, 2), stride=(3, 2), padding=((0, 1), (1, 0))),
    "ceil": PoolCase((9, 12), (4, 1), stride=(4, 2), padding=((2, 2), (0, 0)), ceil_mode=True),
    "ceil-wider": PoolCase((2, 7), (3, 3), stride=2, ceil_mode=True),
    "dilated": PoolCase((11, 19), (3, 2), stride=(1, 2), dilation=(2, 3), padding=((2, 1), (3, 0))),
    "negative-pads": PoolCase((11, 13), (3, 2), stride=(2, 1), padding=((-1, 0), (1, -2)), ceil_mode=True),
    "line": PoolCase((101,), (7,), stride=3, padding=((2, 3),)),
    "volume": PoolCase((5, 7, 11), (2, 3, 4), stride=(1, 2, 3), padding=((1, 0), (2, 1), (0, 3))),
    "same": PoolCase((7, 11), (3, 4), stride=(2, 3), padding="same"),
    "global": PoolCase((7, 37), (7, 37)),
    "large-window": PoolCase((31, 43), (11, 13), stride=1),
    "no-batch": PoolCase((7, 5), (2, 3), batch=()),
    "no-images": PoolCase((7, 5), (2, 3), batch=(0, 3)),
    "empty-axis": PoolCase((0, 5), (2, 3)),
}

BOUNDED = [
    "tiled-same",
    "tiled-groups",
    "depthwise",
    "all-different",
    "line-long-kernel",
    "large-window",
    "volume",
]
SHORT = ["tiled-strided", "depthwise", "all-different", "mixed-sides", "line", "volume", "large-window"]
