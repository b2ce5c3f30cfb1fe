"""Spatial axes at another size, and points in between."""

from __future__ import annotations

from typing import Any

from tests.library.cases.rows import Given, Real, Row, Whole

SMALL = Real((2, 3, 4, 5))
LINE = Real((2, 3, 6))
VOLUME = Real((2, 2, 3, 4, 2))


def _to(note: str, x: Any, options: dict[str, Any], word: str = "resize", **torch: Any) -> Row:
    return Row(word, (x,), lambda t, p, x: t.nn.functional.interpolate(x, **torch), options, note=note)


def _affine(note: str, theta: Any, size: list[int], corners: bool) -> Row:
    return Row("affine_grid", (theta,), lambda t, p, x: t.nn.functional.affine_grid(
        x, (x.shape[0], 1, *size), align_corners=corners), {"size": size, "align_corners": corners}, note=note)


def _sampled(note: str, x: Any, grid: Any, **options: Any) -> Row:
    modes = {"linear": "bilinear", "cubic": "bicubic"}
    mode = options.get("mode", "linear")
    torch = {"padding_mode": options.get("padding", "zeros"), "align_corners": options.get("align_corners", False),
             "mode": modes.get(mode, mode)}  # fmt: skip
    return Row("grid_sample", (x, grid), lambda t, p, x, grid: t.nn.functional.grid_sample(x, grid, **torch), options,
               note=note)


BORDER = Given([[[[-1, -1], [1, 1], [0, -1]], [[0.25, 1], [1, -0.5], [-1, 0.3]]]] * 2)
GRID = Real((2, 3, 4, 2), -1.6, 1.6)
FAR = Real((2, 5, 1, 2), -7, 7)

ROWS = [
    _to("2", SMALL, {"factor": 2.0}, "Upsample", scale_factor=2),
    _to("linear", SMALL, {"factor": [2.0, 3.0], "mode": "linear"}, "Upsample", scale_factor=(2, 3), mode="bilinear"),
    _to("corners", LINE, {"factor": 2.0, "mode": "linear", "align_corners": True}, "Upsample", scale_factor=2,
        mode="linear", align_corners=True),
    _to("size", VOLUME, {"size": [3, 8, 6]}, "Upsample", size=(3, 8, 6)),
    _to("antialias", SMALL, {"size": 3, "mode": "cubic", "antialias": True}, "Upsample", size=3, mode="bicubic",
        antialias=True),
    _to("nearest", SMALL, {"size": [7, 3]}, size=(7, 3)),
    _to("nearest-whole", SMALL, {"size": [8, 5]}, size=(8, 5)),
    _to("nearest-factor", LINE, {"factor": 1.6}, scale_factor=1.6),
    _to("nearest-smaller", VOLUME, {"factor": 0.5}, scale_factor=0.5),
    Row("resize", (Whole((2, 1, 3)),), lambda t, p, x: x.repeat_interleave(2, 2), {"size": 6}, gradient=False,
        note="whole-numbers"),
    _to("linear", SMALL, {"size": [7, 3], "mode": "linear"}, size=(7, 3), mode="bilinear"),
    _to("linear-factor", SMALL, {"factor": [1.6, 0.7], "mode": "linear"}, scale_factor=(1.6, 0.7), mode="bilinear"),
    _to("linear-1d", LINE, {"size": 10, "mode": "linear"}, size=10, mode="linear"),
    _to("linear-3d", VOLUME, {"size": [5, 2, 3], "mode": "linear"}, size=(5, 2, 3), mode="trilinear"),
    _to("linear-one", SMALL, {"size": [1, 9], "mode": "linear", "align_corners": True}, size=(1, 9), mode="bilinear",
        align_corners=True),
    _to("linear-from-one", Real((2, 3, 1, 2)), {"size": [4, 2], "mode": "linear"}, size=(4, 2), mode="bilinear"),
    _to("linear-antialias", Real((1, 2, 9, 8)), {"size": [4, 3], "mode": "linear", "antialias": True}, size=(4, 3),
        mode="bilinear", antialias=True),
    _to("linear-antialias-corners", Real((1, 2, 9, 8)),
        {"size": [4, 11], "mode": "linear", "antialias": True, "align_corners": True}, size=(4, 11), mode="bilinear",
        antialias=True, align_corners=True),
    _to("cubic", SMALL, {"size": [9, 3], "mode": "cubic"}, size=(9, 3), mode="bicubic"),
    _to("cubic-corners", SMALL, {"size": [9, 3], "mode": "cubic", "align_corners": True}, size=(9, 3), mode="bicubic",
        align_corners=True),
    _to("cubic-factor", SMALL, {"factor": 1.7, "mode": "cubic"}, scale_factor=1.7, mode="bicubic"),
    _to("cubic-antialias", Real((1, 2, 9, 8)), {"factor": [0.4, 1.5], "mode": "cubic", "antialias": True},
        scale_factor=(0.4, 1.5), mode="bicubic", antialias=True),
    _affine("2d", Real((2, 2, 3)), [3, 4], False),
    _affine("corners", Real((2, 2, 3)), [3, 1], True),
    _affine("3d", Real((2, 3, 4)), [2, 3, 2], False),
    _sampled("linear", SMALL, GRID),
    _sampled("linear-corners", SMALL, GRID, align_corners=True),
    _sampled("linear-border", SMALL, GRID, padding="border"),
    _sampled("linear-at-the-border", SMALL, BORDER, padding="border", align_corners=True),
    _sampled("linear-reflection", SMALL, FAR, padding="reflection"),
    _sampled("linear-reflection-corners", SMALL, FAR, padding="reflection", align_corners=True),
    _sampled("nearest", SMALL, GRID, mode="nearest"),
    _sampled("nearest-reflection", SMALL, FAR, mode="nearest", padding="reflection", align_corners=True),
    _sampled("cubic", Real((2, 1, 4, 5)), GRID, mode="cubic"),
    _sampled("cubic-border-corners", SMALL, GRID, mode="cubic", padding="border", align_corners=True),
    _sampled("cubic-reflection", SMALL, FAR, mode="cubic", padding="reflection"),
    _sampled("linear-3d", VOLUME, Real((2, 2, 1, 3, 3), -1.4, 1.4)),
    _sampled("nearest-3d-border", VOLUME, Real((2, 2, 1, 3, 3), -1.4, 1.4), mode="nearest", padding="border"),
    _sampled("one-point", Real((2, 1, 1, 3)), GRID, padding="reflection", align_corners=True),
    Row("grid_sample", (LINE, Real((2, 5, 1), -1.5, 1.5)), lambda t, p, x, grid: t.nn.functional.grid_sample(
        x[:, :, None], t.cat([grid, grid * 0], -1)[:, None])[:, :, 0], note="1d"),
]  # fmt: skip
