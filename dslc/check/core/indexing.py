"""Indexing tensors: numbers, slices, ``none``, ``...`` and tensors of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dslc.check.core.values import kind_of, whole_number
from dslc.errors import names
from dslc.library.functions.indexing import Mark, Slice
from dslc.library.word import FUNCTIONS
from dslc.plan.values import Value
from dslc.syntax import tree

if TYPE_CHECKING:
    from dslc.check.core.elaboration import Elaboration

__all__ = ["index"]


def index(elaboration: Elaboration, target: Value, items: Sequence[Any], e: tree.Index) -> Any:
    """Index a tensor: numbers, slices, ``none``, ``...`` and tensors of whole numbers."""
    operands = [target]
    form: list[Any] = []
    for item, written in zip(items, e.items, strict=True):
        if isinstance(item, Value):
            operands.append(item)
            form.append(Mark.TENSOR)
        elif item is None or item is Ellipsis:
            form.append(Mark.NEW if item is None else Mark.REST)
        elif isinstance(item, slice):
            if item.step is not None and not isinstance(item.step, int):
                raise names.BAD_INDEX("the step of a slice is a whole number").at(written.span)
            form.append(Slice(item.start, item.stop, 1 if item.step is None else item.step))
        elif (number := whole_number(item)) is not None:
            form.append(number)
        else:
            raise names.BAD_INDEX(f"a tensor cannot be indexed with {kind_of(item)}").at(written.span)
    return elaboration.apply(FUNCTIONS["index"](items=tuple(form)), operands, e.span)
