"""What a wrong operand or option of each layer and function is told: the code, and the words that matter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dslc.diagnostics import CODES, Problem
from dslc.library.functions.indexing import Mark, Slice
from dslc.library.operation import Operation
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import BOOL, FLOAT32, INT64, STRING, ElementType, TensorType, symbol

N, T = symbol("N"), symbol("T")


def f(*shape: Any) -> TensorType:
    return TensorType(FLOAT32, shape)


def i(*shape: Any) -> TensorType:
    return TensorType(INT64, shape)


def b(*shape: Any) -> TensorType:
    return TensorType(BOOL, shape)


S = TensorType(STRING, (N,))
U8 = TensorType(ElementType.UINT8, (N, 4))
IMAGE = f(N, 6, 8, 8)

WRONG: list[tuple[str, dict[str, Any], tuple[TensorType, ...], str, str]] = [
    # layers
    ("Dense", {"units": 3}, (i(N, 4),), "E0303", "Dense takes floating-point numbers, but this is int64[N, 4]"),
    ("Dense", {"units": 3}, (f(),), "E0304", "Dense takes at least one axis, but this is float32"),
    ("Dense", {"units": 3}, (f(N, T),), "E0314", "in float32[N, T] it is T"),
    ("Dense", {"units": 3}, (f(N),), "E0314", "in float32[N] it is N"),
    ("Embedding", {"entries": 3, "size": 2}, (f(N),), "E0303", "Embedding takes integers, but this is float32[N]"),
    ("Embedding", {"entries": 3, "size": 2, "padding_index": 3}, (i(N),), "E0312", "outside of a table of 3 rows"),
    ("EmbeddingBag", {"entries": 3, "size": 2}, (f(N, 4),), "E0303", "EmbeddingBag takes integers"),
    ("EmbeddingBag", {"entries": 3, "size": 2}, (i(),), "E0304", "at least one axis"),
    ("EmbeddingBag", {"entries": 3, "size": 2}, (i(N, 4), f(N, 4)), "E0312", 'weights go with mode = "sum", but it is'),
    ("EmbeddingBag", {"entries": 3, "size": 2, "mode": "sum"}, (i(N, 4), f(N, 3)), "E0306", "on axis 1 must be equal"),
    ("EmbeddingBag", {"entries": 3, "size": 2, "mode": "sum"}, (i(N, 4), f(N)), "E0304", "takes 2 axes"),
    ("EmbeddingBag", {"entries": 3, "size": 2, "mode": "sum"}, (i(N, 4), TensorType(ElementType.FLOAT64, (N, 4))),
     "E0312", "its table is of float32"),
    ("Bilinear", {"units": 3}, (f(N, 4), f(N, T)), "E0314", "in float32[N, T] it is T"),
    ("Bilinear", {"units": 3}, (f(N, 4), i(N, 4)), "E0302", "element types differ"),
    ("Bilinear", {"units": 3}, (f(N, 2, 4), f(N, 4)), "E0304", "takes 3 axes"),
    ("Bilinear", {"units": 3}, (f(N, 2, 4), f(N, 3, 4)), "E0306", "sizes on axis 1 must be equal, but are 2 and 3"),
    ("EinsumDense", {"equation": "ab->ac"}, (f(N, 4),), "E0309", 'is not of the form "ab,bc->ac"'),
    ("EinsumDense", {"equation": "ab,bb->ab"}, (f(N, 4),), "E0309", 'stands twice in "bb"'),
    ("EinsumDense", {"equation": "ab,bc->ad"}, (f(N, 4),), "E0309", '"d" stands in the result'),
    ("EinsumDense", {"equation": "ab,bc->ca"}, (f(N, 4),), "E0309", '"a", the batch, must come first'),
    ("EinsumDense", {"equation": "ab,abc->ac"}, (f(N, 4),), "E0309", "and not in the weight"),
    ("EinsumDense", {"equation": "ab,bc->ac", "bias": "b"}, (f(N, 4),), "E0309", 'a bias can\'t span "b"'),
    ("EinsumDense", {"equation": "ab,bc->ac"}, (f(N, 4),), "E0309", 'the size of "c" in "ab,bc->ac" does not follow'),
    ("EinsumDense", {"equation": "ab,bc->ac", "sizes": (("d", 4),)}, (f(N, 4),), "E0309", '"d" does not occur'),
    ("EinsumDense", {"equation": "ab,bc->ac", "sizes": (("b", 3),)}, (f(N, 4),), "E0306", 'the sizes of "b"'),
    ("EinsumDense", {"equation": "ab,bc->ac", "sizes": (("c", 3),)}, (f(N, T),), "E0314", "it is T"),
    ("EinsumDense", {"equation": "ab,bc->ac"}, (f(N, 4, 4),), "E0304", "describes 2 axes"),
    ("Maxout", {"units": 3}, (f(N, T),), "E0314", "in float32[N, T] it is T"),
    ("Permute", {"axes": (1, 1)}, (f(N, 3, 4),), "E0312", "must name each of the axes 1 to 2"),
    ("Permute", {"axes": (0, 1)}, (f(N, 3, 4),), "E0312", "must name each of the axes 1 to 2"),
    ("Permute", {"axes": (3,)}, (f(N, 3),), "E0305", "axis 3"),
    ("RepeatVector", {"count": 3}, (f(N, 3, 4),), "E0304", "2 axes, [N, D]"),
    ("Dropout", {}, (i(N, 4),), "E0303", "Dropout takes floating-point numbers"),
    ("Flatten", {}, (f(N),), "E0304", "Flatten takes at least 2 axes, but this is float32[N]"),
    ("Reshape", {"shape": (3, 8, 8)}, (f(N, 64),),
     "E0307", "each example, [64], has 64 elements, but [3, 8, 8] has 192"),
    ("Reshape", {"shape": (3, -1)}, (f(N, 64),), "E0307", "64 elements, which 3 does not divide"),
    ("Reshape", {"shape": (-1, -1)}, (f(N, 64),), "E0312", "at most one dimension may be -1"),
    ("Reshape", {"shape": (-2, 4)}, (f(N, 64),), "E0312", "can't be negative"),
    ("Reshape", {"shape": (-1, 0)}, (f(N, 64),), "E0307", "-1 could be anything"),
    ("Reshape", {"shape": (2, 3)}, (f(N, T),), "E0308", "is not known before run time"),
    ("Reshape", {"shape": (2, -1)}, (f(N, T),), "E0308", "whether 2 divides T elements"),
    ("Reshape", {"shape": (2,)}, (f(),), "E0304", "Reshape takes at least one axis"),
    ("Conv", {"channels": 8, "kernel": 3}, (f(N, 64),), "E0304", "3 to 5 axes, [N, C, ...] with 1 to 3 spatial axes"),
    ("Conv", {"channels": 8, "kernel": 3}, (i(N, 3, 8),), "E0303", "floating-point"),
    ("Conv", {"channels": 8, "kernel": 3}, (f(N, T, 8),), "E0314", "weights for each channel"),
    ("Conv", {"channels": 8, "kernel": (3, 3, 3)}, (IMAGE,),
     "E0312", "kernel = [3, 3, 3] has 3 entries, but the input has 2"),
    ("Conv", {"channels": 8, "kernel": 3, "stride": (1,)}, (IMAGE,), "E0312", "stride = [1] has 1 entries"),
    ("Conv", {"channels": 8, "kernel": 3, "dilation": (1,)}, (IMAGE,), "E0312", "dilation = [1]"),
    ("Conv", {"channels": 8, "kernel": 3, "padding": (1,)}, (IMAGE,), "E0312", "padding = [1]"),
    ("Conv", {"channels": 8, "kernel": 3, "padding": "full"}, (IMAGE,),
     "E0312", '"full" is neither "same" nor "valid"'),
    ("Conv", {"channels": 8, "kernel": 3, "padding": -1}, (IMAGE,), "E0312", "padding must be at least 0"),
    ("Conv", {"channels": 8, "kernel": 0}, (IMAGE,), "E0312", "must be at least 1, but is [0, 0]"),
    ("Conv", {"channels": 8, "kernel": 3, "stride": 0}, (IMAGE,), "E0312", "stride must be at least 1"),
    ("Conv", {"channels": 8, "kernel": 3, "dilation": 0}, (IMAGE,), "E0312", "dilation must be at least 1"),
    ("Conv", {"channels": 8, "kernel": 3, "groups": 4}, (IMAGE,), "E0306", "4 does not divide the input's channels, 6"),
    ("Conv", {"channels": 8, "kernel": 3, "groups": 3}, (IMAGE,),
     "E0306", "3 does not divide the result's channels, 8"),
    ("Conv", {"channels": 8, "kernel": 9, "padding": "valid"}, (IMAGE,),
     "E0310", "a window of 9 does not fit into axis 2"),
    ("Conv", {"channels": 8, "kernel": 3, "dilation": 5, "padding": 1}, (IMAGE,),
     "E0310", "3 (dilated to 11) does not fit into axis 2 of float32[N, 6, 8, 8], which has 8 with 2 of padding"),
    ("ConvTranspose", {"channels": 8, "kernel": 3}, (f(N, 64),), "E0304", "3 to 5 axes"),
    ("ConvTranspose", {"channels": 8, "kernel": 3}, (f(N, T, 8),), "E0314", "weights for each channel"),
    ("ConvTranspose", {"channels": 8, "kernel": 3, "groups": 4}, (IMAGE,), "E0306", "4 does not divide the input's"),
    ("ConvTranspose", {"channels": 8, "kernel": 3, "groups": 3}, (IMAGE,), "E0306", "3 does not divide the result's"),
    ("ConvTranspose", {"channels": 8, "kernel": 3, "stride": 2, "output_padding": (2, 0)}, (IMAGE,),
     "E0312", "output_padding = [2, 0] must be smaller than the stride, [2, 2]"),
    ("ConvTranspose", {"channels": 8, "kernel": 3, "padding": "same", "output_padding": 1}, (IMAGE,),
     "E0312", 'padding = "same" says how large the result is'),
    ("ConvTranspose", {"channels": 8, "kernel": 3, "padding": 5}, (IMAGE,),
     "E0310", "padding [5, 5] leaves nothing of axis 2, of which float32[N, 6, 8, 8] would make 10"),
    ("ConvTranspose", {"channels": 8, "kernel": (3,)}, (IMAGE,), "E0312", "kernel = [3] has 1 entries"),
    ("DepthwiseConv", {"kernel": 9, "padding": "valid"}, (IMAGE,), "E0310", "a window of 9 does not fit"),
    ("DepthwiseConv", {"kernel": 3}, (f(N, T, 8),), "E0314", "weights for each channel"),
    ("SeparableConv", {"channels": 8, "kernel": 3}, (i(N, 3, 8),), "E0303", "floating-point"),
    ("MaxPool", {"size": 9}, (IMAGE,), "E0310", "a window of 9 does not fit"),
    ("MaxPool", {"size": 3, "dilation": 4}, (IMAGE,), "E0310", "a window of 3 (dilated to 9) does not fit"),
    ("MaxPool", {"size": 2, "dilation": (1,)}, (IMAGE,), "E0312", "dilation = [1]"),
    ("MaxPool", {"size": 2, "stride": 3, "ceil": True}, (f(N, 3, T),), "E0308", "behind axis 2 of float32[N, 3, T]"),
    ("AveragePool", {"size": 3, "stride": 3, "padding": 1, "ceil": True}, (f(N, 3, T),), "E0308", "whether a window"),
    ("LpPool", {"power": 2.0, "size": 9}, (IMAGE,), "E0310", "a window of 9 does not fit"),
    ("MaxPool", {"size": 2, "padding": 2}, (IMAGE,), "E0312", "more than half of the window"),
    ("MaxPool", {"size": (2,)}, (IMAGE,), "E0312", "size = [2]"),
    ("MaxPool", {"size": 2, "stride": (2,)}, (IMAGE,), "E0312", "stride = [2]"),
    ("MaxPool", {"size": 2}, (f(N, 6),), "E0304", "MaxPool takes 3 to 5 axes"),
    ("MaxUnpool", {"size": 2}, (IMAGE, f(N, 6, 8, 8)), "E0303", "MaxUnpool takes integers"),
    ("MaxUnpool", {"size": 2}, (IMAGE, i(N, 6, 8)), "E0304", "as many indices as numbers"),
    ("MaxUnpool", {"size": 2}, (IMAGE, i(N, 6, 8, 7)), "E0306", "on axis 3 must be equal, but are 8 and 7"),
    ("MaxUnpool", {"size": 2, "output_size": (16,)}, (IMAGE, i(N, 6, 8, 8)), "E0312", "output_size = [16] has 1"),
    ("MaxUnpool", {"size": 4, "stride": 1, "padding": 2}, (f(N, 6, 1), i(N, 6, 1)), "E0310", "would become [0] points"),
    ("AdaptiveAveragePool", {"size": 3}, (f(N, 6, T),), "E0308", "axis 2 of float32[N, 6, T] must be a number"),
    ("AdaptiveAveragePool", {"size": (3,)}, (IMAGE,), "E0312", "size = [3] has 1 entries"),
    ("AdaptiveMaxPool", {"size": 0}, (IMAGE,), "E0312", "size must be at least 1"),
    ("Unfold", {"kernel": 9}, (IMAGE,), "E0310", "a window of 9 does not fit"),
    ("Fold", {"output_size": (8, 8), "kernel": 2}, (f(N, 6, 49),), "E0306", "4 does not divide axis 1"),
    ("Fold", {"output_size": (8, 8), "kernel": 2}, (f(N, 8, 48),), "E0306", "must be equal, but are 48 and 49"),
    ("Fold", {"output_size": (8, 8), "kernel": 2}, (IMAGE,), "E0304", "Fold takes 3 axes, [N, C * window, windows]"),
    ("Fold", {"output_size": (), "kernel": 2}, (f(N, 8, 49),), "E0312", "must have 1 to 3 entries"),
    ("PixelShuffle", {"factor": 2}, (IMAGE,), "E0306", "4 does not divide the channels"),
    ("PixelShuffle", {"factor": 2}, (f(N, 8),), "E0304", "3 to 5 axes"),
    ("PixelUnshuffle", {"factor": 3}, (IMAGE,), "E0306", "3 does not divide axis 2"),
    ("PixelUnshuffle", {"factor": 2}, (f(N, 3, T),), "E0308", "whether 2 divides axis 2"),
    ("ChannelShuffle", {"groups": 4}, (IMAGE,), "E0306", "4 does not divide the channels"),
    ("Pad", {"padding": (1, 2, 3)}, (IMAGE,), "E0312", "padding = [1, 2, 3] has 3 entries"),
    ("Pad", {"padding": 8, "mode": "reflect"}, (IMAGE,), "E0306", '"reflect" takes 9 entries of axis 2'),
    ("Pad", {"padding": 9, "mode": "circular"}, (IMAGE,), "E0306", '"circular" takes 9 entries'),
    ("Pad", {"padding": 1, "mode": "reflect"}, (f(N, 3, T),), "E0308", "has the 2 entries"),
    ("Pad", {"padding": 1, "mode": "replicate", "value": 1.0}, (IMAGE,), "E0312", "value = 1 has no place"),
    ("pad", {"padding": (1, -1), "mode": "reflect"}, (IMAGE,), "E0312", "goes with positive widths"),
    ("Upsample", {}, (IMAGE,), "E0312", "Upsample takes either a size or a factor"),
    ("resize", {"size": 3, "factor": 2.0}, (IMAGE,), "E0312", "resize takes either a size or a factor"),
    ("Upsample", {"factor": (2.0,)}, (IMAGE,), "E0312", "factor = [2.0] has 1 entries"),
    ("resize", {"size": (3,)}, (IMAGE,), "E0312", "size = [3] has 1 entries"),
    ("resize", {"size": 3, "antialias": True}, (IMAGE,), "E0312", "weighs nothing, so that antialias has no place"),
    ("resize", {"size": 3, "align_corners": True}, (IMAGE,), "E0312", "so that align_corners has no place"),
    ("resize", {"size": 3, "mode": "linear"}, (i(N, 3, 8),), "E0303", "floating-point"),
    ("resize", {"factor": 0.1}, (IMAGE,), "E0306", "leaves nothing of axis 2"),
    ("resize", {"factor": 1.5}, (f(N, 3, T),), "E0308", "1.5 times T points"),
    ("resize", {"size": 3}, (f(N, 3, T),), "E0308", 'which points mode = "nearest" takes of axis 2'),
    ("resize", {"factor": 2.0, "mode": "cubic"}, (f(N, 3, T),), "E0308", 'which points mode = "cubic" takes'),
    ("affine_grid", {"size": (4, 4)}, (f(N, 3, 4),), "E0306", "axis 1 of float32[N, 3, 4] and the number of spatial"),
    ("affine_grid", {"size": (4, 4)}, (f(N, 2, 2),), "E0306", "axis 2 of float32[N, 2, 2]"),
    ("affine_grid", {"size": ()}, (f(N, 2, 3),), "E0312", "must have 1 to 3 entries"),
    ("affine_grid", {"size": (4, 4)}, (f(N, 6),), "E0304", "3 axes, [N, axes, axes + 1]"),
    ("grid_sample", {}, (IMAGE, f(N, 4, 4, 3)), "E0306", "the last axis of float32[N, 4, 4, 3]"),
    ("grid_sample", {}, (IMAGE, f(3, 4, 4, 2)), "E0308", "the numbers of examples"),
    ("grid_sample", {}, (IMAGE, TensorType(ElementType.FLOAT64, (N, 4, 2))), "E0302", "element types differ"),
    ("grid_sample", {"mode": "cubic"}, (f(N, 3, 4, 4, 4), f(N, 9, 3)), "E0312", "one or two spatial axes"),
    ("Crop", {"cropping": 4}, (IMAGE,), "E0306", "leaves nothing of axis 2"),
    ("AveragePool", {"size": 9}, (IMAGE,), "E0310", "a window of 9 does not fit"),
    ("AveragePool", {"size": 2}, (i(N, 6, 8),), "E0303", "AveragePool takes floating-point numbers"),
    ("GlobalAveragePool", {}, (f(N, 6),), "E0304", "at least 3 axes"),
    ("GlobalMaxPool", {}, (f(N, 6),), "E0304", "at least 3 axes"),
    ("BatchNorm", {}, (f(N),), "E0304", "at least 2 axes, [N, C, ...]"),
    ("BatchNorm", {}, (f(N, T),), "E0314", "in float32[N, T] it is T"),
    ("BatchNorm", {}, (i(N, 4),), "E0303", "floating-point"),
    ("LayerNorm", {}, (f(N, T),), "E0314", "it is T"),
    ("LayerNorm", {"axes": 1}, (f(N, 3, 4),), "E0312", "normalizes the last axes"),
    ("LayerNorm", {"axes": -3}, (f(N, 4),), "E0305", "axis -3 of a tensor of rank 2"),
    # activations
    ("Relu", {}, (i(N, 4),), "E0303", "Relu takes floating-point numbers, but this is int64[N, 4]"),
    ("softmax", {"axis": 2}, (f(N, 4),), "E0305", "axis 2 of a tensor of rank 2"),
    ("LogSoftmax", {"axis": -3}, (f(N, 4),), "E0305", "axis -3"),
    # arithmetic
    ("add", {}, (f(N, 4), f(N)), "E0301", "add of shapes [N, 4] and [N]"),
    ("add", {}, (f(N, 4), f(4, T)), "E0301", "do not broadcast"),
    ("multiply", {}, (f(N, 4), b(N, 4)), "E0302", "multiply of float32[N, 4] and bool[N, 4]: the element types differ"),
    ("subtract", {}, (b(N), b(N)), "E0303", "subtract is not defined for bool[N]"),
    ("divide", {}, (b(N), b(N)), "E0303", "divide is not defined for bool[N]"),
    ("add", {}, (U8, U8), "E0303", "add is not defined for uint8[N, 4]"),
    ("negative", {}, (b(N),), "E0303", "negative is not defined for bool[N]"),
    ("less", {}, (b(N), b(N)), "E0303", "less is not defined for bool[N]"),
    ("equal", {}, (S, S), "E0303", "equal is not defined for string[N]"),
    ("equal", {}, (f(N), i(N)), "E0302", "equal of float32[N] and int64[N]"),
    ("logical_and", {}, (f(N), b(N)), "E0303", "logical_and takes booleans, but this is float32[N]"),
    ("logical_not", {}, (i(N),), "E0303", "logical_not takes booleans"),
    ("matmul", {}, (f(N, 4), f(5, 3)), "E0306", "the inner dimensions must be equal, but are 4 and 5"),
    ("matmul", {}, (f(N, T), f(5, 3)), "E0308", "are T and 5"),
    ("matmul", {}, (f(), f(5, 3)), "E0304", "matmul takes at least one axis"),
    ("matmul", {}, (f(2, 3, 4), f(3, 4, 5)), "E0301", "[2] and [3]"),
    ("matmul", {}, (i(N, 4), i(4, 3)), "E0303", "floating-point"),
    # real functions
    ("exp", {}, (i(N),), "E0303", "exp takes floating-point numbers, but this is int64[N]"),
    ("abs", {}, (b(N),), "E0303", "abs is not defined for bool[N]"),
    ("clip", {}, (f(N),), "E0312", "clip without a limit"),
    ("clip", {"min": 2, "max": 1}, (f(N),), "E0312", "the lower limit, 2, is above the upper one, 1"),
    ("clip", {"min": 0.5}, (i(N),), "E0312", "takes whole numbers as limits"),
    ("clip", {"max": 3_000_000_000}, (TensorType(ElementType.INT32, (N,)),), "E0312", "max = 3000000000 is no int32"),
    # reductions
    ("mean", {"axis": 2}, (f(N, 4),), "E0305", "mean: axis 2 of a tensor of rank 2"),
    ("sum", {"axis": (0, -2)}, (f(N, 4),), "E0305", "named twice in [0, -2]"),
    ("sum", {"axis": ()}, (f(N, 4),), "E0305", "the list of axes is empty"),
    ("sum", {}, (S,), "E0303", "sum is not defined for string[N]"),
    ("var", {}, (i(N),), "E0303", "var takes floating-point numbers"),
    ("max", {"axis": 0}, (f(N), f(N)), "E0312", "takes no axis"),
    ("min", {}, (b(N),), "E0303", "min is not defined for bool[N]"),
    ("argmax", {}, (i(N, 4),), "E0303", "argmax is not defined for int64[N, 4]"),
    ("argmax", {"axis": 2}, (f(N, 4),), "E0305", "axis 2"),
    # shapes
    ("reshape", {"shape": (3, 4)}, (f(2, 5),), "E0307", "[2, 5] has 10 elements, but [3, 4] has 12"),
    ("transpose", {}, (f(N),), "E0304", "transpose takes at least 2 axes"),
    ("transpose", {"axes": (0, 0)}, (f(N, 4),), "E0312", "must name each of the 2 axes of float32[N, 4] once"),
    ("squeeze", {"axis": 1}, (f(N, 4),), "E0306", "axis 1 of float32[N, 4] is 4"),
    ("unsqueeze", {"axis": 4}, (f(N, 4),), "E0305", "axis 4 of a tensor of rank 3"),
    ("expand", {"shape": (4,)}, (f(N, 4),), "E0304", "more axes than [4]"),
    ("expand", {"shape": (-1, N, 4)}, (f(N, 4),), "E0312", "where float32[N, 4] has none"),
    ("expand", {"shape": (5, 1)}, (f(5, 4),), "E0306", "[5, 4] can't become [5, 1]"),
    ("concat", {"axis": 1}, (f(N, 4), f(N, 4, 1)), "E0304", "equally many axes"),
    ("concat", {"axis": 1}, (f(3, 4), f(2, 4)), "E0306", "sizes on axis 0 must be equal, but are 3 and 2"),
    ("concat", {"axis": 1}, (f(N, 4), i(N, 4)), "E0302", "concat of float32[N, 4] and int64[N, 4]"),
    ("stack", {}, (f(N, 4), f(N, 5)), "E0306", "tensors of one shape, but these are float32[N, 4] and float32[N, 5]"),
    ("split", {"sizes": (1, 2), "axis": 1}, (f(N, 4),), "E0306", "must be equal, but are 3 and 4"),
    ("split", {"sizes": (5, -1), "axis": 1}, (f(N, 4),), "E0306", "can't be negative"),
    ("split", {"sizes": 2}, (f(N, 4),), "E0308", "axis 0 of float32[N, 4] must be a number, but is N"),
    ("split", {"sizes": 0, "axis": 1}, (f(N, 4),), "E0306", "at least 1"),
    ("pad", {"padding": (1,)}, (f(N, 4),), "E0312", "two numbers for each padded axis"),
    ("pad", {"padding": (1, 1), "value": 0.5}, (i(N, 4),), "E0312", "value = 0.5 is no int64"),
    ("pad", {"padding": (1, 1), "value": 300}, (TensorType(ElementType.INT8, (N, 4)),), "E0312", "= 300 is no int8"),
    ("Pad", {"padding": 1, "value": 2}, (TensorType(BOOL, (N, 3, 4)),), "E0312", "value = 2 is no bool"),
    ("pad", {"padding": (-3, -2)}, (f(N, 4),), "E0306", "leaves nothing of axis 1"),
    ("pad", {"padding": (-5, 3)}, (f(N, 4),), "E0306", "leaves nothing of axis 1"),
    ("pad", {"padding": (0, 0, -5, -5)}, (f(N, 4),), "E0308", "whether axis 0"),
    ("gather", {"axis": 1}, (f(N, 4), i(N)), "E0304", "as many axes as x"),
    ("gather", {"axis": 1}, (f(3, 4), i(2, 1)), "E0306", "sizes on axis 0 must be equal, but are 3 and 2"),
    ("gather", {"axis": 1}, (f(3, 4), f(3, 1)), "E0303", "gather takes integers"),
    # notation
    ("einsum", {"equation": "ij,jk->ik"}, (f(N, 4),), "E0309", "describes 2 operands, but there are 1"),
    ("einsum", {"equation": "i...->i"}, (f(N, 4),), "E0309", "made of letters"),
    ("einsum", {"equation": "ii->i"}, (f(4, 4),), "E0309", 'stands twice in "ii"'),
    ("einsum", {"equation": "ij->ik"}, (f(4, 4),), "E0309", '"k" stands in the result'),
    ("einsum", {"equation": "ij->ii"}, (f(4, 4),), "E0309", "twice in the result"),
    ("einsum", {"equation": "ij->i"}, (f(4,),), "E0304", '"ij" describes 2 axes, but the operand is float32[4]'),
    ("einsum", {"equation": "ij,jk->ik"}, (f(N, 4), f(5, 3)),
     "E0306", 'the sizes of "j" must be equal, but are 4 and 5'),
    ("rearrange", {"pattern": "n t"}, (f(N, 4),), "E0309", 'needs one "->"'),
    ("rearrange", {"pattern": "n (t -> n t"}, (f(N, 4),), "E0309", "never closed"),
    ("rearrange", {"pattern": "n [t] -> n t"}, (f(N, 4),), "E0309", '"[" can\'t stand there'),
    ("rearrange", {"pattern": "n n -> n"}, (f(N, 4),), "E0309", '"n" stands twice'),
    ("rearrange", {"pattern": "n t -> n"}, (f(N, 4),), "E0309", '"t" stands on one side only'),
    ("rearrange", {"pattern": "n ... -> n"}, (f(N, 4),), "E0309", '"..." stands on one side only'),
    ("rearrange", {"pattern": "n t d -> n d t"}, (f(N, 4),), "E0304", "describes 3 axes, but x is float32[N, 4]"),
    ("rearrange", {"pattern": "n (a b) -> n a b"}, (f(N, 4),), "E0309", 'the sizes of "a" and "b" do not follow'),
    ("rearrange", {"pattern": "n (a b) -> n a b", "sizes": (("a", 3),)}, (f(N, 4),),
     "E0306", "3 does not divide axis 1"),
    ("rearrange", {"pattern": "n (a b) -> n a b", "sizes": (("a", 2),)}, (f(N, T),), "E0308", "whether 2 divides"),
    ("rearrange", {"pattern": "n a -> a n", "sizes": (("c", 2),)}, (f(N, 4),), "E0309", '"c" does not occur'),
    ("rearrange", {"pattern": "n a -> a n", "sizes": (("a", 3),)}, (f(N, 4),),
     "E0306", "must be equal, but are 3 and 4"),
    ("rearrange", {"pattern": "n 1 -> n"}, (f(N, 4),), "E0306", "must be equal, but are 1 and 4"),
    # indices
    ("index", {"items": (Slice(), 4)}, (f(N, 4),),
     "E0311", "axis 1 of float32[N, 4] has 4 entries, so that 4 lies outside"),
    ("index", {"items": (Slice(), -5)}, (f(N, 4),), "E0311", "-5 lies outside"),
    ("index", {"items": (0, 0, 0)}, (f(N, 4),), "E0311", "3 indices for float32[N, 4], which has 2 axes"),
    ("index", {"items": (Mark.REST, Mark.REST)}, (f(N, 4),), "E0311", "`...` can stand once"),
    ("index", {"items": (Mark.TENSOR, Mark.TENSOR)}, (f(N, 4), i(N)), "E0311", "only one tensor"),
    ("index", {"items": (Mark.TENSOR,)}, (f(N, 4), b(N)), "E0311", "made of integers, but this is bool[N]"),
    ("index", {"items": (Slice(None, None, 0),)}, (f(N, 4),), "E0311", "the step of a slice must be positive"),
    ("index", {"items": (Slice(None, 5),)}, (f(N, 4),), "E0308", "depends on the size of axis 0"),
    ("index", {"items": (Slice(-5, None),)}, (f(N, 4),), "E0308", "depends on the size of axis 0"),
    ("index", {"items": (T,)}, (f(N, 4),), "E0308", "an entry must be a number, but is T"),
    # elements
    ("where", {}, (f(N), f(N), f(N)), "E0303", "the condition of where takes booleans"),
    ("where", {}, (b(N), f(N), i(N)), "E0302", "where of float32[N] and int64[N]"),
    ("where", {}, (b(N), f(3), f(4)), "E0301", "[N] and [3] and [4]"),
    ("cast", {"element": FLOAT32}, (S,), "E0312", "cast does not turn string[N] into float32"),
    ("is_missing", {}, (i(N),), "E0303", "is_missing takes floating-point numbers"),
    ("one_hot", {"classes": 3}, (f(N),), "E0303", "one_hot takes integers"),
    ("one_hot", {"classes": 3, "element": STRING}, (i(N),), "E0303", "not defined for string[N]"),
    ("zeros_like", {}, (S,), "E0303", "zeros_like is not defined"),
    ("ones_like", {}, (S,), "E0303", "ones_like is not defined"),
    ("normal_like", {}, (i(N),), "E0303", "normal_like takes floating-point numbers"),
    ("uniform_like", {}, (i(N),), "E0303", "uniform_like takes floating-point numbers"),
]  # fmt: skip


def make(name: str, options: dict[str, Any]) -> Operation:
    return (LAYERS.get(name) or FUNCTIONS[name])(**options)


@pytest.mark.parametrize(
    ("name", "options", "operands", "code", "message"), WRONG, ids=[f"{n}-{row[0]}" for n, row in enumerate(WRONG)]
)
def test_what_does_not_fit_is_said(
    name: str, options: dict[str, Any], operands: tuple[TensorType, ...], code: str, message: str
) -> None:
    with pytest.raises(Problem, match=re.escape(message)) as caught:
        make(name, options).type(*operands)
    assert caught.value.diagnostic.code.id == code


def test_every_code_of_the_family_is_raised() -> None:
    raised = {code for *_, code, _ in WRONG} | {"E0313", "E0315"}  # test_numbers.py; tests/wrong/shapes
    assert {code for code in CODES if "E0301" <= code <= "E0329"} == raised


@pytest.mark.parametrize(
    ("name", "options", "operands", "hint"),
    [
        ("add", {}, (f(N, 4), f(N)), "`x[..., none]`"),
        ("multiply", {}, (f(N, 4), b(N, 4)), "`cast(..., float32)`"),
        ("exp", {}, (i(N),), "`cast(..., float32)`"),
        ("Conv", {"channels": 8, "kernel": 3}, (f(N, 64),), "`Reshape(...)`"),
        ("Conv", {"channels": 8, "kernel": 3}, (f(N, 1, 1, 1, 1, 1),), "`Flatten`"),
        ("MaxPool", {"size": 9}, (IMAGE,), 'padding = "same"'),
        ("Dense", {"units": 1}, (f(N),), "`x[:, none]`"),
        ("index", {"items": (Mark.TENSOR, Mark.TENSOR)}, (f(N, 4), i(N)), "`gather("),
        ("index", {"items": (Mark.TENSOR,)}, (f(N, 4), b(N)), "`where("),
    ],
)
def test_hints(name: str, options: dict[str, Any], operands: tuple[TensorType, ...], hint: str) -> None:
    with pytest.raises(Problem) as caught:
        make(name, options).type(*operands)
    assert hint in (caught.value.diagnostic.hint or "")


@pytest.mark.parametrize(
    ("name", "options", "operands", "result"),
    [
        ("Dense", {"units": symbol("classes(town)")}, (f(N, T, 4),), "float32[N, T, classes(town)]"),
        ("Dense", {"units": 2}, (f(N, symbol("classes(town)")),), "float32[N, 2]"),
        ("Conv", {"channels": 8, "kernel": 3, "stride": 2}, (f(N, 3, T, 2 * T),), "float32[N, 8, ((T + 1) // 2), T]"),
        ("Conv", {"channels": 8, "kernel": 4}, (f(N, 3, T),), "float32[N, 8, T]"),
        ("MaxPool", {"size": 2}, (f(N, 3, 2 * T),), "float32[N, 3, T]"),
        ("MaxPool", {"size": 2, "ceil": True}, (f(N, 3, T),), "float32[N, 3, ((T + 1) // 2)]"),
        ("MaxPool", {"size": 3, "stride": 2, "padding": 1, "ceil": True}, (f(N, 3, 2 * T),), "float32[N, 3, T + 1]"),
        ("ConvTranspose", {"channels": 8, "kernel": 4, "stride": 2, "padding": 1}, (f(N, 3, T),),
         "float32[N, 8, 2 * T]"),
        ("ConvTranspose", {"channels": 8, "kernel": 3, "stride": 2, "padding": "same"}, (f(N, 3, T),),
         "float32[N, 8, 2 * T]"),
        ("Flatten", {}, (f(N, 3, T),), "float32[N, 3 * T]"),
        ("index", {"items": (Slice(), Slice(1))}, (f(N, T),), "float32[N, T - 1]"),
        ("index", {"items": (Slice(), Slice(None, -1))}, (f(N, T),), "float32[N, T - 1]"),
        ("index", {"items": (Slice(), Slice(None, None, 2))}, (f(N, 2 * T),), "float32[N, T]"),
        ("index", {"items": (Slice(None, T),)}, (f(512, 4),), "float32[T, 4]"),
        ("index", {"items": (Slice(), -1)}, (f(N, T),), "float32[N]"),
        ("rearrange", {"pattern": "n (a b) -> b n a", "sizes": (("b", 2),)}, (f(N, 2 * T),), "float32[2, N, T]"),
        ("concat", {"axis": 1}, (f(N, T), f(N, 2)), "float32[N, T + 2]"),
        ("one_hot", {"classes": symbol("classes(town)")}, (i(N),), "float32[N, classes(town)]"),
        ("matmul", {}, (f(N, T, 4), f(N, 4, T)), "float32[N, T, T]"),
    ],
)  # fmt: skip
def test_symbolic_dimensions(name: str, options: dict[str, Any], operands: tuple[TensorType, ...], result: str) -> None:
    assert str(make(name, options).type(*operands)) == result
