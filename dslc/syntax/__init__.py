"""Text -> tree, and text -> the canonical layout. The only importer of lark."""

from dslc.syntax.formatter import format_source
from dslc.syntax.parser import parse
from dslc.syntax.tokens import RESERVED_WORDS

__all__ = ["RESERVED_WORDS", "format_source", "parse"]
