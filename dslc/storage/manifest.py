"""``manifest.json``: what a folder of a run or of compiled artifacts holds. Its schema, in one place.

Whoever writes one builds it of these dataclasses (:func:`as_json`); whoever reads one gets them back, whole and
checked, or is told which key is wrong. The file may come from anybody.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from dslc.errors.environment import NO_RUN
from dslc.errors.runs import DAMAGED_MANIFEST
from dslc.plan.contract import Contract
from dslc.storage.entries import Entry, parsed, without_nan
from dslc.storage.files import Buffer

__all__ = [
    "CHECKPOINTS", "CONFUSION", "CURVES", "FORMAT", "LOG", "MANIFEST", "PRODUCER", "STATE", "WEIGHTS",
    "Fingerprint", "Manifest", "Result", "SPEC", "RunRecord", "Seal", "Shipped", "as_json", "fingerprint_of",
    "is_inner_path", "manifest_of",
]  # fmt: skip

FORMAT = 2
"""Version of the manifest; another one is not read."""
PRODUCER = "dslc"
"""Tells a manifest from those of other programs."""
MANIFEST, LOG = "manifest.json", "metrics.jsonl"
CURVES, CONFUSION = "curves.png", "confusion.png"
SPEC = "spec"
"""The folder of the spec's copy."""
STATE, WEIGHTS = "state.safetensors", "weights.safetensors"
CHECKPOINTS = "checkpoints"
"""The folder whose files come and go while a run goes on."""

Read = TypeVar("Read")


@dataclass(frozen=True)
class Fingerprint:
    """What a file holds."""

    size: int
    sha256: str


