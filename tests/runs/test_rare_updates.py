"""``accumulate`` that joins more batches than an epoch, or the whole training, has is told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.driving import Witness, spec_of, trained, write_flowers, write_spec


@pytest.mark.parametrize(
    ("length", "accumulate", "expected"),
    [
        ("epochs 3", 4, None),  # 70 examples to train on: 5 batches an epoch
        ("epochs 3", 5, None),
        ("epochs 3", 6, "an epoch has 5 batches, so that some epochs make no update"),
        ("steps 3", 6, "an epoch has 5 batches, so that some epochs make no update"),
        ("epochs 3", 15, "an epoch has 5 batches, so that some epochs make no update"),
        ("epochs 3", 16, "the whole training has 15 batches, which make a single update"),
        ("epochs 1", 100, "the whole training has 5 batches, which make a single update"),
    ],
)  # fmt: skip
def test_fewer_updates_than_epochs(length: str, accumulate: int, expected: str | None, tmp_path: Path) -> None:
    write_flowers(tmp_path)
    body = f"minimize cross_entropy(logits, label) using SGD(lr = 0.1) batch 14 accumulate {accumulate} {length}"
    witness = Witness()
    result = trained(write_spec(tmp_path, spec_of(body)), tmp_path / "run", observer=witness)
    said = [found for found in witness.warnings if found.code.id == "W0544"]
    if expected is None:
        assert not said
        return
    (found,) = said
    assert found.message == f"'accumulate {accumulate}' makes an update of {accumulate} batches, and {expected}"
    assert found.hint == "choose a smaller batch, or join fewer"
    assert found.span is not None
    assert found.span.text == f"accumulate {accumulate}"
    if "single" in expected:
        assert result.steps == 1
