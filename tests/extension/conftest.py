"""The words of this package, filed for as long as a test of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from sys import modules

import pytest

from dslc.elsewhere import WORDS
from dslc.library import word as registries

NAME = "tests.extension.words"
ALL = [WORDS, *(found for name in registries.__all__ if isinstance(found := getattr(registries, name), dict))]


@pytest.fixture(autouse=True)
def extended() -> Iterator[None]:
    before = [dict(registry) for registry in ALL]
    modules.pop(NAME, None)
    import_module(NAME)
    yield
    for registry, kept in zip(ALL, before, strict=True):
        registry.clear()
        registry.update(kept)
