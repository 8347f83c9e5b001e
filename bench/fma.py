"""The multiply-add rate of the processor itself: independent operations on registers, and nothing else.

No compiler takes part: the loop is written as machine code into executable memory and called through ctypes,
which releases the GIL. Per ISA level the instruction is the one our kernels are made of: `vfmadd231ps` on 512
bits (v4) or 256 bits (v3), `mulps` and `addps` by turns on 128 bits (base, which has no fused operation).
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

REPEATS = 8
SECONDS = 0.02
ACCUMULATORS = 12  # enough to hide a latency of 4 to 6 cycles at two operations a cycle
UNROLL = 4
FLOPS = {"v4": 32, "v3": 16, "base": 4}  # per instruction, float32


def _fma_512(register: int) -> bytes:
    """vfmadd231ps zmm<register>, zmm14, zmm15."""
    return bytes([0x62, 0x52 | _high(register, 0x80), 0x0D, 0x48, 0xB8, 0xC7 | (register & 7) << 3])


def _fma_256(register: int) -> bytes:
    """vfmadd231ps ymm<register>, ymm14, ymm15."""
    return bytes([0xC4, 0x42 | _high(register, 0x80), 0x0D, 0xB8, 0xC7 | (register & 7) << 3])


def _mul_or_add_128(register: int) -> bytes:
    """mulps or addps xmm<register>, xmm15."""
    return bytes([0x41 | (register >> 3) << 2, 0x0F, 0x58 | register & 1, 0xC7 | (register & 7) << 3])


def _high(register: int, bit: int) -> int:
    """Return the bit that extends a register number; VEX and EVEX store it inverted."""
    return 0 if register & 8 else bit


def _zero(register: int) -> bytes:
    """xorps xmm<register>, xmm<register>: the numbers do not matter, but denormals would be slow."""
    return bytes([0x40 | (register >> 3) * 5, 0x0F, 0x57, 0xC0 | (register & 7) * 9])


INSTRUCTIONS = {"v4": _fma_512, "v3": _fma_256, "base": _mul_or_add_128}


@dataclass(frozen=True)
class _Loop:
    """A function of the number of rounds, and the memory it lives in."""

    memory: mmap.mmap
    call: Callable[[int], None]
    flops: int


def _assemble(isa: str) -> _Loop:
    """Return `do { UNROLL * ACCUMULATORS operations } while (--rounds)` for the System V calling convention."""
    body = b"".join(INSTRUCTIONS[isa](register) for register in range(ACCUMULATORS)) * UNROLL
    step = b"\x48\xff\xcf\x0f\x85"  # dec rdi; jnz to the start of the body
    jump = step + (-len(body) - len(step) - 4).to_bytes(4, "little", signed=True)
    clear = b"" if isa == "base" else b"\xc5\xfc\x77"  # vzeroall: the upper lanes, too
    leave = b"" if isa == "base" else b"\xc5\xf8\x77"  # vzeroupper: what follows may be legacy SSE
    code = clear + b"".join(_zero(register) for register in range(16)) + body + jump + leave + b"\xc3"
    memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return _Loop(memory, ctypes.CFUNCTYPE(None, ctypes.c_long)(address), UNROLL * ACCUMULATORS * FLOPS[isa])


def measure(isa: str, threads: int) -> float | None:
    """Return the best rate of `threads` threads together in flops per second; None where the code cannot run."""
    if platform.machine() not in ("x86_64", "AMD64") or not hasattr(mmap, "PROT_EXEC"):
        return None
    try:
        loop = _assemble(isa)
    except OSError:  # hardened systems allow no memory that is writable and executable
        return None
    rounds = _rounds(loop)
    with ThreadPoolExecutor(threads) as pool:
        seconds = min(_together(pool, loop, rounds, threads) for _ in range(REPEATS))
    return threads * rounds * loop.flops / seconds


def _rounds(loop: _Loop) -> int:
    start = time.perf_counter()
    loop.call(10_000)
    return int(10_000 * SECONDS / (time.perf_counter() - start)) + 1


def _together(pool: ThreadPoolExecutor, loop: _Loop, rounds: int, threads: int) -> float:
    start = time.perf_counter()
    list(pool.map(loop.call, [rounds] * threads))
    return time.perf_counter() - start
