"""The syntax tree of a ``.dl`` file: what was written, before any name means anything.

Purpose: plain frozen data, one class per form of the language, each with its span.
Non-goals: names, types and values; those are the business of ``dslc.check``.
"""

from dslc.syntax.tree.declarations import *
from dslc.syntax.tree.expressions import *
from dslc.syntax.tree.statements import *
