"""The compiler, from text to artifacts.

    text -> tree -> checked model -> (data: fitted constants) -> graphs -> artifacts

Each stage is a function of values; what reads files is given from outside or lives in ``dslc.training``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dslc.check import Program, check_program, check_train_block, check_train_data, read_described, resolve_program
from dslc.diagnostics import Diagnostics, Problem, did_you_mean
from dslc.errors import names as errors
from dslc.files import read_source, source_loader
from dslc.garbage import nothing_collected
from dslc.limits import Limits
from dslc.plan.training import TrainPlan
from dslc.source import Source
from dslc.targets import Target
from dslc.targets.cpu import CPU

if TYPE_CHECKING:
    from dslc.compile.artifacts import Artifacts
    from dslc.compile.inference import InferenceModel
    from dslc.data import Dataset
    from dslc.data.raw import RawData
    from dslc.graph.model import Model
    from dslc.plan.constants import FittedConstants
    from dslc.plan.contract import Contract
    from dslc.plan.data import DataPlan
    from dslc.storage.manifest import RunRecord

__all__ = ["Checked", "Compilation", "Options", "check_spec", "compile_spec", "read_described", "reopen"]

RECURSION = 20_000
"""Python frames that the deepest spec inside the limits may need."""


@dataclass(frozen=True)
class Options:
    """What a user may say beside the spec."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Values of params, as text."""
    train: str | None = None
    """Which train block, where there are several."""
    data: Sequence[Path] = ()
    """Folders to look for data in, beside the spec's own."""
    limits: Limits = field(default_factory=Limits)
    seed: int | None = None
    target: Target = CPU
    """What graphs are made for."""
    opset: int | None = None
    """An operator set in place of the target's."""
    passes: str | None = None
    """Which passes run over the graphs, as :func:`dslc.rewrite.passes.chosen_passes` reads it; None: all."""
    provider: str | None = None
    epochs: int | None = None
    steps: int | None = None
    bounded: bool = False
    """Run graphs within bounds of memory and time, since the spec may be anybody's."""


class Checked(NamedTuple):
    """A spec that was checked without its data."""

    program: Program
    findings: Diagnostics
    trains: Mapping[str, TrainPlan | None]
    """The train blocks; None for one that is wrong."""


def check_spec(path: Path, options: Options | None = None) -> Checked:
    """Parse and check a spec with all that it imports, without its data."""
    options = options or Options()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION))
    diagnostics = Diagnostics()
    source = read_source(path, options.limits)
    with nothing_collected():
        program = resolve_program(
            source,
            diagnostics,
            load=source_loader(path.parent, options.limits),
            settings=options.settings,
            limits=options.limits,
        )
        return Checked(program, diagnostics, check_program(program, diagnostics, options.limits))


def compile_spec(path: Path, options: Options | None = None, checked: Checked | None = None) -> Compilation:
    """Check a spec, unless it was, and choose its train block; what follows is computed when it is asked for.

    Raises:
        Failure: the spec is wrong.
        Problem: E0620, there is no such pass.
    """
    options = options or Options()
    checked = checked or check_spec(path, options)
    checked.findings.raise_errors()
    compilation = Compilation(path, options, checked, _chosen(checked.program, options.train))
    _ = compilation.passes  # a wrong name is told before any work is done
    return compilation


def _chosen(program: Program, name: str | None) -> str:
    trains = list(program.scope.trains)
    if name is not None and name not in trains:
        raise errors.TRAIN_NOT_CHOSEN(
            f"the spec has no train block '{name}'",
            hint=did_you_mean(name, trains) or f"it has {', '.join(trains) or 'none'}",
        )
    if not trains:
        raise errors.UNKNOWN_DECLARATION("the spec has no train block", hint="add: train name { ... }")
    if name is None and len(trains) > 1:
        raise errors.TRAIN_NOT_CHOSEN(
            "the spec has several train blocks", hint=f"choose one with --train: {', '.join(trains)}"
        )
    return name or trains[0]


