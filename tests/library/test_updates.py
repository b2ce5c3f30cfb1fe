"""Optimizers against PyTorch's, or their authors' code, over 50 updates of a group (tools/oracles/updates.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.graph import Builder, Tensor
from dslc.library.optimizers.optimizer import Member, Optimizer, Slot, Update
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import OPTIMIZERS, SCHEDULES, options_of
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType
from tests.conftest import first_of_each, mostly_alike
from tests.library.graphs import compiled
from tests.library.updates import KEPT, ROWS, STEPS, Row, first_weights, gradients

STORED: Mapping[str, np.ndarray] = np.load(Path(__file__).parent / "data" / "updates.npz")
Arrays = dict[str, np.ndarray]


def optimizer_of(word: str, options: Mapping[str, Any]) -> Optimizer:
    nested = {name: optimizer_of(*value) for name, value in options.items() if name in ("inner", "others")}
    return OPTIMIZERS[word](**{**options, **nested})


def first_of(slot: Slot, like: TensorType, weight: np.ndarray | None = None) -> np.ndarray:
    type = slot.type(like)
    value = weight if slot.first is None else slot.first
    return np.full([int(size) for size in type.shape], value, type.element.numpy)


def run(
    row: Row, element: ElementType, elements: Mapping[str, ElementType] | None = None
) -> tuple[list[Arrays], Arrays]:
    return run_word(optimizer_of(row.word, row.options), row, element, elements)


def run_word(
    word: Optimizer, row: Row, element: ElementType, elements: Mapping[str, ElementType] | None = None
) -> tuple[list[Arrays], Arrays]:
    """Return the weights after each update, and all that is kept after the last, by ``PARAMETER/SLOT``."""
    weights = {name: w.astype((elements or {}).get(name, element).numpy) for name, w in first_weights().items()}
    types = {name: TensorType(ElementType.of(w.dtype), w.shape) for name, w in weights.items()}
    slots = {name: word.slots(type) for name, type in types.items()}
    kept: dict[str, tuple[Slot, TensorType, np.ndarray | None]] = {
        f"{name}/{slot}": (s, types[name], weights[name]) for name in types for slot, s in slots[name].items()
    }
    kept |= {slot: (s, TensorType(element), None) for slot, s in word.shared().items()}

    def build(builder: Builder, step: Tensor, total: Tensor, *given: Tensor) -> Sequence[Tensor]:
        count = len(types)
        state = dict(zip(kept, given[2 * count :], strict=True))
        updates = {type.element: Update(builder, step, total, element=type.element) for type in types.values()}
        members = [
            Member(
                name,
                updates[types[name].element],
                weight,
                gradient,
                {slot: state[f"{name}/{slot}"] for slot in slots[name]},
            )
            for name, weight, gradient in zip(types, given[:count], given[count : 2 * count], strict=True)
        ]
        shared = {slot: state[slot] for slot in word.shared()}
        results = dict(zip(types, word.updates(members, shared), strict=True))
        after = {f"{name}/{slot}": value for name, (_, its) in results.items() for slot, value in its.items()} | shared
        assert after.keys() == kept.keys()
        return [*(weight for weight, _ in results.values()), *(after[name] for name in kept)]

    inputs = [*types.values(), *types.values(), *(slot.type(like) for slot, like, _ in kept.values())]
    update = compiled(build, [TensorType(INT64), TensorType(INT64), *inputs])
    state: list[np.ndarray] = [first_of(*each) for each in kept.values()]
    found = []
    for step, given in enumerate(gradients()):
        cast = [given[name].astype(w.dtype) + w * w.dtype.type(row.curvature) for name, w in weights.items()]
        results = update(np.array(step), np.array(STEPS), *weights.values(), *cast, *state)
        weights, state = dict(zip(types, results[: len(types)], strict=True)), results[len(types) :]
        found.append(weights)
    return found, dict(zip(kept, state, strict=True))


def of_row(row: Row, key: str) -> np.ndarray:
    return STORED[f"{row.id}|{key}"]


@pytest.mark.parametrize("element", [FLOAT32, pytest.param(FLOAT64, marks=pytest.mark.alike)], ids=str)
@pytest.mark.parametrize("row", first_of_each(ROWS, lambda row: row.word), ids=lambda row: row.id)
def test_fifty_updates_are_the_peer_s(row: Row, element: ElementType) -> None:
    weights, state = run(row, element)
    close = row.close if element is FLOAT32 else row.closest
    for count in KEPT:
        for name, value in weights[count - 1].items():
            wanted = of_row(row, f"{name}/{count}")
            np.testing.assert_allclose(
                value, wanted, rtol=0, atol=close * np.abs(wanted).max(), err_msg=f"{name} {count}"
            )
    ends = [key.partition("|")[2] for key in STORED if key.startswith(f"{row.id}|")]
    kept = {key for key in ends if not key.rpartition("/")[2].isdigit()}
    for key in kept:
        wanted = of_row(row, key)
        np.testing.assert_allclose(state[key], wanted, rtol=0, atol=close * np.abs(wanted).max(), err_msg=key)


def test_every_option_of_every_optimizer_is_set_in_a_row() -> None:
    earlier = {"SGD", "Adam", "AdamW", "RMSprop"}
    set_ = {(row.word, name) for row in ROWS for name in row.options}
    assert {row.word for row in ROWS} == set(OPTIMIZERS)
    assert {(w, o.name) for w, word in OPTIMIZERS.items() if w not in earlier for o in options_of(word)} - set_ == set()


@pytest.mark.parametrize("word", mostly_alike(list(OPTIMIZERS), every=6))
def test_parameters_of_both_types_are_updated_in_one_group(word: str) -> None:
    """What the group has in common is of float64; each parameter keeps its own type, and goes where it would."""
    row = next(row for row in ROWS if row.word == word)
    weights, _ = run(row, FLOAT64, {"tall": FLOAT32, "vector": FLOAT32})
    assert {name: value.dtype.name for name, value in weights[-1].items()} == {
        "vector": "float32", "tall": "float32", "wide": "float64", "stack": "float64",
    }  # fmt: skip
    for name, value in weights[-1].items():
        wanted = of_row(row, f"{name}/{STEPS}")
        np.testing.assert_allclose(value, wanted, rtol=0, atol=row.close * np.abs(wanted).max(), err_msg=name)


@pytest.mark.parametrize("word", mostly_alike(list(OPTIMIZERS), every=6))
def test_every_number_may_be_a_schedule(word: str) -> None:
    """A schedule that is constant, but not known to be, gives what the number gives."""
    row = max((row for row in ROWS if row.word == word), key=lambda row: len(row.options))
    plain = optimizer_of(row.word, row.options)
    varying = [o.name for o in options_of(type(plain)) if Schedule in o.kinds]
    assert varying or word in ("Rprop", "Lookahead", "SAM")
    fields = {name: getattr(plain, name) for name in varying if getattr(plain, name) != 0.0}
    schedules = {name: SCHEDULES["linear"](start=value, end=value) for name, value in fields.items()}
    one, its = run_word(plain, row, FLOAT64)
    other, theirs = run_word(type(plain)(**{**vars(plain), **schedules}), row, FLOAT64)
    for found, expected in ((its, theirs), (one[-1], other[-1])):
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-8, atol=1e-8 * np.abs(value).max())


def test_a_nested_optimizer_s_schedules_are_known() -> None:
    inner = OPTIMIZERS["SGD"](lr=SCHEDULES["cosine"](start=0.1))
    assert [name for name, _ in OPTIMIZERS["Lookahead"](inner=inner).schedules()] == ["lr"]
    assert [name for name, _ in OPTIMIZERS["Muon"](lr=SCHEDULES["cosine"](start=1), others=inner).schedules()] == [
        "lr"
    ] * 2
