"""Raw columns in front of the graph that prepares them: one input for each column, or for all that a pattern names.

An input has the type that the column had in training. What the host does in training, coding categories and looking for
what is missing, standard operators do here, the ``ai.onnx.ml`` LabelEncoder among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dslc.graph.model import load_model, rename, save_model, with_outputs
from dslc.plan.columns import Form, is_pattern
from dslc.plan.contract import Categories, Input
from dslc.plan.data import CONDITIONS, EXACT
from dslc.types import BOOL, FLOAT64, INT64, STRING, ElementType

__all__ = ["Marks", "RawInput", "put_columns_in_front", "put_label_behind", "with_checked_conversions"]

ML = "ai.onnx.ml"
ML_VERSION = 3


@dataclass(frozen=True)
class Marks:
    """What stands for a missing value in a column."""

    texts: tuple[str, ...]
    numbers: tuple[float, ...]
    """Those of them that are numbers."""


@dataclass(frozen=True)
class RawInput:
    """An input of a model that takes raw columns."""

    name: str
    columns: tuple[str, ...]
    element: ElementType
    shape: tuple[int, ...]
    """Of one example."""
    uses: tuple[Input, ...]
    """The inputs of the fields graph that are made of it."""

    @property
    def described(self) -> str:
        """What its documentation says."""
        if self.uses[0].form is Form.TIME:
            spelled = self.uses[0].format or "ISO 8601"
            return f"seconds from 1970-01-01 00:00:00 UTC to the time in column '{self.columns[0]}' ({spelled})"
        if len(self.columns) > 1:
            return "the columns " + ", ".join(f"'{name}'" for name in self.columns) + " side by side"
        return f"the column '{self.columns[0]}'"


def _raw_inputs(inputs: Sequence[Input], taken: frozenset[str]) -> list[RawInput]:
    """Return what a model takes in place of the inputs of its fields graph; ``taken`` names are given to none."""
    groups: dict[tuple[tuple[str, ...], bool, str | None], list[Input]] = {}
    for one in inputs:
        time = (one.format or "time") if one.form is Form.TIME else None
        apart = _is_apart(one)
        for part in [(column,) for column in one.columns] if apart else [one.columns]:
            groups.setdefault((part, one.many and not apart, time), []).append(one)
    found: list[RawInput] = []
    names = set(taken)
    for (columns, many, _), uses in groups.items():
        wanted = (", ".join(uses[0].written) if many else columns[0], uses[0].key, f"column {uses[0].key}")
        candidates = (*wanted, *(f"{wanted[2]} {number}" for number in range(2, len(groups) + len(taken) + 3)))
        name = next(candidate for candidate in candidates if candidate not in names)
        names.add(name)
        shape = () if _is_apart(uses[0]) else uses[0].shape
        found.append(RawInput(name, columns, _element(uses), shape, tuple(uses)))
    return found


def _is_apart(one: Input) -> bool:
    """Whether columns that stand side by side are inputs of their own, because the spec names each."""
    return one.many and not any(map(is_pattern, one.written)) and one.shape == (len(one.columns),)


def _element(uses: Sequence[Input]) -> ElementType:
    """Return the type in which one input serves all uses."""
    if any(one.kind is STRING and one.form in (Form.CATEGORY, Form.MISSING) for one in uses):
        return STRING
    numbers = {one.element for one in uses if one.form in (Form.NUMBER, Form.TIME)}
    if INT64 in numbers:
        return INT64
    return numbers.pop() if numbers else uses[0].kind


@dataclass
class _Nodes:
    """Nodes that are being put in front of a model, or behind it."""

    nodes: list[Any] = field(default_factory=list)

    def node(self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def constant(self, values: Any, dtype: str, output: str) -> str:
        return self.node("Constant", [], output, value=numpy_helper.from_array(np.asarray(values, dtype), output))

    def cast(self, value: str, element: ElementType, output: str) -> str:
        return self.node("Cast", [value], output, to=helper.np_dtype_to_tensor_dtype(element.numpy))


def put_columns_in_front(
    model: Any, prefix: str, inputs: Sequence[Input], categories: Mapping[str, Categories],
    marks: Mapping[str, Marks], taken: frozenset[str],
) -> list[RawInput]:  # fmt: skip
    """Let a model take raw columns where it takes the inputs of the fields graph, whose names begin with ``prefix``.

    What training refuses stops the model: a value that is no category becomes an index outside of a small table. What
    marks a missing value in a column does so here.
    """
    front = _Nodes()
    found = _raw_inputs(inputs, taken)
    unmarked = [_without_marks(front, raw, [marks[name] for name in raw.columns]) for raw in found]
    held = {prefix + one.key: value for value in model.graph.input for one in inputs if prefix + one.key == value.name}
    for value in held.values():
        model.graph.input.remove(value)
    for one in inputs:
        made = prefix + one.key
        # what is missing may be a category of its own
        own = found if one.form is Form.CATEGORY else unmarked
        parts = [raw for raw in own if one in raw.uses]
        if _is_apart(one):
            _join(front, [next(raw for raw in parts if raw.columns == (name,)) for name in one.columns], one, made)
        else:
            _prepare(front, parts[0], one, categories, made, marks[one.columns[0]])
    for place, raw in enumerate(found):
        element = helper.np_dtype_to_tensor_dtype(raw.element.numpy)
        batch = next(iter(held.values())).type.tensor_type.shape.dim[0].dim_param or "N"
        port = helper.make_tensor_value_info(raw.name, element, [batch, *raw.shape])
        model.graph.input.insert(place, port)
    for place, node in enumerate(front.nodes):
        model.graph.node.insert(place, node)
    if any(node.domain == ML for node in front.nodes) and not any(e.domain == ML for e in model.opset_import):
        model.opset_import.append(helper.make_opsetid(ML, ML_VERSION))
    return found


def _without_marks(front: _Nodes, raw: RawInput, marks: Sequence[Marks]) -> RawInput:
    """Put NaN where a number marks a missing value; in whole numbers, which have no NaN, such a mark stops the model.

    Texts are looked up with their marks, and times come as seconds.
    """
    element = raw.element
    is_number = element.is_float or element.is_integer
    if raw.uses[0].form is Form.TIME or not is_number or all(use.form is Form.CATEGORY for use in raw.uses):
        return raw
    name = raw.name
    for place, number in enumerate(dict.fromkeys(number for each in marks for number in each.numbers)):
        if element.is_integer and not _holds(element, number):
            continue
        mark = front.constant(number, element.numpy.name, f"{raw.name}/mark {place}")
        equal = front.node("Equal", [name, mark], f"{raw.name}/equal {place}")
        concerned = [number in each.numbers for each in marks]
        if not all(concerned):
            columns = front.constant(concerned, "bool", f"{raw.name}/columns {place}")
            equal = front.node("And", [equal, columns], f"{raw.name}/marked {place}")
        if element.is_float:
            gone = front.constant(np.nan, element.numpy.name, f"{raw.name}/missing {place}")
            name = front.node("Where", [equal, gone, name], f"{raw.name}/unmarked {place}")
        else:
            table = front.constant([0], "int64", f"{raw.name}/table {place}")
            nothing = front.node("Gather", [table, front.cast(equal, INT64, f"{raw.name}/outside {place}")],
                                 f"{raw.name}/nothing {place}")  # fmt: skip
            own = front.cast(nothing, element, f"{raw.name}/own {place}")
            name = front.node("Add", [name, own], f"{raw.name}/unmarked {place}")
    return replace(raw, name=name)


def _holds(element: ElementType, number: float) -> bool:
    """Whether this is a number that a type of whole numbers has."""
    limits = np.iinfo(element.numpy.name)
    return number == np.floor(number) and limits.min <= number <= limits.max


def _prepare(
    front: _Nodes, raw: RawInput, one: Input, categories: Mapping[str, Categories], made: str, marks: Marks
) -> None:
    """Make of a raw input what the fields graph takes; ``marks`` are those of its column."""
    match one.form:
        case Form.CATEGORY:
            assert one.categories is not None
            _code(front, raw, categories[one.categories], made, marks)
        case Form.MISSING if raw.element is STRING:
            blank = front.node(
                "LabelEncoder", [raw.name], f"{made}/blank", ML,
                keys_strings=[*dict.fromkeys(("", *marks.texts))], values_int64s=[1] * len({"", *marks.texts}),
                default_int64=0,
            )  # fmt: skip
            front.cast(blank, BOOL, made)
        case Form.MISSING:
            front.node("IsNaN", [raw.name], made)
        case Form.NUMBER | Form.TIME if raw.element is one.element:
            front.node("Identity", [raw.name], made)
        case Form.NUMBER | Form.TIME:
            front.cast(raw.name, one.element, made)


def _join(front: _Nodes, parts: Sequence[RawInput], one: Input, made: str) -> None:
    """Put columns side by side."""
    axis = front.constant([1], "int64", f"{made}/axis")
    numbers = [f"{made}/{place}/cast" for place in range(len(parts))]
    for raw, number in zip(parts, numbers, strict=True):
        _prepare(front, raw, one, {}, number, Marks((), ()))
    upright = [front.node("Unsqueeze", [n, axis], f"{made}/{place}") for place, n in enumerate(numbers)]
    front.node("Concat", upright, made, axis=1)


def _code(front: _Nodes, raw: RawInput, categories: Categories, made: str, marks: Marks) -> None:
    """Code categories: their places, K for what is unknown where that is allowed, else what stops the model."""
    outside = categories.count + categories.unknown
    other = categories.count if categories.unknown else outside
    missing = categories.count - 1 if categories.missing else outside
    numbers = list(range(len(categories.values)))
    if raw.element is STRING:
        spelled = {"": missing, **dict.fromkeys(marks.texts, missing), **categories.places}
        codes = front.node(
            "LabelEncoder", [raw.name], f"{made}/code", ML,
            keys_strings=list(spelled), values_int64s=list(spelled.values()), default_int64=other,
        )  # fmt: skip
    else:
        number = front.cast(raw.name, FLOAT64, f"{made}/number")
        if categories.are_whole:
            whole = front.cast(raw.name, INT64, f"{made}/whole")
            codes = front.node(
                "LabelEncoder", [whole], f"{made}/found", ML,
                keys_int64s=[int(v) for v in categories.values] or [0], values_int64s=numbers or [other],
                default_int64=other,
            )  # fmt: skip
            again = front.cast(whole, FLOAT64, f"{made}/again")
            same = front.node("Equal", [number, again], f"{made}/same")
        else:
            axis = front.constant([-1], "int64", f"{made}/axis")
            each = front.node("Unsqueeze", [number, axis], f"{made}/each")
            known = front.constant(categories.values, "float64", f"{made}/known")
            equal = front.node("Equal", [each, known], f"{made}/equal")
            ones = front.cast(equal, ElementType.INT32, f"{made}/ones")
            codes = front.node("ArgMax", [ones], f"{made}/found", axis=-1, keepdims=0)
            most = front.node("ReduceMax", [ones, axis], f"{made}/most", keepdims=0)
            same = front.cast(most, BOOL, f"{made}/same")
        default = front.constant(other, "int64", f"{made}/other")
        codes = front.node("Where", [same, codes, default], f"{made}/code")
        code = front.constant(missing, "int64", f"{made}/missing")
        if raw.element.is_float:
            gone = front.node("IsNaN", [raw.name], f"{made}/gone")
            codes = front.node("Where", [gone, code, codes], f"{made}/all")
        for place, mark in enumerate(marks.numbers):
            gone = front.node("Equal", [number, front.constant(mark, "float64", f"{made}/mark {place}")],
                              f"{made}/marked {place}")  # fmt: skip
            codes = front.node("Where", [gone, code, codes], f"{made}/unmarked {place}")
    table = front.constant(range(outside), "int64", f"{made}/table")
    front.node("Gather", [table, codes], made)


def with_checked_conversions(fields: bytes, names: Sequence[str]) -> Any:
    """Return the fields graph with these outputs, each of which stops the model where ``dslc predict`` refuses it.

    A Cast would cut a fraction off, whole numbers wrap, a missing value compares as false, and what is not finite may
    end as the name of a class: what is wrong becomes an index outside of a table.
    """
    model = onnx.load_model_from_string(fields)
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    floats = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16}
    whole = [name for name in names if types.get(name + EXACT) in floats and types[name] not in floats]
    conditions = {name: [name + suffix for suffix in CONDITIONS if name + suffix in types] for name in names}
    further = [*(name + EXACT for name in whole), *(one for found in conditions.values() for one in found)]
    model = onnx.load_model_from_string(save_model(with_outputs(load_model(fields), [*names, *further])))
    front = _Nodes()
    for name in names:
        cut, wrong = f"{name}/cut", list(conditions[name])
        if name in whole:
            again = front.node("Cast", [cut], f"{name}/again", to=types[name + EXACT])
            same = front.node("Equal", [again, name + EXACT], f"{name}/same")
            wrong.append(front.node("Not", [same], f"{name}/differs"))
        elif types[name] in floats:
            wrong.append(_not_finite(front, cut, types[name], name))
        if wrong:
            rename(model.graph, name, cut)
        wide = INT64  # not every type can be added
        if types[name] in floats:
            wide = FLOAT64 if types[name] == TensorProto.DOUBLE else ElementType.FLOAT32
        for place, condition in enumerate(wrong):
            made = f"{name}/stop_{place}"
            table = front.constant([0], "int64", f"{made}/table")
            each = front.node("Gather", [table, front.cast(condition, INT64, f"{made}/index")], f"{made}/each")
            nothing = front.node("ReduceSum", [each], f"{made}/nothing", keepdims=0)
            terms = [front.cast(cut, wide, f"{made}/wide"), front.cast(nothing, wide, f"{made}/typed")]
            total = front.node("Add", terms, f"{made}/sum")
            cut = front.node("Cast", [total], name if place == len(wrong) - 1 else f"{made}/cut", to=types[name])
    model.graph.node.extend(front.nodes)
    kept = [value for value in model.graph.output if value.name not in further]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model


def _not_finite(front: _Nodes, value: str, type: int, name: str) -> str:
    """Return whether any element is not finite, as one number: only then is its difference to itself not zero."""
    if type == TensorProto.FLOAT16:
        value = front.cast(value, ElementType.FLOAT32, f"{name}/single")
    difference = front.node("Sub", [value, value], f"{name}/difference")
    total = front.node("ReduceSum", [difference], f"{name}/total", keepdims=0)
    return front.node("IsNaN", [total], f"{name}/not_finite")


def put_label_behind(model: Any, scores: str, label: str, names: Sequence[str]) -> None:
    """Add an output, text of (examples,): the name of the class that an output has the highest score for."""
    batch = next(v for v in model.graph.output if v.name == scores).type.tensor_type.shape.dim[0].dim_param
    behind = _Nodes()
    called = behind.constant(names, "object", f"{label}/names")
    behind.node("Gather", [called, behind.node("ArgMax", [scores], f"{label}/place", axis=1, keepdims=0)], label)
    model.graph.node.extend(behind.nodes)
    doc = f"the name of the class with the highest score in '{scores}'"
    model.graph.output.append(helper.make_tensor_value_info(label, TensorProto.STRING, [batch or "N"], doc_string=doc))
