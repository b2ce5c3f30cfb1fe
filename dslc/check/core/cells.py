"""Cells: what is applied to every step of a sequence, with states that are carried from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Configured, Refinable
from dslc.check.core.arguments import Given, bind
from dslc.check.core.blocks import bind_formals, elaborate
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.forms import CELL_OPTIONS
from dslc.check.core.scope import BlockDeclaration
from dslc.check.core.steps import Step, StepBody, has_examples, same_type
from dslc.check.core.values import POISON, Outputs, kind_of
from dslc.diagnostics import Label
from dslc.dimensions import same_value
from dslc.errors import matching, names
from dslc.errors.objectives import NO_KERNEL
from dslc.library.operation import Role
from dslc.library.word import shown
from dslc.plan.recurrence import Carried, Recurrence
from dslc.plan.values import Application, ParameterOf, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.targets.cpu import CPU
from dslc.types import INT64, Dimension, TensorType

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell(Applicable):
    """A cell: each application has parameters of its own."""

    declaration: BlockDeclaration

    @property
    def described(self) -> str:
        return self.declaration.described

    def configured(self, site: CallSite) -> Configured | Any:
        own = {formal.name for formal in self.declaration.node.formals}
        more = [name for name in _options_of(self.declaration) if name not in own]
        arguments = bind_formals(site.evaluator, self.declaration, site.arguments, site.span, more=more)
        if arguments is POISON:
            return POISON
        return _Configured(self.declaration, arguments, {}).with_options(
            {one.name: one for one in site.arguments if one.name in more}
        )


def _options_of(cell: BlockDeclaration) -> list[str]:
    """Return what an application may say beside a cell's own arguments: first values of states, by name, among it."""
    return [*CELL_OPTIONS, *(s.name for s in cell.node.body if isinstance(s, tree.State))]


