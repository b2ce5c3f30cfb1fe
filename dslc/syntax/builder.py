"""Grammar forms -> tree: one method per rule of ``grammar/dl.lark``.

The parser calls a method when it has read a whole form, with all its words and the nodes made of its parts. So
the tree grows from its leaves without recursion, however long a text is.
"""
# ruff: noqa: D102 - the methods are named after the grammar's rules, which say what they are

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lark import Transformer

from dslc.source import Span
from dslc.syntax import tree
from dslc.syntax.tokens import Token, name_of

__all__ = ["TreeBuilder"]

Children = Sequence[Any]


@dataclass(frozen=True)
class _Braces:
    """``{ ... }`` with the statements in it."""

    span: Span
    statements: tuple[Any, ...]


def _span(children: Children) -> Span:
    first, last = children[0].span, children[-1].span
    return Span(first.source, first.start, last.end)


def _nodes(children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if not isinstance(child, Token))


def _target(word: Token) -> tree.Target:
    return tree.Target(word.span, name_of(word))


def _parts(node: Callable[..., Any], *places: int) -> Callable[[Any, Children], Any]:
    """Return the method for a form of which the children at some places count: nodes, and words as their text."""

    def method(_: Any, children: Children) -> Any:
        parts = [children[place] for place in places]
        return node(_span(children), *(str(part) if isinstance(part, Token) else part for part in parts))

    return method


def _named(node: Callable[..., Any], *places: int) -> Callable[[Any, Children], Any]:
    """Return the method for ``keyword name ...``, of which the nodes at some places count, and what is said of it."""

    def method(_: Any, children: Children) -> Any:
        keyword, name = children[:2]
        said = {"doc": keyword.doc} if hasattr(node, "doc") else {}
        return node(_span(children), name_of(name), name.span, *(children[place] for place in places), **said)

    return method


def _several(node: Callable[..., Any], leading: int = 0) -> Callable[[Any, Children], Any]:
    """Return the method for a form that is made of some leading nodes, and of all others together."""

    def method(_: Any, children: Children) -> Any:
        return node(_span(children), *children[:leading], _nodes(children[leading:]))

    return method


