"""Check what pip cannot install: Python itself, its headers, venv, and a C compiler.

The Makefile runs it first, with whatever Python there is, so it keeps to old syntax.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig


def has_version():
    return sys.version_info >= (3, 11)


def has_headers():
    return os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))


def has_venv():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def has_compiler():
    """Say whether a compiler runs and finds a standard header: Debian's gcc alone does not."""
    names = [os.environ["CC"]] if "CC" in os.environ else ["cc", "gcc", "clang"]
    found = [name for name in names if shutil.which(shlex.split(name)[0])]
    if not found:
        return False
    command = [*shlex.split(found[0]), "-E", "-x", "c", "-"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(command, input=b"#include <stdio.h>\n", **quiet).returncode == 0


# what is needed, its check, and what brings it on Debian and Ubuntu, Fedora, Homebrew
NEEDS = [
    ("Python 3.11 or newer", has_version, ("python3.11", "python3.11", "python@3.11")),
    ("Python's C headers", has_headers, ("python{v}-dev", "python{v}-devel", "python@{v}")),
    ("Python's venv and ensurepip", has_venv, ("python{v}-venv", "python{v}", "python@{v}")),
    ("a C compiler with its headers", has_compiler, ("build-essential", "gcc glibc-devel", "gcc")),
]


def advice(need, packages):
    """Say what is missing and how to install it."""
    version = "{}.{}".format(*sys.version_info)
    debian, fedora, brew = (name.replace("{v}", version) for name in packages)
    return f"""convops needs {need}, which pip cannot install. Install it with
    sudo apt install {debian}      (Debian, Ubuntu)
    sudo dnf install {fedora}      (Fedora)
    brew install {brew}      (macOS)
"""


def main():
    missing = [(need, packages) for need, check, packages in NEEDS if not check()]
    if not missing:
        return 0
    if not has_version():
        missing = missing[:1]  # the headers of the wrong Python are of no use
    for need, packages in missing:
        print(advice(need, packages), file=sys.stderr)
    version = sys.version.split()[0]
    print(f"Checked: {sys.executable}, Python {version}. For another: make PYTHON=python3.X", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
