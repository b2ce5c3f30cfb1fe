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


def _pair(node: Callable[..., Any]) -> Callable[[Any, Children], Any]:
    """Return the method for ``keyword name = value``."""

    def method(_: Any, children: Children) -> Any:
        _, name, _, value = children
        return node(_span(children), name=name_of(name), name_span=name.span, value=value)

    return method


def _single(node: Callable[..., Any]) -> Callable[[Any, Children], Any]:
    """Return the method for ``keyword ... value``, where only the last word counts."""

    def method(_: Any, children: Children) -> Any:
        return node(_span(children), children[-1])

    return method


class TreeBuilder(Transformer[Token, Any]):
    """Builds ``dslc.syntax.tree`` nodes; ``start`` gives the tuple of declarations."""

    def start(self, children: Children) -> tuple[tree.Declaration, ...]:
        return tuple(children)

    # --- Declarations -----------------------------------------------------------------------------

    def import_plain(self, children: Children) -> tree.Import:
        return tree.Import(_span(children), _string(children[1]), None)

    def import_alias(self, children: Children) -> tree.Import:
        alias = children[3]
        return tree.Import(_span(children), _string(children[1]), name_of(alias), alias.span)

    def param_free(self, children: Children) -> tree.Param:
        keyword, name, _, type, _, default = children
        return tree.Param(_span(children), name_of(name), name.span, type, default, None, keyword.doc)

    def param_domain(self, children: Children) -> tree.Param:
        keyword, name, _, type, _, default, _, domain = children
        return tree.Param(_span(children), name_of(name), name.span, type, default, domain, keyword.doc)

    def choice(self, children: Children) -> tree.Choice:
        return tree.Choice(_span(children), _nodes(children))

    def interval(self, children: Children) -> tree.Interval:
        return tree.Interval(_span(children), children[0], children[2], log=False)

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
        default = children[2] if len(children) == 3 else None
        return tree.Formal(_span(children), name_of(children[0]), default)

    formal_default = formal

    def train(self, children: Children) -> tree.Train:
        keyword, name = children[:2]
        return tree.Train(_span(children), name_of(name), name.span, _nodes(children), keyword.doc)

    # --- Types ------------------------------------------------------------------------------------

    def type_scalar(self, children: Children) -> tree.TypeOf:
        return tree.TypeOf(_span(children), str(children[0]), None)

    def type_shaped(self, children: Children) -> tree.TypeOf:
        return tree.TypeOf(_span(children), str(children[0]), _dimensions(children[1:]))

    def type_shape(self, children: Children) -> tree.TypeOf:
        return tree.TypeOf(_span(children), None, _dimensions(children))

    def ellipsis(self, children: Children) -> tree.Ellipsis_:
        return tree.Ellipsis_(_span(children))

    # --- Blocks and models --------------------------------------------------------------------------

    def body_braces(self, children: Children) -> _Braces:
        return _Braces(_span(children), _nodes(children))

    def input_plain(self, children: Children) -> tree.Input:
        keyword, name, _, type = children[:4]
        default = children[5] if len(children) == 6 else None
        return tree.Input(_span(children), name_of(name), name.span, type, default, keyword.doc)

    input_default = input_plain

    def output_unnamed(self, children: Children) -> tree.Output:
        return tree.Output(_span(children), None, children[1], None, children[0].doc)

    def output_named(self, children: Children) -> tree.Output:
        keyword, name, _, value = children
        return tree.Output(_span(children), name_of(name), value, name.span, keyword.doc)

    def targets(self, children: Children) -> list[Token]:
        return [word for word in children if word.type != "COMMA"]

    def bind(self, children: Children) -> tree.Bind:
        names, _, value = children
        return tree.Bind(names[0].span | value.span, tuple(map(_target, names)), value)

    layer = _pair(tree.LayerDeclaration)

    def parameter(self, children: Children) -> tree.ParameterDeclaration:
        _, name, _, type, _, value = children
        return tree.ParameterDeclaration(_span(children), name_of(name), name.span, type, value)

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
        return tree.SourceStatement(_span(children), None, children[1])

    def source_named(self, children: Children) -> tree.SourceStatement:
        _, name, _, value = children
        return tree.SourceStatement(_span(children), name_of(name), value, name.span)

    def field(self, children: Children) -> tree.Field:
        keyword, name, _, type, _, value = children
        return tree.Field(_span(children), name_of(name), name.span, type, value, keyword.doc)

    def split(self, children: Children) -> tree.Split:
        entries = _nodes(children)
        return tree.Split(children[0].span | entries[-1].span, entries)

    def augment(self, children: Children) -> tree.Augment:
        _, names, _, value = children
        return tree.Augment(_span(children), tuple(map(_target, names)), value)

    # --- Training ---------------------------------------------------------------------------------

    def use_data(self, children: Children) -> tree.UseData:
        return tree.UseData(_span(children), name_of(children[1]), children[1].span)

    net = _pair(tree.Net)
    metric = _pair(tree.Metric)
    epochs = _single(tree.Epochs)
    steps = _single(tree.Steps)
    stop = _single(tree.StopWhen)
    accumulate = _single(tree.Accumulate)
    average = _single(tree.Average)
    seed = _single(tree.Seed)

    def load(self, children: Children) -> tree.Load:
        _, path, *parts = children
        found = dict(parts)
        last = [*found.values()][-1][-1] if found else path
        return tree.Load(children[0].span | last.span, path, found.get("only"), found.get("except", ()))

    def taken(self, children: Children) -> tuple[str, tree.Paths]:
        return str(children[0]), children[1]

    left = taken

    def let(self, children: Children) -> tree.Let:
        _, names, _, value = children
        return tree.Let(children[0].span | value.span, tuple(map(_target, names)), value)

    def minimize_unnamed(self, children: Children) -> tree.Minimize:
        return tree.Minimize(_span(children), None, children[1], tuple(children[2:]))

    def minimize_named(self, children: Children) -> tree.Minimize:
        name = children[1]
        return tree.Minimize(_span(children), name_of(name), children[3], tuple(children[4:]), name.span)

    def group_rest(self, children: Children) -> tree.Group:
        return tree.Group(_span(children), None, children[1])

    def group_over(self, children: Children) -> tree.Group:
        return tree.Group(_span(children), children[1], children[3])

    def paths(self, children: Children) -> tree.Paths:
        return _nodes(children)

    def batch_plain(self, children: Children) -> tree.Batch:
        options = tuple(child for child in children if isinstance(child, tree.Argument))
        return tree.Batch(children[0].span | (options or children)[-1].span, children[1], options)

    def batch_options(self, children: Children) -> tree.Batch:
        options = _nodes(children[2:])
        return tree.Batch(children[0].span | (options or children[1:2])[-1].span, children[1], options)

    def evaluate(self, children: Children) -> tree.Evaluate:
        return tree.Evaluate(_span(children), children[2])

    def keep(self, children: Children) -> tree.Keep:
        mode: Any = str(children[1])
        return tree.Keep(_span(children), mode, children[2])

    def clip(self, children: Children) -> tree.Clip:
        mode: Any = str(children[1])
        return tree.Clip(_span(children), mode, children[2])

    def freeze(self, children: Children) -> tree.Freeze:
        return tree.Freeze(children[0].span | children[1][-1].span, children[1])

    # --- Expressions ------------------------------------------------------------------------------

    def then(self, children: Children) -> tree.Then:
        return tree.Then(_span(children), children[0], children[2])

    def pipe(self, children: Children) -> tree.Pipe:
        return tree.Pipe(_span(children), children[0], children[2])

    def conditional(self, children: Children) -> tree.Conditional:
        _, condition, _, value, _, otherwise = children
        return tree.Conditional(_span(children), condition, value, otherwise)

    def binary(self, children: Children) -> tree.Binary:
        left, operator, right = children
        return tree.Binary(_span(children), str(operator), left, right)

    def unary(self, children: Children) -> tree.Unary:
        operator: Any = str(children[0])
        return tree.Unary(_span(children), operator, children[1])

    negative = unary

    def member(self, children: Children) -> tree.Member:
        target, _, name = children
        return tree.Member(_span(children), target, name_of(name), name.span)

    def call(self, children: Children) -> tree.Call:
        return tree.Call(_span(children), children[0], _nodes(children[1:]))

    def argument(self, children: Children) -> tree.Argument:
        return tree.Argument(_span(children), None, children[0])

    def argument_named(self, children: Children) -> tree.Argument:
        return tree.Argument(_span(children), name_of(children[0]), children[2])

    data_entry = argument_named
    train_entry = argument_named

    def subscript(self, children: Children) -> tree.Index:
        return tree.Index(_span(children), children[0], _nodes(children[1:]))

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
        return _string(children[0])

    def constant(self, children: Children) -> tree.Constant:
        return tree.Constant(children[0].span, {"true": True, "false": False, "none": None}[str(children[0])])

    def list_of(self, children: Children) -> tree.ListOf:
        return tree.ListOf(_span(children), _nodes(children))

    def tuple_of(self, children: Children) -> tree.TupleOf:
        return tree.TupleOf(_span(children), _nodes(children))

    def parenthesised(self, children: Children) -> Any:
        return replace(children[1], span=_span(children))


def _string(word: Token) -> tree.String:
    return tree.String(word.span, str(word.literal))


def _dimensions(children: Children) -> tuple[Any, ...]:
    return tuple(
        tree.Wildcard(child.span) if isinstance(child, tree.Name) and child.id == "_" else child
        for child in _nodes(children)
    )
