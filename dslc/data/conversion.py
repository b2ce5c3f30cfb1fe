"""The last step of a field: from what was computed, exactly, to the declared element type, and what that loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dslc.data.checks import Where
from dslc.data.convert import EXACT, Array, Misfits, Origin, complaint, convert, fits_double
from dslc.diagnostics import Diagnostic, Problem
from dslc.errors import data as errors
from dslc.source import Span
from dslc.types import FLOAT64, ElementType

__all__ = ["Conversion"]


@dataclass
class Conversion:
    """Converts a field piece by piece, and remembers what does not fit until it is asked for it."""

    name: str
    """The field's."""
    element: ElementType
    shape: tuple[int, ...]
    """Of an example."""
    where: Where
    inputs: tuple[str, ...]
    """The columns that it is made of, as the fields graph calls them."""
    span: Span | None = None
    misfits: Misfits = field(default_factory=Misfits)
    """Values that are missing (E0415), infinite (E0423) or no numbers (E0461), or do not fit the type."""
    _rounded: list[tuple[Array, Array]] = field(default_factory=list)
    """Distinct whole numbers that the type does not hold, and what they became, of each piece."""
    _first: tuple[Any, Any, Origin] | None = None
    _whole: bool = True
    """Whether all values have been whole numbers so far."""

    def convert(self, exact: Array, start: int, inputs: Mapping[str, Array]) -> Array:
        """Return a piece, (rows, ...), in the declared element type.

        Args:
            exact: the piece.
            start: the place of its first row.
            inputs: what it was computed from, the rows of all columns.
        """
        values = exact.reshape(len(exact), -1)
        if values.dtype.kind == "f":
            read = [inputs[name] for name in self.inputs if inputs[name].dtype.kind == "f"]

            def problem(row: int, element: int) -> Problem:
                of_row = [of_all[row - start] for of_all in read]
                return self._not_finite(values[row - start, element], self.where(row, element), of_row)

            self.misfits.note(~np.isfinite(values), problem, start)
        result, unfit = convert(exact, self.element)
        if self.element.numpy == exact.dtype:
            return exact
        if values.dtype.kind == "f":
            unfit = unfit & np.isfinite(exact)
        self.misfits.note(
            unfit, lambda row, e: complaint(values[row - start, e], self.element, self.where(row, e)), start
        )
        if self.element.is_float and values.dtype.kind in "iuf":
            self._round(values, result.reshape(values.shape), start)
        return result

    def _not_finite(self, value: float, origin: Origin, read: Sequence[Array]) -> Problem:
        if np.isnan(value) and not any(np.isnan(numbers).any() for numbers in read):
            return errors.NO_NUMBER(
                f"field '{self.name}' computes what is no number ({origin})",
                hint="a root or a logarithm is of no negative number, and 0 / 0 is nothing: bound what it is of, as "
                "clip(..., min = 0) does",
            )
        if np.isnan(value):
            fill = '"mean"' if self.element.is_float else "-1"
            return errors.MISSING_VALUE(
                f"field '{self.name}' has no value: an empty cell or NaN ({origin})",
                hint=f"fill it with impute(..., {fill}), or mend the data; is_missing(...) tells a model of it",
            )
        hint = None
        if all(np.isfinite(numbers).all() for numbers in read):
            hint = "so are a division by 0, the logarithm of 0 and exp of more than 709; clip(...) bounds what it is of"
        return errors.NOT_FINITE(f"field '{self.name}' is infinite ({origin})", hint=hint)

    def _round(self, exact: Array, result: Array, start: int) -> None:
        """Remember whole numbers that change; a field with a fraction anywhere is no field of whole numbers."""
        if not self._whole:
            return
        if exact.dtype.kind == "f":
            self._whole = bool(np.all((exact == np.floor(exact)) & (np.abs(exact) <= EXACT) | ~np.isfinite(exact)))
        changed = result.astype(np.float64) != exact
        if exact.dtype.kind != "f" and self.element is FLOAT64:
            changed |= ~fits_double(exact)
        if not changed.any():
            return
        if self._first is None:
            row, element = (int(n[0]) for n in np.nonzero(changed))
            self._first = (exact[row, element], result[row, element], self.where(start + row, element))
        distinct, places = np.unique(exact[changed], return_index=True)
        self._rounded.append((distinct, result[changed][places]))

    def rounded(self) -> list[Diagnostic]:
        """Return a warning of whole numbers that were rounded, if any were.

        Raises:
            Problem: E0452, different ones became equal.
        """
        if self._first is None or not self._whole:
            return []
        exact = np.unique(np.concatenate([before for before, _ in self._rounded]))
        left = len(np.unique(np.concatenate([after for _, after in self._rounded])))
        value, became, origin = self._first
        said = f"{int(value)} becomes {float(became):.0f} ({origin})"
        if left < len(exact):
            raise errors.MERGED(
                f"field '{self.name}' is {self.element}, which does not hold its whole numbers: {said}, and of "
                f"{len(exact):,} different values {left:,} are left",
                hint="declare it float64, bring it near 0 first, as standardize(...) does, or accept it: "
                f"cast(..., {self.element})",
            )
        message = f"field '{self.name}' rounds whole numbers to {self.element}: {said}"
        return [errors.ROUNDED(message, span=self.span).diagnostic]
