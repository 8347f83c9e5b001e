"""How fast a stream is beside the call on the whole signal, and beside SciPy's filter with a state.

One channel of float32. For every number of taps and every length of a signal: million samples per second of `convolve`
on the whole signal, of a stream that gets blocks of 4096, of one with short latency and blocks of 256, and of
`scipy.signal.lfilter`. The ratio is that of the stream to the whole, round by round. The whole call writes as much new
memory as the signal is long, a stream only that of a block.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median

import machine
import numpy as np
from scipy import signal
from timing import once, paired_ratio

import convops

TAPS = (9, 17, 33, 65, 129, 257, 513, 1025, 2049, 4097)
SAMPLES = (100_000, 1_000_000, 10_000_000)
LONG, SHORT = 4096, 256
# Short signals are filtered so often that a round takes about as many samples.
ROUND_SAMPLES = 1_000_000
PEER_BLOCKS = 64


def main() -> None:
    machine.restart_without_slowing_variables()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES, metavar="N", help="of the signals")
    parser.add_argument("--taps", type=int, nargs="+", default=TAPS, metavar="N", help="of the kernels")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(%(default)s)")
    args = parser.parse_args()
    print(f"{'taps':>5} {'samples':>9} {'whole':>7} {'blocks':>7} {'ratio':>6}  {'waits for':>9} {'short':>7} ", end="")
    print(f"{'lfilter':>8}  variants")
    for taps in args.taps:
        for samples in args.samples:
            x = np.random.default_rng(0).standard_normal(samples, dtype=np.float32)
            print(row(x, taps, args.rounds), flush=True)


def row(x: np.ndarray, taps: int, rounds: int) -> str:
    k = np.random.default_rng(taps).standard_normal(taps, dtype=np.float32)
    stream, short = convops.Stream(k), convops.Stream(k, block=SHORT)
    begin = x[: 1 << 16]
    peer = x[: PEER_BLOCKS * LONG]
    times_over = max(1, ROUND_SAMPLES // len(x))
    calls: list[tuple[Callable[[], object], int]] = [
        (lambda: repeated(times_over, lambda: convops.convolve(x, k, "full")), times_over * len(x)),
        (lambda: repeated(times_over, lambda: pushed(stream, x, LONG)), times_over * len(x)),
        (lambda: pushed(short, begin, SHORT), len(begin)),
        (lambda: filtered(k, peer), len(peer)),
    ]
    seconds: list[list[float]] = [[] for _ in calls]
    for number in range(rounds + 1):
        for times, (call, _) in zip(seconds, calls, strict=True):
            spent = once(call)[0]
            if number:
                times.append(spent)
    rates = [count / median(times) / 1e6 for times, (_, count) in zip(seconds, calls, strict=True)]
    figures = f"{taps:5} {len(x):9} {rates[0]:7.0f} {rates[1]:7.0f} {paired_ratio(seconds[0], seconds[1]):6.2f}"
    return f"{figures}  {stream.latency:9} {rates[2]:7.1f} {rates[3]:8.1f}  {stream.variant}, {short.variant}"


def repeated(count: int, call: Callable[[], object]) -> None:
    for _ in range(count):
        call()


def pushed(stream: convops.Stream, x: np.ndarray, size: int) -> None:
    for begin in range(0, len(x), size):
        stream.push(x[begin : begin + size])
    stream.flush()


def filtered(k: np.ndarray, x: np.ndarray) -> None:
    state = np.zeros(len(k) - 1, np.float32)
    for begin in range(0, len(x), LONG):
        _, state = signal.lfilter(k, np.ones(1, np.float32), x[begin : begin + LONG], zi=state)


if __name__ == "__main__":
    main()
