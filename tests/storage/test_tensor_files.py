from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, save

from dslc.storage.tensor_files import NAMES, tensor_file

TENSORS = {
    **{f"t.{name}": np.arange(6).reshape(2, 3).astype(name) for name in NAMES},
    "scalar": np.array(3.5, np.float32), "empty": np.zeros((2, 0), np.int64), "odd": np.ones(3, np.uint8),
    "transposed": np.arange(6.0).reshape(2, 3).T, "big endian": np.arange(3, dtype=">i4"), "größe": np.ones(1),
}  # fmt: skip


def test_the_package_reads_what_is_written(tmp_path: Path) -> None:
    data = b"".join(tensor_file(TENSORS, {"kind": "test"}))
    found = load(data)
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)
    path = tmp_path / "file.safetensors"
    path.write_bytes(data)
    with safe_open(path, "numpy") as file:
        assert file.metadata() == {"kind": "test"}


@pytest.mark.parametrize("tensors", [{}, {"b": np.ones(3, np.float32), "a": np.zeros(2), "c": np.ones(1, np.float32)}])
def test_the_bytes_are_those_that_the_package_writes(tensors: dict[str, np.ndarray]) -> None:
    assert b"".join(tensor_file(tensors)) == save(tensors)


def test_nothing_is_copied() -> None:
    array = np.zeros((3, 4), np.float32)
    _, piece = tensor_file({"a": array})
    assert np.shares_memory(np.frombuffer(piece, np.uint8), array)
