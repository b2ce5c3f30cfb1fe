"""What other tools call things: the word here, and how it differs. Hints for unknown names are made of these tables.

Names are looked up without capitals, underscores and a number of dimensions, so `Conv2D`, `conv_2d` and `Conv` are one;
a name that differs from a word here in no more than that needs no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dslc.diagnostics import Repair

__all__ = [
    "ARGUMENTS", "MEMBERS", "STATEMENTS", "STATEMENTS_OF_BODIES", "VALUES", "WORDS", "argument_hint", "foreign",
    "known_as", "word_hint",
]  # fmt: skip


def _write(word: str) -> Repair:
    return Repair(f"write {word}", word)


WORDS: dict[str, tuple[str, str]] = {
    name: ("", difference)
    for names, difference in (
        ("activation", "an activation is a layer of its own: x -> Relu"),
        ("sequential", "layers are joined by arrows: x -> Dense(8) -> Relu -> Dense(2)"),
        ("inputlayer", "an input is a statement of the model: input x: float32[N, 4]"),
        ("bidirectional", "an option of the layer says so: LSTM(64, bidirectional = true)"),
        (
            "transformerencoder transformerencoderlayer transformerdecoder transformerdecoderlayer",
            "it is written of MultiHeadAttention, LayerNorm and Dense",
        ),
        ("std", "write sqrt(var(x))"),
        ("square", "write x ** 2"), ("standardscaler zscore scale", "write standardize(x)"),
        ("normalization", "write standardize(x) in a field"),
        ("labelencoder ordinalencoder stringlookup categorical", "write category(x)"),
        (
            "onehotencoder getdummies",
            "write category(x) in a field, and one_hot(field, classes(field)) where it is used",
        ),
        ("minmaxscaler", "write minmax(x)"), ("simpleimputer", 'write impute(x, "mean")'),
        ("todatetime", 'write datetime(column("when"), "%d/%m/%Y")'),
        ("tonumeric", "numbers are read as they are; column(...) has their type"),
        ("lbfgs", "its search along a line evaluates the objective a number of times that differs from step to step"),
        (
            "shampoo soap kfac",
            "roots and eigenvectors of matrices are no operators of ONNX: Muon makes matrices orthogonal by products",
        ),
        ("sparseadam lazyadam", "gradients are never sparse here: write Adam"),
        ("fillna", "write impute(x, 0)"), ("log1p", "write log(1 + x)"), ("expm1", "write exp(x) - 1"),
        ("log10", "write log(x) / log(10)"), ("log2", "write log(x) / log(2)"), ("col feature", 'write column("name")'),
    )
    for name in names.split()
}  # fmt: skip
"""Layers, functions and optimizers: the word here (nothing where there is none), and how it differs.

Where it differs in nothing, the name is certain enough to be put in its place.

