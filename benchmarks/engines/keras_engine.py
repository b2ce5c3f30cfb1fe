"""Trains with Keras on JAX: the stateless step of Keras' guide to training loops in JAX, compiled as a whole.

Data is in memory, and the compiled step takes a batch's rows. (``train_on_batch`` computes the same and takes as long
or longer.)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol


class KerasEngine:
    """A model, an optimizer and the batches."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        import jax
        import keras
        import numpy as np

        from engines.keras_nets import build, load_state

        keras.config.set_image_data_format("channels_last")
        keras.utils.set_random_seed(0)
        case = json.loads((folder / "case.json").read_text())
        self.model = build(case["spec"], {**case["params"], **options.get("overrides", {})})
        load_state(self.model, dict(np.load(folder / "state.npz")))
        self.optimizer = make_optimizer(case["optimizer"])
        self.optimizer.build(self.model.trainable_variables)
        with np.load(folder / case["data_file"]) as data:
            fields = [data[name] for name in data.files]
        arrays = [np.moveaxis(field, 1, -1) if field.ndim == 4 else field for field in fields]
        kinds = ["int32" if array.dtype.kind == "i" else "float32" for array in arrays]
        self.inputs, *rest = map(jax.numpy.asarray, arrays, kinds)
        self.targets = rest[0] if rest else self.inputs
        losses = keras.losses
        self.loss = (losses.SparseCategoricalCrossentropy if rest else losses.BinaryCrossentropy)(from_logits=True)
        self.order, self.batch, self.at = np.load(folder / "order.npy").astype(np.int32), case["batch"], 0
        self.state = [
            [variable.value for variable in variables]
            for variables in (
                self.model.trainable_variables, self.model.non_trainable_variables, self.optimizer.variables,
            )
        ]  # fmt: skip
        self.gradients = jax.value_and_grad(self.evaluate, has_aux=True)
        self.train = jax.jit(self.update, donate_argnums=0)

    def evaluate(self, trained: Any, others: Any, inputs: Any, targets: Any) -> Any:
        """Return the loss and the new variables that are not trained."""
        outputs, others = self.model.stateless_call(trained, others, inputs, training=True)
        return self.loss(targets, outputs), others

    def update(self, state: Any, inputs: Any, targets: Any, rows: Any) -> Any:
        """Return the loss and the next state."""
        trained, others, slots = state
        (loss, others), gradients = self.gradients(trained, others, inputs[rows], targets[rows])
        trained, slots = self.optimizer.stateless_apply(slots, gradients, trained)
        return loss, [trained, others, slots]

    def step(self) -> float:
        """Train on the next batch."""
        if self.at + self.batch > len(self.order):
            self.at = 0
        rows = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        loss, self.state = self.train(self.state, self.inputs, self.targets, rows)
        return float(loss)

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes."""
        import jax
        import keras

        return {"keras": keras.__version__, "jax": jax.__version__}


def make_optimizer(described: dict[str, Any]) -> Any:
    """Return an optimizer that is described in PyTorch's words.

    Keras' Adam adds epsilon to the root of the second moment before its bias is corrected, so that it weighs more in
    the first steps; losses still agree, within some 3e-4.
    """
    import keras

    class DecayingSGD(keras.optimizers.SGD):
        """Adds the pull to 0 to the gradient; Keras' own ``weight_decay`` keeps it apart from the momentum."""

        pull = described.get("weight_decay", 0.0)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            """Update a variable."""
            super().update_step(gradient + self.pull * variable.value, variable, learning_rate)

    rate, decay = described["lr"], described.get("weight_decay", 0.0)
    if described["class"] == "SGD":
        kind = DecayingSGD if decay else keras.optimizers.SGD
        return kind(rate, momentum=described.get("momentum", 0.0))
    beta_1, beta_2 = described.get("betas", (0.9, 0.999))
    if described["class"] == "AdamW":
        return keras.optimizers.AdamW(rate, weight_decay=decay, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
    return keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)


if __name__ == "__main__":
    protocol.serve(KerasEngine)
