"""Runs killed at any moment and resumed end exactly like one that was left alone."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dslc.diagnostics import CODES, Problem
from dslc.run import loop
from dslc.run.progress import Progress
from dslc.run.run_files import RunFiles
from dslc.storage.folder import RunFolder, occupied
from dslc.storage.log import Log
from tests.runs.driving import (
    DATA,
    MODEL,
    Witness,
    evaluations,
    outcome,
    spec_of,
    trained,
    write_flowers,
    write_spec,
)  # fmt: skip

ADAM = "minimize cross_entropy(logits, label) using Adam(lr = 1e-2)"
RICH_MODEL = MODEL.replace("-> Tanh", "-> BatchNorm -> Relu -> Dropout(0.3)")

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext
RICH = spec_of(
    """minimize cross_entropy(logits, label) using Adam(lr = cosine(2e-2, 1e-4))
  keep best validation.accuracy
  evaluate every 4 steps
  accumulate 3
  average ema(0.9)
  epochs 7
  batch 8
  seed 3""",
    model=RICH_MODEL,
)


def child(spec: Path, folder: Path) -> None:
    """Train with a checkpoint after every batch, going on with what is there."""
    loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE, loop.LOG_EVERY = 0.0, 1e9, 2
    trained(spec, folder, resume=True)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes that have imported everything already."""
    if sys.platform == "win32":
        pytest.skip("Windows has no server that forks")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["onnxruntime", "dslc.data.fields", "dslc.compile.step", __name__])
    return context


@pytest.fixture(scope="module")
def uninterrupted(processes: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """A spec, the folder of a run of it, and how long that took."""
    folder = tmp_path_factory.mktemp("runs")
    spec = write_spec(folder, RICH)
    process = processes.Process(target=child, args=(spec, folder / "warm"))  # the first process starts the server
    process.start()
    process.join()
    began = time.monotonic()
    process = processes.Process(target=child, args=(spec, folder / "whole"))
    process.start()
    process.join()
    assert process.exitcode == 0
    return spec, folder / "whole", time.monotonic() - began


def killed_and_resumed(processes: ForkServerContext, spec: Path, folder: Path, moments: list[float]) -> int:
    """Kill a run so many seconds after each of its beginnings, then let it end; return how often it was hit."""
    hits = 0
    for moment in [*moments, None]:
        process = processes.Process(target=child, args=(spec, folder))
        process.start()
        if moment is not None:
            process.join(moment)
            process.kill()
        process.join()
        hits += process.exitcode == -9
        assert moment is not None or process.exitcode == 0
    return hits


def check_killed(
    number: int, processes: ForkServerContext, uninterrupted: tuple[Path, Path, float], tmp_path: Path
) -> None:
    spec, whole, seconds = uninterrupted
    generator = random.Random(number)
    # the first stroke falls anywhere in the run, the following ones early, where resuming happens
    moments = [seconds * (number % 20 + generator.random()) / 20]
    moments += [seconds * generator.random() * 0.6 for _ in range(generator.randrange(3))]
    killed_and_resumed(processes, spec, tmp_path / "run", moments)
    assert outcome(tmp_path / "run") == outcome(whole)


@pytest.mark.parametrize("number", [pytest.param(7, marks=pytest.mark.slow), 13])
def test_killed_and_resumed(
    number: int, processes: ForkServerContext, uninterrupted: tuple[Path, Path, float], tmp_path: Path
) -> None:
    check_killed(number, processes, uninterrupted, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100, 120))
def test_twenty_killed_and_resumed(
    number: int, processes: ForkServerContext, uninterrupted: tuple[Path, Path, float], tmp_path: Path
) -> None:
    check_killed(number, processes, uninterrupted, tmp_path)


# --- Stopped at a known place -------------------------------------------------------------------------------


class Stop(Exception):
    """Ends a run from within, as if by a kill: nothing more is written."""


class Interrupter(Witness):
    def __init__(self, batches: int) -> None:
        super().__init__()
        self.limit = batches

    def stepped(self, progress: Progress) -> None:
        super().stepped(progress)
        if self.batches >= self.limit:
            raise Stop


