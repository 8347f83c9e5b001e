"""How it is done: one file per algorithm, each behind the same four questions of `base.Backend`."""
