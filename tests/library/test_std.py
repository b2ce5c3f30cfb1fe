"""The blocks that come with dslc: each is in the canonical layout, documented, applied in a spec here, and trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Diagnostics
from dslc.files import formatted
from dslc.library.std import standard_files, standard_source
from dslc.pipeline import check_spec
from dslc.source import Source
from dslc.syntax import parse, tree
from tests.conftest import compile_spec, mostly_alike
from tests.runs.driving import opened, trained

SPECS = sorted((Path(__file__).parent / "std").glob("*.dl"))


def blocks_of(path: str) -> list[tree.Block]:
    source = standard_source(path)
    assert source is not None
    return [d for d in parse(source, Diagnostics()).declarations if isinstance(d, tree.Block)]


def test_there_are_files() -> None:
    assert len(standard_files()) >= len(SPECS) > 0
    assert standard_source("std/none.dl") is None


@pytest.mark.parametrize("path", standard_files())
def test_a_file_is_in_the_canonical_layout_and_says_what_its_blocks_are(path: str) -> None:
    source = standard_source(path)
    assert source is not None
    assert formatted(source.text.encode(), path) == source.text
    assert source.text.startswith("# ")
    for block in blocks_of(path):
        assert block.doc, block.name


def test_every_block_is_applied_in_a_spec() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in SPECS)
    used = "\n".join([written, *(source.text for path in standard_files() if (source := standard_source(path)))])
    for path in standard_files():
        assert f'"{path}"' in written
        assert [block.name for block in blocks_of(path) if used.count(block.name) < 2] == []


@pytest.mark.parametrize("path", mostly_alike(SPECS, every=3), ids=lambda path: path.stem)
def test_a_step_moves_every_parameter(path: Path, tmp_path: Path) -> None:
    checked = check_spec(path)
    assert list(checked.findings) == []
    plan = checked.trains["run"]
    assert plan is not None
    spec = tmp_path / path.name
    spec.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    shape = plan.data.fields["x"].type.shape if plan.data is not None else ()
    np.savez(tmp_path / "random.npz", x=np.random.default_rng(3).standard_normal((8, *shape)).astype(np.float32))
    first = compile_spec(spec).artifacts.first_state()
    result = trained(spec, tmp_path / "run")
    assert all(np.isfinite(loss) for loss in result.losses.values())
    after = opened(tmp_path / "run", [tmp_path]).weights
    still = [name for name, value in after.items() if np.array_equal(value, first[name])]
    assert still == []


def test_a_file_beside_the_spec_goes_first(tmp_path: Path) -> None:
    (tmp_path / "std").mkdir()
    (tmp_path / "std" / "mlp.dl").write_text("block MLP(n) {\n  input x: [N, D]\n  output x -> Dense(n)\n}\n")
    spec = tmp_path / "spec.dl"
    spec.write_text('import "std/mlp.dl"\nmodel Net {\n  input x: float32[N, 4]\n  output y = x -> MLP(3)\n}\n')
    assert list(check_spec(spec).findings) == []


def test_what_comes_with_dslc_is_known_as_such() -> None:
    source = standard_source("std/mlp.dl")
    assert source is not None
    assert source.shipped
    assert not Source("std/mlp.dl", "").shipped
