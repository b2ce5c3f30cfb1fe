"""What an optimizer keeps may have any shape, type and first value; files, resuming and averages follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dslc import graph as g
from dslc.graph import Tensor
from dslc.library.optimizers.optimizer import Optimizer, Slot, Update, optimizer
from dslc.library.word import OPTIMIZERS, option
from dslc.run import loop
from dslc.types import FLOAT64, INT64, TensorType
from tests.conftest import compile_spec
from tests.runs.driving import evaluations, outcome, spec_of, trained, write_spec
from tests.runs.test_resuming import interrupted, resumed


@pytest.fixture(autouse=True)
def factored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Adafactor's row and column means (N. Shazeer, M. Stern, 2018), and a slot of each other kind beside them."""

    @optimizer
    class Factored(Optimizer):
        """Divides by the outer product of the means of squares."""

        lr: float = option("Learning rate.", default=1e-2, minimum=0)
        weight_decay: float = option("Pull to the first values.", default=0.1, minimum=0)

        def slots(self, weight: TensorType) -> Mapping[str, Slot]:
            return {
                "rows": Slot(shape=weight.shape[:-1], element=FLOAT64, first=1.0),
                "columns": Slot(shape=weight.shape[-1:]),
                "updates": Slot(shape=(), element=INT64),
                "start": Slot(first=None),
            }

        def update(
            self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
        ) -> tuple[Tensor, dict[str, Tensor]]:
            square = gradient * gradient + 1e-8
            along, across = [weight.rank - 1], range(weight.rank - 1)
            rows = slots["rows"] * 0.9 + g.cast(g.reduce_mean(square, along), FLOAT64) * 0.1
            columns = slots["columns"] * 0.9 + (g.reduce_mean(square, across) if weight.rank > 1 else square) * 0.1
            scale = g.unsqueeze(g.cast(rows, weight.element), along) * columns / g.reduce_mean(columns)
            pull = (weight - slots["start"]) * u.value(self.weight_decay)
            step = (gradient / g.sqrt(scale) + pull) * u.value(self.lr)
            updates = slots["updates"] + 1
            return weight - step, {"rows": rows, "columns": columns, "updates": updates, "start": slots["start"]}

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 1e9)
    yield
    del OPTIMIZERS["Factored"]


PARTS = "minimize cross_entropy(logits, label) using Factored(lr = 0.1) epochs 6 batch 8 seed 3"
SPECS = {
    "plain": PARTS,
    "accumulated": f"{PARTS} accumulate 3",
    "averaged": f"{PARTS} average ema(decay = 0.9) clip norm 1.0",
}


@pytest.mark.parametrize("name", SPECS)
def test_a_run_is_resumed_bit_for_bit_with_all_that_is_kept(name: str, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(SPECS[name]))
    trained(spec, tmp_path / "whole")
    interrupted(spec, tmp_path / "again", 11)
    resumed(spec, tmp_path / "again")
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "again")
    assert evaluations(tmp_path / "again")[-1]["validation.accuracy"] > 0.6


def test_the_state_is_written_as_it_is_kept(tmp_path: Path) -> None:
    artifacts = compile_spec(write_spec(tmp_path, spec_of(PARTS))).artifacts
    kept = {one["name"]: (one["type"], one["shape"], one["role"]) for one in artifacts.manifest["state"]}
    weight = next(path for path, (_, shape, role) in kept.items() if role == "parameter" and shape == [4, 8])
    assert {name.rpartition("/")[2]: entry for name, entry in kept.items() if name.startswith(f"moment/{weight}/")} == {
        "rows": ("float64", [4], "moment"), "columns": ("float32", [8], "moment"),
        "updates": ("int64", [], "moment"), "start": ("float32", [4, 8], "moment"),
    }  # fmt: skip
    first = artifacts.initial
    assert (first[f"moment/{weight}/rows"] == 1).all()
    assert (first[f"moment/{weight}/start"] == first[weight]).all()
    assert first[f"moment/{weight}/start"] is not first[weight]


def test_a_slot_that_changes_its_type_is_told_to_who_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPTIMIZERS["Factored"], "slots", lambda *_: dict.fromkeys(("rows", "columns"), Slot()))
    monkeypatch.setattr(
        OPTIMIZERS["Factored"], "update", lambda _, __, w, ___, slots: (w, dict.fromkeys(slots, g.reduce_sum(w)))
    )
    with pytest.raises(TypeError, match=r"Factored makes float32 of rows, a float32\[.*\]"):
        compile_spec(write_spec(tmp_path, spec_of(PARTS))).artifacts  # noqa: B018
