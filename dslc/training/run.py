"""A finished run: its shipped model measured, asked and exported again, from its folder alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dslc.errors.data import DATA_CHANGED, UNKNOWN_COLUMN
from dslc.errors.environment import NO_RUN, UNKNOWN_NET, UNKNOWN_SPLIT
from dslc.export.external import SUFFIX, located
from dslc.export.shipping import converted, only_outputs, with_fields
from dslc.graph.model import save_model
from dslc.training.data import Table, check_finite, encode_categories, read_inputs, where_in
from dslc.training.evaluation import Evaluator, Predictor
from dslc.training.files import write_atomically, writing
from dslc.training.resuming import Job, changed_files, read_manifest
from dslc.training.session import Settings
from dslc.types import STRING, ElementType

__all__ = ["Reopen", "Run"]

Reopen = Callable[[Path, Mapping[str, Any], Sequence[Path]], Job]
"""Compiles a run's spec again: its path, the manifest's ``run``, and further folders for data."""


@dataclass(eq=False)
class Run:
    """The folder of a finished run."""

    folder: Path
    manifest: Mapping[str, Any]
    reopen: Reopen
    data: Sequence[Path] = ()

    @classmethod
    def open(cls, folder: Path, reopen: Reopen, data: Sequence[Path] = ()) -> Run:
        """Open a run's folder.

        Raises:
            Problem: E0613, it is not the folder of a finished run.
        """
        manifest = read_manifest(folder)
        if "models" not in manifest:
            raise NO_RUN(f"the run in {folder} has not ended", hint="go on with it: dslc train FILE --resume")
        return cls(folder, manifest, reopen, data)

    @cached_property
    def settings(self) -> Settings:
        """How its graphs run here."""
        return Settings.of("cpu")

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The shipped parameters and statistics, by path."""
        from safetensors.numpy import load_file

        found: dict[str, np.ndarray] = load_file(self.path("weights.safetensors"))
        return found

    def path(self, name: str) -> Path:
        """Return the path of one of the run's files.

        Raises:
            Problem: E0613, it is missing.
        """
        path = self.folder / name
        if not path.is_file():
            raise NO_RUN(f"{self.folder} lacks {name}")
        return path

    def read(self, name: str) -> bytes:
        """Read one of the run's files.

        Raises:
            Problem: E0613, it is missing.
        """
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise NO_RUN(f"{self.folder} lacks {name}: {error.strerror}") from None

    @cached_property
    def job(self) -> Job:
        """The run's spec, compiled again."""
        run = self.manifest["run"]
        folders = [*self.data, *(Path(folder) for folder in run["folders"])]
        return self.reopen(self.folder / "spec" / run["spec"][0], run, folders)

    # --- measuring -------------------------------------------------------------------------------

    def evaluate(self, split: str | None = None) -> dict[str, Any]:
        """Return losses and metrics of the shipped weights: ``{"split", "examples", "loss", "metrics"}``.

        The split defaults to test, then validation, then train. With several objectives, ``loss`` maps their names
        to values.

        Raises:
            Problem, Failure: E0614, there is no such split; E04xx, the data is not there or has changed.
        """
        for path in changed_files(self.manifest, self.job):
            raise DATA_CHANGED(f"the data file '{path}' is not the one that the run was trained on")
        dataset = self.job.dataset
        chosen = split or next(s for s in ("test", "validation", "train") if s in dataset.splits)
        if chosen not in dataset.splits:
            raise UNKNOWN_SPLIT(f"there is no split '{chosen}'", hint=f"the splits are {', '.join(dataset.splits)}")
        train = self.job.train
        evaluator = Evaluator(self.read("eval.onnx"), self.read("metrics.onnx"), self.settings)
        batches = dataset.batches(chosen, train.batch, shuffle=False, seed=0, epoch=0)
        found = evaluator.run(batches, self.weights, self.manifest["seed"])
        values = {name: value.item() if value.ndim == 0 else value.tolist() for name, value in found.items()}
        losses = {objective.name: values[objective.name] for objective in train.objectives}
        return {
            "split": chosen,
            "examples": dataset.examples(chosen),
            "loss": next(iter(losses.values())) if len(losses) == 1 else losses,
            "metrics": {metric.name: values[metric.name] for metric in train.metrics},
        }

    # --- predicting ------------------------------------------------------------------------------

    def model_file(self, net: str | None = None) -> str:
        """Return the file of the shipped model, or of one of several networks.

        Raises:
            Problem: E0615, there is none of that name, or several and none was named.
        """
        files = list(self.manifest["models"])
        by_net = {file.removeprefix("model.").removesuffix("onnx").rstrip("."): file for file in files}
        if net is None and len(files) == 1:
            return str(files[0])
        if net is not None and net in by_net:
            return str(by_net[net])
        known = ", ".join(name for name in by_net if name) or "one model only"
        what = f"no network '{net}'" if net else "more than one network"
        raise UNKNOWN_NET(f"the run ships {what}", hint=f"it ships {known}; choose with --net NAME")

    def predict(self, path: Path, net: str | None = None) -> dict[str, np.ndarray]:
        """Run the shipped model on new data: raw columns as the fields need them, or an npz of the model's inputs.

        Raises:
            Problem, Failure: E04xx, the data does not fit.
        """
        file = self.model_file(net)
        predictor = Predictor(self.path(file), self.settings)
        inputs = {name: port for name, port in predictor.graph.inputs.items() if name != "seed"}
        seed = {"seed": np.asarray(self.manifest["seed"], np.int64)} if "seed" in predictor.graph.inputs else {}
        table = read_inputs(path)
        if path.suffix == ".npz" and set(inputs) <= set(table.names):
            return predictor.run({**{name: table.read(name) for name in inputs}, **seed})
        fields = self.manifest["models"][file]["fields"]
        missing = [name for name in inputs if name not in fields]
        if missing:
            raise UNKNOWN_COLUMN(
                f"the model's input '{missing[0]}' is fed by no field of the data",
                hint="give an npz keyed by the model's inputs",
            )
        computed = self.fields(table, sorted({fields[name] for name in inputs}))
        return predictor.run({**{name: computed[fields[name]] for name in inputs}, **seed})

    def fields(self, table: Table, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Compute fields from raw columns, by the graph that prepared them in training.

        Raises:
            Problem, Failure: E04xx, a column is missing, or values do not fit or are missing, with their places.
        """
        found: dict[str, np.ndarray] = {}
        graph = self.read("fields.onnx")
        for name in names:
            predictor = Predictor(only_outputs(graph, [name]), self.settings)
            columns = [column for column in self.manifest["columns"] if column["input"] in predictor.graph.inputs]
            found |= predictor.run({column["input"]: self._column(table, column) for column in columns})
            read = [n for c in columns for n in (table.match(c["columns"]) if c["many"] else c["columns"])]
            check_finite(name, found[name], where_in(table, read))
        return found

    def _column(self, table: Table, column: Mapping[str, Any]) -> np.ndarray:
        names, element = column["columns"], ElementType(column["type"])
        if column["vocabulary"] is not None:
            name = table.require(names[0])
            values: Any = table.text(name) if table.element(name) is STRING else table.read(name)
            vocabulary = self.manifest["vocabularies"][column["vocabulary"]]
            return encode_categories(values, vocabulary, where_in(table, [name]), unknown=column["unknown"])
        if column["many"]:
            array = table.read_block(table.match(names), element)
        else:
            array = table.read(table.require(names[0]), element)
        return array.reshape(len(array), *column["shape"])

    # --- exporting -------------------------------------------------------------------------------

    def export(self, *, opset: int | None = None, fields: bool = False, net: str | None = None) -> bytes:
        """Return the model to ship: as it is, in another operator set, or behind the fields' graph.

        Of a model whose weights lie in a file of their own it has references to that file; see :meth:`export_to`.

        Raises:
            Problem: E0615; E0616, the operator set can't express it.
        """
        file = self.model_file(net)
        data = self.read(file)
        if fields:
            fed_by = self.manifest["models"][file]["fields"]
            data = save_model(with_fields(data, self.read("fields.onnx"), fed_by, self.manifest))
        return converted(data, opset) if opset is not None else data

    def export_to(self, path: Path, **options: Any) -> list[Path]:
        """Write the model to ship, with the options of :meth:`export`; return the files, that of large weights last.

        Raises:
            Problem: E0609, E0610, E0615, E0616.
        """
        weights = path.with_name(path.name + SUFFIX)
        data, before = located(self.export(**options), weights.name)
        if before is not None and self.path(before).resolve() != weights.resolve():
            with writing(weights):
                shutil.copyfile(self.path(before), weights)
        write_atomically(path, data)
        return [path] if before is None else [path, weights]
