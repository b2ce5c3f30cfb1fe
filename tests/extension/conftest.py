"""The words of this package, filed for as long as a test of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from dslc.elsewhere import WORDS
from dslc.library import word as registries

ALL = [WORDS, *(found for name in registries.__all__ if isinstance(found := getattr(registries, name), dict))]
BEFORE = [dict(registry) for registry in ALL]
import_module("tests.extension.words")
ADDED = [{name: word for name, word in registry.items() if name not in BEFORE[i]} for i, registry in enumerate(ALL)]


def take_back() -> None:
    for registry, added in zip(ALL, ADDED, strict=True):
        for name in added:
            del registry[name]


take_back()


@pytest.fixture(autouse=True)
def extended() -> Iterator[None]:
    for registry, added in zip(ALL, ADDED, strict=True):
        registry.update(added)
    yield
    take_back()
