"""Going on with a run whose folder is not as it was left: what was lost is told, and never silently made up for."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dslc.diagnostics import Diagnostic, Problem
from dslc.render import render_all
from dslc.run import loop
from dslc.run.progress import Progress
from tests.conftest import mostly_alike
from tests.runs.driving import MODEL, Witness, lines_of, outcome, spec_of, trained, write_spec

PLAIN = spec_of("minimize cross_entropy(logits, label) using Adam(lr = 1e-2) epochs 6 batch 8 seed 3")


class Stop(Exception):
    """Ends a run from within, as if by a kill: nothing more is written."""


class Interrupter(Witness):
    def __init__(self, batches: int, act: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.limit = batches
        self.act = act

    def stepped(self, progress: Progress) -> None:
        super().stepped(progress)
        if self.batches == self.limit:
            if self.act is None:
                raise Stop
            self.act()


def save_often(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    patch.setattr(loop, "CHECKPOINT_SHARE", 1e9)
    patch.setattr(loop, "LOG_EVERY", 2)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    save_often(monkeypatch)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path, PLAIN)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted, to be read only."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        save_often(patch)
        trained(write_spec(folder, PLAIN), folder / "run")
    return folder / "run"


def interrupted(spec: Path, folder: Path, batches: int = 20) -> None:
    with pytest.raises(Stop):
        trained(spec, folder, observer=Interrupter(batches))


def resumed(spec: Path, folder: Path, **options: Any) -> Witness:
    witness = Witness()
    trained(spec, folder, resume=True, observer=witness, **options)
    return witness


def told(folder: Path, *findings: Diagnostic) -> str:
    """Return findings as they are shown, without the folder that the test lies in."""
    return render_all(findings, False).replace(f"{folder}/", "").replace(f"{folder}", ".").strip()


def refusal(folder: Path, action: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        action()
    return told(folder, caught.value.diagnostic)


# --- The manifest -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_lost_manifest_is_told_and_made_again(spec: Path, tmp_path: Path) -> None:
    trained(spec, tmp_path / "whole")
    interrupted(spec, tmp_path / "run")
    before = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").unlink()
    witness = resumed(spec, tmp_path / "run")
    assert told(tmp_path, *witness.warnings) == (
        "warning[W0607]: run has no manifest; the run goes on from its checkpoint"
    )
    assert witness.plans[0].resumed_at == 19  # the checkpoint before the stop
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["run"]["id"] == before["run"]["id"]


@pytest.mark.parametrize("times", [1, 2])
def test_checkpoints_of_another_spec_are_never_gone_on_from(times: int, spec: Path, tmp_path: Path) -> None:
    interrupted(spec, tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    spec.write_text(PLAIN.replace("lr = 1e-2", "lr = 1e-3"))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    for _ in range(times):
        assert refusal(tmp_path, lambda: resumed(spec, tmp_path / "run")) == (
            "error[E0630]: run has no manifest, and its checkpoints were made of another spec, params or data\n"
            "  = hint: begin anew in another folder: -o RUN"
        )
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_checkpoints_of_another_run_are_passed_over(spec: Path, tmp_path: Path) -> None:
    interrupted(spec, tmp_path / "run", 12)
    interrupted(spec, tmp_path / "other", 25)
    newest = max((tmp_path / "other" / "checkpoints").glob("step-*"))
    shutil.copy(newest, tmp_path / "run" / "checkpoints")
    witness = resumed(spec, tmp_path / "run")
    assert told(tmp_path, *witness.warnings) == (
        f"warning[W0601]: run/checkpoints/{newest.name} can't be used: it belongs to another run"
    )
    assert witness.plans[0].resumed_at == 11


def test_a_folder_that_is_no_run_is_left_alone(spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "model.onnx").write_text("mine")
    ways = (partial(trained, spec, folder, resume=True), partial(trained, spec, folder, overwrite=True))
    for way in ways:
        assert refusal(tmp_path, way) == (
            "error[E0612]: notes holds 'model.onnx', which no run has written\n"
            "  = hint: choose a folder of its own for the run: -o RUN"
        )
    (folder / "manifest.json").write_text('{"name": "an extension of a browser", "manifest_version": 3}')
    for way in ways:
        assert "E0613]: notes is no run: its manifest.json was not written by dslc" in refusal(tmp_path, way)
    assert (folder / "model.onnx").read_text() == "mine"
    assert len(list(folder.iterdir())) == 2


def test_overwriting_replaces_only_what_the_manifest_lists(spec: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(spec, run)
    for name in ("mine.onnx", "spec/mine.dl", "checkpoints/mine.safetensors", "model.decoder.onnx"):
        (run / name).write_text("mine")
    trained(spec, run, overwrite=True)
    for name in ("mine.onnx", "spec/mine.dl", "checkpoints/mine.safetensors", "model.decoder.onnx"):
        assert (run / name).read_text() == "mine"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "step-0000000001.safetensors").write_text("mine")
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    refused = refusal(tmp_path, lambda: trained(spec, run, overwrite=True))
    assert refused.startswith("error[E0624]: run/checkpoints is no folder of its own")
    assert (tmp_path / "elsewhere" / "step-0000000001.safetensors").read_text() == "mine"


# --- The end ------------------------------------------------------------------------------------------------


def test_a_finished_run_without_its_checkpoints_stays_finished(spec: Path, tmp_path: Path) -> None:
    first = trained(spec, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = outcome(tmp_path / "run")
    witness = Witness()
    assert trained(spec, tmp_path / "run", resume=True, observer=witness) == first
    assert (witness.batches, outcome(tmp_path / "run")) == (0, before)
    assert refusal(tmp_path, lambda: resumed(spec, tmp_path / "run", epochs=8)) == (
        "error[E0631]: the run in run has ended, and no checkpoint is left to go on from\n"
        "  = hint: begin anew: -o RUN for another folder, or --overwrite"
    )
    assert outcome(tmp_path / "run") == before


def test_a_damaged_model_of_a_finished_run_is_written_again(spec: Path, tmp_path: Path) -> None:
    trained(spec, tmp_path / "run")
    before = outcome(tmp_path / "run")
    (tmp_path / "run" / "model.onnx").write_bytes(b"")
    witness = resumed(spec, tmp_path / "run")
    assert told(tmp_path, *witness.warnings) == (
        "warning[W0608]: run/model.onnx is damaged or gone, and is written again"
    )
    assert (witness.batches, outcome(tmp_path / "run")) == (0, before)


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("renamed"))


def replace(folder: Path) -> None:
    rename(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("change", "why"),
    [(shutil.rmtree, "is no longer there"), (rename, "is no longer there"), (replace, "has been replaced by another")],
)
def test_a_folder_that_goes_while_training(
    change: Callable[[Path], None], why: str, spec: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(Problem) as caught:
        trained(spec, run, observer=Interrupter(20, lambda: change(run)))
    assert told(tmp_path, caught.value.diagnostic) == f"error[E0629]: the folder run {why}"
    assert not run.exists() or list(run.iterdir()) == []
    if (tmp_path / "renamed").exists():
        assert resumed(spec, tmp_path / "renamed").plans[0].resumed_at is not None


# --- The log ------------------------------------------------------------------------------------------------


def flip(data: bytes) -> bytes:
    return data.replace(b'{"epoch": 1, "step": 9', b'{"epo\x83h": 1, "step": 9', 1)


def alter(data: bytes) -> bytes:
    return re.sub(rb'("epoch": 1, .*"validation.loss": )\d', rb"\g<1>7", data, count=1)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (flip, "line 5 cannot be read; of 11 lines, 11 are there now"),
        (alter, "it does not hold what the run wrote; of 11 lines, 11 are there now"),
        (lambda data: b"", "it is empty or gone; of 11 lines, 2 are there now"),
    ],
)
def test_a_damaged_log_is_mended_and_told(
    damage: Callable[[bytes], bytes], what: str, whole: Path, spec: Path, tmp_path: Path
) -> None:
    interrupted(spec, tmp_path / "run", 21)
    log = tmp_path / "run" / "metrics.jsonl"
    log.write_bytes(damage(log.read_bytes()))
    witness = resumed(spec, tmp_path / "run")
    assert told(tmp_path, *witness.warnings) == f"warning[W0605]: run/metrics.jsonl is damaged: {what}"
    found, expected = lines_of(tmp_path / "run"), lines_of(whole)
    key = "validation.loss"
    assert [line for line in expected if key in line] == [line for line in found if key in line]
    assert len(found) == len(expected) or what.startswith("it is empty")
    assert (tmp_path / "run" / "model.onnx").read_bytes() == (whole / "model.onnx").read_bytes()


# --- Other lengths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "old", "new"),
    [
        pytest.param("cosine(0.1, 1e-3)", "0.00112", "0.0633", marks=pytest.mark.slow),
        ("linear(0.1, 0)", "0.00222", "0.0583"),
        ("warmup(5) then cosine(0.1)", "0.000154", "0.0672"),
        pytest.param("constant(0.1, steps = 9) then linear(0.1, 0.05)", "0.0514", "0.0818", marks=pytest.mark.slow),
    ],
)
def test_a_longer_run_goes_on_as_if_it_had_always_been(schedule: str, old: str, new: str, tmp_path: Path) -> None:
    """The rate of a schedule that lasts to the end jumps to where the longer run would be, and that is told."""
    text = spec_of(f"minimize cross_entropy(logits, label) using SGD(lr = {schedule}) epochs 5 batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    witness = resumed(spec, tmp_path / "run", epochs=12)
    assert told(tmp_path, *witness.warnings) == (
        "warning[W0606]: the schedule of 'lr' lasts to the end of training, which has moved from step 45 to 108: it "
        f"goes on with {new} at step 45, and was {old} one step before\n"
        "  = hint: a run of the new length would be there too; 'steps' in the schedule gives it a length of its own"
    )
    assert resumed(spec, tmp_path / "run", epochs=12).warnings == []


@pytest.mark.parametrize(
    ("schedule", "rate"),
    [
        # what the host has brought a plateau to counts; with this threshold, each epoch but the first halves it
        ("plateau(0.1, 0.5, 0, threshold = 9, steps = 99) then cosine(1)", "0.0125"),
        ("warmup(500) then cosine(1)", "0.072"),
    ],
)
def test_a_rate_that_does_not_jump_is_told_as_it_is(schedule: str, rate: str, tmp_path: Path) -> None:
    text = spec_of(f"minimize cross_entropy(logits, label) using SGD(lr = {schedule}) epochs 4 batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    (warning,) = resumed(spec, tmp_path / "run", epochs=9).warnings
    assert warning.message == (
        "the schedule of 'lr' lasts to the end of training, which has moved from step 36 to 81: it is "
        f"{rate} at step 36 all the same, and differs later"
    )


SEVERAL = """\
  let other = Other(x)
  minimize first = cross_entropy(logits, label)
    over "*.bias" using SGD(lr = linear(0.1, 0))
    using SGD(lr = 0.1, momentum = linear(0.9, 0.5), weight_decay = 1e-4)
  minimize second = mean(other ** 2) using Adam(lr = warmup(5) then cosine(0.1))
  epochs 3 batch 8
