"""Trains with onnxruntime-training's on-device API, whose artifacts are made here from a forward graph."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol


def training_module(name: str) -> Any:
    """Import a part of ``onnxruntime.training``, whose own ``__init__`` would need PyTorch."""
    import onnxruntime

    if "onnxruntime.training" not in sys.modules:
        package = types.ModuleType("onnxruntime.training")
        package.__path__ = [str(Path(onnxruntime.__file__).parent / "training")]
        sys.modules["onnxruntime.training"] = package
        onnxruntime.training = package
    return importlib.import_module(f"onnxruntime.training.{name}")


class OrtTrainingEngine:
    """A training model, an optimizer model and the batches."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        import numpy as np
        import onnxruntime

        from engines.ort_nets import build

        case = json.loads((folder / "case.json").read_text())
        with np.load(folder / case["data_file"]) as data:
            fields = {name: data[name] for name in data.files}
        self.inputs, *rest = fields.values()
        self.is_classifier = bool(rest)
        self.targets = rest[0] if rest else self.inputs
        self.order, self.batch, self.at = np.load(folder / "order.npy"), case["batch"], 0
        params = {**case["params"], **options.get("overrides", {})}
        state = dict(np.load(folder / "state.npz"))
        model = build(case["spec"], params, state, self.inputs, self.batch)
        artifacts, onnxblock = training_module("artifacts"), training_module("onnxblock")
        arguments = dict(case["optimizer"])
        if arguments["class"] == "SGD":
            optimizer = onnxblock.optim.SGD()
        else:
            optimizer = onnxblock.optim.AdamW(
                betas=tuple(arguments.get("betas", (0.9, 0.999))), eps=1e-8,
                weight_decay=arguments.get("weight_decay", 0.0),
            )  # fmt: skip
        losses = artifacts.LossType
        trained = [tensor.name for tensor in model.graph.initializer if tensor.name in state]
        frozen = [tensor.name for tensor in model.graph.initializer if tensor.name not in state]
        with TemporaryDirectory() as made:
            artifacts.generate_artifacts(
                model, requires_grad=trained, frozen_params=frozen, optimizer=optimizer, artifact_directory=made,
                loss=losses.CrossEntropyLoss if rest else losses.BCEWithLogitsLoss,
            )  # fmt: skip
            api = training_module("api")
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = len(options["cores"])
            checkpoint = api.CheckpointState.load_checkpoint(f"{made}/checkpoint")
            self.module = api.Module(f"{made}/training_model.onnx", checkpoint, session_options=settings)
            self.optimizer = api.Optimizer(f"{made}/optimizer_model.onnx", self.module)
        self.optimizer.set_learning_rate(arguments["lr"])
        self.module.train()

    def step(self) -> float:
        """Train on the next batch."""
        if self.at + self.batch > len(self.order):
            self.at = 0
        rows = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        targets = self.targets.take(rows, 0)
        loss = self.module(self.inputs.take(rows, 0), targets.reshape(-1) if self.is_classifier else targets)
        self.optimizer.step()
        self.module.lazy_reset_grad()
        return float(loss)

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""
        import onnxruntime

        return {"onnxruntime-training": onnxruntime.__version__}


if __name__ == "__main__":
    protocol.serve(OrtTrainingEngine)
