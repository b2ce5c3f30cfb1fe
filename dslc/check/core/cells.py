"""Cells: what is applied to every step of a sequence, with states that are carried from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Configured
from dslc.check.core.arguments import Given
from dslc.check.core.blocks import bind_formals, elaborate
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.forms import CELL_OPTIONS
from dslc.check.core.scope import BlockDeclaration
from dslc.check.core.steps import Step, StepBody, has_examples, same_type
from dslc.check.core.values import POISON, Outputs, kind_of
from dslc.diagnostics import Label
from dslc.dimensions import same_value
from dslc.errors import matching, names
from dslc.library.operation import Role
from dslc.library.word import shown
from dslc.plan.recurrence import Carried, Recurrence
from dslc.plan.values import Application, ParameterOf, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import INT64, Dimension, TensorType

__all__ = ["Cell"]


@dataclass(frozen=True)
class _Options:
    """What an application says beside the cell's own arguments."""

    states: Mapping[str, Given]
    """First values."""
    lengths: Given | None
    reverse: bool
    last: bool
    return_state: bool
    said: str
    """The whole of it."""


@dataclass(frozen=True)
class Cell(Applicable):
    """A cell: each application has parameters of its own."""

    declaration: BlockDeclaration

    @property
    def described(self) -> str:
        return self.declaration.described

    @property
    def _name(self) -> str:
        return self.declaration.node.name

    def configured(self, site: CallSite) -> Configured | Any:
        node = self.declaration.node
        own = {formal.name for formal in node.formals}
        states = [s.name for s in node.body if isinstance(s, tree.State) and s.name not in own]
        more = [*(name for name in CELL_OPTIONS if name not in own), *states]
        arguments = bind_formals(site.evaluator, self.declaration, site.arguments, site.span, more=more)
        if arguments is POISON:
            return POISON
        given = {one.name: one for one in site.arguments if one.name in more}
        switches = {name: self._switch(name, given.get(name)) for name in ("reverse", "last", "return_state")}
        said = [f"{name} = {shown(value)}" for name, value in arguments.items()]
        said += [f"{name} = true" for name, value in switches.items() if value]
        options = _Options(
            {name: given[name] for name in states if name in given}, given.get("lengths"), **switches,
            said=f"{self._name}({', '.join(said)})",
        )  # fmt: skip
        return partial(self._run, arguments, options)

    def _switch(self, name: str, given: Given | None) -> bool:
        """Return whether an option is on.

        Raises:
            Problem: it is neither on nor off.
        """
        if given is None:
            return False
        if not isinstance(given.value, bool):
            raise names.WRONG_KIND(f"'{name}' of {self._name} is true or false, not {kind_of(given.value)}").at(
                given.span
            )
        return given.value

    def _run(
        self, arguments: Mapping[str, Any], options: _Options, site: CallSite, operands: Sequence[Value],
        path: tuple[str, ...],
    ) -> Any:  # fmt: skip
        """Apply it to sequences.

        Raises:
            Problem: they do not fit.
        """
        if self.declaration.problem is not None:
            site.elaboration.diagnostics.add(self.declaration.problem)
            return POISON
        declared = [s for s in self.declaration.node.body if isinstance(s, tree.Input)]
        steps = [self._step(sequence, one, site) for sequence, one in zip(operands, declared, strict=False)]
        self._refuse_unlike(operands[: len(steps)], site)
        lengths = self._lengths(options.lengths, operands[0].type.shape[0])
        step = elaborate(
            site.evaluator, self.declaration, arguments, [*steps, *operands[len(steps) :]], site.span, path,
            site.evaluator.network, kind=partial(StepBody, given=options.states),
        )  # fmt: skip
        if step is POISON:
            return POISON
        return self._applied(step, options, site, operands, lengths, steps, path)

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
        if not same_type(value.type, wanted):
            hint = "convert it: cast(..., int64)" if same_type(value.type.with_element(INT64), wanted) else None
            message = f"'lengths' of {self._name} is {wanted}, a number for each example, and this is {value.type}"
            raise matching.WRONG_TYPE(message, hint=hint).at(given.span)
        return [value]

    def _applied(
        self, step: Step, options: _Options, site: CallSite, sequences: Sequence[Value], lengths: Sequence[Value],
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
        firsts = [state.first for state in states if isinstance(state.first, Value)]
        word = Recurrence(
            name=self._name, said=options.said, inputs=tuple(inputs), results=tuple(results.values()),
            states=tuple(
                Carried(s.before, s.after, None if isinstance(s.first, Value) else s.first) for s in states
            ),
            reverse=options.reverse, ragged=bool(lengths), last=options.last, return_state=options.return_state,
        )  # fmt: skip
        _refuse_statistics(word, site.elaboration, site.span)
        found = _application(word, [*sequences, *firsts, *lengths], site, ".".join(path)).outputs
        if several:
            return Outputs(dict(zip([*results, *step.states], found, strict=False)), self._name)
        return found[0] if len(found) == 1 else found


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