@dataclass(eq=False)
class Compilation:
    """One train block on its way from checked to compiled; each stage is computed once, when it is asked for."""

    path: Path
    options: Options
    checked: Checked
    name: str

    @property
    def program(self) -> Program:
        """What the spec declares."""
        return self.checked.program

    @property
    def warnings(self) -> Diagnostics:
        """What the check found."""
        return self.checked.findings

    @property
    def target(self) -> Target:
        """What the graphs are made for, in the operator set that was asked for."""
        target, opset = self.options.target, self.options.opset
        return target if opset is None else replace(target, opset=opset)

    @cached_property
    def passes(self) -> tuple[str, ...] | None:
        """The passes that were asked for, None for all.

        Raises:
            Problem: E0620.
        """
        if self.options.passes is None:
            return None
        from dslc.rewrite.passes import PASSES, chosen_passes

        chosen = chosen_passes(self.options.passes)
        return None if chosen == tuple(PASSES) else chosen

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """Where data may come from."""
        from dslc.data import data_folders

        return data_folders(self.path.parent, self.options.data)

    @cached_property
    def data(self) -> DataPlan:
        """The data set as checked without reading it."""
        found = check_train_data(self.program, self.name, Diagnostics(), self.options.limits)
        assert found is not None
        return found

    @property
    def data_paths(self) -> list[str]:
        """Every file of data or weights that the spec names.

        Raises:
            Problem, Failure: a size hangs on the data, and that is not there or wrong.
        """
        named = [path for source in self.data.sources.values() for path in source.paths]
        return [*named, *(file.path for file in (self._checked_alone or self.train).load)]

    @cached_property
    def raw(self) -> RawData:
        """The data's tables and splits.

        Raises:
            Problem, Failure: E04xx.
        """
        from dslc.data.raw import read_raw

        return read_raw(self.data, self.folders)

    @property
    def fingerprints(self) -> Mapping[str, Mapping[str, int | str]]:
        """Size and hash of every data file, by its path in the spec."""
        return self.raw.sources

    @cached_property
    def needs_data(self) -> bool:
        """Does compiling need the data: is something fitted, or does a schedule depend on how long an epoch is?

        Where it is at hand, it is read in any case, since the types of its columns are those of the fields' graph.
        """
        if any(checked.fits for checked in self.data.fields.values()) or self._finds_data:
            return True
        train = self._checked_alone
        return train is None or (train.steps is None and any(_needs_total(train)))

    @cached_property
    def _finds_data(self) -> bool:
        """Is every data file where it can be?"""
        from dslc.data import locate

        try:
            for source in self.data.sources.values():
                for path in source.paths:
                    locate(path, self.folders)
        except Problem:
            return False
        return True

    @cached_property
    def _checked_alone(self) -> TrainPlan | None:
        """The train block, checked without its data; None where a size hangs on that."""
        train = self.checked.trains[self.name]
        return None if train is None else self._as_asked(train)

    @cached_property
    def train(self) -> TrainPlan:
        """The train block, checked with its data.

        Raises:
            Failure: it is wrong.
        """
        diagnostics = Diagnostics()
        facts = self.raw.facts(self.data)
        found = check_train_block(self.program, self.name, diagnostics, self.options.limits, facts)
        diagnostics.raise_errors()
        assert found is not None
        return self._as_asked(found)

    def _as_asked(self, train: TrainPlan) -> TrainPlan:
        """Let the options say how long to train."""
        asked = self.options.epochs, self.options.steps
        return train if asked == (None, None) else replace(train, epochs=asked[0], steps=asked[1])

    @cached_property
    def contract(self) -> Contract:
        """How the data is read, for every later reader."""
        from dslc.data.raw import contract_of

        return contract_of(self.train.data, self.raw)

    @cached_property
    def constants(self) -> FittedConstants:
        """What is fitted on the training split."""
        from dslc.data.fields import fit_constants
        from dslc.engine.engines import choose_engine

        if not any(fit.operand is not None for checked in self.train.data.fields.values() for fit in checked.fits):
            from dslc.plan.constants import FittedConstants

            return FittedConstants()
        return fit_constants(
            self.train.data, self.raw, self.contract, choose_engine("cpu", bounded=self.options.bounded)
        )

    @cached_property
    def dataset(self) -> Dataset:
        """Every split's fields, checked."""
        from dslc.data.fields import make_dataset
        from dslc.data.indices import Given, check_indices, check_weights
        from dslc.engine.engines import choose_engine

        engine = choose_engine("cpu", bounded=self.options.bounded)
        dataset = make_dataset(self.train.data, self.constants, self.raw, self.contract, engine)
        given = Given(self.raw, self.contract, dataset, self.constants, engine)
        check_indices(self.train, given)
        check_weights(self.train, given)
        return dataset

    @cached_property
    def compiled(self) -> TrainPlan:
        """The train block that the graphs are made of: checked with its data only where they depend on it."""
        alone = self._checked_alone
        return self.train if alone is None or self.needs_data else alone

    @property
    def seed(self) -> int:
        """What everything random follows from."""
        return self._seed_of(self.train)

    def _seed_of(self, train: TrainPlan) -> int:
        return train.seed if self.options.seed is None else self.options.seed

    @cached_property
    def total_steps(self) -> int:
        """Updates in the whole training."""
        from dslc.run.schedule import total_updates

        return self.train.steps or total_updates(self.train, self.raw.examples("train"))

    @cached_property
    def artifacts(self) -> Artifacts:
        """The graphs of training and evaluation, the first state, the manifest."""
        return self._artifacts(apart=False)

    @cached_property
    def artifacts_apart(self) -> Artifacts:
        """The same, with the gradient and the update of a training step in graphs of their own.

        Raises:
            Problem: E0526, they can't be had apart.
        """
        return self._artifacts(apart=True)

    def _artifacts(self, *, apart: bool) -> Artifacts:
        from dslc.compile.artifacts import compile_artifacts
        from dslc.data.loading import load_weights
        from dslc.data.raw import contract_of
        from dslc.plan.constants import FittedConstants

        train = self.compiled
        if self.needs_data:
            contract, constants, total = self.contract, self.constants, self.total_steps
        else:
            contract, constants, total = contract_of(train.data, None), FittedConstants(), train.steps or 0
        found = compile_artifacts(
            train, contract, constants, seed=self._seed_of(train), total_steps=total,
            load=lambda: load_weights(train, self.folders), target=self.target, passes=self.passes, apart=apart,
        )  # fmt: skip
        if self.needs_data:
            found.manifest["sources"] = self.raw.sources
        found.manifest["params"] = dict(self.program.params)
        return found

    def inference(self, weights: Mapping[str, Any]) -> list[InferenceModel]:
        """Compile what is shipped, with these weights inside."""
        from dslc.compile.inference import inference_models
        from dslc.plan.constants import FittedConstants

        if not self.needs_data:
            return inference_models(self.compiled, FittedConstants(), weights, target=self.target)
        names = {name: found for name in self.contract.classes if (found := self.contract.class_names(name))}
        return inference_models(self.compiled, self.constants, weights, names, self.target)

    def serialized(self, model: Model) -> bytes:
        """Return a graph as a file's bytes: simplified, and in the target's operators.

        Raises:
            Problem: E0616, they can't express it.
        """
        from dslc.compile.artifacts import serialized
        from dslc.rewrite.passes import shipped

        return serialized(model, self.target, shipped(self.passes))

    def write_model(self, path: Path, model: Model) -> None:
        """Write a graph, as :meth:`serialized` would return it; large weights into a file of their own.

        Raises:
            Problem: E0609, E0610, E0616.
        """
        from dslc.compile.artifacts import write_model
        from dslc.rewrite.passes import shipped

        write_model(path, model, self.target, shipped(self.passes))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every spec file that was read, the first one first."""
        return self.program.sources

    def means_the_same(self, before: Source, now: Source) -> bool:
        """Do two spec files differ in layout, comments and lengths of training at most?"""
        from dslc.syntax.meaning import same_meaning

        return same_meaning(before, now)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """Their paths from the first one's folder."""
        return self.program.paths

    @property
    def params(self) -> Mapping[str, Any]:
        """The values of all params."""
        return self.program.params


def _needs_total(train: TrainPlan) -> list[bool]:
    from dslc.library.schedules.schedule import Schedule
    from dslc.library.word import options_of

    values = [
        getattr(group.optimizer, option.name)
        for objective in train.objectives
        for group in objective.groups
        for option in options_of(type(group.optimizer))
    ]
    return [isinstance(value, Schedule) and value.needs_total for value in values]


def reopen(path: Path, run: RunRecord, folders: Sequence[Path], bounded: bool = False) -> Compilation:
    """Compile a run's copy of its spec again, with the params that it was trained with."""
    settings = {name: _setting(value) for name, value in run.params.items()}
    return compile_spec(
        path,
        Options(
            settings=settings, train=run.train, data=tuple(folders), seed=run.seed,
            passes=None if run.passes is None else ",".join(["none", *run.passes]), bounded=bounded,
        ),
    )  # fmt: skip


def _setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
