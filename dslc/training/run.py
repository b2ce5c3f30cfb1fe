"""A finished run: its shipped model measured, asked and exported again, from its folder alone."""

from __future__ import annotations

import os
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
from dslc.export.operator_sets import converted
from dslc.export.shipping import with_fields
from dslc.graph.model import save_model
from dslc.model.contract import Contract
from dslc.training.data import Dataset, Split, Table, open_inputs, where_in
from dslc.training.evaluation import Evaluator, Predictor
from dslc.training.files import write_atomically, writing
from dslc.training.indices import check_new
from dslc.training.new_data import compute_fields, table_of
from dslc.training.resuming import Job, changed_files, read_manifest
from dslc.training.session import Settings
from dslc.training.tables import class_names_of

__all__ = ["Reopen", "Run"]

NEW_DATA = "new data"
"""What takes the place of a split's name."""

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

    def evaluate(
        self, split: str | None = None, *, data: object = None, reader: str | None = None
    ) -> dict[str, Any]:
        """Return losses and metrics of the shipped weights: ``{"split", "examples", "loss", "metrics"}``.

        Args:
            split: of the run's own data; test, then validation, then train by default.
            data: new data in its place, labels among them, all of which are measured; see :meth:`table`.
            reader: how a file of new data is read, where that is not as training has read.

        Returns:
            With several objectives, ``loss`` maps their names to values; ``split`` is "new data" for such. Where
            metrics are tables of classes that have names, ``classes`` are these, as :attr:`class_names` has them.

        Raises:
            Problem, Failure: E0614, there is no such split; E04xx, the data is not there, has changed, or does not fit.
        """
        evaluator = Evaluator(self.read("eval.onnx"), self.read("metrics.onnx"), self.settings)
        if data is not None:
            wanted = [name for name in self.contract.of_fields if name in evaluator.inputs]
            fields = self.fields(self.table(data, reader), wanted)
            dataset = Dataset({NEW_DATA: Split(fields)})
            return self._measured(evaluator, dataset, NEW_DATA, int(self.manifest["run"].get("batch", 256)))
        self._require_data()
        dataset = self.job.dataset
        chosen = split or next(s for s in ("test", "validation", "train") if s in dataset.splits)
        if chosen not in dataset.splits:
            raise UNKNOWN_SPLIT(f"there is no split '{chosen}'", hint=f"the splits are {', '.join(dataset.splits)}")
        return self._measured(evaluator, dataset, chosen, self.job.train.batch)

    def _require_data(self) -> None:
        """Refuse data that is not what the run was trained on.

        Raises:
            Problem: E0425.
        """
        for path in changed_files(self.manifest, self.job):
            raise DATA_CHANGED(f"the data file '{path}' is not the one that the run was trained on")

    def _measured(self, evaluator: Evaluator, dataset: Dataset, split: str, batch: int) -> dict[str, Any]:
        batches = dataset.batches(split, batch, shuffle=False, seed=0, epoch=0)
        found = evaluator.run(batches, self.weights, self.manifest["seed"])
        values = {name: value.item() if value.ndim == 0 else value.tolist() for name, value in found.items()}
        result = self.manifest["result"]
        losses = {name: values[name] for name in result["losses"]}
        measured = {
            "split": split,
            "examples": dataset.examples(split),
            "loss": next(iter(losses.values())) if len(losses) == 1 else losses,
            "metrics": {name: values[name] for name in result["metrics"]},
        }
        return measured | ({"classes": self.class_names} if self.class_names else {})

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

    @cached_property
    def contract(self) -> Contract:
        """How training has read its data."""
        try:
            return Contract.of(self.manifest["contract"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NO_RUN(f"the manifest of {self.folder} does not say how the data is read: {error!r}") from None

    @cached_property
    def class_names(self) -> dict[str, list[str]]:
        """What the classes of each table among the metrics are called, where these are categories of a field."""
        return class_names_of(self.manifest, self.contract)

    def table(self, data: object, reader: str | None = None) -> Table:
        """Open new data: a file's path, arrays or lists by column, a data frame, or one array.

        A file is read by the options of the training source, unless ``reader`` describes another:
        ``'csv(delimiter = ";")'``.

        Raises:
            Problem, Failure: E04xx, it can't be read.
        """
        if isinstance(data, Table):
            return data
        if isinstance(data, (str, os.PathLike)):
            from dslc.model.described_source import read_described

            source = self.contract.reader() if reader is None else read_described(reader)
            return open_inputs(Path(data), source)
        return table_of(data, self.contract)

    def predict(
        self, data: object, net: str | None = None, *, prepared: bool = False, reader: str | None = None
    ) -> dict[str, np.ndarray]:
        """Run the shipped model on new data.

        Args:
            data: raw columns as training read them: see :meth:`table`. They are found by name.
            net: which network, where the run ships several.
            prepared: the data are the model's inputs themselves, and are not prepared again.
            reader: how a file is read, where that is not as training has read.

        Returns:
            The model's outputs, (examples, ...) each.

        Raises:
            Problem, Failure: E04xx, the data does not fit.
        """
        file = self.model_file(net)
        predictor = Predictor(self.path(file), self.settings)
        inputs = [name for name in predictor.graph.inputs if name != "seed"]
        seed = {"seed": np.asarray(self.manifest["seed"], np.int64)} if "seed" in predictor.graph.inputs else {}
        table = self.table(data, reader)
        if prepared:
            return predictor.run({**{name: table.read(table.require(name)) for name in inputs}, **seed})
        fields = self.manifest["models"][file]["fields"]
        missing = [name for name in inputs if name not in fields]
        if missing:
            raise UNKNOWN_COLUMN(
                f"the model's input '{missing[0]}' is fed by no field of the data",
                hint="give an npz keyed by the model's inputs, and say --prepared",
            )
        computed = self.fields(table, sorted({fields[name] for name in inputs}))
        return self._named(file, predictor.run({**{name: computed[fields[name]] for name in inputs}, **seed}))

    def predict_split(self, split: str, net: str | None = None) -> dict[str, np.ndarray]:
        """Run the shipped model on the examples of a split of the run's own data.

        Raises:
            Problem, Failure: E0614, there is no such split; E04xx, the data is not there or has changed.
        """
        self._require_data()
        dataset = self.job.dataset
        if split not in dataset.splits:
            raise UNKNOWN_SPLIT(f"there is no split '{split}'", hint=f"the splits are {', '.join(dataset.splits)}")
        file = self.model_file(net)
        predictor = Predictor(self.path(file), self.settings)
        fed_by = self.manifest["models"][file]["fields"]
        inputs = [name for name in predictor.graph.inputs if name != "seed"]
        strange = [name for name in inputs if name not in fed_by]
        if strange:
            raise UNKNOWN_COLUMN(f"the model's input '{strange[0]}' is fed by no field of the data")
        seed = {"seed": np.asarray(self.manifest["seed"], np.int64)} if "seed" in predictor.graph.inputs else {}
        places = np.arange(dataset.examples(split))
        found = dataset.splits[split].take(places, sorted({fed_by[name] for name in inputs}))
        return self._named(file, predictor.run({**{name: found[fed_by[name]] for name in inputs}, **seed}))

    def _named(self, file: str, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add the name of the class with the highest score, under the name of the field whose classes these are."""
        for output, field in self.manifest["models"][file].get("classes", {}).items():
            names = self.contract.class_names(field)
            if names is not None and field not in outputs and output in outputs:
                outputs[field] = np.array(names, np.str_)[np.argmax(outputs[output], axis=1)]
        return outputs

    def labels(self, net: str | None = None) -> dict[str, Sequence[str]]:
        """Return what the elements of outputs are called: the classes that an output has a score for."""
        classes = self.manifest["models"][self.model_file(net)].get("classes", {})
        return {output: names for output, field in classes.items() if (names := self.contract.class_names(field))}

    def kept(self, table: Table, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return columns of new data as they are, to stand beside what is predicted.

        Raises:
            Problem: E0411, there is no such column.
        """
        found = {table.require(name): table.read(name) for name in names}
        return {name: array.astype(np.str_) if array.dtype == object else array for name, array in found.items()}

    def fields(self, table: Table, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Compute fields from raw columns, by the graph that prepared them in training.

        Raises:
            Problem, Failure: E04xx, a column is missing, or values do not fit or are missing, with their places.
        """
        graph = self.read("fields.onnx")
        found = compute_fields(graph, self.manifest["fields"], self.contract, table, names, self.settings)
        for name, values in found.items():
            check_new(self.manifest.get("indices", {}), name, values, where_in(table, self.contract.columns_of(name)))
        return found

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
            shipped = self.manifest["models"][file]
            front = self.read("fields.onnx")
            data = save_model(with_fields(data, front, shipped["fields"], shipped.get("classes", {}), self.contract))
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
