"""The compiler: four functions, each of what the one before returned.

    check_source   text -> Checked: the plans of its train blocks, and all that is wrong; no data is read
    bind_data      Checked -> Bound: one train block with its data
    compile_bound  Bound -> Compilation: the graphs of training, evaluation and inference
    train          Compilation -> RunResult: a folder with the shipped model

What costs is read or computed when it is first asked for. What reads the spec's files is given from outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dslc.check import Facts, Loader, Program, check_program, check_train_block, check_train_data, resolve_program
from dslc.diagnostics import Diagnostics, did_you_mean
from dslc.errors import names as errors
from dslc.files import read_source, source_loader
from dslc.interpreter import nothing_collected
from dslc.options import Options, settings_of
from dslc.plan.training import TrainPlan
from dslc.source import Source

if TYPE_CHECKING:
    from dslc.compile.artifacts import Artifacts
    from dslc.compile.inference import InferenceModel
    from dslc.data.binding import Bound
    from dslc.graph.model import Model
    from dslc.library.sources.source import DataSource
    from dslc.run.observing import Observer, RunResult
    from dslc.storage.manifest import RunRecord
    from dslc.targets import Target

__all__ = [
    "Checked", "Compilation", "Options", "bind_data", "check_source", "check_spec", "compile_bound",
    "read_described", "reopen", "train",
]  # fmt: skip


# --- check -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Checked:
    """A spec that was checked without its data."""

    program: Program
    findings: Diagnostics
    trains: Mapping[str, TrainPlan | None]
    """The train blocks; None for one that is wrong, or of which a size hangs on the data."""
    options: Options


def check_source(source: Source, load: Loader, options: Options | None = None) -> Checked:
    """Parse and check a spec with all that it imports, which ``load`` gives; no file is opened."""
    options, findings = options or Options(), Diagnostics()
    with nothing_collected():
        program = resolve_program(source, findings, load=load, settings=options.settings, limits=options.limits)
        return Checked(program, findings, check_program(program, findings, options.limits), options)


def check_spec(path: Path, options: Options | None = None) -> Checked:
    """Read and check a spec, with what it imports from its folder and those in it.

    Raises:
        Problem: the file can't be read.
    """
    options = options or Options()
    source = read_source(path, options.limits)
    return check_source(source, source_loader(path.parent, options.limits), options)


# --- bind data ---------------------------------------------------------------------------------------


def bind_data(checked: Checked, beside: Path) -> Bound:
    """Choose the train block, and give it its data, which is looked for ``beside`` the spec first.

    Raises:
        Failure: the spec is wrong.
        Problem: E0224, E0227, it has no such train block.
    """
    from dslc.data.binding import Bound

    checked.findings.raise_errors()
    name = _chosen(checked.program, checked.options.train)
    program, options, plan = checked.program, checked.options, checked.trains[name]

    def check_with(facts: Facts) -> TrainPlan:
        found = Diagnostics()
        plan = check_train_block(program, name, found, options.limits, facts)
        found.raise_errors()
        assert plan is not None
        return plan

    data = plan.data if plan is not None else check_train_data(program, name, Diagnostics(), options.limits)
    assert data is not None
    files = dict(zip(program.paths, program.sources, strict=True))
    return Bound(name, plan, data, check_with, files, program.params, beside, options)


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


# --- compile -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Compilation:
    """A train block as graphs."""

    bound: Bound
    passes: tuple[str, ...] | None
    """The passes over its graphs that were asked for, None for all."""

    @property
    def target(self) -> Target:
        """What the graphs are made for, in the operator set that was asked for."""
        target, opset = self.bound.options.target, self.bound.options.opset
        return target if opset is None else replace(target, opset=opset)

    @cached_property
    def plan(self) -> TrainPlan:
        """The train block that the graphs are made of: checked with its data only where they depend on it."""
        alone = self.bound.alone
        return self.bound.train if alone is None or self.bound.is_needed else alone

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
        from dslc.run.schedule import total_updates

        bound, plan = self.bound, self.plan
        if bound.is_needed:
            contract, constants = bound.contract, bound.constants
            total = plan.steps or total_updates(plan, bound.raw.examples("train"))
        else:
            contract, constants, total = contract_of(plan.data, None), {}, plan.steps or 0
        found = compile_artifacts(
            plan, contract, constants, seed=plan.seed, total_steps=total,
            load=lambda: load_weights(plan, bound.folders), target=self.target, passes=self.passes, apart=apart,
        )  # fmt: skip
        if bound.is_needed:
            found.manifest["sources"] = bound.raw.sources
        found.manifest["params"] = dict(bound.params)
        return found

    def inference(self, weights: Mapping[str, Any]) -> list[InferenceModel]:
        """Compile what is shipped, with these weights inside."""
        from dslc.compile.inference import inference_models

        if not self.bound.is_needed:
            return inference_models(self.plan, {}, weights, target=self.target)
        contract = self.bound.contract
        names = {name: found for name in contract.classes if (found := contract.class_names(name))}
        return inference_models(self.plan, self.bound.constants, weights, names, self.target)

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

    def means_the_same(self, before: Source, now: Source) -> bool:
        """Whether two spec files differ in layout, comments and lengths of training at most."""
        from dslc.syntax.parser import same_meaning

        return same_meaning(before, now)


def compile_bound(bound: Bound) -> Compilation:
    """Compile a train block.

    Raises:
        Problem: E0620, there is no such pass.
    """
    asked = bound.options.passes
    if asked is None:
        return Compilation(bound, None)
    from dslc.rewrite.passes import PASSES, chosen_passes

    chosen = chosen_passes(asked)
    return Compilation(bound, None if chosen == tuple(PASSES) else chosen)


# --- train -------------------------------------------------------------------------------------------


def train(
    compilation: Compilation, folder: Path, *, provider: str | None = None, threads: int | None = None,
    resume: bool = False, overwrite: bool = False, observer: Observer | None = None,
) -> RunResult:  # fmt: skip
    """Train into a folder, on the engine that provider and threads name; return the figures of what was shipped.

    Raises:
        Problem, Failure: as :func:`dslc.run.training.train` says.
    """
    from dslc.engine.engines import choose_engine
    from dslc.run import training

    return training.train(
        compilation, folder, choose_engine(provider, threads), resume=resume, overwrite=overwrite, observer=observer
    )


# --- again -------------------------------------------------------------------------------------------


def reopen(path: Path, run: RunRecord, folders: Sequence[Path], bounded: bool = False) -> Bound:
    """Check a run's copy of its spec again, with the params that it was trained with, and bind its data."""
    options = Options(settings_of(run.params), run.train, tuple(folders), seed=run.seed, bounded=bounded)
    return bind_data(check_spec(path, options), path.parent)


def read_described(text: str) -> DataSource:
    """Return the source that a text such as ``csv(delimiter = ";")`` describes.

    Raises:
        Problem: E0453, it describes none.
    """
    from dslc.check.data import described_source

    return described_source.read_described(text)
