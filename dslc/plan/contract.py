"""The contract: how training has read its data, fixed once, so that every later reader reads the same.

Which columns, in which order, as what kinds; the options of the source; the categories. It stands in the manifest.
Columns are found by their names in whatever table comes later, in any order, beside any others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dslc.diagnostics import Problem
from dslc.library.sources.source import TRUTH, DataSource
from dslc.library.word import SOURCES
from dslc.plan.coding import read_word
from dslc.plan.columns import Form
from dslc.types import ElementType

__all__ = ["Categories", "Contract", "Input", "source_options"]

CategoryValue = str | int | float | bool
MISSING = ("missing", "missing value", "no value")
"""What the category of missing values is called: the first that no value is, further ones with a number."""


@dataclass(frozen=True)
class Categories:
    """The values of a ``category``, which are numbered 0 to K-1 in this order."""

    values: tuple[CategoryValue, ...]
    """Sorted, all of one kind: texts, numbers or booleans."""
    missing: bool = False
    """Whether the missing value is one more, the last of them."""
    unknown: bool = False
    """Whether all other values share the number K, instead of being an error."""

    @property
    def count(self) -> int:
        """K."""
        return len(self.values) + self.missing

    @property
    def names(self) -> tuple[str, ...]:
        """What the categories are called, in the order of their numbers."""
        names = tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in self.values)
        if not self.missing:
            return names
        spare = (*MISSING, *(f"{MISSING[-1]} {number}" for number in range(2, len(names) + 2)))
        return (*names, next(name for name in spare if name not in names))

    @property
    def places(self) -> dict[str, int]:
        """The number of each text that spells a category: where these are true and false, as any file spells them."""
        found = {name: number for number, name in enumerate(self.names[: len(self.values)])}
        truths = {name.lower(): number for name, number in found.items()}
        if truths and truths.keys() <= {"true", "false"} and len(truths) == len(found):
            for word, truth in TRUTH.items():
                number = truths.get(str(truth).lower())
                if number is not None:
                    found |= {text: found.get(text, number) for text in (word, word.capitalize(), word.upper())}
        return found

    @property
    def are_text(self) -> bool:
        """Whether the values are texts."""
        return bool(self.values) and isinstance(self.values[0], str)

    @property
    def are_whole(self) -> bool:
        """Whether the values are whole numbers, or booleans."""
        return all(isinstance(v, int) for v in self.values)

    def described(self) -> dict[str, Any]:
        """Return what a manifest says of them."""
        return {"values": list(self.values), "missing": self.missing, "unknown": self.unknown}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Categories:
        """Return what a manifest describes.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        values = tuple(described["values"])
        kinds = {"text" if isinstance(v, str) else "truth" if isinstance(v, bool) else "number" for v in values}
        scalars = all(isinstance(v, (str, int, float)) for v in values)
        if len(kinds) > 1 or not scalars or len(set(values)) < len(values):
            raise ValueError("categories are distinct values of one kind")
        return cls(values, bool(described["missing"]), bool(described["unknown"]))


