"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.library.cases.rows import Given, Operand, Real, Row

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _suffixes(options: Mapping[str, Any]) -> list[str]:
    """What the names of parameters end in, for each layer and direction."""
    ways = ["", "_reverse"] if options.get("bidirectional") else [""]
    return [f"_l{number}{way}" for number in range(options.get("layers", 1)) for way in ways]


def _variables(word: str, features: int, options: Mapping[str, Any]) -> dict[str, Operand]:
    units, output = options["units"], options.get("projection") or options["units"]
    rows, ways = GATES[word] * units, 1 + options.get("bidirectional", False)
    found: dict[str, Operand] = {}
    for suffix in _suffixes(options):
        found["weight_ih" + suffix] = Real((rows, features if suffix.startswith("_l0") else ways * output), -0.9, 0.9)
        found["weight_hh" + suffix] = Real((rows, output), -0.9, 0.9)
        if options.get("bias", True):
            found |= {name + suffix: Real((rows,), -0.5, 0.5) for name in ("bias_ih", "bias_hh")}
        if output != units:
            found["weight_hr" + suffix] = Real((output, units), -0.9, 0.9)
    return found


def _torch(t: Any, p: Any, word: str, options: Mapping[str, Any], x: Any, *given: Any) -> Any:
    states, lengths = list(given), None
    if states and not states[-1].is_floating_point():
        lengths = states.pop()
    suffixes, units = _suffixes(options), options["units"]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    weights = [p[name + suffix] for suffix in suffixes for name in names if name + suffix in p]
    sizes = [options.get("projection") or units, units][: 2 if word == "LSTM" else 1]
    first = [x.new_zeros(len(suffixes), len(x), size) for size in sizes]
    if states:
        first = [state.reshape(len(x), len(suffixes), -1).transpose(0, 1).contiguous() for state in states]
    function = getattr(t._VF, {"RNN": "rnn_" + options.get("activation", "tanh")}.get(word, word.lower()))
    both, layers = options.get("bidirectional", False), options.get("layers", 1)
    more = (weights, options.get("bias", True), layers, 0.0, False, both)
    if lengths is None:
        y, *ends = function(x, first if word == "LSTM" else first[0], *more, True)
    else:
        packed = t.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        first = [state.index_select(1, packed.sorted_indices) for state in first]
        y, *ends = function(packed.data, packed.batch_sizes, first if word == "LSTM" else first[0], *more)
        packed = packed._replace(data=y)
        y, _ = t.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        ends = [end.index_select(1, packed.unsorted_indices) for end in ends]
    if options.get("last"):
        y = ends[0][-2:].transpose(0, 1).flatten(1) if both else ends[0][-1]
    ends = [end.transpose(0, 1) if len(suffixes) > 1 else end[0] for end in ends]
    return (y, *ends) if options.get("return_state") else y


def _row(word: str, note: str, x: Real, *given: Operand, **options: Any) -> Row:
    options = {"units": 3, **options}
    return Row(word, (x, *given), lambda t, p, x, *more: _torch(t, p, word, options, x, *more), options,
               _variables(word, x.shape[2], options), note=note)  # fmt: skip


X = Real((3, 5, 4))
LENGTHS = Given([2, 5, 1], "int64")


def _starts(word: str, *shape: int, output: int | None = None) -> tuple[Operand, ...]:
    return (Real((*shape[:-1], output or shape[-1])), Real(shape))[: 2 if word == "LSTM" else 1]


ROWS = [
    row
    for word in GATES
    for row in (
        _row(word, "", X),
        _row(word, "one-step", Real((2, 1, 3)), bias=False, return_state=True),
        _row(word, "last", X, last=True),
        _row(word, "started", Real((2, 4, 3)), *_starts(word, 2, 2, 3), bidirectional=True, last=True,
             return_state=True),
        _row(word, "lengths", X, LENGTHS, return_state=True),
        _row(word, "lengths-started", Real((4, 3, 2)), *_starts(word, 4, 3), Given([3, 1, 2, 2], "int32"), last=True),
        _row(word, "two-ways", X, bidirectional=True, return_state=True),
        _row(word, "deep", Real((1, 6, 2)), layers=2, dropout=0.3, return_state=True),
        _row(word, "deep-two-ways", X, *_starts(word, 3, 4, 3), LENGTHS, layers=2, bidirectional=True,
             return_state=True),
        _row(word, "deep-two-ways-last", X, LENGTHS, layers=2, bidirectional=True, last=True, bias=False),
    )
] + [
    _row("RNN", "relu", X, activation="relu", layers=2),
    _row("RNN", "relu-two-ways", X, LENGTHS, activation="relu", bidirectional=True, last=True),
    _row("LSTM", "projected", X, projection=2, return_state=True),
    _row("LSTM", "projected-deep", X, *_starts("LSTM", 3, 4, 3, output=2), LENGTHS, projection=2, layers=2,
         bidirectional=True, return_state=True),
]  # fmt: skip