"""
OTHER = MODEL + "model Other { input x: float32[N, 4] output y = x -> Dense(2) }\n"


def test_each_schedule_of_several_optimizers_is_told_by_its_objective(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(SEVERAL, model=OTHER))
    trained(spec, tmp_path / "run")
    warnings = resumed(spec, tmp_path / "run", epochs=5).warnings
    assert [re.sub(r"lasts to .*: it goes", "goes", warning.message) for warning in warnings] == [
        f"the schedule of {whose} at step 27, and was {old} one step before"
        for whose, old in (
            ("'lr' of 'first' over 'Net.logits.dense.bias' and 1 more goes on with 0.04", "0.0037"),
            ("'momentum' of 'first' over 'Net.logits.dense.weight' and 1 more goes on with 0.66", "0.515"),
            ("'lr' of 'second' goes on with 0.0422", "0.000509"),
        )
    ]


# --- Shorter ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "done", "due", "both"), [("epochs", 6, 4, 10), ("steps", 50, 20, 70)])
def test_an_end_that_has_been_passed_is_refused(unit: str, done: int, due: int, both: int, tmp_path: Path) -> None:
    text = spec_of(f"minimize cross_entropy(logits, label) using SGD(lr = 0.1) {unit} {done} batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    before = outcome(tmp_path / "run")
    assert refusal(tmp_path, lambda: resumed(spec, tmp_path / "run", **{unit: due})) == (
        f"error[E0521]: the run in run has done {done} {unit}, and is to end after {due}\n"
        f"  = hint: {unit} count from the run's beginning: --{unit} {both} trains for {due} more; a shorter run has to "
        "begin anew: --new, or --overwrite"
    )
    assert outcome(tmp_path / "run") == before
    assert resumed(spec, tmp_path / "run").warnings == []


def test_an_end_within_an_interrupted_run_is_refused(spec: Path, tmp_path: Path) -> None:
    interrupted(spec, tmp_path / "run", 31)  # 30 of 9 batches each are saved
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert refusal(tmp_path, lambda: resumed(spec, tmp_path / "run", epochs=3)) == (
        "error[E0521]: the run in run has done 3.33 epochs, and is to end after 3\n"
        "  = hint: epochs count from the run's beginning: --epochs 7 trains for 3 more; a shorter run has to begin "
        "anew: --new, or --overwrite"
    )
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("epochs", mostly_alike([4, 3, 5], every=3))
@pytest.mark.parametrize("rate", ["1e-2", "cosine(1e-2)"])
def test_an_interrupted_run_may_end_earlier_as_one_of_that_length(rate: str, epochs: int, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, PLAIN.replace("1e-2", rate))
    interrupted(spec, tmp_path / "run", 28)  # the checkpoint is at the end of the third epoch
    warnings = resumed(spec, tmp_path / "run", epochs=epochs).warnings
    assert told(tmp_path, warnings[0]) == (
        f"warning[W0641]: the run was to end after 6 epochs, and ends after {epochs} now\n"
        "  = hint: to have it go on to where it was to end: --epochs 6"
    )
    assert [warning.code.id for warning in warnings[1:]] == ["W0606"] * (rate != "1e-2")
    trained(spec, tmp_path / "whole", epochs=epochs)
    assert (outcome(tmp_path / "run") == outcome(tmp_path / "whole")) is (rate == "1e-2")
    assert lines_of(tmp_path / "run")[-1]["epoch"] == epochs


def test_an_end_within_a_group_of_batches_is_passed(tmp_path: Path) -> None:
    text = spec_of("minimize cross_entropy(logits, label) using SGD(lr = 0.1) epochs 6 batch 8 accumulate 4")
    spec = write_spec(tmp_path, text)
    interrupted(spec, tmp_path / "run", 19)
    assert refusal(tmp_path, lambda: resumed(spec, tmp_path / "run", epochs=2)).startswith(
        "error[E0521]: the run in run has done 2 epochs, and 2 batches of the next update, and is to end after 2\n"
    )
    resumed(spec, tmp_path / "run", epochs=3)
    trained(spec, tmp_path / "whole", epochs=3)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("schedule", ["0.1", "cosine(0.1, 1e-3, steps = 40)", "exponential(0.1, 0.9)"])
def test_schedules_with_a_length_of_their_own_do_not_change(schedule: str, tmp_path: Path) -> None:
    text = spec_of(f"minimize cross_entropy(logits, label) using SGD(lr = {schedule}) steps 20 batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    assert resumed(spec, tmp_path / "run", steps=50).warnings == []
    trained(spec, tmp_path / "whole", steps=50)
    name = "weights.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_more_steps_under_a_schedule_to_the_end(tmp_path: Path) -> None:
    text = spec_of("minimize cross_entropy(logits, label) using SGD(lr = linear(0.1, 0)) steps 20 batch 8")
    spec = write_spec(tmp_path, text)
    interrupted(spec, tmp_path / "run", 15)
    (warning,) = resumed(spec, tmp_path / "run", steps=50).warnings
    assert warning.code.id == "W0606"
    assert "from step 20 to 50: it goes on with 0.072 at step 14, and was 0.035 one step before" in warning.message


@pytest.mark.parametrize(("batch", "cut"), [(8, True), (7, False)])
def test_a_longer_run_says_where_its_end_cut_a_group_short(batch: int, cut: bool, tmp_path: Path) -> None:
    """70 examples are 9 batches of 8, which make five updates of two, or 10 batches of 7."""
    text = spec_of(f"minimize cross_entropy(logits, label) using SGD(lr = 0.1) epochs 1 batch {batch} accumulate 2")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    assert resumed(spec, tmp_path / "run").warnings == []  # nothing goes on
    warnings = resumed(spec, tmp_path / "run", epochs=2).warnings
    trained(spec, tmp_path / "whole", epochs=2)
    same = [(tmp_path / folder / "weights.safetensors").read_bytes() for folder in ("run", "whole")]
    assert (same[0] != same[1]) is cut
    assert told(tmp_path, *warnings) == (
        "warning[W0550]: the run had come to its end, which made update 5 of fewer batches than 'accumulate 2' says\n"
        "  = hint: a run of the new length from the start would not have; begin anew with --overwrite to get that one"
        if cut
        else ""
    )
