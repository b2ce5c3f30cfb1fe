"""Texts of moments against Python's own reading, and what that reads without a word though it is no moment."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from dslc.data.times import EPOCH, seconds

FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%d.%m.%y %H:%M", "%Y%m%d%H%M%S", "%Y%m%d", "%Y%j", "%y%m%d %H%M",
    "%d%b%Y:%H:%M:%S", "%A, %d %B %Y %I:%M %p", "%Y-%m-%dT%H:%M:%S.%f", "%Y%m%dT%H%M%S.%f", "%Y-%m-%d %H:%M:%S%z",
    "week of %a %Y/%m/%d", "%H:%M:%S", "100%% %Y.%m.%d", "%m%d%Y",
)  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_format_writes_is_read_back(format: str) -> None:
    generator = np.random.default_rng(3)
    for second in generator.integers(-(10**9), 4 * 10**9, 200).tolist():
        moment = EPOCH + timedelta(seconds=second, microseconds=int(generator.integers(0, 10**6)))
        text = moment.strftime(format)
        due = datetime.strptime(text, format)
        due = due if due.tzinfo else due.replace(tzinfo=timezone.utc)
        assert seconds(text, format) == (due - EPOCH).total_seconds()
        assert seconds(f" {text.lower()} ", format) == seconds(text, format)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("2024111", "%Y%m%d"),  # the first of November, or the eleventh of January
        ("20241111", "%Y%m%d%H"),
        ("930", "%H%M"),
        ("24111 10:00", "%y%m%d %H:%M"),
        ("2023-366", "%Y-%j"),  # which is no leap year
        ("Monday 26.11.2026", "%A %d.%m.%Y"),  # it is a Thursday
        ("29/02/2023", "%d/%m/%Y"),
        ("01/01/2024 24:00", "%d/%m/%Y %H:%M"),
        ("31/12/2016 23:59:60", "%d/%m/%Y %H:%M:%S"),
        ("2024-02-30", None),
        ("2024-01-01T10:00:60", None),
        ("10:00", None),
    ],
)
def test_what_spells_no_moment(text: str, format: str | None) -> None:
    assert math.isnan(seconds(text, format))


@pytest.mark.parametrize("year", [1, 1000, 1969, 2026, 9999])
def test_the_last_microsecond_of_a_year_lies_in_it(year: int) -> None:
    """A double holds no microseconds that far from 1970."""
    last = datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)
    whole = (last.replace(microsecond=0) - EPOCH).total_seconds()
    assert whole < seconds(last.isoformat(), None) < whole + 1
