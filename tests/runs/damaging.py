"""Damage to the folder of a run: edits of its manifest, damaged, missing, foreign and forged files."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dslc.storage.checkpoints import Checkpoint, encode, read_checkpoint

__all__ = ["damaged", "edited", "forged", "sign"]

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**63, 10**30, -(2**63), 0.5, 1e308, float("nan"), float("inf"), "", "x",
    "../x", "/etc/passwd", "a/b", "\0", "\ud800", "ü" * 300, [], {}, [[]], [None], ["x"], [1, "x"], {"x": 1},
    {"x": {"y": None}}, [{}], "float32", "string", "model.onnx", "manifest.json", "batch", "../../etc/passwd",
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container in a JSON value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *places(value[key])]
    return found


def edited(generator: random.Random, value: Any) -> Any:
    """Return a JSON value with a few random changes."""
    value = copy.deepcopy(value)
    for _ in range(generator.choice((1, 1, 1, 2, 5))):
        known = places(value)
        if not known:
            break
        container, key = generator.choice(known)
        match generator.randrange(5):
            case 0:
                del container[key]
            case 1 if isinstance(container, dict):
                container[generator.choice(("x", "../x", "/etc/passwd", "", "a\0"))] = container.pop(key)
            case 2:
                container[key] = copy.deepcopy(generator.choice(known)[0])
            case 3 if isinstance(container[key], (int, float)) and not isinstance(container[key], bool):
                container[key] = generator.choice((container[key] + 1, -container[key], container[key] * 1000))
            case _:
                container[key] = generator.choice(STRANGE)
    return value


def sign(folder: Path) -> None:
    """Bring the manifest's sizes and hashes in line with the files, as whoever forges a run would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        file = folder / name
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            manifest["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(json.dumps(manifest))


def _bytes(generator: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    match generator.randrange(5):
        case 0:
            return b""
        case 1:
            return bytes(changed[: generator.randrange(len(changed) + 1)])
        case 2:
            return generator.randbytes(generator.randrange(300))
        case _:
            for _ in range(generator.choice((1, 2, 8, 64))):
                if changed:
                    changed[generator.randrange(len(changed))] = generator.randrange(256)
            return bytes(changed)


def forged(generator: random.Random, folder: Path) -> None:
    """Change a checkpoint, and give it the hash that belongs to that."""
    path = generator.choice(sorted((folder / "checkpoints").glob("*.safetensors")))
    found = read_checkpoint(path)
    meta, tensors = found.meta, dict(found.tensors)
    if generator.random() < 0.7:
        meta = edited(generator, meta)
    elif tensors:
        name = generator.choice(sorted(tensors))
        array = tensors.pop(name)
        match generator.randrange(4):
            case 0:
                tensors["x"] = array
            case 1:
                tensors[name] = array.reshape(-1)[:0]
            case 2:
                tensors[name] = array.astype("float64")
            case 3:
                tensors[name] = array.reshape(1, *array.shape)
    step = generator.choice((found.step, 0, 10**12))
    path.write_bytes(b"".join(encode(Checkpoint(step, tensors, meta))))


def _replaced(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


def damaged(generator: random.Random, folder: Path) -> str:
    """Damage a run's folder in one of many ways; return which."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = generator.choice(files)
    name = path.relative_to(folder).as_posix()
    kinds: list[tuple[str, Callable[[], object]]] = [
        ("edit", lambda: _edit(generator, folder)),
        ("edit", lambda: _edit(generator, folder)),
        ("edit", lambda: _edit(generator, folder)),
        ("damage", lambda: path.write_bytes(_bytes(generator, path.read_bytes()))),
        ("damage", lambda: path.write_bytes(_bytes(generator, path.read_bytes()))),
        ("remove", path.unlink),
        ("exchange", lambda: path.write_bytes(generator.choice(files).read_bytes())),
        ("link", lambda: _link(path, folder.parent / "secret")),
        ("pipe", lambda: _replaced(path, os.mkfifo)),
        ("folder", lambda: _replaced(path, Path.mkdir)),
        ("forge", lambda: forged(generator, folder)),
    ]
    kind, change = generator.choice(kinds)
    change()
    if generator.random() < 0.6 and (folder / "manifest.json").is_file():
        try:
            sign(folder)
            kind += ", signed"
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            pass
    return f"{kind} {name}"


def _edit(generator: random.Random, folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    if generator.random() < 0.7:  # the large parts that nobody reads
        for part in ("state", "host_schedules"):
            manifest.pop(part)
    path.write_text(json.dumps(edited(generator, manifest)))


def _link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)
