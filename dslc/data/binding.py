"""A train block and the data that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dslc.data.paths import data_folders, found_files
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import options_of
from dslc.options import Options
from dslc.plan.data import DataPlan, Facts
from dslc.plan.training import TrainPlan
from dslc.source import Source

if TYPE_CHECKING:
    from dslc.data.batches import Dataset
    from dslc.data.raw import RawData
    from dslc.engine.protocol import Engine
    from dslc.plan.contract import Contract
from dslc.plan.values import FittedConstants

__all__ = ["Bound"]


@dataclass(frozen=True, eq=False)
class Bound:
    """A train block with its data. Each part is read or computed once, when it is asked for."""

    name: str
    checked: TrainPlan | None
    """The block as checked without its data; None where a size hangs on that."""
    data: DataPlan
    """The data set as checked without reading it."""
    check: Callable[[Facts], TrainPlan]
    """Checks the block anew with what the data tells; raises Failure where it is wrong."""
    files: Mapping[str, Source]
    """Every file of the spec by its path from the first one's folder, the first one first."""
    params: Mapping[str, Any]
    """The values of all params."""
    beside: Path
    """The folder of the spec, where its data is looked for first."""
    options: Options

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """Where data may come from."""
        return data_folders(self.beside, self.options.data)

    @cached_property
    def alone(self) -> TrainPlan | None:
        """The train block without its data; None where a size hangs on that."""
        return None if self.checked is None else self._as_asked(self.checked)

    @property
    def data_paths(self) -> list[str]:
        """Every file of data or weights that the spec names.

        Raises:
            Problem, Failure: a size hangs on the data, and that is not there or wrong.
        """
        named = [path for source in self.data.sources.values() for path in source.paths]
        return [*named, *(file.path for file in (self.alone or self.train).load)]

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
    def is_needed(self) -> bool:
        """Whether compiling needs the data: something is fitted, or a schedule depends on how long an epoch is.

        Where it is at hand, it is read in any case, since the types of its columns are those of the fields' graph.
        """
        if self.alone is None or any(checked.fits for checked in self.data.fields.values()):
            return True
        paths = [path for source in self.data.sources.values() for path in source.paths]
        is_at_hand = len(found_files(paths, self.folders)) == len(paths)
        return is_at_hand or (self.alone.steps is None and _needs_total(self.alone))

    @cached_property
    def train(self) -> TrainPlan:
        """The train block, checked with its data.

        Raises:
            Failure: it is wrong.
        """
        return self._as_asked(self.check(self.raw.facts(self.data)))

    def _as_asked(self, train: TrainPlan) -> TrainPlan:
        """Let the options say how long to train, and from which seed."""
        asked = self.options
        if asked.epochs is not None or asked.steps is not None:
            train = replace(train, epochs=asked.epochs, steps=asked.steps)
        return train if asked.seed is None else replace(train, seed=asked.seed)

    @cached_property
    def contract(self) -> Contract:
        """How the data is read, for every later reader."""
        from dslc.data.raw import contract_of

        return contract_of(self.train.data, self.raw)

    @cached_property
    def constants(self) -> FittedConstants:
        """What is fitted on the training split."""
        from dslc.data.fields import fit_constants

        if not any(fit.operand is not None for checked in self.train.data.fields.values() for fit in checked.fits):
            return {}
        return fit_constants(self.train.data, self.raw, self.contract, self._engine)

    @cached_property
    def dataset(self) -> Dataset:
        """Every split's fields, checked."""
        from dslc.data.fields import make_dataset
        from dslc.data.indices import Given, check_indices, check_weights

        dataset = make_dataset(self.train.data, self.constants, self.raw, self.contract, self._engine)
        given = Given(self.raw, self.contract, dataset, self.constants, self._engine)
        check_indices(self.train, given)
        check_weights(self.train, given)
        return dataset

    @property
    def _engine(self) -> Engine:
        from dslc.engine.engines import choose_engine

        return choose_engine("cpu", bounded=self.options.bounded)


def _needs_total(train: TrainPlan) -> bool:
    """Whether a schedule depends on how long the training is."""
    optimizers = [group.optimizer for objective in train.objectives for group in objective.groups]
    values = [getattr(optimizer, option.name) for optimizer in optimizers for option in options_of(type(optimizer))]
    return any(isinstance(value, Schedule) and value.needs_total for value in values)
