"""Checking is fast: a long spec takes well under a second, process start included, and imports no graph library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECK = """
import sys
import time
from pathlib import Path
from dslc.pipeline import check_spec
print(len(check_spec(Path(sys.argv[1])).findings))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"onnx", "onnx_ir", "onnxruntime", "sympy"}))
print(time.process_time())  # of the processor: the machine may be busy with other things
"""


HEAD = """
data digits {
  source csv("digits.csv")
  field image: float32[1, 8, 8] = columns("p*") / 16
  field label: int64 = column("digit")
  split train = 70%, validation = 15%, test = 15%
}

block Residual(channels) {
  input x: [N, C, H, W]
  main = x -> Conv(channels, kernel = 3) -> BatchNorm -> Relu -> Conv(channels, kernel = 3) -> BatchNorm
  skip = if C == channels then x else (x -> Conv(channels, kernel = 1))
  output main + skip -> Relu
}
"""
MODEL = """
model Net@ {
  input image: float32[N, 1, 8, 8]
  h = image -> Residual(8)
  h = h -> Residual(16) -> MaxPool(2)
  for i in range(3) {
    h = h -> Residual(16)
  }
  h = h -> Flatten
  h = h -> Dense(64) -> Relu
  output logits = h -> Dense(10)
}

train t@ {
  data digits
  let logits = Net@(image)
  minimize cross_entropy(logits, label) using Adam(lr = cosine(1e-3, 1e-5))
  metric accuracy = accuracy(logits, label)
  metric f1 = f1(logits, label, average = "macro")
  epochs 10
  batch 32
  keep best validation.accuracy
}
"""


def long_spec(models: int = 20) -> str:
    """About 500 lines: models of blocks and layers, and a train block for each."""
    return HEAD + "".join(MODEL.replace("@", str(i)) for i in range(models))


def test_a_spec_of_500_lines_is_checked_in_a_second(tmp_path: Path) -> None:
    path = tmp_path / "long.dl"
    path.write_text(long_spec(), encoding="utf-8")
    assert path.read_text(encoding="utf-8").count("\n") >= 450
    run = subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=True)
    findings, libraries, seconds = run.stdout.split("\n")[:3]
    assert (findings, libraries) == ("0", "[]")
    assert float(seconds) < 2
