"""Moments, as seconds from 1970-01-01 00:00:00 UTC."""

from __future__ import annotations

import math
import re
import time
from datetime import datetime, timezone
from functools import lru_cache
from itertools import islice

import numpy as np

from dslc.data.checks import Where
from dslc.data.convert import Array, raise_where
from dslc.data.table import Text
from dslc.diagnostics import Problem
from dslc.errors import data as errors

__all__ = ["doubtful_order", "read_times", "seconds", "usual_formats"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WIDTHS = {**dict.fromkeys("ymdHIMS", r"\d{2}"), "Y": r"\d{4}", "j": r"\d{3}", "f": r"\d{1,6}"}
"""The digits of each part of a time, by its letter in a format."""


def read_times(values: Text, format: str | None, where: Where) -> Array:
    """Return the moments that texts spell, in seconds (float64), NaN for a missing one.

    Args:
        values: the texts.
        format: how they are spelled (:meth:`datetime.datetime.strptime`); None: as ISO 8601.
        where: where they stand.

    Raises:
        Failure: E0451, texts that spell no moment, the first few with their places.
    """
    moments = np.array([math.nan if not text else seconds(text, format) for text in values.vocabulary], np.float64)
    unread = np.array([bool(text) and math.isnan(m) for text, m in zip(values.vocabulary, moments, strict=True)], bool)
    found: Array = moments[values.codes]
    raise_where(unread[values.codes], lambda row, element: _no_time(values, format, row, element, where))
    return found


def seconds(text: str, format: str | None) -> float:
    """Return the moment that a text spells; NaN where it spells none. Without a time zone it is taken as UTC."""
    try:
        if format is None:
            moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
        else:
            moment = datetime.strptime(text.strip(), format)
            if not _is_sound(text.strip(), format, moment):
                return math.nan
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    whole = (moment.replace(microsecond=0) - EPOCH).total_seconds()
    # far from 1970 a double rounds .999999 up, and the last moment of a year is not the first of the next
    return min((moment - EPOCH).total_seconds(), math.nextafter(whole + 1, -math.inf))


def _is_sound(text: str, format: str, moment: datetime) -> bool:
    """Return whether a text means the moment that :meth:`datetime.datetime.strptime` makes of it, and no other.

    It reads 2024111 by ``%Y%m%d`` as the first of November, the 366th day of 2023 as the first of 2024, and takes any
    weekday for the right one.
    """
    strict = _of_full_width(format)
    if strict is not None and strict.fullmatch(text) is None:
        return False
    if not re.search("%[jaA]", format.replace("%%", "")):
        return True
    said, meant = time.strptime(text, format), moment.timetuple()
    return (said.tm_wday, said.tm_yday) == (meant.tm_wday, meant.tm_yday)


@lru_cache(64)
def _of_full_width(format: str) -> re.Pattern[str] | None:
    """Return what texts look like whose numbers have all their digits where nothing stands between them.

    None where something stands between all numbers.
    """
    parts = re.findall("((?:%[YymdjHIMSf]){2,})|%.|(.)", format, re.DOTALL)
    if not any(run for run, _ in parts):
        return None
    between = {"": ".+?", " ": r"\s+"}
    return re.compile(
        "".join(
            "".join(WIDTHS[letter] for letter in run[1::2]) if run else between.get(plain, re.escape(plain))
            for run, plain in parts
        ),
        re.DOTALL | re.IGNORECASE,
    )


def doubtful_order(name: str, values: Array) -> list[Problem]:
    """Warn of whole numbers that a split goes by in their order, and that are dates whose year does not come first."""
    if values.dtype.kind not in "iu" or not len(values):
        return []
    numbers = np.unique(values)
    first, second, last = numbers // 10**6, numbers // 10**4 % 100, numbers % 10**4
    if _are_dates(numbers // 10**4, numbers // 100 % 100, numbers % 100):
        return []  # of which the order is that of time
    for format, month, day in (("%d%m%Y", second, first), ("%m%d%Y", first, second)):
        if _are_dates(last, month, day):
            return [
                errors.ORDERED_BY_NUMBER(
                    f"'order' goes by the numbers in '{name}', such as {values[0]}: dates whose year comes last",
                    hint=f'read them as times: field when: float64 = datetime(column("{name}"), "{format}"), and '
                    "order = when",
                )
            ]
    return []


def _are_dates(year: Array, month: Array, day: Array) -> bool:
    """Return whether these are all dates of the years 1000 to 2999."""
    if not np.all((year >= 1000) & (year < 3000) & (month >= 1) & (month <= 12) & (day >= 1)):
        return False
    months = (year.astype(np.int64) - 1970) * 12 + month.astype(np.int64) - 1
    first, after = (m.astype("datetime64[M]").astype("datetime64[D]") for m in (months, months + 1))
    return bool(np.all(day <= (after - first).astype(np.int64)))


DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
         "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
"""How times are usually spelled."""
MOST_TRIED = 200
"""Texts by which a format is judged."""


def usual_formats(values: Text) -> list[str]:
    """Return the usual formats by which the texts of a column spell times, two at most."""
    texts = [text for text in values.vocabulary if text][:MOST_TRIED]
    formats = (date + clock for date in DATES for clock in CLOCKS)
    return list(islice((f for f in formats if not any(math.isnan(seconds(text, f)) for text in texts)), 2))


def _formats_hint(values: Text) -> str:
    found = usual_formats(values)
    if not found:
        return 'say how it is spelled: datetime(column("..."), "%d/%m/%Y")'
    reads = " and ".join(f'"{format}"' for format in found) + (" read" if len(found) > 1 else " reads")
    return f'{reads} the column: datetime(column("..."), "{found[0]}")'


def _no_time(values: Text, format: str | None, row: int, element: int, where: Where) -> Problem:
    how = f"by the format '{format}'" if format is not None else "as ISO 8601 has it, such as 2026-11-26 17:30"
    return errors.NO_TIME(
        f"'{values.at(row, element)}' spells no time {how} ({where(row, element)})", hint=_formats_hint(values)
    )
