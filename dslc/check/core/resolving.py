"""What a name stands for where something is applied, called or read."""

from __future__ import annotations

from typing import Any

from dslc.check.core.applicable import Applicable, Evaluator
from dslc.check.core.blocks import Block
from dslc.check.core.builtins import BUILTINS
from dslc.check.core.cells import Cell
from dslc.check.core.scope import MISSING, BlockDeclaration, FileScope, Scope
from dslc.check.core.values import POISON, Silent, kind_of
from dslc.check.core.words import ELEMENT_TYPES, REGISTRIES, unknown_word, word_to_apply
from dslc.diagnostics import Label, Repair, did_you_mean
from dslc.elsewhere import VALUES, WORDS, foreign, known_as, word_hint
from dslc.errors import names
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.plan.values import Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.syntax.comments import comment_hint

__all__ = ["find", "resolve", "unknown_value"]


def unknown_value(scope: Scope, name: str, span: Span) -> Exception:
    """Return the error of a name that is no value: a silent one as the consequence of what is reported already."""
    if scope.is_incomplete:
        return Silent()
    for place in scope.chain():
        if name in place.elsewhere:
            return names.UNKNOWN_NAME(
                f"'{name}' has no value here",
                hint="a name holds below its binding: to the end of its loop or block, and if its branch is taken",
                labels=[Label(place.elsewhere[name], "bound here")],
            )
    hints = [place.unknown_hint(name) for place in scope.chain() if place.unknown_hint]
    near = did_you_mean(name, {*scope.names(), *ELEMENT_TYPES})
    hint = VALUES.get(foreign(name)) or near or comment_hint(span) or next(iter(hints), None)
    return names.UNKNOWN_NAME(f"there is no value '{name}' here", hint=hint)


def find(evaluator: Evaluator, target: tree.Name) -> Applicable | None:
    """Return what a name can be applied or called as, None where it is no such name.

    Raises:
        Silent: what it names has failed.
    """
    name, functions = target.id, evaluator.elaboration.functions
    found = evaluator.scope.find(name)
    if found is POISON:
        raise Silent
    if found is not MISSING:
        return _to_apply(found, evaluator, target.span)
    if name in functions:
        return functions[name]  # type: ignore[no-any-return]
    if name in BUILTINS:
        return BUILTINS[name]
    return next((word_to_apply(registry[name]) for registry in REGISTRIES if name in registry), None)


def _to_apply(found: Any, evaluator: Evaluator, span: Span) -> Applicable:
    """Return a block as what can be applied; a bare model's name is its default network where networks are called."""
    if not isinstance(found, BlockDeclaration):
        assert isinstance(found, Applicable)
        return found
    make = evaluator.scope.default_network
    if make is not None and found.node.kind == "model":
        return make(found, span)  # type: ignore[no-any-return]
    return Cell(found) if found.node.kind == "cell" else Block(found)


def resolve(evaluator: Evaluator, target: tree.Expression, role: str) -> Applicable:
    """Return what a Name or Member names that can be applied or called; ``role`` as of :meth:`Evaluator.resolve`.

    Raises:
        Problem: nothing of that name can be.
    """
    if isinstance(target, tree.Member):
        return _to_apply(_member(evaluator.scope, target), evaluator, target.span)
    if not isinstance(target, tree.Name):
        called = target.function.span.text if isinstance(target, tree.Call) else ""
        hint = word_hint(called, [word for registry in REGISTRIES for word in registry]) if called else None
        if called in LAYERS:
            hint = f"layers are applied with '->': x -> {target.span.text}"
        raise names.NOT_APPLICABLE("only a name can be applied", hint=hint).at(target.span)
    found = find(evaluator, target)
    if found is not None:
        return found
    scope = evaluator.scope
    value = scope.lookup(target.id)
    if value is POISON or (value is MISSING and scope.is_incomplete):
        raise Silent
    if value is not MISSING:
        raise names.NOT_APPLICABLE(f"'{target.id}' is {kind_of(value)} and cannot be applied").at(target.span)
    own = {*scope.callable_names(), *evaluator.elaboration.functions, *BUILTINS}
    raise unknown_word(target.id, own, role).at(target.span)


def _member(scope: Scope, target: tree.Member) -> BlockDeclaration:
    """Return the block of an imported file: ``blocks.Residual``."""
    owner = scope.lookup(target.target.id) if isinstance(target.target, tree.Name) else MISSING
    if owner is POISON:
        raise Silent
    if not isinstance(owner, FileScope):
        raise names.NOT_APPLICABLE(f"'{target.span.text}' cannot be applied", hint=_hint_of_member(target, owner)).at(
            target.span
        )
    if target.name not in owner.blocks:
        if owner.incomplete:
            raise Silent
        message = f"the imported file declares no block or model '{target.name}'"
        raise names.UNKNOWN_MEMBER(message, hint=did_you_mean(target.name, owner.blocks)).at(target.name_span)
    return owner.blocks[target.name]


def _hint_of_member(target: tree.Member, owner: Any) -> str | None:
    """Words of other tools have the prefix of a module, and tensors have methods there."""
    known = [word for registry in REGISTRIES for word in registry]
    called = target.name if target.name in known else None
    if isinstance(owner, Value):
        called = called or WORDS.get(foreign(target.name), ("",))[0] or known_as(target.name, FUNCTIONS)
        written = f"{called}({target.target.span.text})"
        return f"a tensor has no methods; functions take it: {written}" if called in FUNCTIONS else None
    return Repair(f"words of the library have no prefix: {called}", called) if called else word_hint(target.name, known)
