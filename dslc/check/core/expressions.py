"""Evaluating expressions: numbers are computed, tensors become applications, faults become poison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dslc.check.core import bodies
from dslc.check.core.arguments import Given, bind_word
from dslc.check.core.arithmetic import bounded, compute, work_of
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.indexing import index
from dslc.check.core.known import ELEMENT_TYPES, REGISTRIES, described, unknown_word, usage_of
from dslc.check.core.matching import Silent
from dslc.check.core.networks import Network
from dslc.check.core.scope import MISSING, BlockDeclaration, FileScope, Scope
from dslc.diagnostics import Label, Problem, did_you_mean
from dslc.elsewhere import MEMBERS, VALUES, WORDS, foreign, known_as, word_hint
from dslc.errors import losses as loss_errors
from dslc.errors import matching, names
from dslc.library.losses import Mean, Penalty
from dslc.library.operation import Function, Layer, operands_of, word_of_symbol
from dslc.library.word import FUNCTIONS, LAYERS, Word
from dslc.plan.columns import RawColumn
from dslc.plan.values import POISON, Outputs, ParameterOf, Value, is_number, kind_of, whole_number
from dslc.source import Span
from dslc.syntax import tree
from dslc.syntax.comments import comment_hint
from dslc.types import ElementType, Symbolic, Undecided

__all__ = ["CallSite", "Evaluator"]


@dataclass(frozen=True)
class CallSite:
    """A call as a context function (``column``, ``classes``) sees it."""

    name: str
    arguments: Sequence[Given]
    span: Span
    evaluator: Evaluator


@dataclass
class Evaluator:
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

    # --- entry ---------------------------------------------------------------------------------

    def evaluate(self, expression: tree.Expression) -> Any:
        """Return the value of an expression, POISON (with diagnostics) where it has none."""
        elaboration = self.elaboration
        elaboration.depth += 1
        try:
            elaboration.check_depth(expression.span)
            elaboration.count_work(expression.span)
            return self._evaluate(expression)
        except Silent:
            return POISON
        except Problem as problem:
            return self.elaboration.report(problem, expression.span)
        except Undecided as undecided:
            return self.elaboration.report(names.NOT_KNOWN_YET(str(undecided)), expression.span)
        finally:
            elaboration.depth -= 1

    def _evaluate(self, e: tree.Expression) -> Any:
        match e:
            case tree.Number() | tree.String() | tree.Constant():
                return e.value
            case tree.Name():
                return self._name(e)
            case tree.ListOf():
                return self._all(list, e.items)
            case tree.TupleOf():
                return self._all(tuple, e.items)
            case tree.Binary() | tree.Pipe():
                return self._chain(e)
            case tree.Unary():
                return self._unary(e)
            case tree.Conditional():
                chosen = self.condition(e.condition, "'if'")
                return POISON if chosen is POISON else self.evaluate(e.value if chosen else e.otherwise)
            case tree.Call():
                return self._call(e)
            case tree.Member():
                return self._member(e)
            case tree.Index():
                return self._index(e)
            case tree.Then():
                return self._then(e)
        raise AssertionError(f"no rule for {type(e).__name__}")

    def _all(self, kind: type, items: Sequence[tree.Expression]) -> Any:
        found = [self.evaluate(item) for item in items]
        return POISON if any(item is POISON for item in found) else kind(found)

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

    # --- names ---------------------------------------------------------------------------------

    def _name(self, e: tree.Name) -> Any:
        if e.id == "training":
            return self.elaboration.training
        value = self.scope.lookup(e.id)
        if value is not MISSING:
            return value
        if e.id in ELEMENT_TYPES:
            return ElementType(e.id)
        found = self.resolve(e, missing_ok=True)
        if isinstance(found, type) and issubclass(found, Word) and found.family not in ("layer", "function"):
            return bind_word(found, (), e.span, self.elaboration.diagnostics)[0]
        if isinstance(found, Network):
            return found
        if found is POISON:
            return POISON
        if found is not MISSING:
            raise names.NOT_APPLICABLE(f"'{e.id}' is {described(found)}, not a value", hint=usage_of(e.id, found))
        raise self._unknown(e.id, e.span)

    def _unknown(self, name: str, span: Span) -> Exception:
        """A name that is no value: silent where that is the consequence of what is reported already."""
        if self.scope.is_incomplete:
            return Silent()
        for scope in self.scope.chain():
            if name in scope.elsewhere:
                return names.UNKNOWN_NAME(
                    f"'{name}' has no value here",
                    hint="a name holds below its binding: to the end of its loop or block, and if its branch is taken",
                    labels=[Label(scope.elsewhere[name], "bound here")],
                )
        hints = [scope.unknown_hint(name) for scope in self.scope.chain() if scope.unknown_hint]
        near = did_you_mean(name, {*self.scope.names(), *ELEMENT_TYPES})
        hint = VALUES.get(foreign(name)) or near or comment_hint(span) or next(iter(hints), None)
        return names.UNKNOWN_NAME(f"there is no value '{name}' here", hint=hint)

    def resolve(self, target: tree.Expression, *, missing_ok: bool = False, role: str = "function") -> Any:
        """Return what a Name or Member names that can be applied or called.

        ``role`` says what is looked for, for suggestions: ``layer`` behind a pipe, else ``function``.

        Raises:
            Problem: nothing of that name can be.
        """
        if isinstance(target, tree.Member):
            return self._instance(self._resolve_member(target), target.span)
        if not isinstance(target, tree.Name):
            called = target.function.span.text if isinstance(target, tree.Call) else ""
            hint = word_hint(called, [word for registry in REGISTRIES for word in registry]) if called else None
            if called in LAYERS:
                hint = f"layers are applied with '->': x -> {target.span.text}"
            raise names.NOT_APPLICABLE("only a name can be applied", hint=hint).at(target.span)
        found = self.scope.find(target.id)
        if found is POISON:
            raise Silent
        if found is not MISSING:
            return self._instance(found, target.span)
        if target.id in self.elaboration.functions:
            return self.elaboration.functions[target.id]
        for registry in REGISTRIES:
            if target.id in registry:
                return registry[target.id]
        if missing_ok:
            return MISSING
        value = self.scope.lookup(target.id)
        if value is not MISSING:
            if value is POISON:
                raise Silent
            raise names.NOT_APPLICABLE(f"'{target.id}' is {kind_of(value)} and cannot be applied").at(target.span)
        if self.scope.is_incomplete:
            raise Silent
        raise unknown_word(target.id, {*self.scope.callable_names(), *self.elaboration.functions}, role).at(target.span)

    def _resolve_member(self, target: tree.Member) -> BlockDeclaration:
        """Return the block of an imported file: ``blocks.Residual``."""
        owner = self.scope.lookup(target.target.id) if isinstance(target.target, tree.Name) else MISSING
        if owner is POISON:
            raise Silent
        if not isinstance(owner, FileScope):
            raise names.NOT_APPLICABLE(
                f"'{target.span.text}' cannot be applied", hint=self._hint_of_member(target, owner)
            ).at(target.span)
        if target.name not in owner.blocks:
            if owner.incomplete:
                raise Silent
            raise names.UNKNOWN_MEMBER(
                f"the imported file declares no block or model '{target.name}'",
                hint=did_you_mean(target.name, owner.blocks),
            ).at(target.name_span)
        return owner.blocks[target.name]

    def _hint_of_member(self, target: tree.Member, owner: Any) -> str | None:
        """Words of other tools have the prefix of a module, and tensors have methods there."""
        known = [word for registry in REGISTRIES for word in registry]
        called = target.name if target.name in known else None
        if isinstance(owner, Value):
            called = called or WORDS.get(foreign(target.name), ("",))[0] or known_as(target.name, FUNCTIONS)
            written = f"{called}({target.target.span.text})"
            return f"a tensor has no methods; functions take it: {written}" if called in FUNCTIONS else None
        return f"words of the library have no prefix: {called}" if called else word_hint(target.name, known)

    def _instance(self, found: Any, span: Span) -> Any:
        """A bare model's name is its default network where networks are called."""
        if isinstance(found, BlockDeclaration) and found.node.kind == "model" and self.scope.default_network:
            return self.scope.default_network(found, span)
        return found

    # --- operators -------------------------------------------------------------------------------

    def _chain(self, e: tree.Binary | tree.Pipe) -> Any:
        """Evaluate a left-leaning chain from its innermost part on, without recursion."""
        links: list[tree.Binary | tree.Pipe] = []
        inner: tree.Expression = e
        while isinstance(inner, (tree.Binary, tree.Pipe)):
            links.append(inner)
            inner = inner.left if isinstance(inner, tree.Binary) else inner.flow
        value, span = self.evaluate(inner), inner.span
        for link in reversed(links):
            try:
                value = self._pipe(value, span, link) if isinstance(link, tree.Pipe) else self._binary(link, value)
            except Silent:
                value = POISON
            except Undecided as undecided:
                value = self.elaboration.report(names.NOT_KNOWN_YET(str(undecided)), link.span)
            except Problem as problem:
                value = self.elaboration.report(problem, link.span)
            span = link.span
        return value

    def _binary(self, e: tree.Binary, left: Any) -> Any:
        if e.operator in ("and", "or") and isinstance(left, bool):
            if left is (e.operator == "or"):
                return left
            return self.condition(e.right, f"'{e.operator}'")
        right = self.evaluate(e.right)
        if left is POISON or right is POISON:
            return POISON
        if isinstance(left, (Value, RawColumn)) or isinstance(right, (Value, RawColumn)):
            if (left is None or right is None) and e.operator in ("==", "!="):
                return e.operator == "!="  # a tensor is never none
            if not all(isinstance(v, (Value, RawColumn, int, float, Symbolic)) for v in (left, right)):
                lists = any(isinstance(side, (list, tuple)) for side in (left, right))
                raise names.BAD_ARITHMETIC(
                    f"'{e.operator}' does not work on {kind_of(left)} and {kind_of(right)}",
                    hint="a list is no tensor; what it is of is taken apart: stack(2 * x[:, 0], 3 * x[:, 1], axis = 1)"
                    if lists
                    else None,
                )
            operands = self.elaboration.tensors([left, right], [e.left.span, e.right.span])
            return self.elaboration.apply(word_of_symbol(e.operator, 2)(), operands, e.span, sign=e.operator)
        self.elaboration.count_work(e.span, work_of(left) + work_of(right))
        return compute(e.operator, left, right)

    def _unary(self, e: tree.Unary) -> Any:
        if e.operator == "not":
            value = self.evaluate(e.operand)
            if isinstance(value, bool):
                return not value
        else:
            value = self.evaluate(e.operand)
            if is_number(value):
                return -value
        if value is POISON:
            return POISON
        if isinstance(value, RawColumn):
            value = value.tensor(e.operand.span)
        if isinstance(value, Value):
            return self.elaboration.apply(word_of_symbol(e.operator, 1)(), [value], e.span, sign=e.operator)
        raise names.BAD_ARITHMETIC(f"'{e.operator}' does not work on {kind_of(value)}")

    def _then(self, e: tree.Then) -> Any:
        first, second = self.evaluate(e.first), self.evaluate(e.second)
        if first is POISON or second is POISON:
            return POISON
        from dslc.library.schedules import chain

        for value, part in ((first, e.first), (second, e.second)):
            if not (is_number(value) or getattr(type(value), "family", "") == "schedule"):
                raise names.BAD_ARITHMETIC(f"'then' joins schedules, and this is {kind_of(value)}").at(part.span)
        return chain(first, second)

    # --- application -----------------------------------------------------------------------------

    def path(self, target: tree.Expression) -> tuple[str, ...]:
        """Return the path of what is applied at a place."""
        return (*self.prefix, *self.bound, self.components.get(target.span, "applied"))

    def _pipe(self, flow: Any, flow_span: Span, e: tree.Pipe) -> Any:
        target = e.layer
        callee = target.function if isinstance(target, tree.Call) else target
        given = self.given(target.arguments) if isinstance(target, tree.Call) else []
        found = self.resolve(callee, role="layer")
        if flow is POISON or any(g.value is POISON for g in given):
            return POISON
        flows = list(flow) if isinstance(flow, tuple) else [flow]
        spans = [flow_span] * len(flows)
        if isinstance(found, type) and issubclass(found, Function):
            given = [*(Given(None, f, flow_span) for f in flows), *given]
            return self._function(found, given, target)
        if isinstance(found, type) and issubclass(found, Layer):
            operation = self.make_layer(found, given, target.span)
            if operation is POISON:
                return POISON
            operands = self.elaboration.tensors(flows, spans)
            self.count_operands(type(operation), operands, callee.span)
            return self.elaboration.apply(
                operation, operands, target.span, path=".".join(self.path(target)), network=self.network
            )
        apply = getattr(found, "apply", None)
        if isinstance(found, BlockDeclaration):
            operands = self.elaboration.tensors(flows, spans)
            return bodies.apply_block(self, found, given, operands, target.span, self.path(target))
        if apply is not None:
            if given:
                raise names.NOT_APPLICABLE(
                    f"'{callee.span.text}' is configured where it is declared", hint="leave the parentheses away"
                ).at(target.span)
            return apply(self, self.elaboration.tensors(flows, spans), target.span)
        raise names.NOT_APPLICABLE(
            f"'{callee.span.text}' is {described(found)}; behind '->' stands a layer, a block or a function"
        ).at(callee.span)

    def make_layer(self, word: type[Layer], given: Sequence[Given], span: Span) -> Any:
        """Configure a layer; POISON where its options do not fit."""
        return bind_word(word, given, span, self.elaboration.diagnostics)[0]

    def count_operands(self, word: type[Any], operands: Sequence[Value], span: Span) -> None:
        """Refuse a wrong number of tensors.

        Raises:
            Problem: the word takes more or fewer.
        """
        specs = operands_of(word)
        if any(s.variadic for s in specs):
            return
        least = sum(s.required for s in specs)
        if not least <= len(operands) <= len(specs):
            takes = f"{least}" if least == len(specs) else f"{least} to {len(specs)}"
            raise matching.WRONG_COUNT(
                f"{word.name} takes {takes} tensor{'s' * (len(specs) != 1)}, and {len(operands)} flow into it"
            ).at(span)

    def given(self, arguments: Sequence[tree.Argument]) -> list[Given]:
        """Evaluate arguments."""
        return [Given(a.name, self.evaluate(a.value), a.span) for a in arguments]

    def _call(self, e: tree.Call) -> Any:
        try:
            found = self.resolve(e.function)
        except Problem as problem:
            self.given(e.arguments)  # their faults are reported in the same run
            raise problem.at(e.function.span) from None
        names_at = getattr(found, "names_at", ())
        given = [
            Given(a.name, a.value.span.text, a.span) if i in names_at else Given(a.name, self.evaluate(a.value), a.span)
            for i, a in enumerate(e.arguments)
        ]
        if isinstance(found, type) and issubclass(found, Function):
            return POISON if any(g.value is POISON for g in given) else self._function(found, given, e)
        if isinstance(found, Network):
            return POISON if any(g.value is POISON for g in given) else found.call(self, given, e.span)
        if isinstance(found, (BlockDeclaration, bodies.LayerInstance)) or (
            isinstance(found, type) and issubclass(found, Layer)
        ):
            if any(g.value is POISON for g in given):
                return POISON
            name = e.function.span.text
            flow, options = "x", [a.span.text for a in e.arguments]
            if given and isinstance(given[0].value, Value):
                flow, options = e.arguments[0].value.span.text, options[1:]
            configured = f"{name}({', '.join(options)})" if options else name
            raise names.NOT_APPLICABLE(
                f"'{name}' is {described(found)}; it is applied with '->'", hint=f"write {flow} -> {configured}"
            )
        if isinstance(found, type):
            return bind_word(found, given, e.span, self.elaboration.diagnostics)[0]
        if callable(found):
            return found(CallSite(e.function.span.text, given, e.span, self))
        raise names.NOT_APPLICABLE(f"'{e.function.span.text}' is {described(found)} and cannot be called")

    def _function(self, word: type[Function], given: Sequence[Given], e: tree.Expression) -> Any:
        """Call a function of the library on tensors, or compute it for numbers."""
        operation, found = bind_word(word, given, e.span, self.elaboration.diagnostics, operands=True)
        if operation is POISON:
            return POISON
        values: list[Any] = []
        spans: list[Span] = []
        variadic = any(spec.variadic for spec in operands_of(word))
        for one in found:
            if issubclass(word, Penalty):
                parts = self._penalized(word, one)
            else:
                parts = self._parts(one.value) if variadic else [one.value]
            values.extend(parts)
            spans.extend([one.span] * len(parts))
        numeric = values and all(is_number(v) or isinstance(v, bool) for v in values)
        if numeric and word.folds():
            return bounded(lambda: word.number(*values))
        if not values:
            raise names.MISSING_ARGUMENT(f"{word.name} needs at least one tensor").at(e.span)
        operands = self.elaboration.tensors(values, spans)
        if issubclass(word, Mean) and len(operands) > 1 and is_number(values[1]) and operands[0].type.rank:
            # a number as target stands for a tensor of it
            zeros = self.elaboration.call("zeros_like", [operands[0]], spans[1])
            operands[1] = self.elaboration.call("add", [zeros, operands[1]], spans[1])
        return self.elaboration.apply(operation, operands, e.span, path=".".join(self.path(e)) if word.random else "")

    def _penalized(self, word: type[Penalty], given: Given) -> list[Any]:
        """What a regularizer sums over: a network's kernels and embeddings, or one parameter."""
        value = given.value
        if isinstance(value, Network):
            return value.regularized(self.elaboration)
        if isinstance(value, Value) and isinstance(value.application.operation, ParameterOf):
            return [value]
        raise loss_errors.NEEDS_NETWORK(
            f"'{word.name}' takes a network, and is given {kind_of(value)}",
            hint="of a tensor, write sum(x ** 2)" if word.name == "l2" else "of a tensor, write sum(abs(x))",
        ).at(given.span)

    def _parts(self, value: Any) -> list[Any]:
        """A list stands for its items."""
        return list(value) if isinstance(value, (list, tuple)) else [value]

    # --- members and indices -----------------------------------------------------------------------

    def _member(self, e: tree.Member) -> Any:
        if isinstance(e.target, tree.Name) and self.scope.lookup(e.target.id) is MISSING:
            layer = self.scope.find(e.target.id)
            if isinstance(layer, bodies.LayerInstance):
                return layer.member(self, e)
        target = self.evaluate(e.target)
        if target is POISON:
            return POISON
        if isinstance(target, Outputs):
            if e.name not in target.values:
                raise names.UNKNOWN_MEMBER(
                    f"{target.of} has no output '{e.name}'",
                    hint=did_you_mean(e.name, target.values) or f"its outputs are {', '.join(target.values)}",
                ).at(e.name_span)
            return target.values[e.name]
        if isinstance(target, FileScope):
            if e.name in target.params:
                return target.params[e.name]
            if target.incomplete:
                return POISON
            raise names.UNKNOWN_MEMBER(
                f"the imported file has no param '{e.name}'", hint=did_you_mean(e.name, target.params)
            ).at(e.name_span)
        hint = MEMBERS.get(foreign(e.name)) if isinstance(target, Value) else None
        if hint is None and isinstance(target, Value) and not self.network:
            hint = f"the only output of a network is the tensor itself: leave '.{e.name}' away"
        raise names.UNKNOWN_MEMBER(f"{kind_of(target)} has no member '{e.name}'", hint=hint).at(e.name_span)

    def _index(self, e: tree.Index) -> Any:
        target = self.evaluate(e.target)
        items = [self._index_item(item) for item in e.items]
        if target is POISON or any(item is POISON for item in items):
            return POISON
        if isinstance(target, RawColumn):
            target = target.tensor(e.target.span)
        if isinstance(target, Value):
            return index(self.elaboration, target, items, e)
        if isinstance(target, (list, tuple)) and len(items) == 1:
            number = whole_number(items[0])
            if isinstance(number, int) and -len(target) <= number < len(target):
                return target[number]
            raise names.BAD_INDEX(f"a list of {len(target)} cannot be indexed with {kind_of(items[0])}").at(
                e.items[0].span
            )
        raise names.BAD_INDEX(f"{kind_of(target)} cannot be indexed")

    def _index_item(self, item: tree.Expression | tree.Slice | tree.Ellipsis_) -> Any:
        if isinstance(item, tree.Ellipsis_):
            return Ellipsis
        if not isinstance(item, tree.Slice):
            return self.evaluate(item)
        parts = [None if part is None else self.evaluate(part) for part in (item.start, item.stop, item.step)]
        if any(part is POISON for part in parts):
            return POISON
        whole = [whole_number(part) for part in parts]
        for part, number in zip(parts, whole, strict=True):
            if part is not None and number is None:
                raise names.BAD_INDEX(f"a slice is made of whole numbers, not {kind_of(part)}").at(item.span)
        return slice(*whole)
