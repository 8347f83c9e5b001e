"""The layers import downwards only, files stay small, and the build keeps its promises."""

import ast
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from convops.kernels.isa import available_levels

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "convops"
LAYERS = {
    "problem": set(),
    "kernels": set(),
    "backends": {"problem", "kernels"},
    "dispatch": {"problem", "backends"},
    "api": {"problem", "kernels", "backends", "dispatch"},
}
PUBLIC_ONLY = ["demo", "cli", "__main__"]
SOURCES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Dotted names of everything that a file imports."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def layer_of(path):
    """First folder (or module) below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_import_downwards(layer):
    files = [path for path in SOURCES if layer_of(path) == layer]
    assert len(files) >= 2
    for path in files:
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "convops" and len(parts) > 1 and parts[1] in LAYERS:
                assert parts[1] in LAYERS[layer] | {layer}, f"{path.name} imports {name}"


@pytest.mark.parametrize("layer", PUBLIC_ONLY)
def test_commands_use_the_public_names(layer):
    for path in SOURCES:
        if layer_of(path) == layer:
            for name in imported(path):
                assert name.split(".")[:2][-1] not in LAYERS, f"{path} imports {name}"


def test_kernels_include_only_kernels():
    for path in PACKAGE.rglob("*.p[yx][xd]"):
        for module in re.findall(r"^(?:from|cimport|import) +(convops[\w.]*)", path.read_text(), re.MULTILINE):
            assert module.startswith("convops.kernels"), f"{path.name} uses {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_python_files_are_small(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 220
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno + 1 <= 40, node.name


def test_cython_files_are_small():
    files = list(PACKAGE.rglob("*.p[yx][xd]"))
    assert len(files) >= 5
    for path in files:
        assert len(path.read_text().splitlines()) <= 300, path.name


def test_oracles_share_nothing_with_the_library():
    files = sorted((ROOT / "tests" / "oracles").glob("*.py"))
    assert len(files) >= 4
    for path in files:
        assert "convops" not in path.read_text(), path.name


def test_nothing_is_evaluated_or_unpickled():
    for path in SOURCES:
        names = {name.split(".")[0] for name in imported(path)}
        assert not names & {"pickle", "marshal", "shelve", "dill", "cloudpickle"}, path.name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path.name
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", path.name


def test_the_build_keeps_ieee_arithmetic():
    builds = [ROOT / "meson.build", *PACKAGE.rglob("meson.build")]
    flags = "\n".join(path.read_text() for path in builds if path.exists())
    assert "-ffp-contract=fast" in flags
    forbidden = r"-ffast-math|-Ofast|-ffinite-math-only|-funsafe-math|-fassociative-math|-march=native"
    assert not re.search(forbidden, flags)


@pytest.mark.parametrize("level", [level for level in available_levels() if level != "base"])
def test_the_micro_kernel_is_made_of_wide_fused_multiply_adds(level):
    if not shutil.which("objdump"):
        pytest.skip("objdump of binutils is needed to read the machine code")
    found = find_spec(f"convops.kernels.micro_{level}")
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", found.origin], capture_output=True, text=True)
    assert code.returncode == 0
    fused = re.findall(r"\tvfn?m(?:add|sub)\w+ +(.*)", code.stdout)
    wide = {"v3": "%ymm", "v4": "%zmm"}[level]
    assert sum(wide in operands for operands in fused) >= 28
