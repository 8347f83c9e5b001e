"""Every ISA level that the CPU has passes the same backend tests: those not in use in processes of their own."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from convops.kernels.isa import LEVEL, available_levels

TESTS = Path(__file__).parents[1]
OTHERS = [level for level in available_levels() if level != LEVEL]


def environment(level):
    """This process's environment, with the level set and without the marks of a surrounding pytest."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CONVOPS_"))}
    return {**kept, "CONVOPS_ISA": level, "HYPOTHESIS_PROFILE": "brief"}


def pytest_here(level, *options):
    """Run pytest on the backend tests at one level."""
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        [*command, str(TESTS / "backends")],
        env=environment(level),
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def collected():
    """Ids of the backend tests at the level in use."""
    run = pytest_here(LEVEL, "--collect-only")
    assert run.returncode == 0, run.stdout
    ids = (line.partition("::") for line in run.stdout.splitlines() if "::" in line)
    return {f"{Path(path).stem}::{name}" for path, _, name in ids}


def identify(case):
    """File and name of a JUnit test case."""
    return f"{case.get('classname').rpartition('.')[2]}::{case.get('name')}"


def outcomes(path):
    """Test id -> whether it passed, from a JUnit file."""
    cases = ElementTree.parse(path).iter("testcase")
    return {identify(case): {part.tag for part in case} <= {"properties"} for case in cases}


@pytest.mark.parametrize("level", OTHERS)
def test_level_passes_the_same_tests(level, collected, tmp_path, record_property):
    report = tmp_path / "report.xml"
    run = pytest_here(level, f"--junitxml={report}")
    assert run.returncode == 0, run.stdout[-6000:]
    passed = outcomes(report)
    record_property("note", f"level {level:4s}: {len(passed)} backend tests passed")
    assert all(passed.values())
    assert set(passed) == collected
    assert len(passed) > 500


@pytest.mark.parametrize("level", available_levels())
def test_forced_level_is_the_one_in_use(level):
    script = "import convops; from convops.kernels import isa; print(isa.LEVEL); convops.show_runtime()"
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment(level), capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[0] == level
    assert level in run.stdout.split()[1:]


def test_only_one_level_is_imported():
    script = "import sys, convops; print(sorted(m for m in sys.modules if m.startswith('convops.kernels.')))"
    level = available_levels()[0]
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment(level), capture_output=True, text=True, check=True
    )
    for other in set(available_levels()) - {level}:
        assert f"_{other}'" not in run.stdout
    assert f"_{level}'" in run.stdout


def test_unknown_level_lists_the_valid_ones():
    run = subprocess.run(
        [sys.executable, "-c", "import convops"], env=environment("v9"), capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "CONVOPS_ISA" in run.stderr
    assert all(level in run.stderr for level in available_levels())
