from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dslc.data import table
from dslc.data.checks import check_range, check_signs, where_in
from dslc.data.conversion import Conversion
from dslc.data.convert import Origin
from dslc.library.fits.statistics import fit_mean, fit_median, fit_minmax, fit_standardize
from dslc.types import FLOAT32
from tests.data.conftest import Findings, Open


def where(row: int, element: int) -> Origin:
    return Origin("t.csv", f"c{element}", line=row + 2)


@pytest.fixture(params=[None, 100])
def piecewise(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr("dslc.library.fits.statistics.CHUNK", request.param)
        monkeypatch.setattr(table, "CHUNK", request.param)


@pytest.mark.usefixtures("piecewise")
def test_statistics_are_numpys_over_the_chosen_rows() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(1e6, 3, (200, 2, 3)).astype(np.float32)
    values[:, 1, 1] = 0.1
    rows = generator.permutation(200)[:120]
    chosen = values[rows].astype(np.float64)
    mean, scale = fit_standardize(values, rows)
    np.testing.assert_allclose(mean, chosen.mean(axis=0), rtol=1e-12)
    expected = chosen.std(axis=0)
    expected[1, 1] = 1
    np.testing.assert_allclose(scale, expected, rtol=1e-9)
    low, width = fit_minmax(values, rows)
    np.testing.assert_array_equal(low, chosen.min(axis=0))
    assert width[1, 1] == 1
    assert width[0, 0] == np.ptp(chosen[:, 0, 0])
    np.testing.assert_array_equal(fit_median(values, rows), np.median(chosen, axis=0))
    np.testing.assert_allclose(fit_mean(values), values.mean(axis=0, dtype=np.float64), rtol=1e-12)


@pytest.mark.parametrize("over", [(), (0,), (1,), (2,), (1, 2), (0, 2), (0, 1, 2)])
@pytest.mark.usefixtures("piecewise")
def test_axes_are_taken_together(over: tuple[int, ...]) -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(3, 2, (60, 2, 3, 4))
    values[generator.random(values.shape) < 0.2] = np.nan
    rows = generator.permutation(60)[:41]
    axes = (0, *(axis + 1 for axis in over))

    def due(function: Callable[..., np.ndarray]) -> np.ndarray:
        return function(values[rows], axis=axes, keepdims=True)[0]

    mean, scale = fit_standardize(values, rows, over)
    low, width = fit_minmax(values, rows, over)
    np.testing.assert_allclose(mean, due(np.nanmean), rtol=1e-12)
    np.testing.assert_allclose(scale, due(np.nanstd), rtol=1e-12)
    np.testing.assert_array_equal(low, due(np.nanmin))
    np.testing.assert_array_equal(width, due(np.nanmax) - due(np.nanmin))
    np.testing.assert_array_equal(fit_median(values, rows, over), due(np.nanmedian))
    np.testing.assert_array_equal(fit_mean(values, rows, over), mean)


@pytest.mark.usefixtures("piecewise")
def test_statistics_leave_missing_values_out(findings: Findings) -> None:
    values = np.arange(100.0)
    values[::3] = np.nan
    there = values[~np.isnan(values)]
    mean, scale = fit_standardize(values)
    assert mean == pytest.approx(there.mean())
    assert scale == pytest.approx(there.std())
    assert fit_median(values) == np.median(there)
    assert fit_minmax(values)[0] == 1
    values[3] = np.inf
    values[6] = -np.inf
    assert [*fit_standardize(values), *fit_minmax(values), fit_median(values)] == [mean, scale, 1, 97, np.median(there)]
    nothing = np.stack([np.ones(9), np.full(9, np.nan)], axis=1)
    for fit in (fit_mean, fit_median, fit_minmax, fit_standardize):
        assert findings(fit, nothing) == [
            "E0415: the training split has no value to fit on in element [1]: all are missing"
        ]


def finite(values: np.ndarray) -> None:
    conversion = Conversion("x", FLOAT32, (2,), where, ("a",))
    conversion.convert(values, 0, {"a": values})
    conversion.misfits.raise_any()


@pytest.mark.usefixtures("piecewise")
def test_checks_of_fields(findings: Findings) -> None:
    values = np.zeros((300, 2), np.float32)
    finite(values)
    check_range("x", values, 0, 0, where)
    values[40, 1], values[250, 0] = np.nan, np.inf
    assert findings(lambda: finite(values)) == [
        (
            "E0415: field 'x' has no value: an empty cell or NaN (t.csv, line 42, column 'c1') | "
            'fill it with impute(..., "mean"), or mend the data; is_missing(...) tells a model of it'
        ),
        "E0423: field 'x' is infinite (t.csv, line 252, column 'c0')",
    ]
    assert findings(lambda: check_signs("side", np.array([-1, 1.0, 0, 1]), where)) == [
        "E0420: field 'side' is 0.0, and should be -1 or 1 (t.csv, line 4, column 'c0')"
    ]
    labels = np.array([0, 3, 10, 9, -1])
    assert findings(lambda: check_range("label", labels, 0, 9, where)) == [
        "E0420: field 'label' is 10, and should be 0 to 9 (t.csv, line 4, column 'c0')",
        "E0420: field 'label' is -1, and should be 0 to 9 (t.csv, line 6, column 'c0')",
    ]


def test_origins_of_a_table(open_text: Open) -> None:
    opened = open_text("a,b\n1,2\n3,4\n")
    assert str(where_in(opened, ["a", "b"])(1, 1)) == "t.csv, line 3, column 'b'"
    assert str(where_in(opened, ["b"])(0, 7)) == "t.csv, line 2, column 'b'"
