"""Checking ``minimize``: losses, optimizers, and which parameters each group updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dslc.check.core.blocks import Block
from dslc.check.core.resolving import find
from dslc.check.core.values import POISON, Silent, kind_of
from dslc.check.core.words import LibraryWord, unknown_word
from dslc.check.train.evaluation import TrainEvaluation
from dslc.check.train.groups import matched_paths
from dslc.check.train.scales import check_scales
from dslc.diagnostics import Label, did_you_mean
from dslc.errors import names, objectives
from dslc.library.operation import Role
from dslc.library.optimizers.optimizer import Optimizer
from dslc.library.schedules.expressions import StepCount, epoch
from dslc.library.statistic import Statistic
from dslc.library.word import OPTIMIZERS
from dslc.plan.examples import BATCH
from dslc.plan.measures import applications_of, compares, formula_of, variables_of
from dslc.plan.samples import normalizing
from dslc.plan.terms import joins_batches, reached_paths, statistics_of, terms_of
from dslc.plan.training import Group, Objective
from dslc.plan.values import Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import ElementType


def objective_of(train: TrainEvaluation, m: tree.Minimize, value: Any) -> Objective | None:
    """Check one ``minimize``; None (reported) where it is wrong."""
    name, all_of_them = m.name or "loss", train.of(tree.Minimize)
    if len(all_of_them) > 1:
        first = train.first(tree.Minimize, m.name)
        if m.name is None:
            if m is first:
                nameless = [o for o in all_of_them if o.name is None]
                message = "of several objectives each has a name"
                problem = objectives.NEEDS_NAME(message, hint="write: minimize name = ...")
                train.report(problem, m.span, *(Label(o.span, "and here") for o in nameless[1:]))
            return None
        if first is not m:
            message = f"there are two objectives '{m.name}'"
            problem = names.DUPLICATE(message, hint="choose another name for one of them")
            train.report(problem, m.name_span, Label(first.name_span, "the first one"))
            return None
    value = train.as_tensor(value, m.value.span, "an objective")
    optimizers = [optimizer_of(train, group) for group in m.groups]
    if value is POISON:
        return None
    if value.type.rank and value.type.element.is_float and BATCH in value.type.symbols:
        value = train.elaboration.call("mean", [value], m.value.span)  # a bare tensor is averaged over its elements
    if value.type.rank or not value.type.element.is_float:
        message = f"an objective is one number of floating point, and this is {value.type}"
        train.report(objectives.NOT_SCALAR(message, hint="reduce it with mean or sum"), m.value.span)
        return None
    check_scales(value, train.elaboration.diagnostics)
    groups = groups_of(train, m, value, optimizers)
    evaluated = train.figure(name, m.value, training=False, what="an objective")
    if evaluated is POISON or groups is None:
        return None
    taken_apart = train.measured(name, evaluated, m.value.span, per_batch=True)
    if taken_apart is None:
        return None
    if taken_apart.direction is None:
        taken_apart = replace(taken_apart, direction="lowest")
    networks = {train.elaboration.parameters[p].network for g in groups for p in g.paths}
    applied = {path for a in applications_of(value) if a.training for path in a.variables.values()}
    statistics = tuple(
        path
        for path, record in train.elaboration.parameters.items()
        if record.variable.role is Role.STATISTIC
        and record.network in networks
        and not train.elaboration.frozen(path)
        and path in applied
    )
    return Objective(name, value, groups, statistics, taken_apart, m.value.span)


_AT_ONCE = "say 'batch' with the size of the large batch, and leave 'accumulate' out"


def check_accumulation(train: TrainEvaluation, found: Sequence[Objective | None], span: Span) -> None:
    """Refuse what several batches in turn can't add up to; warn of statistics of single batches and of late updates."""
    trained: dict[str, str] = {}
    for objective in found:
        if objective is None:
            continue
        looked_at = variables_of(objective.loss)
        earlier = next((path for path in trained if path in looked_at), None)
        if earlier is not None:
            message = (
                f"'{objective.name}' looks at '{earlier}', which '{trained[earlier]}' trains: with 'accumulate', "
                "all batches of a group but the last see it before its update"
            )
            problem = objectives.OBJECTIVES_IN_TURN(message, hint=_AT_ONCE)
            train.elaboration.diagnostics.add(problem.at(span, Label(objective.span, "this objective")))
        trained |= {path: objective.name for group in objective.groups for path in group.paths}
        twice = next((group.optimizer.name for group in objective.groups if group.optimizer.perturbs), None)
        if twice is not None:
            message = (
                f"'accumulate' can't make one large batch of several here: {twice} takes gradients a second time, at "
                "weights that follow from those of all examples"
            )
            labels = [Label(objective.span, "the objective")]
            train.report(objectives.NOT_ACCUMULATED(message, hint=_AT_ONCE, labels=labels), span)
        added_up, differentiated = terms_of(objective.loss) is not None, statistics_of(objective.loss)
        for site in formula_of(objective.loss).sites:
            collects = isinstance(site.operation, Statistic) and site.operation.collects
            apart = compares(site) or not (added_up or joins_batches(site))
            if collects or (apart and site in differentiated):
                message = (
                    f"'accumulate' can't make one large batch of several here: the "
                    f"{'value' if collects else 'gradient'} of '{site.operation.name}' over all examples does not "
                    "follow from those over each batch"
                )
                labels = [Label(site.span, "this looks at all examples together")] if site.span else []
                train.report(objectives.NOT_ACCUMULATED(message, hint=_AT_ONCE, labels=labels), span)
        layers = normalizing([objective.loss])
        if layers:
            train.elaboration.diagnostics.add(
                objectives.STATISTICS_PER_BATCH(
                    f"{layers[0].operation.name} normalizes by the examples of a single batch, also where 'accumulate' "
                    "makes one update of several",
                    hint="LayerNorm looks at each example by itself",
                    labels=[Label(layers[0].span, "in training")] if layers[0].span else [],
                ).at(span)
            )


