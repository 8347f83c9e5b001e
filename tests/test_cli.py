"""The command line as a user types it."""

import json

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


def test_demo_draws_its_sheet_and_agrees_with_scipy(tmp_path, capsys):
    pytest.importorskip("skimage", reason="the demo's pictures")
    pytest.importorskip("pywt", reason="the demo's signal")
    pytest.importorskip("matplotlib", reason="the demo's sheet")
    sheet = tmp_path / "sheet.png"
    assert main(["demo", "--no-timing", "--json", "--output", str(sheet)]) == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert json.loads(capsys.readouterr().out)
