"""Which index or weight ended a run: found by running the part of the graph that computes it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.objectives import INDEX_OUTSIDE, WEIGHT_BELOW_0

__all__ = ["IndexFailure", "Outside", "find_outside"]

RunModel = Callable[[bytes, Mapping[str, np.ndarray]], Sequence[np.ndarray]]
"""Runs a model on its inputs and returns its outputs."""


@dataclass(frozen=True)
class Outside:
    """An index that lies outside of what it picks from, or a weight that is below 0 or not a number."""

    value: float
    count: int | None
    """How many things there are; None of a weight."""
    word: str
    origin: str | None
    """The place in the spec of what takes it."""
    row: int | None
    inputs: tuple[str, ...]
    """The graph's inputs that it follows from."""
    sources: tuple[str, ...]
    """Those of them with a row for each example."""
    is_input: bool
    """Whether it is one of them as it came."""

    @property
    def described(self) -> str:
        """What is wrong, in the middle of a sentence."""
        computed = "this one" if self.is_input else "the computed one"
        _, taken, value = self._kind
        return f"{self.word} takes {taken}, and {computed} is {value}"

    @property
    def _kind(self) -> tuple[str, str, str]:
        """What it is called, which are taken, and its value."""
        if self.count is None:
            return "weight", "weights from 0 up", f"{self.value:g}"
        return "index", f"indices from 0 to {self.count - 1}", str(self.value)

    @property
    def failure(self) -> IndexFailure:
        """Return the error that tells of it."""
        names = " and ".join(f"'{name}'" for name in self.sources)
        noun, taken, value = self._kind
        what = names if self.is_input else f"the {noun} computed from {names}" if names else f"the {noun}"
        row = "" if self.row is None else f" in row {self.row} (from 0)"
        source = f" in {self.origin}" if self.origin else ""
        code = WEIGHT_BELOW_0 if self.count is None else INDEX_OUTSIDE
        return IndexFailure(code(f"{self.word}{source} takes {taken}, and {what} is {value}{row}").diagnostic, self)


class IndexFailure(Problem):
    """E0540, or E0551 of a weight, of a graph that was run."""

    def __init__(self, diagnostic: Diagnostic, outside: Outside) -> None:
        super().__init__(diagnostic)
        self.outside = outside

    def of_rows(self, rows: Sequence[int]) -> IndexFailure:
        """Return the failure with the numbers that the rows have of which the graph was run."""
        row = self.outside.row
        return self if row is None else replace(self.outside, row=int(rows[row])).failure


def find_outside(data: bytes, feeds: Mapping[str, np.ndarray], run: RunModel) -> Outside | None:
    """Return the first index or weight in a model that is outside of its range on these inputs, if one is."""
    from dslc.graph.model import cut_at, load_model, save_model
    from dslc.graph.ops.indices import MARK, MARK_IGNORED, marked

    for number in range(len(marked(load_model(data)))):
        model = load_model(data)  # anew each time, because it is cut
        node = marked(model)[number]
        of_weight = node.op_type == "GreaterOrEqual"
        limit, index = reversed(node.inputs) if of_weight else node.inputs[1:]
        assert limit is not None
        assert index is not None
        computed = [value for value in (limit, index) if value.producer() is not None]
        if computed:
            cut_at(model, computed)
        needed = [value for value in model.graph.inputs if computed]
        if index.producer() is None and index.const_value is None and index not in needed:
            needed.append(index)
        known = {v.name: v.const_value.numpy() for v in (limit, index) if v.const_value is not None}
        known |= {value.name: feeds[str(value.name)] for value in needed}
        if computed:
            read = [str(value.name) for value in model.graph.inputs]
            found = run(save_model(model), {name: feeds[name] for name in read})
            known |= dict(zip((value.name for value in computed), found, strict=True))
        indices, count = known[index.name], known[limit.name].item()
        wrong = ~(indices >= 0) if of_weight else (indices < 0) | (indices >= count)
        if MARK_IGNORED in node.metadata_props:
            wrong &= indices != int(node.metadata_props[MARK_IGNORED])
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0])
            rows = [v for v in needed if v.shape is not None and v.shape.rank() and not isinstance(v.shape[0], int)]
            return Outside(
                indices[place].item(), None if of_weight else count, node.metadata_props[MARK],
                node.metadata_props.get("origin"), int(place[0]) if place else None, tuple(str(v.name) for v in needed),
                tuple(str(v.name) for v in rows), index.producer() is None,
            )  # fmt: skip
    return None
