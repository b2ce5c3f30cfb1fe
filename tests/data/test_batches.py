from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dslc.data.batches import Dataset, Split, batch_bounds, prefetch

VALUES = np.arange(103 * 4, dtype=np.float32).reshape(103, 4)
DATA = Dataset({
    "train": Split({"x": VALUES, "y": np.arange(103)}, np.arange(0, 103, 2)),
    "test": Split({"x": VALUES[::-1].T.copy().T, "y": np.arange(103)[::-1]}),
})  # fmt: skip


def rows(split: str, **options: Any) -> list[list[int]]:
    settings: dict[str, Any] = {"shuffle": True, "seed": 7, "epoch": 0, **options}
    return [DATA.splits[split].take(places)["y"].tolist() for places in DATA.places(split, 10, **settings)]


def test_an_epoch_has_every_example_once() -> None:
    assert DATA.examples("train") == 52
    assert DATA.examples("test") == 103
    for places in DATA.places("test", 10, shuffle=True, seed=1, epoch=2):
        batch = DATA.splits["test"].take(places)
        assert batch["x"].flags.c_contiguous
        assert batch["y"].flags.c_contiguous
        np.testing.assert_array_equal(batch["x"], VALUES[batch["y"]])
    assert sorted(chain(*rows("train"))) == list(range(0, 103, 2))
    assert [len(batch) for batch in rows("train")] == [10, 10, 10, 10, 10, 2]
    assert list(chain(*rows("train", shuffle=False))) == list(range(0, 103, 2))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert rows("train") == rows("train")
    assert rows("train") != rows("train", epoch=1)
    assert rows("train") != rows("train", seed=8)


@pytest.mark.parametrize("start", [0, 1, 4, 6, 9])
def test_a_resumed_epoch_goes_on_with_the_same_batches(start: int) -> None:
    assert rows("train", epoch=3, start=start) == rows("train", epoch=3)[start:]


def test_only_the_fields_asked_for() -> None:
    assert list(DATA.splits["train"].take(np.arange(52), ["y"])) == ["y"]


def test_batches_in_their_own_order() -> None:
    assert [batch["y"].tolist() for batch in DATA.batches("train", 10)] == rows("train", shuffle=False)


@given(examples=st.integers(1, 60), batch=st.integers(1, 20))
def test_bounds(examples: int, batch: int) -> None:
    bounds = batch_bounds(examples, batch)
    assert [n for first, last in bounds for n in range(first, last)] == list(range(examples))
    assert all(last - first == batch for first, last in bounds[:-1])
    assert len(bounds) == -(-examples // batch)
    assert batch_bounds(examples, batch, drop_last=True) == bounds[: examples // batch]
    merged = batch_bounds(examples, batch, merge_last_single=True)
    assert merged[-1][1] == examples
    if batch > 1 and examples > 1:
        assert merged[-1][1] - merged[-1][0] > 1
        assert merged[:-1] == bounds[: len(merged) - 1]


def test_prefetch_keeps_order_and_works_ahead() -> None:
    made = threading.Semaphore(0)

    def numbers() -> Iterator[int]:
        for number in range(5):
            made.release()
            yield number

    ahead = prefetch(numbers(), depth=2)
    assert next(ahead) == 0
    assert all(made.acquire(timeout=5) for _ in range(3))
    assert list(ahead) == [1, 2, 3, 4]


def test_prefetch_passes_errors_on_in_their_place() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = prefetch(numbers())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_prefetch_stops_its_thread_when_closed() -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("dslc-data")]

    ahead = prefetch(iter(range(1000)))
    next(ahead)
    assert threads()
    ahead.close()
    assert not threads()
