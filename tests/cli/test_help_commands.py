"""explain and doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dslc.diagnostics import CODES
from dslc.errors.environment import NO_PROVIDER
from tests.cli.conftest import Dslc


def test_explain_tells_all_there_is(dslc: Dslc) -> None:
    done = dslc("explain", "e0306")
    assert (done.code, done.err) == (0, "")
    code = CODES["E0306"]
    assert done.out.startswith(f"E0306: {code.title}\n")
    assert " ".join(code.explanation.split()) in " ".join(done.out.split())
    assert "Wrong:" in done.out
    assert "Right:" in done.out


def test_explain_lists_every_code(dslc: Dslc) -> None:
    listed = [line.split()[0] for line in dslc("explain").out.splitlines()]
    assert listed == sorted(CODES)
    assert {name[:3] for name in listed} >= {"E01", "E02", "E03", "E04", "E05", "E06", "W06"}


@pytest.mark.parametrize("name", ["E9999", "E0699", "nonsense"])
def test_explain_suggests(dslc: Dslc, name: str) -> None:
    done = dslc("explain", name)
    assert (done.code, done.out) == (2, "")
    assert f"there is no code '{name}'" in done.err


def test_doctor_says_what_is_there(dslc: Dslc) -> None:
    found = dslc("doctor", "--json").json
    assert found["onnxruntime"]
    assert "cpu" in found["working_providers"]
    assert not {"provider", "halves"} & found.keys()  # of an engine, and none is asked for
    assert dslc("doctor").code == 0


def test_doctor_compares_a_run(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    found = dslc("doctor", trained, "--json").json
    assert found["run"] == {"provider": "cpu", "threads": 1}
    assert (found["fallbacks"], found["problems"]) == ([], [])
    manifest = json.loads((trained / "manifest.json").read_text())
    manifest["environment"]["onnxruntime"] = "1.0.0"
    for graph in manifest["graphs"]:
        (tmp_path / graph).write_bytes((trained / graph).read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    problems = dslc("doctor", tmp_path, "--json").json["problems"]
    assert [problem["code"] for problem in problems] == ["W0602"]


def test_doctor_says_how_to_get_a_runtime(dslc: Dslc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    done = dslc("doctor", "--json")
    assert done.code == 4
    assert done.json["onnxruntime"] is None
    assert [(p["code"], "dslc[cpu]" in p["hint"]) for p in done.json["problems"]] == [("E0601", True)]


def test_doctor_fails_where_no_provider_works(dslc: Dslc, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise NO_PROVIDER("its libraries could not be loaded")

    monkeypatch.setattr("dslc.report.health.choose_engine", broken)
    done = dslc("doctor", "--json")
    assert done.code == 4
    assert done.json["working_providers"] == []
