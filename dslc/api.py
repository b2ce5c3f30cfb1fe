"""dslc from Python: ``run = dslc.load("digits.dl", hidden=256).train(); run.evaluate("test")``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dslc import pipeline
from dslc.diagnostics import Diagnostic
from dslc.limits import Limits
from dslc.options import Options, settings_of
from dslc.pipeline import Checked, Compilation, bind_data, check_spec, compile_bound

if TYPE_CHECKING:
    from dslc.data.binding import Bound
    from dslc.report.layers import Overview
    from dslc.report.runs import RunSummary
    from dslc.run.finished import FinishedRun
    from dslc.run.observing import Observer

__all__ = ["RUNS", "Spec", "list_runs", "load", "open_run"]

Stage = Literal["tree", "model", "plan", "graph", "training"]

RUNS = Path("runs")
"""Where runs are written unless a folder is named."""


def load(
    path: str | os.PathLike[str],
    /,
    *,
    data: Sequence[str | os.PathLike[str]] = (),
    train: str | None = None,
    seed: int | None = None,
    limits: Limits | None = None,
    params: Mapping[str, object] | None = None,
    **more_params: object,
) -> Spec:
    """Name a spec and what it is compiled with.

    Args:
        path: the ``.dl`` file; it is read when something is asked of the spec.
        data: folders to look for data in, after the spec's own.
        train: the train block, where the spec has several.
        seed: in place of the spec's.
        limits: bounds on what the spec may ask for.
        params: values of the spec's params; those with other names than the arguments above may stand as keywords.
        more_params: the same.
    """
    settings, folders = settings_of({**(params or {}), **more_params}), tuple(Path(folder) for folder in data)
    return Spec(Path(path), Options(settings, train, folders, limits or Limits(), seed))


def open_run(
    folder: str | os.PathLike[str], *, data: Sequence[str | os.PathLike[str]] = (), trust: bool = False
) -> FinishedRun:
    """Open what a training run has written.

    Args:
        folder: the run's.
        data: folders to look for data in, for ``evaluate``.
        trust: run the graphs of a run from elsewhere without bounds of memory and time, as those of one made here.

    Raises:
        Problem: E0613, it is not the folder of a finished run.
    """
    from dslc.run.finished import FinishedRun

    return FinishedRun.open(Path(folder), pipeline, [Path(name) for name in data], trust=trust)


def list_runs(folder: str | os.PathLike[str] = RUNS) -> list[RunSummary]:
    """Return the runs in a folder, by name: how each ended, or how far it is.

    Raises:
        Problem: E0403, the folder can't be read.
    """
    from dslc.report.runs import runs_in

    return runs_in(Path(folder))


@dataclass(frozen=True)
class Spec:
    """A spec with what it is compiled with."""

    path: Path
    options: Options

    @cached_property
    def _checked(self) -> Checked:
        return check_spec(self.path, self.options)

    def check(self) -> list[Diagnostic]:
        """Return every error and warning, sorted by place; the data is not read.

        Raises:
            Problem: the file can't be read.
        """
        return list(self._checked.findings)

    @cached_property
    def bound(self) -> Bound:
        """The checked train block with its data, which is read when it is asked for.

        Raises:
            Problem, Failure: the spec is wrong.
        """
        return bind_data(self._checked, self.path.parent)

    @cached_property
    def compilation(self) -> Compilation:
        """Its graphs, which are made when they are asked for.

        Raises:
            Problem, Failure: the spec is wrong; E0620, there is no such pass.
        """
        return compile_bound(self.bound)

    @property
    def run_folder(self) -> Path:
        """Where its run is written unless a folder is named."""
        return RUNS / self.bound.name

    def overviews(self) -> list[Overview]:
        """Lay out the train block layer by layer, or in a spec without one, each of its models.

        Raises:
            Problem, Failure: the spec is wrong, or data that a size depends on is missing.
        """
        from dslc.report.layers import of_models, of_train

        program = self._checked.program
        self._checked.findings.raise_errors()
        if program.scope.trains or self.options.train is not None:
            return [of_train(self.bound)]
        return of_models(program, self.options.limits)

    def inputs(self) -> list[Path]:
        """Return the files that it is made from: the spec's, and where they can be found, those of its data.

        Raises:
            Problem, Failure: the spec is wrong.
        """
        from dslc.data.paths import found_files

        program = self._checked.program
        found = [self.path.parent / name for name in program.paths]
        if program.scope.trains:
            found += found_files(self.bound.data_paths, self.bound.folders)
        return found

    def emit(self, stage: Stage, *, apart: bool = False) -> str:
        """Return a stage of the compiler as text: ``graph`` is that of inference, for ``apart`` see :meth:`compile`.

        Raises:
            Problem, Failure: the spec is wrong, or its data is missing where the stage needs it; E0526.
        """
        from dslc.report.dumps import graph_text, model_text, plan_text, tree_text

        if stage == "tree":
            self._checked.findings.raise_errors()
            return tree_text(self._checked.program.source, self.options.limits)
        if stage == "model":
            return model_text(self.bound.alone or self.bound.train)
        if stage == "plan":
            return plan_text(self.bound.alone or self.bound.train)
        artifacts = self.compilation.artifacts_apart if apart else self.compilation.artifacts
        if stage == "training":
            return "".join(graph_text(artifacts.models[name]) for name in artifacts.step_files)
        models = self.compilation.inference(artifacts.initial)
        return "".join(graph_text(self.compilation.serialized(model.model)) for model in models)

    def compile(self, folder: str | os.PathLike[str], *, apart: bool = False) -> list[Path]:
        """Write the graphs of training and inference, the first state and the manifest; return the files.

        What an earlier compilation wrote into the folder is replaced, and nothing else. With ``apart``, the gradient
        and the update of a training step are graphs of their own, to be joined outside.

        Raises:
            Problem, Failure: the spec is wrong; its data is missing where compiling needs it; E0609, E0610; E0612,
                E0621, the folder holds a run; E0622, E0624, a file in it would be lost; E0526, gradient and update
                can't be had apart.
        """
        from dslc.run.folder_files import write_compiled

        artifacts = self.compilation.artifacts_apart if apart else self.compilation.artifacts
        return write_compiled(self.compilation, artifacts, Path(folder), self.inputs())

    def train(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        provider: str | None = None,
        threads: int | None = None,
        resume: bool = False,
        overwrite: bool = False,
        new: bool = False,
        observer: Observer | None = None,
    ) -> FinishedRun:
        """Train, and return the finished run.

        Args:
            folder: where to write (``runs/NAME``).
            provider: ``"cpu"``, ``"cuda"`` or ``"directml"``; the best there is by default.
            threads: one per core by default.
            resume: go on with the run in the folder, if there is one.
            overwrite: replace it.
            new: if there is one, train beside it: into ``runs/NAME-2``, ``runs/NAME-3``, ...
            observer: is told what happens.

        Raises:
            Problem, Failure: the spec or its data is wrong, the folder holds a run, or the run failed.
            ValueError: more than one of ``resume``, ``overwrite`` and ``new`` is asked for.
        """
        from dslc.run.run_folders import in_folder

        if resume + overwrite + new > 1:
            raise ValueError("only one of resume, overwrite and new can be asked for")
        wanted = self.run_folder if folder is None else Path(folder)

        def trained(target: Path) -> Path:
            return pipeline.train(
                self.compilation, target, provider=provider, threads=threads, resume=resume, overwrite=overwrite,
                observer=observer,
            ).folder  # fmt: skip

        return open_run(in_folder(wanted, trained, new=new, goes_on=resume or overwrite), data=self.options.data)
