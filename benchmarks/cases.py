"""A case: a folder with all that an engine needs to train one model, the same for each of them.

``data.npz`` (or as the spec calls it) has the examples, ``order.npy`` the rows in the order in which batches take them,
``state.npz`` the first parameters in the order in which the model applies them, ``case.json`` the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from models import SPECS, Workload

from dslc.api import Spec
from dslc.pipeline import Compilation, Options

__all__ = ["Case", "open_spec", "prepare"]

SEED = 20


@dataclass(frozen=True)
class Case:
    """A workload, prepared."""

    workload: Workload
    folder: Path
    step_flops: int
    """Arithmetic of matrix products and convolutions in one training step, see :func:`arithmetic`."""


def open_spec(folder: Path, overrides: dict[str, str] | None = None) -> Compilation:
    """Compile the spec of a prepared case, as ``dslc train`` does."""
    described = json.loads((folder / "case.json").read_text())
    settings = {**described["settings"], **(overrides or {})}
    return Spec(SPECS / described["spec"], Options(settings=settings, data=[folder])).compilation


def prepare(workload: Workload, folder: Path) -> Case:
    """Draw the data, compile the spec, and write the case."""
    folder.mkdir(parents=True)
    arrays: dict[str, Any] = workload.data(np.random.default_rng(SEED))
    np.savez(folder / workload.data_file, **arrays)
    described: dict[str, Any] = {
        "name": workload.name,
        "spec": workload.spec,
        "batch": workload.batch,
        "optimizer": dict(workload.optimizer),
        "params": dict(workload.params),
        "settings": workload.settings,
        "data_file": workload.data_file,
    }
    (folder / "case.json").write_text(json.dumps(described))
    job = open_spec(folder)
    examples = len(next(iter(arrays.values())))
    bound = job.bound
    places = bound.dataset.places("train", workload.batch, shuffle=True, seed=bound.train.seed, epoch=0, drop_last=True)
    assert examples >= workload.batch
    np.save(folder / "order.npy", np.concatenate(list(places)))
    state = job.artifacts.first_state()
    trained = [entry["name"] for entry in job.artifacts.manifest["state"] if entry["role"] == "parameter"]
    first: dict[str, Any] = {name: state[name] for name in trained}
    np.savez(folder / "state.npz", **first)
    return Case(workload, folder, sum(arithmetic(data, workload.batch) for data in step_models(job)))


def step_models(job: Compilation) -> list[bytes]:
    """Return the graphs of a training step."""
    return [job.artifacts.models[name] for name in job.artifacts.step_files]


def arithmetic(data: bytes, batch: int) -> int:
    """Return the additions and multiplications of a graph's matrix products and convolutions.

    They are counted in the graph, since gradients that nothing needs (by the images, say) are not in it.
    """
    import onnx

    graph = onnx.load_model_from_string(data).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [_size(d, batch) for d in value.type.tensor_type.shape.dim]
    total = 0
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            total += 2 * prod(shapes[node.output[0]]) * _summed_over(node, shapes)
        elif node.op_type in ("Conv", "ConvTranspose"):  # of either, w has (places, channels of each place, *kernel)
            places = node.output[0] if node.op_type == "Conv" else node.input[0]
            total += 2 * prod(shapes[places]) * prod(shapes[node.input[1]][1:])
    return total


def _size(dimension: Any, batch: int) -> int:
    """Return a dimension's size; symbolic ones are sums of products with the batch."""
    text = str(dimension.dim_param)
    if not text:
        return int(dimension.dim_value)
    terms = (term.split("*") for term in text.split("+"))
    return sum(prod(batch if factor.strip() == "batch" else int(factor) for factor in term) for term in terms)


def _summed_over(node: Any, shapes: dict[str, list[int]]) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return shapes[node.input[0]][-2 if transposed else -1]