class TreeBuilder(Transformer[Token, Any]):
    """Builds ``dslc.syntax.tree`` nodes; ``start`` gives the tuple of declarations."""

    def start(self, children: Children) -> tuple[tree.Declaration, ...]:
        return tuple(children)

    # --- Declarations -----------------------------------------------------------------------------

    import_plain = _parts(tree.Import, 1)

    def import_alias(self, children: Children) -> tree.Import:
        alias = children[3]
        return tree.Import(_span(children), children[1], name_of(alias), alias.span)

    param_free = _named(tree.Param, 3, 5)
    param_domain = _named(tree.Param, 3, 5, 7)
    choice = _several(tree.Choice)

    interval = _parts(tree.Interval, 0, 2)

    def log_interval(self, children: Children) -> tree.Interval:
        return tree.Interval(_span(children), children[1], children[3], log=True)

    def data(self, children: Children) -> tree.Data:
        keyword, name = children[:2]
        return tree.Data(_span(children), name_of(name), name.span, _nodes(children), keyword.doc)

    def block_plain(self, children: Children) -> tree.Block:
        kind, name, body = children[0], children[1], children[-1]
        formals = tuple(child for child in children if isinstance(child, tree.Formal))
        kind_name: Any = str(kind)
        return tree.Block(_span(children), kind_name, name_of(name), name.span, formals, body.statements, kind.doc)

    block_formals = block_plain

    def formal(self, children: Children) -> tree.Formal:
        following = {str(sign): part for sign, part in zip(children[1::2], children[2::2], strict=True)}
        return tree.Formal(_span(children), name_of(children[0]), following.get("="), following.get("in"))

    formal_default = formal_domain = formal_default_domain = formal

    def train(self, children: Children) -> tree.Train:
        keyword, name = children[:2]
        return tree.Train(_span(children), name_of(name), name.span, _nodes(children), keyword.doc)

    # --- Types ------------------------------------------------------------------------------------

    type_scalar = _parts(tree.TypeOf, 0)

    def type_shaped(self, children: Children) -> tree.TypeOf:
        return tree.TypeOf(_span(children), str(children[0]), _dimensions(children[1:]))

    def type_shape(self, children: Children) -> tree.TypeOf:
        return tree.TypeOf(_span(children), None, _dimensions(children))

    ellipsis = _parts(tree.Ellipsis_)

    # --- Blocks, cells and models --------------------------------------------------------------------------

    body_braces = _several(_Braces)
    input_plain = _named(tree.Input, 3)
    input_default = _named(tree.Input, 3, 5)
    output_named = _named(tree.Output, 3)

    def output_unnamed(self, children: Children) -> tree.Output:
        span = _span(children)
        return tree.Output(span, None, span, children[1], children[0].doc)

    def targets(self, children: Children) -> tuple[tree.Target, ...]:
        return tuple(_target(word) for word in children if word.type != "COMMA")

    def bind(self, children: Children) -> tree.Bind:
        targets, _, value = children
        return tree.Bind(targets[0].span | value.span, targets, value)

    state = _named(tree.State, 3, 5)
    layer = _named(tree.LayerDeclaration, 3)
    parameter = _named(tree.ParameterDeclaration, 3, 5)

    def for_loop(self, children: Children) -> tree.For:
        _, variable, _, iterable, body = children
        return tree.For(_span(children), _target(variable), iterable, body.statements)

    def if_only(self, children: Children) -> tree.If:
        return tree.If(_span(children), children[1], children[2].statements, ())

    def if_else(self, children: Children) -> tree.If:
        return tree.If(_span(children), children[1], children[2].statements, children[4].statements)

    def if_elif(self, children: Children) -> tree.If:
        return tree.If(_span(children), children[1], children[2].statements, (children[4],))

    # --- Data -------------------------------------------------------------------------------------

    def source_plain(self, children: Children) -> tree.SourceStatement:
        span = _span(children)
        return tree.SourceStatement(span, None, span, children[1])

    source_named = _named(tree.SourceStatement, 3)
    field = _named(tree.Field, 3, 5)

    def split(self, children: Children) -> tree.Split:
        entries = _nodes(children)
        return tree.Split(children[0].span | entries[-1].span, entries)

    augment = _parts(tree.Augment, 1, 3)

    # --- Training ---------------------------------------------------------------------------------

    use_data = _named(tree.UseData)
    net = _named(tree.Net, 3)
    metric = _named(tree.Metric, 3)
    epochs = _parts(tree.Epochs, 1)
    steps = _parts(tree.Steps, 1)
    evaluate = _parts(tree.Evaluate, 2)
    stop = _parts(tree.StopWhen, 2)
    keep = _parts(tree.Keep, 1, 2)
    clip = _parts(tree.Clip, 1, 2)
    accumulate = _parts(tree.Accumulate, 1)
    average = _parts(tree.Average, 1)
    seed = _parts(tree.Seed, 1)

    def load(self, children: Children) -> tree.Load:
        _, path, *parts = children
        found = dict(parts)
        last = [*found.values()][-1][-1] if found else path
        return tree.Load(children[0].span | last.span, path, found.get("only"), found.get("except", ()))

    def taken(self, children: Children) -> tuple[str, tree.Paths]:
        return str(children[0]), children[1]

    left = taken

    let = _parts(tree.Let, 1, 3)

    def minimize_unnamed(self, children: Children) -> tree.Minimize:
        span = _span(children)
        return tree.Minimize(span, None, span, children[1], tuple(children[2:]))

    def minimize_named(self, children: Children) -> tree.Minimize:
        name = children[1]
        return tree.Minimize(_span(children), name_of(name), name.span, children[3], tuple(children[4:]))

    def group_rest(self, children: Children) -> tree.Group:
        return tree.Group(_span(children), None, children[1])

    group_over = _parts(tree.Group, 1, 3)

    def paths(self, children: Children) -> tree.Paths:
        return _nodes(children)

    def batch_plain(self, children: Children) -> tree.Batch:
        value, *options = _nodes(children)
        return tree.Batch(children[0].span | (options or [value])[-1].span, value, tuple(options))

    batch_options = batch_plain

    def freeze(self, children: Children) -> tree.Freeze:
        return tree.Freeze(children[0].span | children[1][-1].span, children[1])

    # --- Expressions ------------------------------------------------------------------------------

    then = _parts(tree.Then, 0, 2)
    pipe = _parts(tree.Pipe, 0, 2)
    conditional = _parts(tree.Conditional, 1, 3, 5)
    binary = _parts(tree.Binary, 1, 0, 2)
    unary = _parts(tree.Unary, 0, 1)
    negative = unary

    def member(self, children: Children) -> tree.Member:
        target, _, name = children
        return tree.Member(_span(children), target, name_of(name), name.span)

    call = _several(tree.Call, 1)
    subscript = _several(tree.Index, 1)

    def argument(self, children: Children) -> tree.Argument:
        return tree.Argument(_span(children), None, children[0])

    def argument_named(self, children: Children) -> tree.Argument:
        return tree.Argument(_span(children), name_of(children[0]), children[2])

    data_entry = argument_named
    train_entry = argument_named

    def slice(self, children: Children) -> tree.Slice:
        parts: list[tree.Expression | None] = [None, None, None]
        place = 0
        for child in children:
            if isinstance(child, Token):
                place += 1
            else:
                parts[place] = child
        return tree.Slice(_span(children), *parts)

    def plain_word(self, children: Children) -> Token:
        word: Token = children[0]
        word.is_name = True
        return word

    data_word = plain_word
    train_word = plain_word

    def variable(self, children: Children) -> tree.Name:
        return tree.Name(children[0].span, name_of(children[0]))

    def number(self, children: Children) -> tree.Number:
        return tree.Number(children[0].span, children[0].literal)

    def string(self, children: Children) -> tree.String:
        return tree.String(children[0].span, children[0].literal)

    def constant(self, children: Children) -> tree.Constant:
        return tree.Constant(children[0].span, {"true": True, "false": False, "none": None}[str(children[0])])

    list_of = _several(tree.ListOf)
    tuple_of = _several(tree.TupleOf)

    def parenthesised(self, children: Children) -> Any:
        return replace(children[1], span=_span(children))


def _dimensions(children: Children) -> tuple[Any, ...]:
    return tuple(
        tree.Wildcard(child.span) if isinstance(child, tree.Name) and child.id == "_" else child
        for child in _nodes(children)
    )
