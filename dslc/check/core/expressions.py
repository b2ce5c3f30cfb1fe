"""Evaluating expressions: numbers are computed, tensors become applications, faults become poison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Evaluator
from dslc.check.core.arguments import Given
from dslc.check.core.arithmetic import compute, work_of
from dslc.check.core.resolving import find, resolve, unknown_value
from dslc.check.core.scope import MISSING, FileScope
from dslc.check.core.values import POISON, Outputs, RawColumn, Silent, is_number, is_scheduled, kind_of, whole_number
from dslc.check.core.words import ELEMENT_TYPES
from dslc.diagnostics import Edit, Problem, Repair, did_you_mean
from dslc.dimensions import Undecided
from dslc.elsewhere import MEMBERS, foreign
from dslc.errors import names
from dslc.library.functions.indexing import Mark, Slice
from dslc.library.operation import word_of_symbol
from dslc.library.schedules.chains import chain
from dslc.library.schedules.expressions import SIGNS, calculation
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.plan.values import Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import ElementType, Symbolic, symbols_in

__all__ = ["ExpressionEvaluator"]


class ExpressionEvaluator(Evaluator):
    """Evaluates expressions in a scope."""

    # --- entry ---------------------------------------------------------------------------------

    def evaluate(self, expression: tree.Expression) -> Any:
        """Return the value of an expression, POISON (with diagnostics) where it has none."""
        budget = self.elaboration.budget
        budget.depth += 1
        try:
            budget.check_depth(expression.span)
            budget.count_work(expression.span)
            return self._evaluate(expression)
        except (Silent, Problem, Undecided) as error:
            return self._failed(error, expression.span)
        finally:
            budget.depth -= 1

    def _failed(self, error: Silent | Problem | Undecided, span: Span) -> Any:
        """Report why an expression has no value, and return POISON for it."""
        if isinstance(error, Silent):
            return POISON
        if isinstance(error, Undecided):
            error = names.NOT_KNOWN_YET(str(error), depends_on=error.symbols)
        return self.elaboration.report(error, span)

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

    # --- names ---------------------------------------------------------------------------------

    def _name(self, e: tree.Name) -> Any:
        if e.id == "training":
            return self.elaboration.training
        value = self.scope.lookup(e.id)
        if value is not MISSING:
            return value
        if e.id in ELEMENT_TYPES:
            return ElementType(e.id)
        found = find(self, e)
        if found is None:
            raise unknown_value(self.scope, e.id, e.span)
        return found.value(CallSite(self, e, e, ()))

    def resolve(self, target: tree.Expression, *, role: str = "function") -> Applicable:
        """Return what a Name or Member names that can be applied or called."""
        return resolve(self, target, role)

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
            except (Silent, Problem, Undecided) as error:
                value = self._failed(error, link.span)
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
            if not all(isinstance(v, (Value, RawColumn, int, float, Symbolic, Schedule)) for v in (left, right)):
                lists = any(isinstance(side, (list, tuple)) for side in (left, right))
                absent = next((side.span.text for side, v in ((e.left, left), (e.right, right)) if v is None), None)
                raise names.BAD_ARITHMETIC(
                    f"'{e.operator}' does not work on {kind_of(left)} and {kind_of(right)}",
                    hint="a list is no tensor; what it is of is taken apart: stack(2 * x[:, 0], 3 * x[:, 1], axis = 1)"
                    if lists
                    else absent and f"whether it is there is asked first: if {absent} != none {{ ... }}",
                )
            operands = self.elaboration.tensors([left, right], [e.left.span, e.right.span])
            return self.elaboration.apply(word_of_symbol(e.operator, 2)(), operands, e.span, sign=e.operator)
        self.elaboration.budget.count_work(e.span, work_of(left) + work_of(right))
        if e.operator in SIGNS and is_scheduled([left, right]):
            return calculation(e.operator, [left, right])
        return compute(e.operator, left, right)

    def _unary(self, e: tree.Unary) -> Any:
        value = self.evaluate(e.operand)
        if e.operator == "not" and isinstance(value, bool):
            return not value
        if e.operator == "-" and is_number(value):
            return -value
        if e.operator == "-" and isinstance(value, Schedule):
            return calculation("*", [value, -1.0])
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
        for value, part in ((first, e.first), (second, e.second)):
            if not (is_number(value) or isinstance(value, Schedule)):
                raise names.BAD_ARITHMETIC(f"'then' joins schedules, and this is {kind_of(value)}").at(part.span)
        return chain(first, second)

    # --- application -----------------------------------------------------------------------------

    def evaluator_within(self, layer: tree.Expression) -> Callable[[tree.Expression], Any]:
        """Return what evaluates the arguments of a layer: of one that takes a layer, what may be one."""
        outer = find(self, layer) if isinstance(layer, tree.Name) and layer.id in LAYERS else None
        return self._argument if outer is not None and outer.takes_layer else self.evaluate

    def _argument(self, e: tree.Expression) -> Any:
        """Return the value of an argument that may be a layer."""
        callee = e.function if isinstance(e, tree.Call) else e
        inner = find(self, callee) if isinstance(callee, tree.Name) and callee.id in LAYERS else None
        if inner is None:
            return self.evaluate(e)
        site = self.site(e)
        found = POISON if site.failed else inner.as_argument(site)
        return self.evaluate(e) if found is MISSING else found

    def _pipe(self, flow: Any, flow_span: Span, e: tree.Pipe) -> Any:
        site = self.site(e.layer)
        found = self.resolve(site.callee, role="layer")
        if flow is POISON or site.failed:
            return POISON
        flows = [Given(None, one, flow_span) for one in (flow if isinstance(flow, tuple) else (flow,))]
        return found.apply(site, flows)

    def _call(self, e: tree.Call) -> Any:
        try:
            found = self.resolve(e.function)
        except Problem as problem:
            self.given(e.arguments)  # their faults are reported in the same run
            raise problem.at(e.function.span) from None
        given = [
            Given(a.name, a.value.span.text if i in found.names_at else self.evaluate(a.value), a.span)
            for i, a in enumerate(e.arguments)
        ]
        return found.call(CallSite(self, e.function, e, given))

    # --- members and indices -----------------------------------------------------------------------

    def _member(self, e: tree.Member) -> Any:
        if isinstance(e.target, tree.Name) and self.scope.lookup(e.target.id) is MISSING:
            found = self.scope.find(e.target.id)
            member = found.member(self, e) if isinstance(found, Applicable) else MISSING
            if member is not MISSING:
                return member
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
            member = e.span.source.span(e.target.span.end, e.name_span.end)
            hint = f"the only output of a network is the tensor itself: leave '.{e.name}' away"
            hint = Repair(hint, edits=[Edit(member, "")])
        raise names.UNKNOWN_MEMBER(f"{kind_of(target)} has no member '{e.name}'", hint=hint).at(e.name_span)

    def _index(self, e: tree.Index) -> Any:
        target = self.evaluate(e.target)
        items = [self._index_item(item) for item in e.items]
        if target is POISON or any(item is POISON for item in items):
            return POISON
        if isinstance(target, RawColumn):
            target = target.tensor(e.target.span)
        if isinstance(target, Value):
            return self._index_tensor(target, items, e)
        if isinstance(target, (list, tuple)) and len(items) == 1:
            number = whole_number(items[0])
            if isinstance(number, int) and -len(target) <= number < len(target):
                return target[number]
            raise names.BAD_INDEX(
                f"a list of {len(target)} cannot be indexed with {kind_of(items[0])}", depends_on=symbols_in(items)
            ).at(e.items[0].span)
        raise names.BAD_INDEX(f"{kind_of(target)} cannot be indexed")

    def _index_tensor(self, target: Value, items: Sequence[Any], e: tree.Index) -> Any:
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
        return self.elaboration.apply(FUNCTIONS["index"](items=tuple(form)), operands, e.span)

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
