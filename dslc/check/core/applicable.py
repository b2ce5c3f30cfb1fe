"""What can be applied and called, and what it is told of the place where that is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dslc.check.core.arguments import Given
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.scope import MISSING, Scope
from dslc.check.core.values import POISON, kind_of
from dslc.diagnostics import Repair, did_you_mean
from dslc.errors import names
from dslc.plan.values import Value
from dslc.source import Span
from dslc.syntax import tree

__all__ = [
    "Applicable", "CallSite", "Configured", "ContextFunction", "Evaluator", "LayerInstance", "Refinable",
    "without_none",
]  # fmt: skip


@dataclass
class Evaluator(ABC):
    """Evaluates expressions in a scope.

    ``prefix`` is the path of the network part being elaborated; ``bound`` what the statement binds, with
    the indices of the loops around it: together they name the layers applied in the statement.
    """

    elaboration: Elaboration
    scope: Scope
    network: str = ""
    prefix: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    components: dict[Span, str] = field(default_factory=dict)
    """The last part of the path of everything that is applied, by the place where that stands."""

    @abstractmethod
    def evaluate(self, expression: tree.Expression) -> Any:
        """Return the value of an expression, POISON (with diagnostics) where it has none."""

    @abstractmethod
    def resolve(self, target: tree.Expression, *, role: str = "function") -> Applicable:
        """Return what a Name or Member names that can be applied or called.

        ``role`` says what is looked for, for suggestions: ``layer`` behind a pipe, else ``function``.

        Raises:
            Problem: nothing of that name can be.
        """

    def condition(self, expression: tree.Expression, of: str) -> Any:
        """Return a compile-time boolean, or POISON with a diagnostic."""
        value = self.evaluate(expression)
        if value is POISON or isinstance(value, bool):
            return value
        if isinstance(value, Value):
            hint = "choose element by element with where(condition, a, b)"
            problem = names.NOT_KNOWN_YET(
                f"{of} is decided when the spec is compiled, and this is {kind_of(value)}", hint=hint
            )
        else:
            problem = names.BAD_ARITHMETIC(f"{of} needs true or false, not {kind_of(value)}")
        return self.elaboration.report(problem, expression.span)

    def given(self, arguments: Sequence[tree.Argument], layer: tree.Expression | None = None) -> list[Given]:
        """Evaluate arguments, those of a layer if it is given."""
        evaluate = self.evaluate if layer is None else self.evaluator_within(layer)
        return [Given(a.name, evaluate(a.value), a.span) for a in arguments]

    def evaluator_within(self, layer: tree.Expression) -> Callable[[tree.Expression], Any]:
        """Return what evaluates the arguments of a layer: one may be a layer itself, with its own in parentheses."""
        return self.evaluate

    def site(self, target: tree.Expression) -> CallSite:
        """Return where something is applied, with arguments or without: ``Dense(10)``, ``Relu``; evaluate these."""
        if isinstance(target, tree.Call):
            return CallSite(self, target.function, target, self.given(target.arguments, target.function))
        return CallSite(self, target, target, [])


@dataclass(frozen=True)
class CallSite:
    """A place where something is applied or called: ``callee(arguments)``, and in ``whole`` all of that."""

    evaluator: Evaluator
    callee: tree.Expression
    whole: tree.Expression
    arguments: Sequence[Given]

    @property
    def name(self) -> str:
        """What is applied or called, as written."""
        return self.callee.span.text

    @property
    def span(self) -> Span:
        """Where that stands, with its arguments."""
        return self.whole.span

    @property
    def elaboration(self) -> Elaboration:
        """What the elaboration around it shares."""
        return self.evaluator.elaboration

    @property
    def path(self) -> tuple[str, ...]:
        """Where the parameters live that it brings along."""
        evaluator = self.evaluator
        return (*evaluator.prefix, *evaluator.bound, evaluator.components.get(self.span, "applied"))

    @property
    def failed(self) -> bool:
        """Whether an argument has no value."""
        return any(argument.value is POISON for argument in self.arguments)

    def tensors(self, flows: Sequence[Given]) -> list[Value]:
        """Return what flows in as tensors; what is none at the end is left away, as an optional input.

        Raises:
            Problem: one of them can't be a tensor.
        """
        flows = without_none(flows)
        return self.elaboration.tensors([flow.value for flow in flows], [flow.span for flow in flows])


def without_none(flows: Sequence[Given]) -> Sequence[Given]:
    """Leave away what is none behind the first and at the end."""
    count = len(flows)
    while count > 1 and flows[count - 1].value is None:
        count -= 1
    return flows[:count]


Configured = Callable[[CallSite, Sequence[Value], tuple[str, ...]], Any]
"""A layer or block with its arguments: applied at a place to tensors, with its parameters under a path."""


class Refinable(ABC):
    """A :data:`Configured` that may be told more where it is applied, be it shared or not."""

    @abstractmethod
    def __call__(self, site: CallSite, operands: Sequence[Value], path: tuple[str, ...]) -> Any:
        """Apply it."""

    @abstractmethod
    def refined(self, site: CallSite) -> Configured | Any:
        """Return it with the arguments of a place, POISON (reported) if these fail.

        Raises:
            Problem: they do not fit.
        """


class Applicable(ABC):
    """What a name can be applied or called as; what a kind of it does not define is refused, in the user's words."""

    names_at: frozenset[int] = frozenset()
    """Which arguments are names as written, not values."""
    usage: ClassVar[str] = "apply it: x -> {}"
    """How it is used, for hints."""

    @property
    @abstractmethod
    def described(self) -> str:
        """How messages call it."""

    def value(self, site: CallSite) -> Any:
        """Return what its bare name stands for.

        Raises:
            Problem: it is no value.
        """
        hint = self.usage.format(site.name)
        raise names.NOT_APPLICABLE(f"'{site.name}' is {self.described}, not a value", hint=hint)

    @property
    def takes_layer(self) -> bool:
        """Whether a layer may be among its arguments."""
        return False

    def as_argument(self, site: CallSite) -> Any:
        """Return the layer that it is among the arguments of another one; MISSING if it is none."""
        return MISSING

    def configured(self, site: CallSite) -> Configured | Any:
        """Return what ``layer name = callee(arguments)`` makes, POISON (reported) if it fails; None: nothing."""
        return None

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        """Return ``flows -> callee(arguments)``.

        Raises:
            Problem: it can't be applied, or not to these.
        """
        configured = self.configured(site)
        if configured is None:
            message = f"'{site.name}' is {self.described}; behind '->' stands a layer, a block or a function"
            raise names.NOT_APPLICABLE(message).at(site.callee.span)
        return POISON if configured is POISON else configured(site, site.tensors(flows), site.path)

    def call(self, site: CallSite) -> Any:
        """Return ``callee(arguments)``.

        Raises:
            Problem: it can't be called, or not with these.
        """
        if site.failed:
            return POISON
        assert isinstance(site.whole, tree.Call)
        written = [argument.span.text for argument in site.whole.arguments]
        flow, options = "x", written
        if site.arguments and isinstance(site.arguments[0].value, Value):
            flow, options = site.whole.arguments[0].value.span.text, written[1:]
        configured = f"{site.name}({', '.join(options)})" if options else site.name
        pipe = f"{flow} -> {configured}"
        hint = f"write {pipe}"
        if flow.isidentifier() and flow in written[:1]:
            hint = Repair(hint, pipe if _is_alone(site.span) else f"({pipe})")
        raise names.NOT_APPLICABLE(f"'{site.name}' is {self.described}; it is applied with '->'", hint=hint)

    def member(self, evaluator: Evaluator, e: tree.Member) -> Any:
        """Return one of its members; MISSING if it has none at all.

        Raises:
            Problem: it has others.
        """
        return MISSING

    def refuse_arguments(self, site: CallSite) -> None:
        """Refuse arguments of what has been given its own.

        Raises:
            Problem: there are some.
        """
        if site.arguments:
            raise names.NOT_APPLICABLE(
                f"'{site.name}' is configured where it is declared", hint="leave the parentheses away"
            ).at(site.span)


