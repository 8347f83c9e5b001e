"""The demo: real pictures and a real signal through the public API, beside SciPy.

Data flows one way here too::

    inputs.py       pictures from scikit-image, the ecg from PyWavelets, as float32
    kernels.py      the filters
    operations.py   what is computed: our call, and SciPy's ways to the same answer
    timing.py       both timed in turns, and their largest difference
    sheet.py        the contact sheet
    report.py       the printed table

Beside it, `theorem.py` explains the convolution theorem on small examples.

Only names of ``import convops`` are used: everything shown here is open to any user.
"""

from __future__ import annotations

from .inputs import MissingExtra, load
from .operations import all_operations
from .report import Report, environment
from .sheet import draw
from .timing import measure

__all__ = ["MissingExtra", "Report", "run"]


def run(output: str, workers: int = 1, timed: bool = True) -> Report:
    """Compute everything, write the contact sheet and return the figures.

    Parameters
    ----------
    output : str
        Where to write the picture, a PNG.
    workers : int
        Threads that convops and SciPy's FFT may use.
    timed : bool
        False compares the results only.

    Returns
    -------
    Report
        ``str()`` of it is a table.

    Raises
    ------
    MissingExtra
        scikit-image, PyWavelets or matplotlib is not installed.
    OSError
        The picture cannot be written.
    """
    inputs = load()
    operations = all_operations(inputs)
    results = {operation.key: operation.run(workers) for operation in operations}
    draw(inputs, results, output)
    rows = tuple(measure(operation, results[operation.key], workers, timed) for operation in operations)
    return Report(rows, environment(workers), output)