def check_averages(train: TrainEvaluation, found: Sequence[Objective | None]) -> None:
    """Refuse optimizers that say which weights are evaluated, where something else says so or moves these weights."""
    averages = train.of(tree.Average)
    for m, objective in zip(train.of(tree.Minimize), found, strict=True):
        if objective is None:
            continue
        for written, group in zip(m.groups, objective.groups, strict=True):
            if group.optimizer.evaluated is None:
                continue
            name = group.optimizer.name
            if averages:
                message = f"{name} evaluates and ships weights of its own, and so would 'average'"
                problem = objectives.AVERAGED_TWICE(message, hint="leave 'average' out, or take another optimizer")
                train.report(problem, written.optimizer.span, Label(averages[0].span, "the other average"))
            for other in found:
                if other is None or other is objective:
                    continue
                both = next((p for g in other.groups for p in g.paths if p in group.paths), None)
                if both is not None:
                    message = f"{name} evaluates and ships weights of its own, and '{other.name}' moves '{both}', too"
                    problem = objectives.AVERAGED_TWICE(message, hint="take another optimizer for one of them")
                    train.report(problem, written.optimizer.span, Label(other.span, "the other objective"))


_USING = "for example: using Adam(lr = 1e-3)"


def optimizer_of(train: TrainEvaluation, group: tree.Group) -> Any:
    """Return a group's optimizer, POISON (reported) where it is none."""
    evaluator = train.evaluator()
    counts = {"step": StepCount(), "epoch": epoch()}
    evaluator.scope.values.update({name: count for name, count in counts.items() if name not in evaluator.scope})
    written = group.optimizer
    callee = written.function if isinstance(written, tree.Call) else written
    if isinstance(callee, tree.Name) and callee.id not in OPTIMIZERS and callee.id not in evaluator.scope:
        try:
            found = find(evaluator, callee)
        except Silent:  # a block or model with mistakes of its own
            train.failed = True
            return POISON
        if found is None:
            return train.report(unknown_word(callee.id, set(), "optimizer"), callee.span)
        if isinstance(found, (LibraryWord, Block)):
            message = f"behind 'using' stands an optimizer, and '{callee.id}' is {found.described}"
            return train.report(names.WRONG_KIND(message, hint=_USING), callee.span)
    value = evaluator.evaluate(written)
    if value is POISON:
        train.failed = True
    elif not isinstance(value, Optimizer):
        message = f"behind 'using' stands an optimizer, not {kind_of(value)}"
        return train.report(names.WRONG_KIND(message, hint=_USING), written.span)
    else:
        check_watched(train, value, written.span)
    return value


