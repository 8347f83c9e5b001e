"""Gradients of pools as layers of their own: the same shapes, another operation. No arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod

from workload import ITEM_BYTES, Layer

KINDS = {"max_pool": "grad.max_pool", "avg_pool": "grad.avg_pool"}
INDEX_BYTES = 8


@dataclass(frozen=True)
class PoolGradient(Layer):
    """A pool's gradient; all fields but suite, name and operation are those of the pool. That of a maximum needs the
    indices that the pool returned.
    """

    @property
    def of_maximum(self) -> bool:
        return self.operation == KINDS["max_pool"]

    @property
    def forward(self) -> Layer:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Layer(**values | {"operation": self.operation.removeprefix("grad.")})

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.input_shape

    @property
    def flops(self) -> int:
        return 0

    @property
    def bytes(self) -> int:
        results, item = prod(self.forward.output_shape), ITEM_BYTES[self.dtype]
        return item * (prod(self.input_shape) + results) + INDEX_BYTES * results * self.of_maximum


def pool_gradients(pools: tuple[Layer, ...]) -> tuple[PoolGradient, ...]:
    """The gradients of pools of several channels."""
    return tuple(_gradient(pool) for pool in pools if pool.input_shape[1] > 1 and pool.operation in KINDS)


def _gradient(pool: Layer) -> PoolGradient:
    values = {field.name: getattr(pool, field.name) for field in fields(pool)}
    return PoolGradient(**values | {"suite": "pool_gradients", "operation": KINDS[pool.operation]})