@dataclass(frozen=True)
class Input:
    """One input of the fields graph, and the columns that it is made of."""

    key: str
    """Its name."""
    written: tuple[str, ...]
    """The columns as the spec writes them, patterns among them."""
    columns: tuple[str, ...]
    """The columns, side by side in this order."""
    many: bool
    """Whether they were asked for by ``columns``, so that a row's values lie on a last axis."""
    form: Form
    element: ElementType
    shape: tuple[int, ...]
    """Of one example."""
    kind: ElementType
    """The type that the columns had in the training table."""
    categories: str | None = None
    """The key of the categories that code it."""
    format: str | None = None
    """How the text of a time is spelled."""

    def described(self) -> dict[str, Any]:
        """Return what a manifest says of it."""
        return {
            "input": self.key, "written": list(self.written), "columns": list(self.columns), "many": self.many,
            "form": self.form.value, "type": self.element.value, "shape": list(self.shape), "kind": self.kind.value,
            "categories": self.categories, "format": self.format,
        }  # fmt: skip

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Input:
        """Return what a manifest describes.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        columns, shape = tuple(described["columns"]), tuple(described["shape"])
        if not columns or not all(isinstance(c, str) for c in columns):
            raise ValueError("an input is made of columns")
        if not all(isinstance(d, int) and d > 0 for d in shape):
            raise ValueError("a shape is made of sizes")
        return cls(
            str(described["input"]), tuple(map(str, described["written"])), columns, bool(described["many"]),
            Form(described["form"]), ElementType(described["type"]), shape, ElementType(described["kind"]),
            described["categories"], described["format"],
        )  # fmt: skip


@dataclass(frozen=True)
class Contract:
    """How training has read its data."""

    source: str
    """The kind of the training source: ``csv``."""
    options: Mapping[str, Any]
    """Its options, all but the path."""
    inputs: tuple[Input, ...]
    """In the order of the spec."""
    categories: Mapping[str, Categories] = field(default_factory=dict)
    """By key: ``town/category``."""
    examples: Mapping[str, int] = field(default_factory=dict)
    """How many each split has."""
    of_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The inputs that each field is made of."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The categories that each field is coded by, where a category is all that it is."""
    marks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Texts that mark a missing value beside those of the source, by column."""

    def described(self) -> dict[str, Any]:
        """Return what the manifest says."""
        return {
            "source": {"kind": self.source, **self.options},
            "columns": [one.described() for one in self.inputs],
            "categories": {key: categories.described() for key, categories in self.categories.items()},
            "examples": dict(self.examples),
            "fields": {name: list(keys) for name, keys in self.of_fields.items()},
            "classes": dict(self.classes),
            "missing": {name: list(marks) for name, marks in self.marks.items()},
        }

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Contract:
        """Return what a manifest describes.

        Raises:
            ValueError, KeyError, TypeError: it is no contract.
        """
        options = dict(described["source"])
        kind = options.pop("kind")
        if kind not in SOURCES:
            raise ValueError(f"there is no source '{kind}'")
        inputs = tuple(map(Input.of, described["columns"]))
        categories = {key: Categories.of(value) for key, value in described["categories"].items()}
        keys = {one.key for one in inputs}
        if any(one.categories not in categories for one in inputs if one.form is Form.CATEGORY):
            raise ValueError("a column is coded by categories that are not there")
        fields = {name: tuple(made_of) for name, made_of in described["fields"].items()}
        if not all(made_of and set(made_of) <= keys for made_of in fields.values()):
            raise ValueError("a field is made of no columns, or of some that are not there")
        classes = dict(described["classes"])
        if not set(classes.values()) <= set(categories):
            raise ValueError("a field has classes that are not there")
        marks = {name: tuple(map(str, texts)) for name, texts in described["missing"].items()}
        return cls(kind, options, inputs, categories, dict(described["examples"]), fields, classes, marks)

    def reader(self) -> DataSource:
        """Return the training source's word, with its options and no path.

        Raises:
            ValueError, KeyError, TypeError: it does not have such options.
        """
        word = SOURCES[self.source]
        if word.keywords:
            columns = self.options["columns"]
            if not columns or not all(isinstance(column, str) for column in columns):
                raise ValueError(f"{self.source} has no columns")
            found: DataSource = word(files=tuple((column, "") for column in columns))
            return found
        try:
            made: DataSource = read_word(word, {**self.options, "path": ""})
        except Problem as problem:
            raise ValueError(problem.diagnostic.message) from None
        return made

    def columns_of(self, field: str) -> tuple[str, ...]:
        """Return the columns that a field is made of."""
        made_of = self.of_fields[field]
        return tuple(dict.fromkeys(name for one in self.inputs if one.key in made_of for name in one.columns))

    def class_names(self, field: str) -> tuple[str, ...] | None:
        """Return what the classes of a field are called; None where it is no category."""
        return self.categories[self.classes[field]].names if field in self.classes else None

    def table_names(self, field: str) -> tuple[str, ...] | None:
        """Return what a table calls a field's classes, or else its labels: the columns that it has side by side."""
        inputs = [one for one in self.inputs if one.key in self.of_fields[field]]
        labels = inputs[0].columns if len(inputs) == 1 and inputs[0].many else None
        return self.class_names(field) or labels


def source_options(source: DataSource) -> tuple[str, dict[str, Any]]:
    """Return a source's kind, and its options without the paths."""
    options = dict(vars(source))
    if type(source).keywords:
        return source.name, {"columns": [column for column, _ in options["files"]]}
    return source.name, {name: list(v) if isinstance(v, tuple) else v for name, v in options.items() if name != "path"}
