"""What a finished run's folder holds, taken out of it with care: it may have been damaged, or come from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dslc.diagnostics import Problem
from dslc.engine.protocol import NEXT, SEED
from dslc.errors.environment import NO_RUN
from dslc.errors.runs import DAMAGED_FILE, DAMAGED_MANIFEST
from dslc.export.external import SUFFIX
from dslc.export.foreign import Ports, check_model
from dslc.plan.data import EXACT
from dslc.run.resuming import run_of
from dslc.storage.folder import fingerprint_in, inner_file, read_file, read_manifest
from dslc.storage.manifest import MANIFEST, SPEC, WEIGHTS, Manifest, Result, RunRecord, Seal, Shipped
from dslc.storage.tensor_files import read_tensors

__all__ = ["RunReader"]


@dataclass(eq=False)
class RunReader:
    """The folder of a finished run, and its manifest."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> RunReader:
        """Open a run's folder.

        Raises:
            Problem: E0613, it is not the folder of a finished run; E0625, its manifest is damaged.
        """
        manifest = read_manifest(folder)
        run_of(manifest, folder)
        if manifest.models is None or manifest.result is None:
            raise NO_RUN(f"the run in {folder} has not ended", hint="go on with it: dslc train FILE --resume")
        told = [field for m in manifest.models.values() for field in (*m.fields.values(), *m.classes.values())]
        strange = sorted(set(told) - set(manifest.contract.of_fields))
        if strange:
            raise DAMAGED_MANIFEST(
                f"{folder / MANIFEST}: 'models' tells of the field '{strange[0]}', which 'contract' does not have"
            )
        return cls(folder, manifest)

    @property
    def run(self) -> RunRecord:
        """What it was started with."""
        return run_of(self.manifest, self.folder)

    @property
    def models(self) -> dict[str, Shipped]:
        """What it ships, by file."""
        return dict(self.manifest.models or {})

    @property
    def result(self) -> Result:
        """What came out of it."""
        assert self.manifest.result is not None  # made sure of by `open`
        return self.manifest.result

    def read(self, name: str) -> bytes:
        """Read one of the run's files, as it was written.

        Raises:
            Problem: E0626, it is missing or damaged.
        """
        due = self.manifest.files.get(name)
        if due is None:
            raise DAMAGED_FILE(f"the manifest in {self.folder} does not list {name}")
        return read_file(self.folder, name, due)

    def model(self, name: str) -> bytes:
        """Read one of the run's graphs, made of what dslc writes.

        Raises:
            Problem: E0626, it is missing or damaged; E0627, it was not written by dslc.
        """
        data, ports = self._model(name)
        for scores, field in self.models[name].classes.items() if name in self.models else ():
            self._require([scores], ports.outputs, name)
            called = self.manifest.contract.class_names(field)
            if called is not None and ports.outputs[scores][1:2] != (len(called),):
                what = f"it has no score for each of {len(called)} classes of '{field}'"
                raise DAMAGED_FILE(f"{self.folder / name} does not fit the manifest: {what}")
        return data

    def _model(self, name: str) -> tuple[bytes, Ports]:
        data = self.read(name)
        ports = check_model(data, str(self.folder / name), name)
        self.apart(name)
        return data, ports

    def evaluation(self) -> tuple[bytes, bytes]:
        """Read the graphs that measure, which fit together and the rest of the run.

        Raises:
            Problem: E0626, E0627.
        """
        (accumulate, taken), (finish, made) = self._model("eval.onnx"), self._model("metrics.onnx")
        sums = {name.removesuffix(NEXT) for name in taken.outputs if name.endswith(NEXT)}
        collected = {name for name in taken.outputs if not name.endswith(NEXT)}
        known = {SEED, *sums, *self.weights, *self.manifest.contract.of_fields}
        self._require({*taken.inputs, *sums}, known & {*taken.inputs}, "eval.onnx")
        self._require(made.inputs, {*sums, *collected}, "metrics.onnx")
        self._require({*self.result.losses, *self.result.metrics}, {*made.outputs, *collected}, "metrics.onnx")
        return accumulate, finish

    def fields_graph(self) -> bytes:
        """Read the graph that prepares the data, which fits the contract.

        Raises:
            Problem: E0626, E0627.
        """
        data, ports = self._model("fields.onnx")
        contract = self.manifest.contract
        self._require(ports.inputs, {one.key for one in contract.inputs}, "fields.onnx")
        for one in contract.inputs:
            if ports.inputs.get(one.key, (0, *one.shape))[1:] != one.shape:
                what = f"the shape of '{one.key}' differs"
                raise DAMAGED_FILE(f"{self.folder / 'fields.onnx'} does not fit the manifest: {what}")
        made = {name.removesuffix(EXACT) for name in ports.outputs}
        self._require({*contract.of_fields, *self.manifest.fields}, made & {*self.manifest.fields}, "fields.onnx")
        fed = {field for model in self.models.values() for field in model.fields.values()}
        self._require(fed, set(contract.of_fields), "fields.onnx")
        return data

    def _require(self, needed: Iterable[str], there: Iterable[str], name: str) -> None:
        """Raise E0626 where a graph does not fit the rest of the run."""
        missing = sorted(set(needed) - set(there))
        if missing:
            raise DAMAGED_FILE(f"{self.folder / name} does not fit the manifest: '{missing[0]}' is missing")

    def apart(self, name: str) -> Path | None:
        """Return the file of a model's weights where it has one of its own.

        Raises:
            Problem: E0626, it is damaged.
        """
        weights = name + SUFFIX
        due = self.manifest.files.get(weights)
        if due is None:
            return None
        if fingerprint_in(self.folder, weights) != due:
            raise DAMAGED_FILE(f"{self.folder / weights} is damaged: it does not hold what the run wrote")
        return inner_file(self.folder, weights)

    def runnable(self, name: str) -> bytes | Path:
        """Return what to open a session of: a graph, or its file where the weights lie beside it.

        Raises:
            Problem: E0626, E0627.
        """
        data = self.model(name)
        return data if self.manifest.files.get(name + SUFFIX) is None else inner_file(self.folder, name)

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The shipped parameters and statistics, by path.

        Raises:
            Problem: E0626.
        """
        try:
            return read_tensors(self.read(WEIGHTS))[0]
        except ValueError as error:
            raise DAMAGED_FILE(f"{self.folder / WEIGHTS} is damaged: {error}") from None

    def spec(self) -> Path:
        """Return the run's copy of its spec; all of its files are whole.

        Raises:
            Problem: E0626.
        """
        for path in self.run.spec:
            self.read(f"{SPEC}/{path}")
        return inner_file(self.folder, f"{SPEC}/{self.run.spec[0]}")

    @property
    def is_home(self) -> bool:
        """Whether the run was made here, and not copied since."""
        try:
            return self.manifest.seal == Seal.of(inner_file(self.folder, WEIGHTS))
        except (OSError, Problem):
            return False
