"""A finished run: its shipped model measured, asked and exported again, from its folder alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dslc.data.batches import Dataset, Split
from dslc.data.binding import Bound
from dslc.data.checks import where_in
from dslc.data.fields import compute_fields
from dslc.data.indices import check_new
from dslc.data.opening import open_inputs
from dslc.data.readers.given_arrays import table_of
from dslc.data.spellings import Spelling, marks_of
from dslc.data.table import Table, as_written
from dslc.diagnostics import Failure, Problem
from dslc.engine.engines import choose_engine
from dslc.engine.evaluation import MetricRunner, Predictor
from dslc.engine.protocol import SEED, Engine
from dslc.errors.data import DATA_CHANGED, FILE_MISSING, UNKNOWN_COLUMN
from dslc.errors.environment import UNKNOWN_NET, UNKNOWN_SPLIT
from dslc.errors.runs import FOREIGN_DATA, KEPT_IS_OUTPUT
from dslc.export.columns import Marks
from dslc.export.external import SUFFIX, located
from dslc.export.shipping import with_fields
from dslc.graph.model import is_ours, save_model
from dslc.library.sources.source import DataSource
from dslc.plan.contract import Contract
from dslc.run.resuming import changed_files
from dslc.run.run_reader import RunReader
from dslc.storage.manifest import Manifest, RunRecord
from dslc.storage.outputs import Kind, check_output, output, write_output

__all__ = ["FinishedRun", "Language"]

NEW_DATA = "new data"
"""What takes the place of a split's name."""
MODEL = Kind("a model that dslc has written", lambda file: is_ours(file.read(64)))
COPIED = 1 << 22
"""Bytes that are copied at a time."""


class Language(Protocol):
    """What reads the texts that a run is asked about: :mod:`dslc.pipeline`."""

    def reopen(self, path: Path, run: RunRecord, folders: Sequence[Path], bounded: bool = False) -> Bound:
        """Check a run's spec again, and bind its data, with further folders for that."""

    def read_described(self, text: str) -> DataSource:
        """Return the source that a text such as ``csv(delimiter = ";")`` describes; E0453 where it describes none."""


def _is_missing(error: Problem | Failure) -> bool:
    """Return whether an error says that a file is not there."""
    return any(diagnostic.code == FILE_MISSING for diagnostic in error.diagnostics)


