"""The problem of a number."""

from composite.choices import Choices
from composite.convolutions import draw_conv, draw_transpose
from composite.gradients import draw_gradient
from composite.mistakes import spoil
from composite.others import draw_other
from composite.pools import draw_pools
from composite.signals import draw_signal

FAMILIES = {draw_conv: 40, draw_signal: 20, draw_transpose: 10, draw_pools: 20, draw_other: 6, draw_gradient: 4}
MISTAKES = 0.06


def draw(number):
    """Problem `number`, always the same."""
    choose = Choices(number)
    problem = choose.one(FAMILIES)(choose, number)
    return spoil(choose, problem) if choose.chance(MISTAKES) else problem
