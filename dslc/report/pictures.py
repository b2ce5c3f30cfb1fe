"""What all pictures share: matplotlib without its words, fonts for any script, numbers that can be drawn."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, TypeGuard

__all__ = ["is_drawable", "new_picture", "saved"]

LARGEST = 1e300
"""Beyond it, matplotlib's own arithmetic on the limits of an axis overflows."""
WIDE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo",
    "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Noto Sans Thai",
)  # fmt: skip
"""Fonts with the letters that matplotlib's own lacks, where they are installed."""


def is_drawable(value: float | None) -> TypeGuard[float]:
    """Whether a number has a place on an axis."""
    return value is not None and math.isfinite(value) and abs(value) < LARGEST


def new_picture(width: float, height: float) -> Any | None:
    """Return an empty matplotlib Figure of that size in inches; None where matplotlib is missing or can't be loaded."""
    with _quietly():
        try:
            from matplotlib.backends import backend_agg  # noqa: F401 - it draws, and needs memory to be loaded
            from matplotlib.figure import Figure
        except (ImportError, MemoryError, SystemError):
            return None
        return Figure(figsize=(width, height), layout="constrained")


def saved(picture: Any) -> bytes:
    """Return a Figure as a PNG."""
    buffer = BytesIO()
    with _quietly():
        import matplotlib as mpl

        with mpl.rc_context():
            _choose_fonts(picture)
            picture.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()


def _choose_fonts(picture: Any) -> None:
    """Let texts of other scripts take their letters from what fonts there are."""
    from matplotlib.text import Text

    texts = [text for text in picture.findobj(Text) if not text.get_text().isascii()]
    if texts:
        from matplotlib import font_manager

        known = {font.name for font in font_manager.fontManager.ttflist}
        fonts = ["DejaVu Sans", *(name for name in WIDE_FONTS if name in known)]
        for text in texts:
            text.set_fontfamily(fonts)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what matplotlib and NumPy remark, as on letters that no font has."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
