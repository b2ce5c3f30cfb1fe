"""Text -> tree, and text -> the canonical layout. The only importer of lark."""

from dslc.syntax.formatter import format_source
from dslc.syntax.parser import parse

__all__ = ["format_source", "parse"]
