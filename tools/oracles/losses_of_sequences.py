"""Store what PyTorch's ctc_loss gives, as ``tests/library/data/losses/sequences.json``.

python tools/oracles/losses_of_sequences.py        (with PyTorch 2; only results are stored)
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Rows

rows = Rows("sequences")


def ctc(a: T, b: T, c: T, blank: int = 0, ignore_index: int = -100, zero_infinity: bool = False) -> T:
    """Return PyTorch's, of each example over the number of its labels, as its mean takes it."""
    valid = b != ignore_index
    log_p = a.log_softmax(2).transpose(0, 1)
    values = f.ctc_loss(
        log_p,
        b.where(valid, b.new_tensor(1)),
        c,
        valid.sum(1),
        blank=blank,
        reduction="none",
        zero_infinity=zero_infinity,
    )
    return values / valid.sum(1).clamp_min(1)


def padded(*labels: list[int], ignored: int = -100) -> np.ndarray:
    longest = max(map(len, labels))
    return np.array([[*one, *[ignored] * (longest - len(one))] for one in labels])


def lengths(*steps: int) -> np.ndarray:
    return np.array(steps)


rows.add("ctc", {}, ctc, rows.normal(3, 6, 4), padded([1, 2, 3], [2, 2], [3]), lengths(6, 6, 6))
rows.add("ctc", {}, ctc, rows.normal(3, 6, 4), padded([1, 2, 3], [2, 2], [3, 1, 1]), lengths(5, 3, 4))
rows.add("ctc", {}, ctc, rows.normal(2, 1, 3), padded([1], [2]), lengths(1, 1))
rows.add("ctc", {"blank": 2}, partial(ctc, blank=2), rows.normal(2, 7, 3), padded([0, 1, 0], [1, 1, 1]), lengths(7, 6))
rows.add("ctc", {"ignore_index": -1}, partial(ctc, ignore_index=-1), rows.normal(2, 5, 3),
         padded([1, 2], [1], ignored=-1), lengths(5, 4))  # fmt: skip
rows.add("ctc", {"zero_infinity": True}, partial(ctc, zero_infinity=True), rows.normal(3, 4, 3),
         padded([1, 1, 1], [1, 2], [2, 2]), lengths(4, 4, 2))  # fmt: skip
rows.add("ctc", {}, ctc, rows.normal(2, 30, 5, scale=8), padded([1, 2, 3, 4, 4, 1], [2, 2, 2]), lengths(30, 17))
rows.add("ctc", {}, ctc, rows.normal(3, 4, 3), padded([1, 2], [], []), lengths(4, 3, 0))
rows.add("ctc", {}, ctc, rows.normal(3, 6, 4), padded([1, 2, 3], [2, 2], [3]), lengths(6, 5, 4),
         weight=rows.positive(3))  # fmt: skip

rows.write()
