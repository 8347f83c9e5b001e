"""Extreme values on every parameter, in processes of their own: right, refused, but never a crash."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("sweep", ["conv", "max_pool", "avg_pool", "parameters"])
def test_extreme_values(sweep):
    script = Path(__file__).with_name("lattice.py")
    run = subprocess.run([sys.executable, str(script), sweep], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    wrong = json.loads(run.stdout)
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:40])
