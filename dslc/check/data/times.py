"""How the text of a moment is spelled."""

from __future__ import annotations

import re
from datetime import datetime

from dslc.errors import objectives
from dslc.source import Span

__all__ = ["check_format"]

DIRECTIVES = "YymdjHIpMSfzAaBbT%"
"""The letters behind a percent sign that :meth:`datetime.datetime.strptime` reads, and that depend on no locale's
order of parts (``T`` stands for ``H:%M:%S``)."""


def check_format(format: str, span: Span) -> None:
    """Refuse a format that can't be read by, or that leaves the year of a date or the half of a day open.

    Raises:
        Problem: E0513.
    """
    hint = 'for example "%Y-%m-%d", "%d/%m/%Y %H:%M" or "%H:%M:%S"'
    if re.search(r"%$|%[^" + DIRECTIVES + "]", format.replace("%%", "")):
        wrong = re.search(r"%$|%[^" + DIRECTIVES + "]", format.replace("%%", ""))
        assert wrong is not None
        raise objectives.BAD_FITTED(f"'{wrong[0]}' is no part of a time's format", hint=hint).at(span)
    if not re.search("%[YymdjHIMSfT]", format.replace("%%", "")):
        raise objectives.BAD_FITTED(f"the format '{format}' has no part of a time", hint=hint).at(span)
    parts = set(re.findall("%(.)", format.replace("%%", "")))
    if parts & set("mdjaAbB") and not parts & set("Yy"):
        raise objectives.BAD_FITTED(
            f"the format '{format}' leaves the year open, on which the day of the week and the order depend", hint=hint
        ).at(span)
    if ("I" in parts) != ("p" in parts):
        said = "%I counts to twelve, and needs %p" if "I" in parts else "%p says which half of the day %I counts in"
        raise objectives.BAD_FITTED(
            f"the format '{format}' leaves the half of the day open: {said}",
            hint='write "%I:%M %p" for 05:30 PM, and "%H:%M" for 17:30',
        ).at(span)
    try:
        datetime.strptime(datetime(2001, 2, 3, 4, 5, 6).strftime(format), format)
    except (ValueError, re.error):
        if "%z" not in format:
            raise objectives.BAD_FITTED(f"the format '{format}' can't be read by", hint=hint).at(span) from None