@dataclass(frozen=True)
class ContextFunction(Applicable):
    """A function of compile-time values that knows where it is called: ``range``, ``column``, ``classes``."""

    function: Callable[[CallSite], Any]
    names_at: frozenset[int] = frozenset()

    usage: ClassVar[str] = "call it: {}(...)"

    @property
    def described(self) -> str:
        return "a function"

    def call(self, site: CallSite) -> Any:
        return self.function(site)


def _is_alone(span: Span) -> bool:
    """Return whether it is all that stands between an equal sign and the end of the line."""
    text = span.source.text
    return text[: span.start].rstrip(" ").endswith("=") and text[span.end :].lstrip(" ")[:1] in ("", "\n", "\r")


@dataclass(eq=False)
class LayerInstance(Applicable):
    """A layer or block made by ``layer name = ...``; each application shares its parameters."""

    name: str
    run: Configured
    path: tuple[str, ...]
    span: Span

    @property
    def described(self) -> str:
        return f"the layer '{self.name}'"

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        run = self.run
        if isinstance(run, Refinable):
            run = run.refined(site)
        else:
            self.refuse_arguments(site)
        return POISON if run is POISON else run(site, site.tensors(flows), self.path)

    def member(self, evaluator: Evaluator, e: tree.Member) -> Value:
        """Read one of its parameters."""
        parameters = evaluator.elaboration.parameters
        prefix = ".".join(self.path) + "."
        record = parameters.get(prefix + e.name)
        if record is None:
            own = [path[len(prefix) :] for path in parameters if path.startswith(prefix)]
            hint = did_you_mean(e.name, own) or (
                f"it has {', '.join(own)}" if own else "its parameters exist from its first application on"
            )
            raise names.UNKNOWN_MEMBER(f"the layer '{self.name}' has no parameter '{e.name}' here", hint=hint).at(
                e.name_span
            )
        return evaluator.elaboration.parameter(record, e.span)
