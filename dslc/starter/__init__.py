"""What ``dslc new`` writes: a spec that works, and the small real data set that it learns from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from dslc.errors.environment import FILE_EXISTS
from dslc.training.files import writing
from dslc.training.outputs import check_output, write_output

__all__ = ["write_starter"]


def write_starter(name: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write ``NAME.dl`` and ``NAME.csv``; return their paths.

    Raises:
        Problem: E0619, one of them exists; E0610, it can't be written.
    """
    base = name.with_suffix("") if name.suffix == ".dl" else name
    spec, data = base.with_name(base.name + ".dl"), base.with_name(base.name + ".csv")
    for path in (spec, data):
        if path.exists() and not overwrite:
            raise FILE_EXISTS(f"{path} exists already", hint="choose another name, or replace it with --overwrite")
    for path in (spec, data):
        check_output(path)
    with writing(base.parent):
        base.parent.mkdir(parents=True, exist_ok=True)
    text = (files(__name__) / "starter.dl").read_text(encoding="utf-8")
    text = text.replace("SPEC", str(spec)).replace("DATA", data.name).replace("NAME", _identifier(base.name))
    write_output(spec, text.encode())
    write_output(data, (files(__name__) / "iris.csv").read_bytes())
    return spec, data


def _identifier(name: str) -> str:
    """Return a name as the language allows it."""
    word = re.sub(r"\W", "_", name)
    return word if re.match(r"[^\W\d]", word) else f"spec_{word}"
