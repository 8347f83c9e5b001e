"""Scratch memory: blocks are lent to one call at a time, and few are kept."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from convops.kernels.scratch import Workspace


def test_a_block_is_lent_again():
    memory = Workspace()
    block = memory.borrow(100)
    assert len(block) == 100
    memory.give_back(block)
    assert memory.borrow(50) is block
    assert memory.borrow(50) is not block


def test_a_block_that_is_too_small_is_replaced():
    memory = Workspace()
    small = memory.borrow(10)
    memory.give_back(small)
    large = memory.borrow(20)
    assert len(large) == 20
    memory.give_back(large)
    assert memory.borrow(10) is large


def test_four_blocks_are_kept():
    memory = Workspace()
    blocks = [memory.borrow(10) for _ in range(9)]
    assert len({id(block) for block in blocks}) == 9
    for block in blocks:
        memory.give_back(block)
    again = [memory.borrow(10) for _ in range(9)]
    assert sum(any(block is kept for kept in blocks) for block in again) == 4


def test_no_two_threads_hold_the_same_block():
    memory = Workspace()

    def work(number):
        for _ in range(3000):
            block = memory.borrow(8)
            block[:] = bytes([number] * 8)
            assert block == bytes([number] * 8)
            memory.give_back(block)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result()


def test_memory_that_does_not_exist():
    with pytest.raises(MemoryError, match=str(1 << 60)):
        Workspace().borrow(1 << 60)


def test_a_copy_is_empty():
    memory = Workspace()
    memory.give_back(memory.borrow(10))
    assert isinstance(pickle.loads(pickle.dumps(memory)), Workspace)
