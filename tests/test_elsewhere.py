"""What other tools call things: every entry leads to a word that is here, typing errors to the word that was meant."""

from __future__ import annotations

import pytest

from dslc.check import check_program, resolve_program
from dslc.check.core.words import REGISTRIES
from dslc.diagnostics import Diagnostics, did_you_mean
from dslc.elsewhere import ARGUMENTS, MEMBERS, STATEMENTS, STATEMENTS_OF_BODIES, VALUES, WORDS, foreign, word_hint
from dslc.library.word import FUNCTIONS, LAYERS, OPTIMIZERS, options_of
from dslc.source import Source
from dslc.syntax.statements import KEYWORDS, Level

KNOWN = {word for registry in REGISTRIES for word in registry}
OPTIONS = {option.name for registry in REGISTRIES for word in registry.values() for option in options_of(word)}
SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[4] = columns("x*")
  field y: int64 = column("y")
  split train = 80%, validation = 20%
}}
model Net {{
  input x: {type}
  output z = {body}
}}
train t {{
  data d
  minimize {loss} using {optimizer}
  metric accuracy = accuracy(Net(x), y)
  {more}
  epochs 1
}}
"""
PLAIN = {
    "type": "float32[N, 4]", "body": "x -> Dense(3)", "loss": "cross_entropy(Net(x), y)", "optimizer": "Adam",
    "more": "",
}  # fmt: skip


def hints(**changes: str) -> list[str | None]:
    found = Diagnostics()

    def load(*_: object) -> Source:
        raise AssertionError

    check_program(resolve_program(Source("main.dl", SPEC.format(**PLAIN | changes)), found, load=load), found)
    return [d.hint for d in found]


def test_the_tables_name_what_is_here() -> None:
    assert {here for here, _ in WORDS.values() if here} <= KNOWN
    assert {option for here, _ in ARGUMENTS.values() for option in here} <= OPTIONS | {"weight", "over"}
    for table in (WORDS, ARGUMENTS, VALUES, MEMBERS, STATEMENTS):
        assert all(foreign(name) == name for name in table)
    assert not {foreign(word) for level in Level for word in KEYWORDS[level]} & STATEMENTS.keys() - {
        "dim",
        "function",
        "let",
    }


def test_statements_of_bodies_have_hints() -> None:
    assert STATEMENTS.keys() >= STATEMENTS_OF_BODIES


def test_no_entry_hides_a_word_of_the_library() -> None:
    for word in KNOWN:
        assert f"'{word}'" not in (word_hint(word, KNOWN) or "")


@pytest.mark.parametrize(("name", "here"), [
    ("Linear", "Dense"), ("Conv2d", "Conv"), ("conv_2d", "Conv"), ("MaxPooling2D", "MaxPool"),
    ("AvgPool1d", "AveragePool"),
    ("BatchNormalization", "BatchNorm"), ("batch_norm", "BatchNorm"), ("BatchNorm2d", "BatchNorm"), ("ReLU", "Relu"),
    ("LeakyReLU", "LeakyRelu"), ("leakyrelu", "leaky_relu"), ("GELU", "Gelu"), ("Swish", "Silu"), ("dense", "Dense"),
    ("CrossEntropyLoss", "cross_entropy"), ("categorical_crossentropy", "cross_entropy"),
    ("sparse_categorical_crossentropy", "cross_entropy"), ("BCEWithLogitsLoss", "binary_cross_entropy"),
    ("MSELoss", "mse"), ("mean_squared_error", "mse"), ("MeanAbsoluteError", "mae"), ("cat", "concat"),
    ("Concatenate", "concat"), ("adam", "Adam"), ("RMSProp", "RMSprop"), ("f1_score", "f1"), ("F1Score", "f1"),
    ("LogSoftMax", "LogSoftmax"), ("KLDivLoss", "kl_divergence"), ("clamp", "clip"), ("one_hot_", "one_hot"),
])  # fmt: skip
def test_words(name: str, here: str) -> None:
    assert (word_hint(name, KNOWN) or "").startswith(f"here it is called '{here}'")


@pytest.mark.parametrize(("changes", "hint"), [
    ({"body": 'x -> Dense(3, activation = "relu")'}, "an activation is a layer of its own: x -> Dense(...) -> Relu"),
    ({"body": 'x -> Dense(3, "GELU")'}, "an activation is a layer of its own: x -> Dense(...) -> Gelu"),
    ({"optimizer": "Adam(learning_rate = 0.1)"}, "here it is called 'lr': a number or a schedule"),
    ({"body": "x -> Dense(out_features = 3)"}, "here it is called 'units'"),
    ({"body": "x -> Dense(3, in_features = 4)"}, "the size of the input is taken from what flows in: leave it out"),
    ({"body": "x[:, none] -> Conv(filters = 3, kernel = 3)"}, "here it is called 'channels'"),
    ({"body": "x[:, none] -> Conv(3, kernel_size = 3)"}, "here it is called 'kernel'"),
    ({"body": "x -> Dropout(p = 0.5) -> Dense(3)"}, "here it is called 'rate': the share that is dropped"),
    ({"body": "x[:, none] -> MultiHeadAttention(num_heads = 2)"}, "here it is called 'heads'"),
    ({"body": "x[:, none] -> MultiHeadAttention(2, embed_dim = 4)"},
     "the size of the input is taken from what flows in: leave it out"),
    ({"body": "attention(x, x, x, is_causal = true)"}, "here it is called 'causal'"),
    ({"body": "x -> GaussianNoise(stddev = 0.1)"}, "here it is called 'std'"),
    ({"body": "softmax(x, dim = 1)"}, "here it is called 'axis'"),
    ({"type": "float32[None, 4]"}, "a size that is free is a symbol in capitals: N"),
    ({"type": "float32[batch_size, 4]"}, "a size that is free is a symbol in capitals: BATCH_SIZE"),
    ({"type": "float32[-1, 4]"}, "a size that is free is a symbol in capitals: N"),
    ({"type": "float32[4]"}, "the batch is the first axis: write float32[N, 4]"),
    ({"body": "x -> nn.Linear(4, 3)"}, "here it is called 'Dense', and takes the size of its input from what flows in"),
    ({"body": "F.relu(x)"}, "words of the library have no prefix: relu"),
    ({"body": "x.view(3)"}, "a tensor has no methods; functions take it: reshape(x)"),
    ({"body": "x.mean()"}, "a tensor has no methods; functions take it: mean(x)"),
    ({"body": "x * x.shape"}, "dimensions are named where a tensor is declared: input x: float32[N, T]"),
    ({"body": "x[:, none] -> Bidirectional(3)"}, "an option of the layer says so: LSTM(64, bidirectional = true)"),
    ({"body": "x * True"}, "write true"),
    ({"more": "batch_size 3"}, "write: batch 64"),
    ({"more": "learning_rate 0.1"}, "it belongs to the optimizer: minimize ... using Adam(lr = 1e-3)"),
    ({"more": "keep best val_accuracy"}, "here it is called 'validation.accuracy'"),
    ({"more": "metric error = mean_absolute_error(mean(Net(x), axis = 1), 1)"}, "here it is called 'mae'"),
])  # fmt: skip
def test_what_is_said(changes: dict[str, str], hint: str) -> None:
    assert hint in hints(**changes)


@pytest.mark.parametrize(("name", "meant"), [
    ("Dence", "Dense"), ("Densee", "Dense"), ("Desne", "Dense"), ("Dropuot", "Dropout"), ("Embeding", "Embedding"),
    ("BathcNorm", "BatchNorm"), ("sofmax", "softmax"), ("acuracy", "accuracy"), ("Adaam", "Adam"),
    ("cross_entopy", "cross_entropy"), ("binary_cross_entropyy", "binary_cross_entropy"), ("Relus", "Relu"),
    ("GlobalAvaragePool", "GlobalAveragePool"), ("transposee", "transpose"), ("lgo", "log"),
])  # fmt: skip
def test_slips_of_the_hand(name: str, meant: str) -> None:
    assert did_you_mean(name, KNOWN) == f"did you mean '{meant}'?"


@pytest.mark.parametrize("name", [
    "Encoder", "Residual", "gradient_penalty", "perplexity", "hidden", "contrastive_loss", "foo", "x",
    "self_attention_block", "VariationalAutoencoder", "focal_loss", "normalization_layer", "q",
])  # fmt: skip
def test_far_words_are_not_suggested(name: str) -> None:
    assert did_you_mean(name, KNOWN) is None


def test_nothing_suggests_itself() -> None:
    for name in KNOWN | OPTIONS:
        assert did_you_mean(name, [name]) is None
    assert did_you_mean("Relu", ["Relu", "relu"]) == "did you mean 'relu'?"


def test_functions_layers_and_optimizers_are_told_apart() -> None:
    assert LAYERS.keys() & FUNCTIONS.keys() == OPTIMIZERS.keys() & LAYERS.keys() == set()
    assert word_hint("momentum", OPTIMIZERS) == "here it is called 'SGD', with momentum = 0.9"
    assert word_hint("Linear", OPTIMIZERS) is None
