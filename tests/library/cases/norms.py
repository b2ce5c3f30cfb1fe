"""Normalization: layers with running moments, layers that look at each example, and the function."""

from __future__ import annotations

from typing import Any

from tests.library.cases.rows import Given, Real, Row

IMAGE, LINE = Real((3, 4, 5, 2)), Real((3, 4, 6))
AFFINE = {"weight": Real((4,), 0.5, 2), "bias": Real((4,))}
MOMENTS = {"running_mean": Real((4,)), "running_var": Real((4,), 0.5, 2)}


def _instance_norm(t: Any, p: Any, x: Any, **options: Any) -> Any:
    mean, variance = (p[name].detach().clone() for name in MOMENTS)
    y = t.nn.functional.instance_norm(x, mean, variance, p.get("weight"), p.get("bias"), **options)
    return (y, mean, variance) if options.get("use_input_stats", True) else y


ROWS = [
    Row("GroupNorm", (IMAGE,), lambda t, p, x: t.nn.functional.group_norm(x, 2, p["weight"], p["bias"]),
        {"groups": 2}, AFFINE),
    Row("GroupNorm", (LINE,), lambda t, p, x: t.nn.functional.group_norm(x, 1, eps=0.1),
        {"groups": 1, "affine": False, "eps": 0.1}, note="plain"),
    Row("GroupNorm", (Real((3, 4)),), lambda t, p, x: t.nn.functional.group_norm(x, 2, p["weight"], p["bias"]),
        {"groups": 2}, AFFINE, training=True, note="2d"),
    Row("GroupNorm", (IMAGE,), lambda t, p, x: t.nn.functional.group_norm(x, 4, p["weight"], p["bias"]),
        {"groups": 4}, AFFINE, note="channels"),
    Row("InstanceNorm", (IMAGE,), lambda t, p, x: t.nn.functional.instance_norm(x)),
    Row("InstanceNorm", (LINE,), lambda t, p, x: t.nn.functional.instance_norm(
        x, weight=p["weight"], bias=p["bias"], eps=0.1), {"affine": True, "eps": 0.1}, AFFINE, training=True,
        note="affine"),
    Row("InstanceNorm", (IMAGE,), _instance_norm, {"affine": True, "running": True}, {**AFFINE, **MOMENTS},
        training=True, note="running"),
    Row("InstanceNorm", (LINE,), lambda t, p, x: _instance_norm(t, p, x, momentum=0.3),
        {"running": True, "momentum": 0.3}, MOMENTS, training=True, note="momentum"),
    Row("InstanceNorm", (IMAGE,), lambda t, p, x: _instance_norm(t, p, x, use_input_stats=False),
        {"affine": True, "running": True}, {**AFFINE, **MOMENTS}, note="running"),
    Row("InstanceNorm", (Real((2, 4, 2, 1, 3)),), lambda t, p, x: t.nn.functional.instance_norm(x), note="3d"),
    Row("RMSNorm", (Real((3, 5, 4)),), lambda t, p, x: t.rms_norm(x, (4,), p["weight"]), {}, {"weight": Real((4,))}),
    Row("RMSNorm", (Real((3, 5, 4)),), lambda t, p, x: t.rms_norm(x, (5, 4), p["weight"], 0.1),
        {"axes": [-2, -1], "eps": 0.1}, {"weight": Real((5, 4))}, training=True, note="axes"),
    Row("RMSNorm", (Real((3, 6)),), lambda t, p, x: t.rms_norm(x, (6,)), {"affine": False}, note="plain"),
    Row("RMSNorm", (Real((7,)),), lambda t, p, x: t.rms_norm(x, (7,), eps=1e-5), {"affine": False, "eps": 1e-5},
        note="vector"),
    Row("LocalResponseNorm", (Real((3, 7, 2, 3)),), lambda t, p, x: t.nn.functional.local_response_norm(x, 5),
        {"size": 5}),
    Row("LocalResponseNorm", (LINE,), lambda t, p, x: t.nn.functional.local_response_norm(x, 2, 0.5, 0.6, 2.0),
        {"size": 2, "alpha": 0.5, "beta": 0.6, "k": 2.0}, note="even"),
    Row("LocalResponseNorm", (Real((2, 3, 4)),), lambda t, p, x: t.nn.functional.local_response_norm(x, 9, 1.0),
        {"size": 9, "alpha": 1.0}, note="wide"),
    Row("LocalResponseNorm", (Real((2, 1, 2, 2, 2)),), lambda t, p, x: t.nn.functional.local_response_norm(x, 1, 1.0),
        {"size": 1, "alpha": 1.0}, note="one"),
    Row("normalize", (Real((3, 4)),), lambda t, p, x: t.nn.functional.normalize(x)),
    Row("normalize", (LINE,), lambda t, p, x: t.nn.functional.normalize(x, dim=-1, eps=2.0), {"axis": -1, "eps": 2.0},
        note="eps"),
    Row("normalize", (LINE,), lambda t, p, x: t.nn.functional.normalize(x, 1), {"p": 1.0}, note="sum"),
    Row("normalize", (LINE,), lambda t, p, x: t.nn.functional.normalize(x, 3.0), {"p": 3.0}, note="cubes"),
    Row("normalize", (Real((3, 1)),), lambda t, p, x: t.nn.functional.normalize(x, 2), note="one"),
    *[Row("normalize", (Given([[3.0, -3.0, 1.0], [0.0, 2.0, -1.0]]),),
          lambda t, p, x, e=e: t.nn.functional.normalize(x, t.inf if e is None else e), {"p": e}, note=f"zeros-{e}")
      for e in (2.0, 1.0, 1.5, 0.5, None)],
    Row("normalize", (Given([[0.0, 0.0], [1e-20, 0.0]]),), lambda t, p, x: t.nn.functional.normalize(x, eps=1e-3),
        {"eps": 1e-3}, note="nothing"),
]  # fmt: skip
