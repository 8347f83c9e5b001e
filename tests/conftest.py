"""Search path, hypothesis profile, and the table of random problems at the end of a run."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
# Several test processes share the cores: a thread that waits should sleep and not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_quiet = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("default", max_examples=40, **_quiet)
settings.register_profile("brief", max_examples=15, **_quiet)
settings.register_profile("thorough", settings(deadline=None), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_totals = Counter()
_notes = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Attach to each test the random problems that it drew, so that they reach the controller of xdist."""
    import strategies

    before = Counter(strategies.DRAWN)
    try:
        return (yield)
    finally:
        item.user_properties.append(("drawn", dict(strategies.DRAWN - before)))


def pytest_runtest_logreport(report):
    """Collect what the tests attached."""
    if report.when == "call":
        for name, value in report.user_properties:
            if name == "drawn":
                _totals.update(value)
            elif name == "note":
                _notes.append(value)


def pytest_terminal_summary(terminalreporter):
    """Print the distribution of random problems and what tests noted."""
    if _totals or _notes:
        terminalreporter.section("random problems and levels")
    kinds = Counter()
    for name, count in _totals.items():
        kinds[name.split(":")[0]] += count
    for name, count in sorted(_totals.items()):
        terminalreporter.write_line(f"{name:50s} {count:7d} {count / kinds[name.split(':')[0]]:6.1%}")
    for note in sorted(_notes):
        terminalreporter.write_line(note)