def save_often(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    patch.setattr(loop, "CHECKPOINT_SHARE", 1e9)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    save_often(monkeypatch)


def interrupted(spec: Path, folder: Path, batches: int = 20) -> None:
    with pytest.raises(Stop):
        trained(spec, folder, observer=Interrupter(batches))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_spec(tmp_path, RICH)


@pytest.fixture(scope="module", autouse=True)
def logged_often() -> Iterator[None]:
    """Lines of the log between evaluations, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "LOG_EVERY", 2)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What comes out of the spec when nothing happens."""
    folder = tmp_path_factory.mktemp("whole")
    trained(write_spec(folder, RICH), folder / "run")
    return outcome(folder / "run")


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_killed_at_each_of_its_first_files(again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of them are there, and whichever of an earlier beginning are removed already, it begins anew."""
    spec = write_spec(tmp_path, spec_of(f"{ADAM} epochs 1 batch 50"))
    trained(spec, tmp_path / "whole")
    done, limit = 0, 0

    def counted(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: Any, **options: Any) -> object:
            nonlocal done
            if done == limit:
                raise Stop
            done += 1
            return change(*arguments, **options)

        return changed

    ended = False
    while not ended:
        run = tmp_path / f"run{limit}"
        if again:
            with monkeypatch.context() as patch:
                patch.setattr(RunFiles, "save", lambda *_: (_ for _ in ()).throw(Stop))
                with pytest.raises(Stop):
                    trained(spec, run)
        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "write", counted(RunFolder.write))
            patch.setattr(Path, "unlink", counted(Path.unlink))
            patch.setattr(Log, "start", counted(Log.start))
            patch.setattr(RunFiles, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            try:
                trained(spec, run, resume=True)
            except Stop:
                done, limit = 0, limit + 1
            except KeyboardInterrupt:
                ended = True
        trained(spec, run, resume=True)
        assert outcome(run) == outcome(tmp_path / "whole")
    assert limit > 5


@pytest.mark.slow
def test_interrupted_again_and_again(spec: Path, tmp_path: Path, whole: dict[str, bytes], often: None) -> None:
    witness: Interrupter = Interrupter(1)
    while True:
        try:
            trained(spec, tmp_path / "run", resume=True, observer=witness)
            break
        except Stop:
            witness = Interrupter(9)
    assert outcome(tmp_path / "run") == whole


def test_a_stop_is_not_passed_over(tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the evaluation at which it stops and its end, a run stops there when resumed."""
    spec = write_spec(tmp_path, spec_of(
        f"{ADAM} epochs 9 batch 8 stop when epoch >= 3"))  # fmt: skip
    trained(spec, tmp_path / "whole")

    def no_end(self: loop.Trainer, reason: str) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "finish", no_end)
        with pytest.raises(Stop):
            trained(spec, tmp_path / "run")
    assert trained(spec, tmp_path / "run", resume=True).reason == "stopped: epoch >= 3"
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_killed_before_the_manifest_says_that_it_ended(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(spec, tmp_path / "whole")

    def no_end(self: RunFiles, *arguments: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(RunFiles, "finish", no_end)
        with pytest.raises(Stop):
            trained(spec, tmp_path / "run")
    trained(spec, tmp_path / "run", resume=True)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    run, whole = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("run", "whole"))
    assert run.pop("seal") != whole.pop("seal")
    assert run["run"].pop("id") != whole["run"].pop("id")
    assert run == whole


# --- Damage -------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, newest first."""
    return sorted((folder / "checkpoints").glob("step-*"), reverse=True)


@pytest.mark.parametrize("damage", [cut, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (alter, empty))])
def test_the_checkpoint_before_a_damaged_one_is_used(
    damage: Callable[[Path], None], spec: Path, tmp_path: Path, whole: dict[str, bytes], often: None
) -> None:
    interrupted(spec, tmp_path / "run")
    newest, second, *_ = checkpoints(tmp_path / "run")
    damage(newest)
    witness = Witness()
    trained(spec, tmp_path / "run", resume=True, observer=witness)
    assert [w.code.id for w in witness.warnings] == ["W0601"]
    assert newest.name in witness.warnings[0].message
    assert witness.plans[0].resumed_at == int(second.stem.removeprefix("step-"))
    assert outcome(tmp_path / "run") == whole


@pytest.mark.slow
def test_with_every_checkpoint_damaged_the_run_starts_anew(
    spec: Path, tmp_path: Path, whole: dict[str, bytes], often: None
) -> None:
    interrupted(spec, tmp_path / "run")
    for path in checkpoints(tmp_path / "run"):
        cut(path)
    witness = Witness()
    trained(spec, tmp_path / "run", resume=True, observer=witness)
    assert [w.code.id for w in witness.warnings] == ["W0601"] * 3 + ["W0603"]
    assert witness.plans[0].resumed_at is None
    assert outcome(tmp_path / "run") == whole


@pytest.mark.parametrize(
    "damage", [cut, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (alter, Path.unlink))]
)
def test_damaged_best_weights_are_named_and_forgotten(
    damage: Callable[[Path], None], spec: Path, tmp_path: Path, often: None
) -> None:
    """The run goes on with what is whole; what is kept then is said to be the best of the rest only."""
    interrupted(spec, tmp_path / "run")
    damage(tmp_path / "run" / "checkpoints" / "best.safetensors")
    witness = Witness()
    result = trained(spec, tmp_path / "run", resume=True, observer=witness)
    codes = [w.code.id for w in witness.warnings]
    assert codes[0] == "W0604"
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    history = evaluations(tmp_path / "run")
    best = max(history, key=lambda line: line["validation.accuracy"])
    if best["batch"] > 20:
        assert (codes, manifest["result"]["lost"]) == (["W0604"], None)
    else:
        assert codes == ["W0604", "W0604"]
        assert manifest["result"]["lost"]["figure"] == best["validation.accuracy"]
    later = [line for line in history if line["batch"] > 20]
    assert result.best is not None
    assert result.best["figure"] == max(line["validation.accuracy"] for line in later)


