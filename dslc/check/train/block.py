"""Checking ``train``: networks, objectives with their groups, metrics, outputs and settings."""

from __future__ import annotations

from dslc.check.core.elaboration import Elaboration
from dslc.check.core.scope import FileScope
from dslc.check.core.values import POISON
from dslc.check.train.conditions import conditions_of, directions_of
from dslc.check.train.declaring import check_shadowing, data_of, declare
from dslc.check.train.evaluation import TrainEvaluation
from dslc.check.train.groups import files_to_load, frozen_by, frozen_paths
from dslc.check.train.objectives import check_accumulation, check_averages, objective_of
from dslc.check.train.readings import check_readings
from dslc.check.train.scales import check_scales
from dslc.check.train.settings import settings_of
from dslc.check.train.shipping import Models, check_names, networks_alone, outputs_of, shipped_models
from dslc.diagnostics import Label
from dslc.errors import names
from dslc.plan.data import Facts
from dslc.plan.samples import single_samples
from dslc.plan.training import Measure, TrainPlan
from dslc.syntax import tree

__all__ = ["check_train"]


def check_train(node: tree.Train, file: FileScope, elaboration: Elaboration, facts: Facts) -> TrainPlan | None:
    """Check a train block; findings go to the elaboration's diagnostics, which hold no others.

    Returns None where it can't be compiled.
    """
    diagnostics = elaboration.diagnostics
    train = TrainEvaluation(node, file, elaboration)
    train.data = data_of(train, facts)
    declare(train)
    check_shadowing(train)
    freezes = train.of(tree.Freeze)
    minimizes: list[tree.Minimize] = train.of(tree.Minimize)
    if not minimizes:
        message = f"'{node.name}' minimizes nothing"
        train.report(names.MISSING_STATEMENT(message, hint="add: minimize loss(...) using Adam"), node.name_span)
    elaboration.frozen = frozen_by(freezes)
    evaluated = [train.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
    alone = networks_alone(train)
    if elaboration.asked_for_parameters:  # a penalty on all weights was met before all were known
        evaluated = [train.elaborated(m.name or "loss", m.value, training=True) for m in minimizes]
    frozen = frozen_paths(train, freezes)
    load = files_to_load(train)
    found = [objective_of(train, m, value) for m, value in zip(minimizes, evaluated, strict=True)]
    metrics = [_metric(train, s) for s in train.of(tree.Metric)]
    outputs = outputs_of(train)
    models: Models = alone if outputs is None else {None: outputs}
    settings = settings_of(train)
    losses = [objective.loss for objective in found if objective]
    batch = next(iter(train.of(tree.Batch)), None)
    why = f"a batch has {settings['batch']} example{'s' * (settings['batch'] != 1)}"
    for problem in single_samples(losses, settings["batch"], why, batch.value.span if batch else None):
        train.report(problem, None)
    if settings["accumulate"] > 1:
        check_accumulation(train, found, train.of(tree.Accumulate)[0].span)
    check_averages(train, found)
    check_readings([*losses, *(m.value for m in metrics if m)], diagnostics)
    stop, keep = conditions_of(train, directions_of(train, metrics))
    check_names(train, models)
    if train.failed or diagnostics.has_errors or train.data is None:
        return None
    return TrainPlan(
        name=node.name,
        doc=node.doc,
        data=train.data,
        parameters=dict(elaboration.parameters),
        frozen=frozen,
        objectives=tuple(o for o in found if o),
        metrics=tuple(m for m in metrics if m),
        shipped=shipped_models(train, train.data, models),
        stop=stop,
        keep=keep,
        load=load,
        **settings,
    )


def _metric(train: TrainEvaluation, s: tree.Metric) -> Measure | None:
    """Check one ``metric``; None (reported) where it is wrong."""
    first = train.first(tree.Metric, s.name)
    if first is not s or s.name == "loss" or train.first(tree.Minimize, s.name):
        labels = [Label(first.name_span, "the first one")] if first is not s else []
        what = "there is a metric" if labels else "the objective's figure is called"
        problem = names.DUPLICATE(f"{what} '{s.name}' already", hint="choose another name")
        train.report(problem, s.name_span, *labels)
        return None
    value, found = train.figure(s.name, s.value, training=False, what="a metric"), None
    if value is not POISON:
        check_scales(value, train.elaboration.diagnostics)
        found = train.measured(s.name, value, s.value.span)
    if found is None:
        train.broken.add(s.name)
    return found