def fingerprint_of(pieces: Iterable[Buffer]) -> Fingerprint:
    """Return the fingerprint of a file made of these pieces."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return Fingerprint(size, digest.hexdigest())


@dataclass(frozen=True)
class RunRecord:
    """What a run was started with."""

    id: str
    """Drawn at random when it began; its checkpoints bear it too."""
    train: str
    """The name of the train block."""
    spec: tuple[str, ...]
    """The spec's files in the run's folder ``spec``, the first one first."""
    params: Mapping[str, bool | int | float | str]
    seed: int
    epochs: int | None
    steps: int | None
    passes: tuple[str, ...] | None
    batch: int
    """Examples at a time."""
    folders: tuple[str, ...]
    """Where the data was looked for; see :class:`Seal` for when that still counts."""


@dataclass(frozen=True)
class Shipped:
    """A model that a run ships."""

    fields: Mapping[str, str]
    """The data field that feeds each input."""
    classes: Mapping[str, str]
    """For outputs with a score per class, the field whose classes these are."""


@dataclass(frozen=True)
class Result:
    """What came out of a run: how the shipped weights do on one split."""

    split: str
    losses: Mapping[str, float]
    metrics: Mapping[str, Any]
    epochs: int
    steps: int
    reason: str
    best: Mapping[str, float] | None = None
    """The figures of the weights that were kept, where ``keep`` chose them."""
    lost: Mapping[str, float] | None = None
    """The figures of better weights whose file was damaged while the run was interrupted."""


@dataclass(frozen=True)
class Seal:
    """Where the weights lie: a copy of the folder, and one that came in an archive, cannot have it.

    The time of a file's last change of status is set by the operating system alone, to the nanosecond.
    """

    inode: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Seal:
        """Return the seal of a file."""
        status = path.stat()
        return cls(status.st_ino, status.st_ctime_ns)


@dataclass(frozen=True)
class Manifest:
    """What a folder holds. ``run`` is there for runs; ``models``, ``result`` and ``seal`` once they have ended."""

    name: str
    opset: int
    seed: int
    environment: Mapping[str, Any]
    graphs: tuple[str, ...]
    """The files of the graphs for training, evaluation and fields."""
    files: Mapping[str, Fingerprint | None]
    """All that is written into the folder; None for what is not finished, or changes while a run goes on."""
    sources: Mapping[str, Fingerprint]
    """The data files, by their path in the spec."""
    run: RunRecord | None
    models: Mapping[str, Shipped] | None
    result: Result | None
    seal: Seal | None
    figures: Mapping[str, str | None]
    """The losses and metrics; of those that are tables, the field whose classes these have."""
    fields: Mapping[str, Mapping[str, Any]]
    """Element type and shape of each data field, and what the spec says of it."""
    indices: Mapping[str, tuple[Mapping[str, Any], ...]]
    """For fields that are indices, how many things they choose from; see :func:`dslc.plan.indices.ranges_of`."""
    contract: Contract
    """How training has read its data."""

    def owns(self, name: str) -> bool:
        """Return whether this file, by its path in the folder, is one that dslc writes there."""
        return name in self.files or (self.run is not None and name.startswith(f"{CHECKPOINTS}/"))


def as_json(part: Any) -> Any:
    """Return a part of a manifest (a dataclass, or None) as it is written; figures that are not finite are null."""
    return None if part is None else json.loads(json.dumps(without_nan(asdict(part)), allow_nan=False))


# --- reading --------------------------------------------------------------------------------------------------------


def manifest_of(data: bytes, folder: Path) -> Manifest:
    """Return what a folder's manifest says.

    Raises:
        Problem: E0613, it is another program's; E0625, it is damaged.
    """
    file = str(folder / MANIFEST)
    top = parsed(data, file, DAMAGED_MANIFEST)
    if not isinstance(top.value, dict) or not _is_ours(top.value):
        raise NO_RUN(
            f"{folder} is no run: its {MANIFEST} was not written by dslc", hint="name the folder that dslc train wrote"
        )
    version = top["format"].whole()
    if version != FORMAT:
        raise DAMAGED_MANIFEST(
            f"{file} has format {version}, and this version of dslc reads format {FORMAT}",
            hint="use the version of dslc that wrote it, or train again",
        )
    environment, files = top["environment"], top["files"]
    _check_environment(environment)
    return Manifest(
        name=top["name"].text(),
        opset=top["opset"].whole(1),
        seed=top["seed"].whole(-(2**63)),
        environment=environment.object(),
        graphs=tuple(_file(entry, key, GRAPH) for key, entry in top["graphs"].entries().items()),
        files={_inner(entry, key): _part(files, key, _fingerprint) for key, entry in files.entries().items()},
        sources={key: _fingerprint(entry) for key, entry in top["sources"].entries().items()},
        run=_part(top, "run", _run),
        models=_part(top, "models", _models),
        result=_part(top, "result", _result),
        seal=_part(top, "seal", lambda entry: Seal(entry["inode"].whole(), entry["changed"].whole())),
        figures={figure["name"].text(): _part(figure, "classes", Entry.text) for figure in top["figures"].items()},
        fields={name: _field(field) for name, field in top["fields"].entries().items()},
        indices={name: tuple(map(_range, uses.items())) for name, uses in top["indices"].entries().items()},
        contract=_contract(top["contract"]),
    )


def _is_ours(value: Mapping[str, Any]) -> bool:
    environment = value.get("environment")  # what format 1 is known by
    return value.get("producer") == PRODUCER or (isinstance(environment, dict) and "dslc" in environment)


def _part(top: Entry, key: str, read: Callable[[Entry], Read]) -> Read | None:
    entry = top.get(key)
    return None if entry is None else read(entry)


SHA256 = re.compile(r"[0-9a-f]{64}")
IDENTITY = re.compile(r"[0-9a-f]{32}")
GRAPH = re.compile(r"((train|gradient|update)(\.\w+)?|eval|metrics|fields)\.onnx")
MODEL = re.compile(r"model(\.\w+)?\.onnx")


def _fingerprint(entry: Entry) -> Fingerprint:
    return Fingerprint(entry["size"].whole(), entry["sha256"].matching(SHA256.fullmatch, "a SHA-256"))


def _file(entry: Entry, name: str, pattern: re.Pattern[str]) -> str:
    return name if pattern.fullmatch(name) else str(entry.refuse("called as dslc calls such files"))


def _inner(entry: Entry, name: str) -> str:
    return name if is_inner_path(name) else str(entry.refuse("called by a path inside of the folder"))


def is_inner_path(name: str) -> bool:
    """Return whether this is the path of a file inside of a folder, written with '/' and without detours."""
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    is_plain = bool(name) and name == str(path) and not path.is_absolute() and ".." not in path.parts
    return is_plain and name != "." and not windows.drive and "\\" not in name and "\0" not in name and len(name) < 4096


def _run(entry: Entry) -> RunRecord:
    spec = tuple(item.matching(is_inner_path, "a path inside of the run") for item in entry["spec"].items())
    if not spec:
        entry["spec"].refuse("a list of at least one path")
    epochs, steps = (_part(entry, key, lambda found: found.whole(1)) for key in ("epochs", "steps"))
    if (epochs is None) == (steps is None):
        entry.refuse("a run of so many epochs, or of so many steps")
    return RunRecord(
        id=entry["id"].matching(IDENTITY.fullmatch, "32 hexadecimal digits"),
        train=entry["train"].text(),
        spec=spec,
        params={key: _param(found) for key, found in entry["params"].entries().items()},
        seed=entry["seed"].whole(-(2**63)),
        epochs=epochs,
        steps=steps,
        passes=_part(entry, "passes", Entry.texts),
        batch=entry["batch"].whole(1),
        folders=entry["folders"].paths(),
    )


def _param(entry: Entry) -> bool | int | float | str:
    if isinstance(entry.value, bool):
        return entry.value
    if isinstance(entry.value, str):
        return entry.text()
    return entry.whole(-(2**63)) if isinstance(entry.value, int) else entry.number()


def _models(entry: Entry) -> dict[str, Shipped]:
    found = {
        _file(model, key, MODEL): Shipped(_texts(model["fields"]), _texts(model["classes"]))
        for key, model in entry.entries().items()
    }
    return found or entry.refuse("an object with a model")


def _texts(entry: Entry) -> dict[str, str]:
    return {name: text.text() for name, text in entry.entries().items()}


def _field(entry: Entry) -> Mapping[str, Any]:
    entry["type"].element()
    entry["shape"].shape()
    return entry.object()


def _range(entry: Entry) -> Mapping[str, Any]:
    entry["what"].text()
    entry["count"].whole(1)
    _part(entry, "ignored", lambda ignored: ignored.whole(-(2**63)))
    signs = entry.get("signs")
    if signs is not None and signs.value is not True:
        signs.refuse("true, or left out")
    return {"ignored": None, **entry.object()}


def _contract(entry: Entry) -> Contract:
    try:
        found = Contract.of(entry.object())
        found.reader()  # the source takes its options
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DAMAGED_MANIFEST(f"{entry.file}: '{entry.keys}' does not say how the data is read: {why}") from None


def _result(entry: Entry) -> Result:
    return Result(
        split=entry["split"].text(),
        losses=_figures(entry["losses"]),
        metrics={name: _measured(metric) for name, metric in entry["metrics"].entries().items()},
        epochs=entry["epochs"].whole(),
        steps=entry["steps"].whole(),
        reason=entry["reason"].text(),
        best=_part(entry, "best", _figures),
        lost=_part(entry, "lost", _figures),
    )


def _figures(entry: Entry) -> dict[str, float]:
    return {key: figure.figure() for key, figure in entry.entries().items()}


def _measured(entry: Entry) -> Any:
    """Return a metric: a number, or a table of them."""
    return [_measured(item) for item in entry.items()] if isinstance(entry.value, list) else entry.figure()


def _check_environment(entry: Entry) -> None:
    """What is compared and shown of an environment is a text, a number, a flag or a list of texts."""
    for key, found in entry.entries().items():
        if isinstance(found.value, list):
            found.texts()
        elif found.value is not None and not isinstance(found.value, (bool, int, str)):
            found.refuse("a text, a number or a list of texts")
        elif key == "dslc":
            found.text()