Those of words that there are stand with them (:attr:`~dslc.library.word.Word.aliases`), which file them here.
"""

_TAKEN = "the size of the input is taken from what flows in: leave it out"
_RATE = "a number or a schedule"
ARGUMENTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    name: (tuple(here.split()), difference)
    for names, here, difference in (
        ("learningrate eta stepsize alpha", "lr", _RATE), ("epsilon", "eps", ""),
        ("beta1 beta2", "betas", "a list: betas = [0.9, 0.999]"), ("rho", "alpha", ""), ("decay", "weight_decay", ""),
        ("outfeatures outputsize hiddensize classes width numunits nodes neurons out", "units", ""),
        ("outputdim", "units size", ""), ("features", "units channels", ""), ("size", "units kernel", ""),
        ("numclasses", "units classes", ""), ("filters outchannels numfilters", "channels", ""),
        ("kernelsize", "kernel size", ""), ("poolsize embeddingdim embedsize", "size", ""), ("strides", "stride", ""),
        ("dilationrate", "dilation", ""), ("numgroups", "groups", ""), ("usebias", "bias", ""),
        ("p prob dropout keepprob", "rate", "the share that is dropped"),
        ("numembeddings vocabsize vocabularysize", "entries", ""), ("inputdim", "entries", _TAKEN),
        ("kernelinitializer weightinitializer initializer", "init", ""), ("dim", "axis axes over", ""),
        ("axis", "axes over", ""), ("axes", "axis over", ""), ("keepdim", "keepdims", ""),
        ("normalizedshape", "axes", "which axes are normalized: the last one unless said otherwise"),
        ("negativeslope", "slope", ""), ("lambd", "threshold", ""), ("stddev", "std", ""),
        ("numheads nhead", "heads", ""), ("keydim", "key_size", ""), ("valuedim", "value_size", ""),
        ("numkvheads numkeyvalueheads", "key_heads", ""), ("iscausal usecausalmask", "causal", ""),
        ("dropoutp", "dropout", ""), ("embeddim kdim vdim", "", _TAKEN),
        ("maxlen sequencelength", "length", ""), ("minval", "min", ""), ("maxval", "max", ""),
        ("targetshape", "shape", "without the batch axis"),
        ("paddingidx", "padding_index", ""), ("depthmultiplier", "multiplier", ""), ("normtype", "power", ""),
        ("upscalefactor downscalefactor scalefactor", "factor", ""), ("ceilmode", "ceil", ""),
        ("returnindices", "indices", ""), ("paddingmode", "mode padding", ""), ("numpieces", "pieces", ""),
        ("maxnorm", "", "a look-up changes no weights: normalize the rows that it gives, normalize(x)"),
        ("classweights", "class_weight", ""), ("posweight", "pos_weight", ""), ("sampleweight", "weight", ""),
        ("elementwiseaffine center scale", "affine", ""), ("labelsmoothing", "label_smoothing", ""),
        ("ignoreindex", "ignore_index", ""),
        ("infeatures inchannels inputsize inputshape numfeatures batchinputshape", "", _TAKEN),
        ("sep separator delim", "delimiter", ""), ("navalues nullvalues", "missing", "a text or a list of texts"),
        ("skiprows", "skip", ""), ("quotechar", "quote", ""),
        ("usecols indexcol", "", "leave it out: only columns that a field names are read"),
        ("parsedates", "", 'write datetime(column("when"), "%d/%m/%Y") in a field'), ("path", "path", "it comes first"),
        ("filename filepath", "path", ""), ("fromlogits", "", "it always takes logits: leave it out"),
        ("reduction average", "", "it is the mean over all elements: leave it out"),
        ("inplace", "", "leave it out: memory is the runtime's business"),
        ("device", "", "leave it out: a run is given its device with --provider"),
        ("dtype", "", "leave it out: the type follows from what flows in, which cast(x, float32) converts"),
        ("dataformat", "", "images have their channels first, [N, C, H, W]: leave it out"),
        ("name", "", "it is named by what it is bound to: name = x -> Layer"),
        ("kernelregularizer", "", "add l2(Net) to the loss, or give the optimizer a weight_decay"),
        ("trackrunningstats", "", "it keeps running statistics always: leave it out"),
        ("clipnorm maxnorm", "", "it is a statement of train: clip norm 1.0"),
        ("clipvalue", "", "it is a statement of train: clip value 0.5"),
    )
    for name in names.split()
}  # fmt: skip
"""Options: what they may be called here, the first that the word has, and what else to know."""
_NEAR = frozenset({
    "alpha", "beta1", "beta2", "center", "classes", "decay", "inputdim", "keepprob", "normalizedshape", "out", "scale",
    "size", "targetshape", "width",
})  # fmt: skip
"""Those that mean something near, and not always the same, as all that is called 'over' here: no repair is made."""

VALUES: Mapping[str, str] = {
    "none": Repair("write none; a size that is free is a symbol in capitals: float32[N, 4]", "none"),
    "null": _write("none"), "nil": _write("none"), "nan": "is_missing(x) tells what is missing", "true": _write("true"),
    "false": _write("false"), "yes": _write("true"), "no": _write("false"),
    "val": Repair("the split is called validation", "validation"),
    "np": "functions of the library have no prefix: mean(x)",
    "torch": "functions of the library have no prefix: mean(x)",
    "tf": "functions of the library have no prefix: mean(x)", "pi": _write("3.141592653589793"),
}  # fmt: skip
"""Values and owners."""

MEMBERS: Mapping[str, str] = {
    "shape": "dimensions are named where a tensor is declared: input x: float32[N, T]",
    "size": "dimensions are named where a tensor is declared: input x: float32[N, T]",
    "t": "write transpose(x)", "mt": "write transpose(x, axes = [...])", "grad": "gradients are taken by minimize",
    "data": "write detach(x)", "dtype": "types are declared: input x: float32[N, 4]",
}  # fmt: skip
"""Members of tensors."""

STATEMENTS: Mapping[str, str] = {
    name: meaning
    for names, meaning in (
        ("batchsize", Repair("write: batch 64", "batch")),
        ("learningrate lr", "it belongs to the optimizer: minimize ... using Adam(lr = 1e-3)"),
        ("optimizer", "it stands behind the loss: minimize cross_entropy(logits, label) using Adam(lr = 1e-3)"),
        ("optimize loss objective", "write: minimize cross_entropy(logits, label) using Adam(lr = 1e-3)"),
        ("maximize", "minimize the negative: minimize -score using Adam"),
        ("earlystopping patience", "write: stop when stalled(validation.loss, epochs = 5)"),
        ("validationsplit", "data is split where it is read: split train = 80%, validation = 20%"),
        ("testsplit", "data is split where it is read: split train = 80%, test = 20%"),
        ("device gpu", "a run is given its device with --provider"),
        ("randomseed randomstate manualseed", Repair("write: seed 7", "seed")),
        ("shuffle", "write: batch 64, shuffle = false"), ("gradclip gradientclip", "write: clip norm 1.0"),
        ("clipnorm", Repair("write: clip norm 1.0", "clip norm")), ("dataset", Repair("write: data name", "data")),
        ("checkpoint savebest", "write: keep best validation.loss"),
        ("scheduler", "a schedule stands in place of the number: lr = warmup(500) then cosine(1e-3, 1e-5)"),
        ("weightdecay", "it belongs to the optimizer: using AdamW(weight_decay = 1e-2)"),
        ("metrics", "each has a name: metric accuracy = accuracy(logits, label)"),
        ("numepochs maxepochs nepochs", Repair("write: epochs 30", "epochs")),
        ("iterations", Repair("write: steps 10_000", "steps")),
        ("callbacks", "write: stop when stalled(validation.loss, epochs = 5), or keep best validation.loss"),
        ("traintestsplit", "write: split train = 80%, test = 20%, seed = 1"),
        ("target label labels", 'write: field label: int64 = column("label")'),
        ("feature column", 'write: field x: float32 = column("x")'),
        ("features", 'write: field x: float32[4] = columns("x*")'),
        (
            "inputfeatures outputfeatures",
            "a spec has blocks: data name { ... }, model Name { ... }, train name { ... }",
        ),
        ("from", 'other specs are imported: import "blocks.dl"'),
        ("elif elseif", Repair("write: else if condition { ... }", "else if")),
        ("while", "loops are counted: for i in range(4) { ... }"),
        ("def function", "write: block Name(channels) { ... }"), ("class", "write: model Name(hidden = 128) { ... }"),
        ("network module", Repair("write: model Name { ... }", "model")), ("return", "write: output name = ..."),
        ("dim", "write: parameter or input"), ("let var const", Repair("a binding has no keyword: name = ...", "")),
    )
    for name in names.split()
}  # fmt: skip
"""First words of statements."""
STATEMENTS_OF_BODIES = frozenset({
    "return", "let", "var", "const", "elif", "elseif", "while", "def", "class", "function",
})  # fmt: skip
"""Those that may be meant in a model or block, where any other name may begin a binding."""


def foreign(name: str) -> str:
    """Return a name as the tables have it."""
    last = name.rpartition(".")[2].replace("_", "").lower()
    return re.sub(r"(?<=[a-z])[123]d$", "", last)


def known_as(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is written differently only in capitals, underscores and dimensions."""
    wanted = foreign(name)
    found = sorted({word for word in known if word != name and foreign(word) == wanted})
    capital = name.rpartition(".")[2][:1].isupper()  # tells the layer Relu from the function relu
    return min(found, key=lambda word: (word[:1].isupper() != capital, word), default=None)


def word_hint(name: str, known: Iterable[str]) -> str | None:
    """Say what a layer, function or optimizer of another tool is called here; None if that is not known."""
    known = set(known)
    here, difference = WORDS.get(foreign(name), ("", ""))
    if here not in known or here == name:
        difference = difference if not here else ""
        here = known_as(name, known) or ""
    if here:
        whole_channels = here == "Dropout" and name[-1:] in "dD"  # Dropout2d drops these
        hint = f"here it is called '{here}'" + (f", {difference}" if difference else "")
        return hint if difference or whole_channels else Repair(hint, here, word=name)
    return difference or None


def argument_hint(name: str, known: Iterable[str]) -> str | None:
    """Say what an option of another tool is called here, of those that the word has; None if that is not known."""
    known = list(known)
    here, difference = ARGUMENTS.get(foreign(name), ((), ""))
    found = next((option for option in here if option in known), None) or known_as(name, known)
    if found:
        hint = f"here it is called '{found}'" + (f": {difference}" if difference and difference is not _TAKEN else "")
        return hint if foreign(name) in _NEAR or found == "over" else Repair(hint, found, word=name)
    return difference or None if not here or difference is _TAKEN else None
