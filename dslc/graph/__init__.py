"""Building, typing, simplifying and checking ONNX graphs.

The names below are the vocabulary of everything that emits ONNX: ``from dslc import graph as g``, then
``g.exp(x) @ w``.
"""

from dslc.graph.builder import *
from dslc.graph.elementwise import *
from dslc.graph.linear import *
from dslc.graph.reductions import *
from dslc.graph.shaping import *