def test_a_torn_line_of_the_log_is_cut(spec: Path, tmp_path: Path, whole: dict[str, bytes], often: None) -> None:
    interrupted(spec, tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as log:
        log.write('{"epoch": 2, "step": 9, "ba')
    trained(spec, tmp_path / "run", resume=True)
    assert outcome(tmp_path / "run") == whole


# --- What may change, and what may not ----------------------------------------------------------------------


PARAM = RICH.replace("batch 8", "batch size").replace("data flowers {", "param size: int = 8\n\ndata flowers {", 1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a spec and of an interrupted run of it."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        save_often(patch)
        interrupted(write_spec(folder, PARAM), folder / "run")
    return folder


@pytest.fixture
def stopped(original: Path, tmp_path: Path) -> Path:
    """The spec of an interrupted run, which lies beside it."""
    return shutil.copytree(original, tmp_path / "stopped") / "spec.dl"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text.replace("Dense(8)", "Dense(9)"), "'spec.dl' has changed"),
        (lambda text: text.replace("seed 3", "seed 4"), "seed was 3, and is 4 now"),
        (lambda text: text.replace("epochs 7", "steps 700"), "7 epochs, and is 700 steps"),
        (lambda text: text.replace("int = 8", "int = 9"), "param 'size' was 8, and is 9"),
        (lambda text: text.replace("train run", "train other"), "train block was run, and is other"),
    ],
)  # fmt: skip
def test_a_changed_spec_is_refused_by_name(change: Callable[[str], str], named: str, stopped: Path) -> None:
    run = stopped.parent / "run"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    stopped.write_text(change(PARAM), encoding="utf-8")
    with pytest.raises(Problem, match="E0521") as caught:
        trained(stopped, run, resume=True)
    assert named in caught.value.diagnostic.message
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "named"),
    [({"settings": {"size": "4"}}, "'size' was 8, and is 4"), ({"seed": 9}, "seed was 3, and is 9"),
     ({"steps": 90}, "7 epochs, and is 90 steps")],
)  # fmt: skip
def test_a_changed_option_is_refused_by_name(options: dict[str, Any], named: str, stopped: Path) -> None:
    with pytest.raises(Problem, match="E0521") as caught:
        trained(stopped, stopped.parent / "run", resume=True, **options)
    assert named in caught.value.diagnostic.message


@pytest.mark.parametrize("standardize", [True, False])
def test_a_changed_data_file_is_refused_by_name(standardize: bool, tmp_path: Path, often: None) -> None:
    data = DATA if standardize else DATA.replace('standardize(columns("x*"))', 'columns("x*")')
    spec = write_spec(
        tmp_path, spec_of("minimize cross_entropy(logits, label) using SGD(lr = 0.1) epochs 5 batch 8", data=data)
    )
    interrupted(spec, tmp_path / "run")
    write_flowers(tmp_path, rows=101)
    with pytest.raises(Problem, match=r"E0521.*'flowers\.csv' has changed"):
        trained(spec, tmp_path / "run", resume=True)


@pytest.mark.slow
def test_layout_and_comments_may_change(spec: Path, tmp_path: Path, whole: dict[str, bytes], often: None) -> None:
    interrupted(spec, tmp_path / "run")
    spec.write_text("# a remark\n" + RICH.replace("accumulate 3", "accumulate    3  # batches"), encoding="utf-8")
    trained(spec, tmp_path / "run", resume=True)
    run = outcome(tmp_path / "run")
    assert run["weights.safetensors"] == whole["weights.safetensors"]
    assert run["metrics.jsonl"] == whole["metrics.jsonl"]


