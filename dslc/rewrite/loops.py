"""What need not be in a loop is taken out of it: computed for all rounds at once, before or after the loop.

Products with matrices that are the same in all rounds go, with what leads to them from what is scanned alone, or from
them to what the loop leaves: one product of T N rows in place of T of N. So does the sum over all rounds of a product,
as the gradient of every weight is one: a product over T N rows. What works element by element stays: a round finds
its operands in the cache, where stacks would go through memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx_ir as ir

from dslc.dimensions import evaluate, symbols_of
from dslc.graph.rounds import Rounds, Stacked, State, add_scanned, depending, keep, length_of, lift
from dslc.graph.values import detach, nodes_of, operands_of, stamp, succeed, type_of
from dslc.rewrite.outside import Outside
from dslc.rewrite.stacking import Place, can_stack, stack
from dslc.rewrite.totals import take_totals
from dslc.types import Dimension, element_count

__all__ = ["take_out"]

LARGER = 4
"""What a loop leaves for a product behind it may be so many times as large as the product."""
USUAL = 32
"""What a size that is unknown is taken for."""


def take_out(model: ir.Model) -> bool:
    """Take out of the loops of a model what need not be there; say whether anything was."""
    changed = False
    for node in [one for one in nodes_of(model.graph) if one.op_type == "Scan"]:
        if None in node.inputs:
            continue  # it has gone with the loop that it was in
        if len(Rounds.of(node).ways) == 1:
            outside = Outside(node)
            for step in (_lift, _take_before, take_totals, _take_after):
                changed |= step(outside)
        changed |= _prune(Rounds.of(node))
    return changed


def _lift(outside: Outside) -> bool:
    """Take out what is the same in all rounds."""
    same = lift(outside.rounds.body)
    outside.node.prepend(same)
    return bool(same)


def _is_product(node: ir.Node, varying: Sequence[bool]) -> bool:
    """Whether a node of a loop multiplies what varies with a matrix that is the same in all rounds."""
    if node.op_type != "MatMul" or all(varying):
        return False
    matrix = node.inputs[varying.index(False)]
    return matrix is not None and type_of(matrix).rank >= 2


def _take_before(outside: Outside) -> bool:
    """Take out products of what is scanned, what leads to them, and the vectors added to them alone."""
    rounds, wholes = outside.rounds, {one.part: one.whole for one in outside.rounds.scanned}
    known, able = set(wholes), []
    taken: set[ir.Node] = set()
    for node in rounds.body:
        varying = [value in known for value in node.inputs]
        others = [value for value, varies in zip(node.inputs, varying, strict=True) if not varies]
        if any(varying) and not any(map(outside.is_inside, others)) and can_stack(node, varying):
            known.update(node.outputs)
            able.append(node)
            if _is_product(node, varying) or _adds_vector(node, taken):
                taken.add(node)
    for node in reversed(able):
        if any(use.node in taken for value in node.outputs for use in value.uses()):
            taken.add(node)
    place = Place(outside.node, behind=False)
    for node in able:
        if node in taken:
            varying = [value in wholes for value in node.inputs]
            operands = [value if value is None else wholes.get(value, value) for value in node.inputs]
            results = stack(node, operands, varying, length_of(outside.node), place)
            wholes.update(zip(node.outputs, results, strict=True))
    for node in [one for one in able if one in taken]:
        for value in node.outputs:
            readers = [use for use in value.uses() if use.node not in taken]
            if readers or value.is_graph_output():
                part = add_scanned(outside.node, wholes[value], backward=outside.backward)
                for use in readers:
                    use.node.replace_input_with(use.idx, part)
                _leave(rounds.body, value, part)
    rounds.body.remove(taken)
    for node in taken:
        detach(node)
    return bool(taken)


def _adds_vector(node: ir.Node, products: Collection[ir.Node]) -> bool:
    """Whether a node adds to a product, and to that alone, what the runtime adds while it multiplies."""
    if node.op_type != "Add":
        return False
    for product, vector in (node.inputs, reversed(node.inputs)):
        if product is not None and product.producer() in products and len(product.uses()) == 1:
            return vector is not None and vector.producer() not in products and type_of(vector).rank == 1
    return False


def _leave(body: ir.Graph, value: ir.Value, part: ir.Value) -> None:
    """Let a slice leave a loop's body in place of a value that was computed there."""
    for index, output in enumerate(body.outputs):
        if output is value:
            passed = ir.Node("", "Identity", [part], name=f"{value.name}/passed")
            stamp(passed.outputs[0], f"{value.name}/passed", type_of(part))
            body.append(passed)
            body.outputs[index] = passed.outputs[0]


