"""Write the PyTorch twin of a case, in evaluation mode, as ONNX: CASE OUT."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engines.torch_nets import build, load_state


def main() -> None:
    """Export with the tracing exporter, which needs nothing beside PyTorch."""
    folder, target = Path(sys.argv[1]), sys.argv[2]
    case = json.loads((folder / "case.json").read_text())
    module = build(case["spec"], case["params"])
    load_state(module, dict(np.load(folder / "state.npz")))
    with np.load(folder / case["data_file"]) as data:
        sample = torch.from_numpy(data[data.files[0]][:2])
    torch.onnx.export(
        module.eval(), (sample,), target, input_names=["input"], output_names=["output"],
        dynamic_axes={"input": {0: "N"}, "output": {0: "N"}}, opset_version=17, dynamo=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
