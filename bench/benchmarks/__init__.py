"""The history of convops' own speed and memory, for asv; one thread, on the layers of `layers.py`.

Run against the installed package, without network:

    cd bench
    asv machine --yes
    asv run -E existing:python --set-commit-hash HEAD --bench "Networks.*vgg16"
    asv publish
"""

import sys
from pathlib import Path

# asv imports this package by its path and puts nothing else on the search path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