@dataclass(eq=False)
class FinishedRun:
    """The folder of a finished run."""

    folder: Path
    reader: RunReader
    language: Language
    data: Sequence[Path] = ()
    trust: bool = False
    """Run its graphs without bounds, wherever they come from."""

    @classmethod
    def open(cls, folder: Path, language: Language, data: Sequence[Path] = (), *, trust: bool = False) -> FinishedRun:
        """Open a run's folder.

        Raises:
            Problem: E0613, it is not the folder of a finished run; E0625, its manifest is damaged.
        """
        return cls(folder, RunReader.open(folder), language, data, trust)

    @property
    def manifest(self) -> Manifest:
        """What the folder says of itself."""
        return self.reader.manifest

    @cached_property
    def engine(self) -> Engine:
        """What runs its graphs here."""
        return choose_engine("cpu", bounded=self.is_bounded)

    @property
    def is_bounded(self) -> bool:
        """Whether its graphs run within bounds of memory and time, as those do that were not made here."""
        return not (self.trust or self.reader.is_home)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The shipped parameters and statistics, by path."""
        return self.reader.weights

    @cached_property
    def bound(self) -> Bound:
        """The run's spec, checked again, with its data.

        Raises:
            Problem, Failure: E0626, its copy is damaged; E0628, the data folders of a run from elsewhere are not named.
        """
        known = [Path(folder) for folder in self.reader.run.folders] if self.reader.is_home else []
        bound = self.language.reopen(self.reader.spec(), self.reader.run, [*self.data, *known], self.is_bounded)
        try:
            _ = bound.fingerprints
        except (Problem, Failure) as error:
            if known or not _is_missing(error):
                raise
            named = " ".join(f"--data {folder}" for folder in self.reader.run.folders)
            raise FOREIGN_DATA(
                f"the run in {self.folder} was not made here, or was copied since, and its data is in no folder that "
                "was named", hint=f"it was trained with {named}",
            ) from error  # fmt: skip
        return bound

    # --- measuring -------------------------------------------------------------------------------

    def evaluate(self, split: str | None = None, *, data: object = None, source: str | None = None) -> dict[str, Any]:
        """Return losses and metrics of the shipped weights: ``{"split", "examples", "loss", "metrics"}``.

        Args:
            split: of the run's own data; test, then validation, then train by default.
            data: new data in its place, labels among them, all of which are measured; see :meth:`table`.
            source: how a file of new data is read, where that is not as training has read.

        Returns:
            With several objectives, ``loss`` maps their names to values; ``split`` is "new data" for such. Where
            metrics are tables of classes that have names, ``classes`` are these, as :attr:`class_names` has them.

        Raises:
            Problem, Failure: E0614, there is no such split; E04xx, the data is not there, has changed, or does not fit.
            ValueError: it takes either data or a split; ``source`` is said of data.
        """
        if (data is not None and split is not None) or (data is None and source is not None):
            raise ValueError("evaluate takes new data, or a split of the run's own data alone")
        evaluator = MetricRunner(*self.reader.evaluation(), self.engine)
        if data is not None:
            wanted = [name for name in self.contract.of_fields if name in evaluator.inputs]
            split, batch = NEW_DATA, self.reader.run.batch
            dataset = Dataset({split: Split(self.fields(self.table(data, source), wanted))})
        else:
            self._require_data()
            dataset, batch = self.bound.dataset, self.bound.train.batch
            split = split or next(s for s in ("test", "validation", "train") if s in dataset.splits)
            self._split(dataset, split)
        found = evaluator.run(dataset.batches(split, batch), self.weights, self.manifest.seed)
        values = {name: value.tolist() for name, value in found.items()}
        losses = {name: values[name] for name in self.reader.result.losses}
        measured = {
            "split": split,
            "examples": dataset.examples(split),
            "loss": next(iter(losses.values())) if len(losses) == 1 else losses,
            "metrics": {name: values[name] for name in self.reader.result.metrics},
        }
        return measured | ({"classes": self.class_names} if self.class_names else {})

    def _split(self, dataset: Dataset, name: str) -> Split:
        if name not in dataset.splits:
            raise UNKNOWN_SPLIT(f"there is no split '{name}'", hint=f"the splits are {', '.join(dataset.splits)}")
        return dataset.splits[name]

    def _require_data(self) -> None:
        """Refuse data that is not what the run was trained on.

        Raises:
            Problem: E0425.
        """
        for path in changed_files(self.manifest, self.bound):
            raise DATA_CHANGED(f"the data file '{path}' is not the one that the run was trained on")

    # --- predicting ------------------------------------------------------------------------------

    def model_file(self, net: str | None = None) -> str:
        """Return the file of the shipped model, or of one of several networks.

        Raises:
            Problem: E0615, there is none of that name, or several and none was named.
        """
        files = list(self.reader.models)
        by_net = {file.removeprefix("model.").removesuffix("onnx").rstrip("."): file for file in files}
        if net is None and len(files) == 1:
            return str(files[0])
        if net is not None and net in by_net:
            return str(by_net[net])
        known = ", ".join(name for name in by_net if name) or "one model only"
        what = f"no network '{net}'" if net else "more than one network"
        raise UNKNOWN_NET(f"the run ships {what}", hint=f"it ships {known}; choose with --net NAME")

    @property
    def contract(self) -> Contract:
        """How training has read its data."""
        return self.manifest.contract

    @cached_property
    def class_names(self) -> dict[str, list[str]]:
        """What the classes of each table among the metrics are called, where these are categories of a field."""
        tables = {metric: field for metric, field in self.manifest.figures.items() if field is not None}
        return {metric: list(names) for metric, field in tables.items() if (names := self.contract.table_names(field))}

    @cached_property
    def marks(self) -> dict[str, tuple[str, ...]]:
        """What marks a missing value in each column, in any form of data: in training's source, or in the column."""
        everywhere = marks_of(self.contract.reader())
        read = (name for one in self.contract.inputs for name in one.columns)
        return {name: (*self.contract.marks.get(name, ()), *everywhere) for name in read}

    def table(self, data: object, source: str | None = None) -> Table:
        """Open new data: a file's path, arrays or lists by column, a data frame, or one array.

        A file is read by the options of the training source, unless ``source`` describes another:
        ``'csv(delimiter = ";")'``. What marks a missing value in training does so in any form of data.

        Raises:
            Problem, Failure: E04xx, it can't be read.
        """
        if isinstance(data, Table):
            return data
        fed = {name for model in self.reader.models.values() for name in model.fields.values()}
        needed = list(dict.fromkeys(column for name in sorted(fed) for column in self.contract.columns_of(name)))
        if isinstance(data, (str, os.PathLike)):
            reader = self.contract.reader() if source is None else self.language.read_described(source)
            found = open_inputs(Path(data), reader, described=source is not None, needed=needed)
        else:
            found = table_of(data, self.contract, needed)
        return found.marking({name: marks for name, marks in self.marks.items() if name in found.names})

    def predict(
        self, data: object = None, net: str | None = None, *, split: str | None = None, keep: str | Sequence[str] = (),
        prepared: bool = False, source: str | None = None,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """Run the shipped model on new data, or on the examples of a split of the run's own.

        Args:
            data: raw columns as training read them: see :meth:`table`. They are found by name.
            net: which network, where the run ships several.
            split: in place of new data.
            keep: a column, or several, to return as they are, before what is predicted.
            prepared: the data are the model's inputs themselves, and are not prepared again.
            source: how a file is read, where that is not as training has read: ``'csv(delimiter = ";")'``.

        Returns:
            The model's outputs, (examples, ...) each.

        Raises:
            Problem, Failure: E0614, there is no such split; E0642, a kept column is called like an output; E04xx, the
                data does not fit.
            ValueError: it takes either data or a split; ``prepared`` and ``source`` are said of data.
        """
        if (data is None) is (split is None) or (split is not None and (prepared or source is not None)):
            raise ValueError("predict takes new data, or the split of the run's own data alone")
        keep = [keep] if isinstance(keep, str) else keep
        if split is not None:
            self._require_data()
            examples = self._split(self.bound.dataset, split)
            outputs = self._predict_of(net, partial(examples.take, np.arange(len(examples))))
            of, rows = self.bound.raw.rows[split]
            table = self.bound.raw.tables[of]
        else:
            table, rows = self.table(data, source), None
            outputs = self._predict_table(table, net, prepared=prepared)
        kept = {table.require(name): as_written(table, name) for name in keep}
        if rows is not None:
            kept = {name: column[rows] for name, column in kept.items()}
        for name in keep:
            if name in outputs:
                raise KEPT_IS_OUTPUT(
                    f"'{name}' is what the model predicts, and a column of that name can't be kept beside it",
                    hint="leave it out, or call one of the two something else",
                )
        return kept | outputs

    def _predict_table(self, table: Table, net: str | None, *, prepared: bool) -> dict[str, np.ndarray]:
        if prepared:
            predictor, inputs, seed = self._predictor(self.model_file(net))
            return predictor.run({**{name: table.read(table.require(name)) for name in inputs}, **seed})
        hint = "give an npz keyed by the model's inputs, and say --prepared"
        return self._predict_of(net, lambda names: self.fields(table, names), hint)

    def _predict_of(
        self, net: str | None, fields_of: Callable[[Sequence[str]], Mapping[str, np.ndarray]], hint: str | None = None
    ) -> dict[str, np.ndarray]:
        """Run a shipped model on the fields that feed it, which are asked for by their names."""
        file = self.model_file(net)
        predictor, inputs, seed = self._predictor(file)
        fed_by = self.reader.models[file].fields
        for name in inputs:
            if name not in fed_by:
                raise UNKNOWN_COLUMN(f"the model's input '{name}' is fed by no field of the data", hint=hint)
        found = fields_of(sorted({fed_by[name] for name in inputs}))
        return self._named(file, predictor.run({**{name: found[fed_by[name]] for name in inputs}, **seed}))

    def _predictor(self, file: str) -> tuple[Predictor, list[str], dict[str, np.ndarray]]:
        """Return what runs a shipped model, its inputs that take data, and what it takes of a seed."""
        predictor = Predictor(self.reader.runnable(file), self.engine)
        seed = {SEED: np.asarray(self.manifest.seed, np.int64)} if SEED in predictor.graph.inputs else {}
        return predictor, [name for name in predictor.graph.inputs if name != SEED], seed

    def examples(self, split: str) -> int:
        """Return how many examples a split of the run's own data has."""
        return self.bound.dataset.examples(split)

    def _named(self, file: str, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add the name of the class with the highest score, under the name of the field whose classes these are.

        Where a score is NaN it is no class: ''.
        """
        for scores, field in self.reader.models[file].classes.items():
            names = self.contract.class_names(field)
            if names is not None and field not in outputs and scores in outputs:
                named = np.array(names, np.str_)[np.argmax(outputs[scores], axis=1)]
                outputs[field] = np.where(np.isnan(outputs[scores]).any(axis=1), "", named)
        return outputs

    def labels(self, net: str | None = None) -> dict[str, Sequence[str]]:
        """Return what the elements of outputs are called: the classes that an output has a score for."""
        classes = self.reader.models[self.model_file(net)].classes
        return {scores: names for scores, field in classes.items() if (names := self.contract.class_names(field))}

    def fields(self, table: Table, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Compute fields from raw columns, by the graph that prepared them in training.

        Raises:
            Problem, Failure: E04xx, a column is missing, or values do not fit or are missing, with their places.
        """
        graph = self.reader.fields_graph()
        found = compute_fields(graph, self.manifest.fields, self.contract, table, names, self.engine)
        for name, values in found.items():
            check_new(self.manifest.indices, name, values, where_in(table, self.contract.columns_of(name)))
        return found

    # --- exporting -------------------------------------------------------------------------------

    def export(self, *, opset: int | None = None, fields: bool = False, net: str | None = None) -> bytes:
        """Return the model to ship: as it is, in another operator set, or behind the fields' graph.

        Of a model whose weights lie in a file of their own it has references to that file; see :meth:`export_to`.

        Raises:
            Problem: E0615; E0616, the operator set can't express it.
        """
        file = self.model_file(net)
        data = self.reader.model(file)
        if fields:
            shipped, front = self.reader.models[file], self.reader.fields_graph()
            missing = {name: Marks(texts, tuple(Spelling(texts).numbers)) for name, texts in self.marks.items()}
            data = save_model(with_fields(data, front, shipped.fields, shipped.classes, self.contract, missing))
        if opset is None:
            return data
        from dslc.export.operator_sets import converted

        return converted(data, opset)

    def export_to(self, path: Path, *, overwrite: bool = False, **options: Any) -> list[Path]:
        """Write the model to ship, with the options of :meth:`export`; return the files, that of large weights last.

        Args:
            path: where to; a model that dslc has written is replaced.
            overwrite: replace whatever is there.
            options: of :meth:`export`.

        Raises:
            Problem: E0609, E0610, E0615, E0616; E0619, E0622, E0623, something would be lost; E0626, E0627.
        """
        weights = self.reader.apart(self.model_file(options.get("net")))
        kind = None if overwrite else MODEL
        target = check_output(path, kind=kind)
        beside = path.with_name(path.name + SUFFIX)
        of_weights = None if overwrite else Kind(f"the weights of {MODEL.what}", lambda _: target.exists())
        data = located(self.export(**options), beside.name)
        if weights is not None:
            with weights.open("rb") as source, output(beside, [weights], of_weights) as written:
                shutil.copyfileobj(source, written, COPIED)
        write_output(path, data, kind=kind)
        return [path] if weights is None else [path, beside]
