"""The command line as a user types it."""

import json
import sys

import numpy as np
import pytest

from convops.cli import main

PROBLEM = ["explain", "conv", "--input", "1,8,20,24", "--weight", "6,8,3,3", "--padding", "same"]


def test_info_is_complete_json(capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["runtime"]["isa_level"] in facts["config"]["isa_levels"]


def test_explain_names_every_backend(capsys):
    assert main(PROBLEM) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ("direct", "im2col", "fft", "reference"))


def test_explain_as_json(capsys):
    assert main([*PROBLEM, "--json", "--stride", "2,1", "--backend", "im2col"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["chosen"] == "im2col"
    assert facts["output_shape"] == [1, 6, 10, 24]


@pytest.mark.parametrize(
    ("extra", "name"),
    [(["--stride", "0"], "stride"), (["--groups", "3"], "groups"), (["--padding", "sane"], "padding"),
     (["--window", "2"], "window"), (["--dtype", "S3"], "S3")],
)  # fmt: skip
def test_wrong_arguments_exit_with_2_and_a_message(capsys, extra, name):
    with pytest.raises(SystemExit) as stop:
        main([*PROBLEM, *extra])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert name in message
    assert "Traceback" not in message


def test_theorem_shows_both_ways_to_the_doses(capsys):
    assert main(["explain", "--theorem"]) == 0
    text = capsys.readouterr().out
    assert "out[2] = 3 x 3 + 2 x 2 + 1 x 1 = 14" in text
    assert text.count(" 3   8  14  20  26  14   5\n") == 2
    assert "17  13  14  20  26" in text


def test_theorem_as_json(capsys):
    assert main(["explain", "--theorem", "--json"]) == 0
    for proof in json.loads(capsys.readouterr().out):
        direct, product = np.array(proof["direct"]), np.array(proof["product"]) @ [1, 1j]
        np.testing.assert_allclose(np.fft.ifftn(product), direct, atol=1e-9)
        spectrum = np.fft.fftn(proof["a"], direct.shape, range(direct.ndim))
        np.testing.assert_allclose(spectrum, np.array(proof["fft_a"]) @ [1, 1j], atol=1e-9)
        assert proof["difference"] < 1e-9


def test_theorem_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot")
    assert main(["explain", "--theorem", "--png", str(tmp_path / "theorem.png")]) == 0
    assert (tmp_path / "theorem.png").read_bytes().startswith(b"\x89PNG")


def test_theorem_without_matplotlib_says_what_is_missing(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["explain", "--theorem", "--png", str(tmp_path / "theorem.png")]) == 1
    assert "matplotlib" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--theorem", "conv"], ["--theorem", "--stride", "2"], ["--png", "x"], ["conv"], []]
)
def test_theorem_or_an_operation(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["explain", *arguments])
    assert stop.value.code == 2
    assert "--theorem" in capsys.readouterr().err


def test_demo_draws_its_sheet_and_agrees_with_scipy(tmp_path, capsys):
    pytest.importorskip("skimage", reason="the demo's pictures")
    pytest.importorskip("pywt", reason="the demo's signal")
    pytest.importorskip("matplotlib", reason="the demo's sheet")
    sheet = tmp_path / "sheet.png"
    assert main(["demo", "--no-timing", "--json", "--output", str(sheet)]) == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert json.loads(capsys.readouterr().out)
