"""What was measured, as text, as a page and as a picture; all made from the same plain figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines import ENGINES

__all__ = ["as_markdown", "as_text", "draw", "geometric_means"]

Results = Mapping[str, Any]
Table = list[list[str]]


def geometric_means(results: Results) -> dict[str, float]:
    """Return how much faster dslc is than each engine, over the models that the engine ran."""
    ratios: dict[str, list[float]] = {}
    for _, engine, figures in _trained(results):
        if "failed" not in figures and engine != "dslc":
            ratios.setdefault(engine, []).append(figures["dslc_is_faster_by"])
    return {name: statistics.geometric_mean(found) for name, found in ratios.items()}


def _trained(results: Results) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for model, found in results["models"].items():
        for engine, figures in found.get("engines", {}).items():
            yield model, engine, figures


def _engines(results: Results) -> list[str]:
    return list(dict.fromkeys(engine for _, engine, _ in _trained(results)))


def _steps(results: Results) -> Table:
    names = _engines(results)
    rows = [["model", "dslc", *(ENGINES[n].title for n in names if n != "dslc"), "share of GEMM"]]
    for model, found in results["models"].items():
        if "engines" in found:
            row = [model]
            for name in names:
                figures = found["engines"][name]
                if "failed" in figures:
                    row.append("-")
                    continue
                text = f"{figures['step_seconds'] * 1e3:.3g} ms"
                if name != "dslc":
                    text += f", x {figures['dslc_is_faster_by']:.2f}"
                row.append(text + ("*" if figures["disturbed"] else "") + ("+" if figures.get("note") else ""))
            rows.append([*row, f"{found['gemm_share']:.0%}"])
    if len(rows) == 1:
        return rows
    means = geometric_means(results)
    rows.append(["geometric mean", "", *(f"x {means[n]:.2f}" if n in means else "-" for n in names if n != "dslc"), ""])
    return rows


def _memory(results: Results) -> Table:
    names = _engines(results)
    rows = [["model", *(ENGINES[name].title for name in names)]]
    for model, found in results["models"].items():
        if "engines" in found:
            cells = (found["engines"][name] for name in names)
            rows.append([model, *("-" if "failed" in c else f"{c['peak_bytes'] / 1e6:.0f} MB" for c in cells)])
    return rows


def _inference(results: Results) -> Table:
    rows = [["model", "batch 1: model.onnx", "PyTorch's export", "batch 256: model.onnx", "PyTorch's export"]]
    for model, found in results["models"].items():
        figures = found.get("inference")
        if figures and "failed" not in figures:
            row = [model]
            for batch in ("1", "256"):
                one = figures[batch]
                row += [f"{one['dslc'] * 1e3:.3g} ms", f"{one['torch'] * 1e3:.3g} ms, x {one['ratio']:.2f}"]
            rows.append(row)
    return rows


def _rest(results: Results) -> Table:
    rows = [["", "dslc", "PyTorch"]]
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("start", "command to first training step, specs/digits.dl", lambda s: f"{s:.2f} s"),
        ("size", "installed, with all it needs", lambda b: f"{b / 1e6:.0f} MB"),
    ]
    for name, title, show in shown:
        if name in results:
            found = results[name]
            rows.append([title, show(found["dslc"]), show(found["torch"]) if "torch" in found else "-"])
    rows += [[f"compile {n} layers", f"{s:.1f} s", ""] for n, s in results.get("compile", {}).items()]
    return rows


def _failures(results: Results) -> list[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for model, engine, figures in _trained(results):
        if "failed" in figures:
            found.setdefault((ENGINES[engine].title, figures["failed"]), []).append(model)
    lines = [f"{engine}, {', '.join(models)}: {reason}" for (engine, reason), models in found.items()]
    for model, measured in results["models"].items():
        if "failed" in measured.get("inference", {}):
            lines.append(f"inference, {model}: {measured['inference']['failed']}")
    notes = {(e, f["note"]): None for _, e, f in _trained(results) if f.get("note")}
    lines += [f"(+) {ENGINES[engine].title}: {note}" for engine, note in notes]
    if any(figures.get("disturbed") for _, _, figures in _trained(results)):
        lines.append("(*) other programs used the cores meanwhile: do not rely on it")
    return lines


def _tables(results: Results) -> list[tuple[str, Table]]:
    found = [
        ("Time per training step", _steps(results)),
        ("Peak resident memory in training", _memory(results)),
        ("Inference", _inference(results)),
        ("Start, size, compile time", _rest(results)),
    ]
    return [(title, rows) for title, rows in found if len(rows) > 1]


def as_text(results: Results) -> str:
    """Return the tables for a terminal."""
    parts = []
    for title, rows in _tables(results):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        parts.append("\n".join([title + ":", *lines]))
    return "\n\n".join([*parts, *(["\n".join(_failures(results))] if _failures(results) else [])])


CONDITIONS = """\
Measured on {date} on {processor}, {cores} cores, {system}, Python {python}; {versions}.

Everything was pinned to the same cores. Each engine is a process of its own with the same first weights, the same
batches and the same optimizer; the engines take turns, {rounds} rounds each (a round that other programs disturbed is
run again), and a factor is the median of the ratios within rounds: "x 1.50" says that dslc takes 1.50 times fewer
seconds. dslc runs the loop of `dslc train`, without evaluations and checkpoints; PyTorch a loop over tensors in
memory, whose rows `index_select` takes; Keras on JAX a compiled step that takes the rows itself. All read the loss of
each step. Each has its defaults: dslc and JAX take subnormal numbers as zero, PyTorch and onnxruntime-training do not.
The losses of the first {checked_steps} steps agree within 1e-3 (with dropout off, where there is dropout),
or the benchmark fails. The share of GEMM is the arithmetic of the matrix products and convolutions in dslc's step, over
what a 2048 x 2048 matrix product reached in the same run.
"""


def as_markdown(results: Results) -> str:
    """Return the page of the documentation."""
    versions = {k: v for _, _, figures in _trained(results) for k, v in figures.get("versions", {}).items()}
    text = CONDITIONS.format(**results["conditions"], versions=", ".join(f"{n} {v}" for n, v in versions.items()))
    parts = ["<!-- Made by `make bench` from its own figures. -->\n\n# Benchmarks\n\n" + text]
    if _engines(results):
        parts.append("![How many times as fast as each peer](benchmarks.svg)\n")
    for title, (head, *rows) in _tables(results):
        lines = [head, ["---"] * len(head), *rows]
        parts.append(f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n")
    if failures := _failures(results):
        parts.append("## Notes\n\n" + "\n".join(f"- {line}" for line in failures) + "\n")
    return "\n".join(parts)


def draw(results: Results, path: Path) -> None:
    """Draw the factors of the training steps as bars."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "dslc"
    from matplotlib import pyplot as plt

    names = [name for name in _engines(results) if name != "dslc"]
    models = [model for model, found in results["models"].items() if "engines" in found]
    figure, axes = plt.subplots(figsize=(9, 0.9 + 0.14 * len(models) * max(len(names), 1) + 0.15 * len(models)))
    height = 0.8 / max(len(names), 1)
    for number, name in enumerate(names):
        places: list[float] = []
        values: Sequence[float] = []
        for row, model in enumerate(models):
            figures = results["models"][model]["engines"][name]
            if "failed" not in figures:
                places.append(row + (number - (len(names) - 1) / 2) * height)
                values = [*values, figures["dslc_is_faster_by"]]
        axes.barh(places, values, height, label=ENGINES[name].title)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(models)), models)
    axes.invert_yaxis()
    axes.set_xlabel("how many times as fast a training step of dslc is")
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