def _take_after(outside: Outside) -> bool:
    """Take out products that only lead to what the loop leaves, and what leads from them there."""
    rounds = outside.rounds
    able: set[ir.Node] = set()
    carried = {s.after for s in rounds.states}
    for node in reversed(rounds.body):
        uses = [use.node for value in node.outputs for use in value.uses()]
        leaves = any(value.is_graph_output() for value in node.outputs)
        if (uses or leaves) and able.issuperset(uses) and carried.isdisjoint(node.outputs) and outside.can_apply(node):
            able.add(node)
    taken: set[ir.Node] = set()
    stacks: dict[ir.Value, ir.Value] = {}
    for node in rounds.body:
        if node in able and (any(v in stacks for v in node.inputs if v) or _is_worth_leaving(outside, node)):
            taken.add(node)
            stacks.update(zip(node.outputs, outside.apply(node, stacks), strict=True))
    for one in outside.rounds.stacked:
        if one.part in stacks:
            succeed(one.whole, stacks[one.part])
    return bool(taken)


def _is_worth_leaving(outside: Outside, node: ir.Node) -> bool:
    """Whether a node is a product of something that the loop leaves already, or that is not much larger."""
    varying = [outside.is_inside(value) for value in node.inputs]
    if not _is_product(node, varying):
        return False
    operand = node.inputs[varying.index(True)]
    assert operand is not None
    return outside.known(operand) is not None or _size(operand) <= LARGER * _size(node.outputs[0])


def _size(value: ir.Value) -> int:
    count: Dimension = element_count(type_of(value).shape)
    return evaluate(count, dict.fromkeys(symbols_of(count), USUAL))


# --- what is not needed ----------------------------------------------------------------------------


def _prune(rounds: Rounds) -> bool:
    """Drop what a Scan takes, carries and leaves in vain, and pass on what it would only copy."""
    changed = _pass_by(rounds)
    stacked = [one for one in rounds.stacked if _is_needed(one.whole)]
    states = _carried(rounds, stacked)
    living = _living(rounds.body, [*(s.after for s in states), *(one.part for one in stacked)])
    scanned = [one for one in rounds.scanned if one.part in living] or rounds.scanned[:1]
    kept, all_ = ([*states, *scanned, *stacked], [*rounds.states, *rounds.scanned, *rounds.stacked])
    if kept == all_ or not (states or stacked):
        return changed
    keep(rounds, states, scanned, stacked)
    dead = [node for node in rounds.body if living.isdisjoint(node.outputs)]
    for node in dead:
        detach(node)
    rounds.body.remove(dead)
    return True


def _pass_by(rounds: Rounds) -> bool:
    """Let what takes from a loop, or from its rounds, what is known before take that; say whether anything did."""
    same: list[tuple[ir.Value, ir.Value]] = []
    firsts: dict[tuple[ir.Value, bool], ir.Value] = {}
    for one in rounds.scanned:
        same.append((one.part, firsts.setdefault((one.whole, one.backward), one.part)))
        copies = [left for left in rounds.stacked if _is_copy(left.part, one.part)]
        same += [(left.whole, one.whole) for left in copies if left.backward is one.backward]
    for s in rounds.states:
        if _is_copy(s.after, s.before):
            same += [(s.before, s.first), (s.last, s.first)]
    same = [(value, known) for value, known in same if value is not known and value.uses()]
    for value, known in same:
        if not value.is_graph_output():
            value.replace_all_uses_with(known)
    return any(not value.is_graph_output() for value, _ in same)


def _is_copy(value: ir.Value, of: ir.Value) -> bool:
    maker = value.producer()
    return maker is not None and maker.op_type == "Identity" and maker.inputs[0] is of


def _is_needed(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _carried(rounds: Rounds, stacked: Sequence[Stacked]) -> list[State]:
    """Return the states that something needed hangs on."""
    needed = {one.part for one in stacked} | {s.after for s in rounds.states if _is_needed(s.last)}
    follows = {s.before: depending(rounds.body, [s.before]) for s in rounds.states}
    for _ in rounds.states:  # one more round, each time
        needed |= {s.after for s in rounds.states if not follows[s.before].isdisjoint(needed)}
    return [s for s in rounds.states if s.after in needed]


def _living(body: ir.Graph, ends: Sequence[ir.Value]) -> set[ir.Value]:
    """Return the values of a graph that these are computed from, and they themselves."""
    living = set(ends)
    for node in reversed(body):
        if not living.isdisjoint(node.outputs):
            living.update(value for value in operands_of(node) if value is not None)
    return living
