"""Random problems that draw every option of every operation together, and the answers they must have.

A number gives a problem, a problem gives a call and what the oracles expect of it::

    number -> draw.py (with convolutions.py, signals.py, pools.py, others.py, mistakes.py) -> Problem
    Problem -> expect.py -> Expected          Problem + the library -> runner.py -> a disagreement, or none

`python -m tests.composite --seed 123` replays one problem.
"""