def check_watched(train: TrainEvaluation, optimizer: Optimizer, span: Span) -> None:
    """Refuse a schedule that looks at a figure which is not there."""
    if train.data is None:
        return
    parts = [part for _, schedule in optimizer.schedules() for part in schedule.host_values()]
    driven = {part.figure: part.name for part in parts if part.figure is not None}
    figures = [*(m.name or "loss" for m in train.of(tree.Minimize)), *(m.name for m in train.of(tree.Metric))]
    for name, word in sorted(driven.items()):
        if "validation" not in train.data.split_names:
            message = f"{word} looks at validation figures, and there is no validation split"
            hint = "add one to the data: split train = 70%, validation = 15%, test = 15%"
            train.report(objectives.BAD_CONDITION(message, hint=hint), span)
        elif name not in figures:
            hint = did_you_mean(name, figures) or f"the figures are {', '.join(figures)}"
            message = f"{word} watches '{name}', and there is no such figure"
            train.report(objectives.BAD_CONDITION(message, hint=hint), span)


def groups_of(train: TrainEvaluation, m: tree.Minimize, loss: Value, optimizers: list[Any]) -> tuple[Group, ...] | None:
    """Deal the parameters that a gradient reaches to the groups."""
    reachable = reached_by(train, loss)
    reached = [p for p in reachable if not train.elaboration.frozen(p)]
    taken: dict[str, tree.Group] = {}
    dealt: list[list[str]] = [[] for _ in m.groups]
    rests = [number for number, group in enumerate(m.groups) if group.paths is None]
    if len(rests) > 1:
        first, second = (m.groups[number].span for number in rests[:2])
        hint = "say 'over' which parameters the others take"
        problem = objectives.GROUPS_OVERLAP("only one group can take the rest", hint=hint)
        train.report(problem, second, Label(first, "this one takes the rest already"))
        return None
    ok = True
    for number, group in enumerate(m.groups):
        for pattern, matched in matched_paths(train, group.paths or ()):
            ok = ok and matched is not None
            trainable = [
                p for p in matched or () if train.elaboration.parameters[p].variable.role is not Role.STATISTIC
            ]
            hit = [p for p in trainable if p in reached]
            if matched is not None and not hit:
                frozen = trainable and all(map(train.elaboration.frozen, trainable))
                why = "it is frozen" if frozen else "the objective does not depend on it"
                message = f"no gradient reaches '{pattern.span.text}': {why}"
                train.report(objectives.NO_GRADIENT_REACHES(message), pattern.span)
                ok = False
            for path in hit:
                if path in taken and taken[path] is not group:
                    problem = objectives.GROUPS_OVERLAP(f"'{path}' is in two groups")
                    train.report(problem, pattern.span, Label(taken[path].span, "the other one"))
                    ok = False
                    break
                if path not in taken:
                    taken[path] = group
                    dealt[number].append(path)
    for number in rests:
        dealt[number] = [p for p in reached if p not in taken]
        if not dealt[number]:
            what = "the other groups take all parameters"
            if not reached:
                what = "the objective does not depend on any parameter in a way that has a gradient"
                if reachable:
                    what = "all parameters that the objective depends on are frozen"
            train.report(objectives.NO_GRADIENT_REACHES(f"there is nothing to train: {what}"), m.groups[number].span)
            ok = False
    ok = refuse_half_weights(train, [p for paths in dealt for p in paths]) and ok
    if not ok or POISON in optimizers:
        return None
    order = {path: i for i, path in enumerate(train.elaboration.parameters)}
    return tuple(
        Group(o, tuple(sorted(paths, key=order.__getitem__))) for o, paths in zip(optimizers, dealt, strict=True)
    )


def refuse_half_weights(train: TrainEvaluation, paths: Sequence[str]) -> bool:
    """Report float16 among the weights to be trained, once for each place that makes some; return whether none is."""
    records = [r for p in paths if (r := train.elaboration.parameters[p]).type.element is ElementType.FLOAT16]
    for span, record in {r.span: r for r in reversed(records)}.items():
        message = f"'{record.path}' is {record.type}, and float16 weights can't be trained"
        hint = "keep weights in float32: `cast(..., float32)` before the layer"
        train.report(objectives.HALF_WEIGHTS(message, hint=hint), span)
    return not records


def reached_by(train: TrainEvaluation, loss: Value) -> list[str]:
    """Return the parameters that a gradient of the loss reaches, in the order of their making."""
    found = reached_paths(loss)
    records = train.elaboration.parameters
    return [p for p in records if p in found and records[p].variable.role is not Role.STATISTIC]