@dataclass(frozen=True)
class _Configured(Refinable):
    """A cell with its arguments, and with what is said of its application."""

    declaration: BlockDeclaration
    arguments: Mapping[str, Any]
    options: Mapping[str, Given]

    @property
    def _name(self) -> str:
        return self.declaration.node.name

    def refined(self, site: CallSite) -> Configured | Any:
        bound = bind(site.arguments, (), _options_of(self.declaration), of=site.name, report=site.elaboration.report)
        for name, given in bound.by_name.items():
            if name in self.options:
                before = Label(self.options[name].span, "given here already")
                raise names.GIVEN_TWICE(f"{site.name} is given '{name}' twice").at(given.span, before)
        return POISON if bound.failed else self.with_options(bound.by_name)

    def with_options(self, given: Mapping[str | None, Given] | Mapping[str, Given]) -> _Configured:
        """Return it with further options.

        Raises:
            Problem: one is of the wrong kind.
        """
        for name in ("reverse", "last", "return_state"):
            if name in given and not isinstance(given[name].value, bool):
                message = f"'{name}' of {self._name} is true or false, not {kind_of(given[name].value)}"
                raise names.WRONG_KIND(message).at(given[name].span)
        return replace(self, options={**self.options, **{str(name): one for name, one in given.items()}})

    def _is_on(self, option: str) -> bool:
        return option in self.options and bool(self.options[option].value)

    def __call__(self, site: CallSite, operands: Sequence[Value], path: tuple[str, ...]) -> Any:
        """Apply it to sequences.

        Raises:
            Problem: they do not fit.
        """
        if self.declaration.problem is not None:
            site.elaboration.diagnostics.add(self.declaration.problem)
            return POISON
        if site.elaboration.widening is not None:
            message = f"{self._name} is a cell, and this version goes along no sequence in a field"
            raise names.NOT_AVAILABLE(message, hint="apply it in the model").at(site.span)
        declared = [s for s in self.declaration.node.body if isinstance(s, tree.Input)]
        steps = [self._step(sequence, one, site) for sequence, one in zip(operands, declared, strict=False)]
        self._refuse_unlike(operands[: len(steps)], site)
        lengths = self._lengths(self.options.get("lengths"), operands[0].type.shape[0])
        step = elaborate(
            site.evaluator, self.declaration, self.arguments, [*steps, *operands[len(steps) :]], site.span, path,
            site.evaluator.network, kind=partial(StepBody, given=self.options),
        )  # fmt: skip
        return POISON if step is POISON else self._applied(step, site, operands, lengths, steps, path)

    def _step(self, sequence: Value, declared: tree.Input, site: CallSite) -> Value:
        """Return one step of what flows into an input, as a tensor of the body.

        Raises:
            Problem: it has no steps.
        """
        type, dims = sequence.type, declared.type.dims or ()
        is_one_step = type.rank == len(dims) and not any(isinstance(d, tree.Ellipsis_) for d in dims)
        if type.rank < 2 or is_one_step:
            raise matching.WRONG_TYPE(
                f"{self._name} goes along axis 1 of a sequence, and this is {type}",
                hint="a sequence is (examples, steps, ...); what is applied to a single step is a block",
            ).at(site.span, Label(declared.span, "this is one step of it"))
        return site.elaboration.placeholder(
            declared.name, type.with_shape((type.shape[0], *type.shape[2:])), declared.name_span
        )

    def _refuse_unlike(self, sequences: Sequence[Value], site: CallSite) -> None:
        """Refuse sequences that are not of one length.

        Raises:
            Problem: these are not, or it can't be told.
        """
        for other in sequences[1:]:
            for axis, of in ((0, "examples"), (1, "steps")):
                if same_value(sequences[0].type.shape[axis], other.type.shape[axis]) is not True:
                    raise matching.WRONG_TYPE(
                        f"what flows into {self._name} has as many {of} each, "
                        f"and these are {sequences[0].type} and {other.type}"
                    ).at(site.span)

    def _lengths(self, given: Given | None, examples: Dimension) -> list[Value]:
        if given is None:
            return []
        value, wanted = given.value, TensorType(INT64, (examples,))
        if not isinstance(value, Value):
            raise names.WRONG_KIND(f"'lengths' of {self._name} is a tensor {wanted}, not {kind_of(value)}").at(
                given.span
            )
        if not (value.type.element.is_integer and same_type(value.type.with_element(INT64), wanted)):
            message = (
                f"'lengths' of {self._name} is {wanted}, a whole number for each example, and this is {value.type}"
            )
            raise matching.WRONG_TYPE(message).at(given.span)
        return [value]

    def _applied(
        self, step: Step, site: CallSite, sequences: Sequence[Value], lengths: Sequence[Value],
        inputs: Sequence[Value], path: tuple[str, ...],
    ) -> Any:  # fmt: skip
        """Return what the cell gives for whole sequences."""
        several = isinstance(step.results, Outputs)
        results = dict(step.results.values) if several else {"": step.results}
        for name, value in results.items():
            if not has_examples(value.type, inputs[0].type.shape[0]):
                message = f"an output of a cell has the examples on its first axis, and this is {value.type}"
                raise matching.WRONG_TYPE(message).at(value.span or site.span)
            if name in step.states:
                problem = names.DUPLICATE(
                    f"an output of {self._name} is named '{name}' too", hint="choose another name"
                )
                raise problem.at(step.states[name].node.name_span)
        states = step.states.values()
        self._need_choice([*results.values(), *(state.before for state in states)], site.span)
        firsts = [state.first for state in states if isinstance(state.first, Value)]
        word = Recurrence(
            name=self._name, said=self._said(), inputs=tuple(inputs), results=tuple(results.values()),
            states=tuple(
                Carried(s.before, s.after, None if isinstance(s.first, Value) else s.first) for s in states
            ),
            reverse=self._is_on("reverse"), ragged=bool(lengths), last=self._is_on("last"),
            return_state=self._is_on("return_state"),
        )  # fmt: skip
        _refuse_statistics(word, site.elaboration, site.span)
        found = _application(word, [*sequences, *firsts, *lengths], site, ".".join(path)).outputs
        if several:
            return Outputs(dict(zip([*results, *step.states], found, strict=False)), self._name)
        return found[0] if len(found) == 1 else found

    def _need_choice(self, values: Sequence[Value], span: Span) -> None:
        """Refuse element types that can't be kept from step to step beyond the length of a row.

        Raises:
            Problem: E0556.
        """
        for value in values:
            if "lengths" in self.options and CPU.lacks("Where", value.type.element):
                raise NO_KERNEL(f"{self._name} with lengths: {CPU.name} can't choose between tensors {value.type}").at(
                    span
                )

    def _said(self) -> str:
        """Return it as a spec would write it, but for tensors."""
        said = [f"{name} = {shown(value)}" for name, value in self.arguments.items()]
        said += [f"{name} = true" for name in CELL_OPTIONS if name != "lengths" and self._is_on(name)]
        return f"{self._name}({', '.join(said)})" if said else self._name


def _application(word: Recurrence, operands: Sequence[Value], site: CallSite, path: str) -> Application:
    """Apply a cell: it owns what its body does."""
    elaboration, span = site.elaboration, site.span
    result = word.type(*(operand.type for operand in operands))
    types = (result,) if isinstance(result, TensorType) else result
    for type in types:
        elaboration.check_size(type, span)
    used = {path for a in word.body for path in a.variables.values()}
    used |= {a.operation.path for a in word.body if isinstance(a.operation, ParameterOf)}
    variables = {known: known for known in elaboration.parameters if known in used}
    number = elaboration.budget.count_node(span)
    return Application(word, tuple(operands), types, span, number, path, variables, elaboration.training)


def _refuse_statistics(word: Recurrence, elaboration: Elaboration, span: Span) -> None:
    """Refuse what keeps running statistics: each step would move those of the one before.

    Raises:
        Problem: E0231.
    """
    for application in word.body:
        for path in application.variables.values():
            if elaboration.parameters[path].variable.role is Role.STATISTIC:
                raise names.BAD_CELL(
                    f"{application.operation.name} keeps running statistics, which have no place in a cell",
                    hint="LayerNorm looks at each step by itself",
                ).at(application.span or span, Label(span, "in what is applied here"))