@pytest.mark.parametrize("finished", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_more_epochs_go_on(finished: bool, tmp_path: Path, often: None) -> None:
    """As if they had been asked for from the start, where nothing looks at how many there are."""
    text = spec_of(f"{ADAM} keep best validation.accuracy epochs 4 batch 8",
                   model=RICH_MODEL)  # fmt: skip
    spec = write_spec(tmp_path, text)
    if finished:
        trained(spec, tmp_path / "run")
    else:
        interrupted(spec, tmp_path / "run")
    spec.write_text(text.replace("epochs 4", "epochs 6"), encoding="utf-8")
    assert trained(spec, tmp_path / "run", resume=True).epochs == 6
    trained(spec, tmp_path / "whole")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    with pytest.raises(Problem, match="E0521"):
        trained(spec, tmp_path / "run", resume=True, epochs=5)


def test_more_epochs_after_a_last_flush(tmp_path: Path) -> None:
    """The last update of a finished run may be of fewer batches; those that follow are whole again."""
    text = spec_of(f"{ADAM} accumulate 4 epochs 1 batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    witness = Witness()
    trained(spec, tmp_path / "run", resume=True, epochs=2, observer=witness)
    assert witness.plans[0].batches_per_epoch == 9
    assert witness.steps == [3, 3, 3, 4, 4, 4, 4, 5, 6]


def test_more_steps_go_on(tmp_path: Path) -> None:
    text = spec_of("minimize cross_entropy(logits, label) using SGD(lr = 0.1, momentum = 0.9) steps 13 batch 8")
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    assert trained(spec, tmp_path / "run", resume=True, steps=30).steps == 30
    trained(spec, tmp_path / "whole", steps=30)
    name = "weights.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


# --- Nothing to resume --------------------------------------------------------------------------------------


def test_with_nothing_to_resume_the_run_starts(spec: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    witness = Witness()
    trained(spec, tmp_path / "run", resume=True, observer=witness)
    assert witness.plans[0].resumed_at is None
    assert outcome(tmp_path / "run") == whole


def test_a_finished_run_is_left_as_it_is(spec: Path, tmp_path: Path) -> None:
    first = trained(spec, tmp_path / "run")
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (tmp_path / "run").rglob("*") if p.is_file()}
    witness = Witness()
    again = trained(spec, tmp_path / "run", resume=True, observer=witness)
    assert again == first
    assert witness.batches == 0
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_an_existing_folder_is_refused(spec: Path, tmp_path: Path) -> None:
    trained(spec, tmp_path / "run")
    with pytest.raises(Problem, match="E0612"):
        trained(spec, tmp_path / "run")
    assert CODES["E0612"].exit_code == 2


@pytest.mark.slow
def test_overwriting_replaces_the_run_and_nothing_else(spec: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    trained(spec, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "run" / "metrics.jsonl").write_text("old\n")
    trained(spec, tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert outcome(tmp_path / "run") == whole


def test_overwriting_spares_a_folder_that_is_no_run(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"E0612.*'flowers\.csv'"):
        trained(spec, tmp_path, overwrite=True)
    assert {p.name for p in tmp_path.iterdir()} == {"flowers.csv", "spec.dl"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks on folders")
def test_a_folder_that_another_process_trains_into_is_refused(spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with occupied(folder):
        for resume, overwrite in ((False, False), (True, False), (False, True)):
            with pytest.raises(Problem, match="E0621: another process is training into"):
                trained(spec, folder, resume=resume, overwrite=overwrite)
        assert list(folder.iterdir()) == []
    assert not folder.exists()
    trained(spec, folder)
    assert CODES["E0621"].exit_code == 2


# --- Seeds --------------------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_models_and_others_do_not(spec: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        trained(spec, tmp_path / name, seed=seed)
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")
    assert outcome(tmp_path / "a")["model.onnx"] != outcome(tmp_path / "c")["model.onnx"]


def test_the_model_tells_neither_time_nor_place(tmp_path: Path) -> None:
    """The same spec in another folder gives the same bytes."""
    models = []
    for name in ("here", "there"):
        spec = write_spec(tmp_path / name, RICH)
        trained(spec, tmp_path / name / "run", epochs=1)
        models.append((tmp_path / name / "run" / "model.onnx").read_bytes())
    assert models[0] == models[1]
    assert str(tmp_path).encode() not in models[0]
