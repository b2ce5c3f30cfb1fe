"""What people write who know other languages and tools: one error each, at the right place, whose hint helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from dslc.pipeline import check_spec

SPEC = """\
data d {
  source csv("d.csv")
  field x: float32[2] = columns("a", "b")
  field y: int64 = column("y")
  split train = 50%, validation = 50%, seed = 1
}
model Net {
  input x: float32[N, 2]
  h = x -> Dense(8) -> Relu
  output logits = h -> Dense(3)
}
train t {
  data d
  let logits = Net(x)
  minimize cross_entropy(logits, y) using Adam(lr = 1e-3)
  metric accuracy = accuracy(logits, y)
  epochs 4
  batch 32
}
"""
H, COLUMN, EPOCHS = "h = x -> Dense(8) -> Relu", 'columns("a", "b")', "epochs 4"
COMMENT = "a comment starts with '#'"
CASES = [
    # written in place of; what; code; the text at the caret; in the hint
    (EPOCHS, "epochs 4 // four", "E0201", "four", COMMENT),
    (EPOCHS, "// four epochs\n  epochs 4", "E0113", "epochs", COMMENT),
    (EPOCHS, "epochs 4 -- four", "E0201", "four", COMMENT),
    (EPOCHS, "-- four epochs\n  epochs 4", "E0113", "epochs", COMMENT),
    (EPOCHS, "epochs 4 % four", "E0201", "four", COMMENT),
    (EPOCHS, "/* four */ epochs 4", "E0113", "*", COMMENT),
    (EPOCHS, "'''four epochs'''\n  epochs 4", "E0108", "''", COMMENT),
    (EPOCHS, '"""four epochs"""\n  epochs 4', "E0101", '""', COMMENT),
    (H, "h = x -> Dense(8) // 2", "E0106", "//", "write (x -> Dense(8)) // 2"),
    (EPOCHS, "epochs 4;", "E0109", ";", "remove it"),
    (EPOCHS, "epochs = 4", "E0115", "=", "epochs 30"),
    (EPOCHS, "epochs: 4", "E0115", ":", "epochs 30"),
    (EPOCHS, "n_epochs = 4", "E0102", "n_epochs", "epochs 30"),
    ("batch 32", "batch: 32", "E0115", ":", "batch 64"),
    ("batch 32", "batch_size = 32", "E0102", "batch_size", "write: batch 64"),
    ("batch 32", "random_state 3", "E0102", "random_state", "seed 7"),
    ("batch 32", 'metrics = ["accuracy"]', "E0102", "metrics", "metric accuracy = accuracy(logits, label)"),
    ("batch 32", "early_stopping patience = 3", "E0102", "early_stopping", "stop when stalled("),
    ('"d.csv"', "'d.csv'", "E0108", "'d.csv'", 'write "d.csv"'),
    ('"d.csv"', "d.csv", "E0201", "d", 'csv("d.csv")'),
    ('source csv("d.csv")', 'source = csv("d.csv")', "E0115", "=", "source csv("),
    ('csv("d.csv")', 'pd.read_csv("d.csv")', "E0202", "pd.read_csv", "'csv'"),
    ('csv("d.csv")', 'csv("d.csv", sep = ";")', "E0203", 'sep = ";"', "'delimiter'"),
    ('csv("d.csv")', 'csv("d.csv", na_values = "?")', "E0203", 'na_values = "?"', "'missing'"),
    ('column("y")', "column(y)", "E0201", "y", 'column("y")'),
    ("field y:", "target y:", "E0102", "target", "field label: int64"),
    ("split train = 50%, validation = 50%, seed = 1", "train_test_split(0.5)", "E0102", "train_test_split", "split train"),
    (COLUMN, f"{COLUMN} ^ 2", "E0109", "^", "'**'"),
    (COLUMN, f"StandardScaler({COLUMN})", "E0202", "StandardScaler", "standardize(x)"),
    (COLUMN, f"log1p({COLUMN})", "E0202", "log1p", "log(1 + x)"),
    (COLUMN, f"{COLUMN}.fillna(0)", "E0211", f"{COLUMN}.fillna", "impute(x, 0)"),
    (COLUMN, f"{COLUMN} * [1, 2]", "E0216", f"{COLUMN} * [1, 2]", "stack("),
    (H, "h = x => Dense(8)", "E0115", "=>", "->"),
    (H, "h = x |> Dense(8)", "E0109", "|", "'->'"),
    (H, "h = Dense(8)(x)", "E0211", "Dense(8)", "x -> Dense(8)"),
    (H, "h = x -> nn.Linear(2, 8)", "E0211", "nn.Linear", "'Dense'"),
    (H, "h = x -> Dense(2, 8)", "E0205", "8", "Dense(8)"),
    (H, 'h = x -> Dense(8, activation = "relu")', "E0203", 'activation = "relu"', "-> Relu"),
    (H, "h = x -> Dense(8, bias = True)", "E0201", "True", "true"),
    (H, "h = x -> Dense(8 if training else 4)", "E0105", " ", "if condition then a else b"),
    (H, "h = x -> Dense(training ? 8 : 4)", "E0109", "?", "if condition then a else b"),
    (H, "let h = x", "E0102", "let", "no keyword"),
    (H, "h := x", "E0115", ":", "h = ..."),
    (H, "h = x\n  h += 1", "E0101", "h", "h = h + ..."),
    (H, "f = lambda x: x\n  h = x", "E0115", ":", "block Name"),
    (H, "if 1 > 0 && 2 > 1 { h = x }", "E0109", "&", "'and'"),
    (H, "if 1 > 2 { h = x } elif 2 > 1 { h = x }", "E0102", "elif", "else if"),
    (H, "h = x\n  for (i in range(3)) { h = h }", "E0101", "for", "for i in range(4)"),
    ("output logits = h", "return h", "E0102", "return", "output name"),
    ("model Net {", "def Net(x):", "E0102", "def", "block Name"),
    ("data d {", "from torch import nn\ndata d {", "E0102", "from", "import"),
    ("cross_entropy(logits", "CrossEntropyLoss()(logits", "E0211", "CrossEntropyLoss()", "'cross_entropy'"),
    ("lr = 1e-3", "lr: 1e-3", "E0115", ":", "lr = ..."),
    ("lr = 1e-3", "learning_rate = 1e-3", "E0203", "learning_rate = 1e-3", "'lr'"),
    ("lr = 1e-3", "lr = .5", "E0110", ".", "0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("there", "written", "code", "at", "hint"), CASES, ids=[case[1][:40] for case in CASES])
def test_a_hint_that_helps(there: str, written: str, code: str, at: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.dl"
    path.write_text(SPEC.replace(there, written, 1), encoding="utf-8")
    first, *more = [finding for finding in check_spec(path).findings if finding.code.id.startswith("E")]
    assert first.code.id == code
    assert first.span is not None
    assert first.span.text == at
    assert hint in str(first.hint)
    assert all(finding.code.id == code and COMMENT in str(finding.hint) for finding in more)


@pytest.mark.parametrize("text", [SPEC, SPEC.replace("  ", "\t"), SPEC.replace("\n", "\r\n"), "\ufeff" + SPEC,
                                  SPEC.replace("epochs 4", "epochs 1_000"), SPEC.replace("1e-3", "10%")])  # fmt: skip
def test_what_may_be_written(text: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.dl"
    path.write_bytes(text.encode())
    assert not [finding for finding in check_spec(path).findings if finding.code.id.startswith("E")]
