"""Data with mistakes, and all that `dslc train` says about it; `pytest --update-golden` stores the text anew."""

from __future__ import annotations

import gzip
import io
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from dslc.cli import main

EXPECTED = Path(__file__).parent / "expected"

NETWORK = """
model Net {
  input x: float32[N, 2]
  output logits = x -> Dense(3)
}

train t {
  data d
  let logits = Net(x)
  minimize cross_entropy(logits, y) using SGD(lr = 0.1)
  epochs 1
}
"""
LOADING = NETWORK.replace("epochs 1", 'load "w.safetensors" epochs 1')
FIELDS = """\
  field x: float32[2] = columns("a", "b")
  field y: int64 = column("y")
"""
SPLIT = "  split train = 50%, validation = 50%, seed = 1\n"
ROWS = [f"{i}.5,{i * i},{i % 3}" for i in range(8)]
TABLE = "\n".join(["a,b,y", *ROWS]) + "\n"
ROWS_OF_ALL = range(2, 2 + len(ROWS))
ZIPPED = gzip.compress(TABLE.encode(), mtime=0)


def spec(source: str = 'csv("d.csv")', fields: str = FIELDS, split: str = SPLIT, network: str = NETWORK) -> str:
    return f"data d {{\n  source {source}\n{fields}{split}}}\n{network}"


def table(*changes: tuple[int, str], header: str = "a,b,y") -> str:
    """Return the table with some of its lines changed; the header is line 1."""
    lines = [header, *ROWS]
    for line, text in changes:
        lines[line - 1] = text
    return "\n".join(lines) + "\n"


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    """Return unsigned bytes in MNIST's format."""
    number = 0x0800 + array.ndim if magic is None else magic
    return struct.pack(f">I{array.ndim}I", number, *array.shape) + array.astype(np.uint8).tobytes()


IMAGES = np.arange(16).reshape(8, 2)
LABELS = np.arange(8) % 3
IDX = 'idx(image = "images", label = "labels")'
IDX_FIELDS = '  field x: float32[2] = column("image") / 255\n  field y: int64 = column("label")\n'


@dataclass(frozen=True)
class Case:
    """A spec, the files beside it (None: a folder; a path: a link to it), and how the command ends."""

    code: str
    spec: str
    files: dict[str, str | bytes | Path | None]


def csv(code: str, *changes: tuple[int, str], header: str = "a,b,y", **parts: str) -> Case:
    return Case(code, spec(**parts), {"d.csv": table(*changes, header=header)})


TOWN = '  field x: float32[2] = columns("a", "b")\n  field y: int64 = category(column("town"))\n'
SEEING = NETWORK.replace("[N, 2]", "[N, 3, 4, 4]").replace("x -> Dense", "x -> Flatten -> Dense")
IMAGE_FIELDS = '  field x: float32[3, 4, 4] = column("image") / 255\n  field y: int64 = column("y")\n'
IMPUTED = 'impute(column("a"), "mean")'
ORLEANS, NEW_YORK = ("Orl\u00e9ans", "Orle\u0301ans"), ("New York", "New\u00a0York")
IN_ORDER = "  split train = 50%, validation = 50%, order = a\n"
CASES = {
    # --- files
    "file_missing": Case("E0403", spec(), {"D.csv": TABLE}),
    "file_missing_without_suggestion": Case("E0403", spec(), {}),
    "file_is_a_folder": Case("E0404", spec(), {"d.csv": None}),
    "link_to_itself": Case("E0404", spec(), {"d.csv": Path("d.csv")}),
    "name_too_long": Case("E0404", spec(f'csv("{"d" * 300}.csv")'), {}),
    "line_too_long": Case("E0427", spec('csv("d.csv.gz")'), {"d.csv.gz": gzip.compress(b"a,b,y\n" + b"x" * 2**25)}),
    "encoding_of_two_bytes": Case("E0407", spec('csv("d.csv", encoding = "utf-16")'), {"d.csv": TABLE}),
    "names_too_few": Case("E0409", spec('csv("d.csv", header = false, names = ["a", "b"])'), {"d.csv": TABLE}),
    "header_that_lies": Case("E0406", spec('npz("d.npz")'), {"d.npz": npz(a=np.ones(8), b=np.ones(8), y=LABELS).replace(
        b"(8,)", b"(9,)")}),
    "file_empty": Case("E0405", spec(), {"d.csv": ""}),
    "file_with_header_only": Case("E0405", spec(), {"d.csv": "a,b,y\n"}),
    "file_of_another_encoding": Case("E0407", spec(), {"d.csv": table((3, "1.5,1,größe")).encode("latin-1")}),
    "gzip_truncated": Case("E0406", spec('csv("d.csv.gz")'), {"d.csv.gz": ZIPPED[:-20]}),
    "gzip_altered": Case("E0406", spec('csv("d.csv.gz")'), {
        "d.csv.gz": ZIPPED[:-8] + bytes(8)}),
    "gzip_by_name_only": Case("E0406", spec('csv("d.csv.gz")'), {"d.csv.gz": TABLE}),
    "link_out_of_the_folder": Case("E0402", spec(), {"d.csv": Path("../outside.csv")}),
    "folder_that_is_a_link": Case("E0402", spec('csv("data/d.csv")'), {"data": Path("../elsewhere")}),
    "path_above": Case("E0402", spec('csv("../outside.csv")'), {}),
    "path_absolute": Case("E0402", spec('csv("/etc/passwd")'), {}),
    "device": Case("E0402", spec('csv("d.csv")'), {"d.csv": Path("/dev/zero")}),
    "named_source_missing": Case("E0403", spec(
        'train = csv("d.csv")\n  source test = csv("test.csv")', split=""), {"d.csv": TABLE}),
    "two_files_missing": Case("E0403", spec(
        'train = csv("train.csv")\n  source test = csv("test.csv")', split=""), {}),
    "named_source_lacks_a_column": Case("E0411", spec(
        'train = csv("d.csv")\n  source test = csv("test.csv")', split=""), {"d.csv": TABLE, "test.csv": "a,y\n1,2\n"}),
    # --- columns
    "column_missing": csv("E0411", header="a,bb,y"),
    "columns_missing": csv("E0411", header="u,v,w"),
    "pattern_without_match": csv("E0411", fields=FIELDS.replace('"a", "b"', '"a*", "p*"')),
    "column_twice": csv("E0410", header="a,a,y"),
    "columns_too_many": csv("E0509", fields=FIELDS.replace('"a", "b"', '"*"')),
    "columns_too_few": csv("E0509", fields=FIELDS.replace('"a", "b"', '"a"')),
    "column_not_split_by": csv("E0411", split="  split train = 50%, validation = 50%, group = patient\n"),
    # --- rows
    "row_too_short": csv("E0409", (3, "1.5,1")),
    "row_too_long": csv("E0409", (4, "2.5,4,2,2"), (7, "5.5,25,2,")),
    "quote_not_closed": csv("E0408", (4, '2.5,"4,2')),
    # --- cells
    "text_for_a_number": csv("E0412", (3, "1.5,one,1")),
    "text_for_a_number_often": csv("E0412", *((line, "x,y,1") for line in range(2, 9))),
    "mark_for_missing": csv("E0412", (3, "NA,1,1")),
    "decimal_comma": Case("E0412", spec('csv("d.csv", delimiter = ";")'), {
        "d.csv": table((3, "1,5;1;1")).replace(",", ";").replace("1;5;1;1", "1,5;1;1")}),
    "thousands_mark": csv("E0412", (3, '1.5,"1,200",1')),
    "percent_sign": csv("E0412", (3, "1.5,12%,1")),
    "currency_sign": csv("E0412", (3, "1.5,$12.50,1")),
    "identifier_of_20_digits": csv("E0414", (3, "12345678901234567890,1,1")),
    "cell_with_a_mark": csv("E0415", (5, "-999.0,9,0"), source='csv("d.csv", missing = ["?", "-999"])'),
    "cell_empty": csv("E0415", (5, ",9,0")),
    "cell_nan": csv("E0415", (5, "nan,9,0")),
    "label_empty": csv("E0415", (5, "1,9,")),
    "cell_infinite": csv("E0423", (5, "inf,9,0")),
    "infinite_by_computation": csv("E0423", fields=FIELDS.replace(
        'columns("a", "b")', 'columns("a", "b") / (columns("b", "b") - 4)')),
    "deviation_beyond_float64": csv("E0423", *((n, f"{(-1) ** n}e308,1,0") for n in ROWS_OF_ALL), fields=FIELDS.replace(
        'columns("a", "b")', 'standardize(columns("a", "b"))')),
    "range_beyond_float64": csv("E0423", *((n, f"{(-1) ** n}e308,1,0") for n in ROWS_OF_ALL), fields=FIELDS.replace(
        'columns("a", "b")', 'minmax(columns("a", "b"))')),
    "deviation_below_float64": csv("E0423", *((n, f"{n}e-200,1,0") for n in ROWS_OF_ALL), fields=FIELDS.replace(
        'columns("a", "b")', 'standardize(columns("a", "b"))')),
    "range_beyond_float16": csv("E0423", *((n, f"{(-1) ** n * 65504},1,0") for n in ROWS_OF_ALL), fields=FIELDS.replace(
        'columns("a", "b")', 'minmax(cast(columns("a", "b"), float16))')),
    "number_beyond_float32": csv("E0414", (5, "1e60,9,0")),
    "fraction_for_a_whole_number": csv("E0413", (5, "1,9,0.5")),
    "whole_number_too_large": csv("E0414", (5, "1,9,300"), fields=FIELDS.replace("y: int64", "y: uint8")),
    "whole_number_negative_for_unsigned": csv("E0414", (5, "1,9,-1"), fields=FIELDS.replace("y: int64", "y: uint8")),
    "whole_number_beyond_int64": csv("E0414", (5, "1,9,99999999999999999999")),
    "whole_number_that_wraps": csv("E0414", fields=FIELDS.replace('column("y")', 'column("b") * 1000000000000000000')),
    "missing_value_compared": csv("E0415", (5, ",9,0"),
                                  fields=FIELDS.replace('columns("a", "b")', 'columns("b", "y")')
                                  + '  field z: bool = column("a") > 3\n'),
    # --- labels and categories
    "label_too_large": csv("E0420", (4, "2.5,4,3")),
    "label_negative": csv("E0420", (4, "2.5,4,-1")),
    "labels_from_one": csv("E0420", *((i + 2, f"{i}.5,{i},{i % 3 + 1}") for i in range(8))),
    "category_unseen": csv("E0419", *((i + 2, f"{i},0,{'Bonn' if i < 6 else 'Ulm'}") for i in range(8)),
                           header="a,b,town", fields=TOWN, split=IN_ORDER),
    "category_empty": csv("E0415", *((i + 2, f"{i},0,{'Bonn' if i != 3 else ''}") for i in range(8)),
                          header="a,b,town", fields=TOWN, split=IN_ORDER),
    # --- splits
    "split_without_examples": csv("E0418", split="  split train = 99%, validation = 1%, seed = 1\n"),
    "groups_too_few": csv("E0418", *((i + 2, f"7,{i},1") for i in range(8)),
                          split="  split train = 50%, validation = 50%, group = a\n"),
    "batch_larger_than_the_split": csv(
        "E0418", network=NETWORK.replace("epochs 1", "batch 9, drop_last = true epochs 1")),
    "one_example_to_normalize": csv(
        "E0390", split="  split train = 13%, validation = 87%, seed = 1\n",
        network=NETWORK.replace("x -> Dense(3)", "x -> Dense(4) -> BatchNorm -> Relu -> Dense(3)")),
    # --- arrays
    "npz_lacks_a_key": Case("E0411", spec('npz("d.npz")'), {"d.npz": npz(a=np.ones(8), labels=LABELS, y=LABELS)}),
    "npz_rows_differ": Case("E0416", spec('npz("d.npz")'), {"d.npz": npz(a=np.ones(8), b=np.ones(7), y=LABELS)}),
    "npz_of_objects": Case("E0417", spec('npz("d.npz")'), {
        "d.npz": npz(a=np.ones(8), b=np.array([{}] * 8, object), y=LABELS)}),
    "npz_is_no_archive": Case("E0406", spec('npz("d.npz")'), {"d.npz": b"PK no archive"}),
    "npz_truncated": Case("E0406", spec('npz("d.npz")'), {"d.npz": npz(a=np.ones(8), b=np.ones(8), y=LABELS)[:-30]}),
    "npz_holds_nan": Case("E0415", spec('npz("d.npz")'), {
        "d.npz": npz(a=np.array([0, 1, 2, np.nan, 4, 5, 6, 7]), b=np.ones(8), y=LABELS)}),
    "npz_of_another_shape": Case("E0509", spec('npz("d.npz")'), {
        "d.npz": npz(a=np.ones((8, 3)), b=np.ones(8), y=LABELS)}),
    "idx_with_another_magic": Case("E0406", spec(IDX, IDX_FIELDS), {
        "images": idx(IMAGES, magic=0xCAFE), "labels": idx(LABELS)}),
    "idx_too_short": Case("E0406", spec(IDX, IDX_FIELDS), {"images": idx(IMAGES)[:-3], "labels": idx(LABELS)}),
    "idx_rows_differ": Case("E0416", spec(IDX, IDX_FIELDS), {"images": idx(IMAGES), "labels": idx(LABELS[:5])}),
    "idx_label_out_of_range": Case("E0420", spec(IDX, IDX_FIELDS), {"images": idx(IMAGES), "labels": idx(LABELS + 1)}),
    "sources_of_different_shapes": Case("E0424", spec(
        'train = npz("d.npz")\n  source test = npz("e.npz")',
        '  field x: float32[2] = column("a")\n  field y: int64 = column("y")\n', split=""), {
        "d.npz": npz(a=np.ones((8, 2)), y=LABELS), "e.npz": npz(a=np.ones((8, 3)), y=LABELS)}),
    "token_beyond_the_embedding": csv("E0420", fields=FIELDS + '  field token: int64 = column("b")\n', network=NETWORK
        .replace("x: float32[N, 2]", "x: float32[N, 2] input token: int64[N]")
        .replace("= x -> Dense", "= (token -> Embedding(40, 2)) + x -> Dense").replace("Net(x)", "Net(x, token)")),
    "label_ignored_by_the_loss_alone": csv("E0420", (4, "2.5,4,-1"), network=NETWORK.replace(
        "y)", "y, ignore_index = -1)").replace("epochs", "metric right = accuracy(logits, y) epochs")),
    "label_of_two_classes": csv("E0420", network=NETWORK.replace("Dense(3)", "Dense(1)").replace(
        "cross_entropy(logits, y)", "binary_cross_entropy(logits[:, 0], cast(y, float32))").replace(
        "epochs", "metric right = accuracy(logits[:, 0], y) epochs")),
    "label_between_classes": csv("E0420", fields=FIELDS.replace("y: int64", "y: float32"), network=NETWORK.replace(
        "Dense(3)", "Dense(1)").replace("cross_entropy(logits, y)", "mse(logits[:, 0], y)").replace(
        "epochs", "metric right = accuracy(logits[:, 0], y) epochs")),
    "class_where_a_sign_is_due": csv("E0420", fields=FIELDS.replace("y: int64", "y: float32"), network=NETWORK.replace(
        "Dense(3)", "Dense(1)").replace("cross_entropy(logits, y)", "hinge(logits[:, 0], y)")),
    "sign_computed": csv("E0540", network=NETWORK.replace("Dense(3)", "Dense(1)").replace(
        "cross_entropy(logits, y)", "soft_margin(logits[:, 0], cast(2 * y - 1, float32))")),
    "probability_computed": csv("E0540", network=NETWORK.replace("Dense(3)", "Dense(1)").replace(
        "cross_entropy(logits, y)", "binary_cross_entropy(logits[:, 0], cast(y, float32))")),
    "weight_below_0": csv("E0551", (5, "-0.5,9,0"), fields=FIELDS + '  field w: float32 = column("a")\n',
                          network=NETWORK.replace("y)", "y, weight = w)")),
    "weights_computed": csv(
        "E0551", (5, "-0.5,9,0"), fields=FIELDS + '  field w: float32 = column("a")\n',
        network=NETWORK.replace("y)", "y, weight = exp(w) - 1)").replace(
            "epochs 1", "metric m = accuracy(logits, y, weight = log(w)) epochs 1")),
    "label_computed": csv("E0540", network=NETWORK.replace("y)", "y - 1)")),
    "place_computed": csv("E0540", network=NETWORK.replace(
        "epochs", "metric picked = mean(gather(logits, y[:, none] * 2, axis = 1)) epochs")),
    # --- what a column is, and what becomes of it
    "axes_permuted": Case("E0509", spec('npz("d.npz")', IMAGE_FIELDS, network=SEEING), {
        "d.npz": npz(image=np.zeros((8, 4, 4, 3), np.uint8), a=np.ones(8), b=np.ones(8), y=LABELS)}),
    "whole_numbers_merged": csv("E0452", *((n + 2, f"{1_700_000_000 + n},{n},{n % 3}") for n in range(8))),
    "identifiers_of_20_digits": csv("E0414", *((n + 2, f"1000000000000000000{n},{n},{n % 3}") for n in range(8))),
    "identifiers_beyond_doubles": csv("E0414", *((n + 2, f"{2**60 + n},{n},{n % 3}") for n in range(8)),
                                      fields=FIELDS.replace('"a", "b"', '"b", "y"')
                                      + '  field z: float32 = impute(column("a"), "mean")\n'),
    "text_imputed": csv("E0510", *((n + 2, f"{n},{'x' * (n % 2)},{n % 3}") for n in range(8)),
                        fields=FIELDS + '  field z: float32 = impute(column("b"), "mean")\n'),
    "text_truth_without_cast": csv("E0509", *((n + 2, f"{n},{'yes' if n % 2 else 'no'},{n % 3}") for n in range(8)),
                                   fields=FIELDS.replace('"b"', '"y"') + '  field z: float32 = column("b")\n'),
    "unknown_without_a_place": csv("E0542", *((n + 2, f"{n},{'uv'[n % 2]},{n % 3}") for n in range(8)),
                                   fields=FIELDS.replace('"b"', '"y"')
                                   + '  field z: int64 = category(column("b"), unknown = true)\n',
                                   network=NETWORK.replace("Net(x)", "Net(x) + one_hot(z, classes(z))[:, :1]")),
    "category_all_missing": csv("E0415", *((n + 2, f"{n},,{n % 3}") for n in range(8)),
                                fields=FIELDS + '  field z: int64 = category(column("b"))\n'),
    "texts_look_alike": csv("E0468", *((n, f"{n},{ORLEANS[n > 5]},1") for n in range(2, 10)),
                            fields=FIELDS.replace('"b"', '"y"').replace('= column("y")', '= category(column("b"))')),
    "groups_look_alike": csv("E0468", *((n, f"{n},{NEW_YORK[n > 5]},1") for n in range(2, 10)),
                             fields=FIELDS.replace('"b"', '"y"'), split=SPLIT.replace("seed = 1", "group = b")),
    "column_looks_alike": csv("E0411", header="a,cafe\u0301,y", fields=FIELDS.replace('"b"', '"caf\u00e9"')),
    "numbers_for_texts": Case("E0467", spec(
        'train = npz("d.npz")\n  source test = npz("e.npz")',
        '  field x: float32[2] = column("a")\n  field y: int64 = category(column("y"), unknown = true)\n',
        split="", network=NETWORK.replace("Dense(3)", "Dense(4)")), {
        "d.npz": npz(a=np.ones((8, 2)), y=np.array(["7", "007", "8"])[LABELS]),
        "e.npz": npz(a=np.ones((8, 2)), y=LABELS + 7)}),
    "no_time": csv("E0451", *((n + 2, f"{n},{n + 10}/02/2026,{n % 3}") for n in range(8)),
                   fields=FIELDS.replace('"b"', '"y"') + '  field z: float64 = datetime(column("b"))\n'),
    "time_of_numbers": csv("E0510", *((n + 2, f"{n},2026022{n},{n % 3}") for n in range(8)),
                           fields=FIELDS.replace('"b"', '"y"') + '  field z: float64 = datetime(column("b"))\n'),
    "order_by_text": csv("E0451", *((n + 2, f"{n + 10}/02/2026,{n},{n % 3}") for n in range(8)),
                         fields=FIELDS.replace('"a", "b"', '"b", "y"'), split=IN_ORDER),
    "order_with_a_gap": csv("E0415", (3, ",1,1"), (6, ",1,1"), split=IN_ORDER),
    "group_with_a_gap": csv("E0415", (4, "1,1,1,"), *((n + 2, f"{n},1,{n % 3},p") for n in (0, 1, 3, 4, 5, 6, 7)),
                            header="a,b,y,who", split=IN_ORDER.replace("order = a", "group = who")),
    "array_with_a_gap": Case("E0415", spec('npz("d.npz")', split=IN_ORDER), {
        "d.npz": npz(a=np.array([1, 2, np.nan, 4, 5, 6, 7, 8]), b=np.ones(8), y=LABELS)}),
    # --- what a field computes
    "division_by_zero": csv("E0460", fields=FIELDS + '  field z: int64 = column("b") // column("y")\n'),
    "remainder_by_zero_of_an_array": Case("E0460", spec('npz("d.npz")', fields=FIELDS +
                                          '  field z: int64 = 7 % column("y")\n'), {
        "d.npz": npz(a=np.ones(8), b=np.ones(8), y=LABELS)}),
    "root_of_a_negative_number": csv("E0461", fields=FIELDS + '  field z: float32 = sqrt(column("y") - 1)\n'),
    "nothing_by_nothing": csv("E0461", fields=FIELDS + '  field z: float32 = column("b") / column("b")\n'),
    "logarithm_of_zero": csv("E0423", fields=FIELDS + '  field z: float32 = log(column("y"))\n'),
    "a_missing_value_computed_with": csv("E0415", (5, "1,,1"),
                                         fields=FIELDS.replace('"b"', '"y"')
                                         + '  field z: float32 = sqrt(column("b"))\n'),
    "whole_number_overflow": csv("E0414", fields=FIELDS + '  field z: int64 = (column("b") + 4000000000) ** 2\n'),
    "negative_power": csv("E0414", fields=FIELDS + '  field z: int64 = (column("y") + 2) ** (1 - column("y"))\n'),
    "class_of_a_field_beyond": csv("E0540", fields=FIELDS + '  field z: float32[2] = one_hot(column("y"), 2)\n'),
    "random_field": csv("E0211", fields=FIELDS + '  field z: float32 = column("a") + normal_like(column("a"))\n'),
    "divided_by_a_written_zero": csv("E0313", fields=FIELDS + '  field z: int64 = column("y") // 0\n'),
    "column_that_is_not_reached": csv("E0411", fields=FIELDS
                                      + '  field z: bool = where(column("b") > 0, column("c"), 1)\n'),
    # --- loaded weights
    "weights_missing": Case("E0403", spec(network=LOADING), {"d.csv": TABLE}),
    "weights_damaged": Case("E0406", spec(network=LOADING),
                            {"d.csv": TABLE, "w.safetensors": b"no weights"}),
    "weights_of_too_many_axes": Case("E0406", spec(network=LOADING), {
        "d.csv": TABLE, "w.safetensors": save({"a": np.ones((1,) * 64, np.float32)})}),
    "weights_of_another_network": Case("E0522", spec(network=LOADING), {
        "d.csv": TABLE, "w.safetensors": save({
            "Net.logit.dense.weight": np.ones((2, 3), np.float32),
            "Net.logits.dense.weight": np.ones((3, 3), np.float32),
            "Net.logits.dense.bias": np.ones(3, np.float64)})}),
}  # fmt: skip
BY_THE_SPEC = {
    "columns_too_many",
    "columns_too_few",
    "npz_of_another_shape",
    "weights_of_another_network",
    "one_example_to_normalize",
    "axes_permuted",
    "text_imputed",
    "text_truth_without_cast",
    "time_of_numbers",
    "unknown_without_a_place",
    "random_field",
    "divided_by_a_written_zero",
}
"""Cases in which the spec does not fit the data: exit code 1."""


def put(folder: Path, files: dict[str, str | bytes | Path | None]) -> None:
    for name, content in files.items():
        path = folder / name
        match content:
            case None:
                path.mkdir()
            case Path():
                path.symlink_to(content)
            case str():
                path.write_text(content, encoding="utf-8")
            case bytes():
                path.write_bytes(content)


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(
    name: str, golden: Callable[[str, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    case = CASES[name]
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text(TABLE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "d.csv").write_text(TABLE)
    put(folder, {"spec.dl": case.spec, **case.files})
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DSLC_DATA", raising=False)
    exit_code = main(["train", "spec.dl", "-o", "run"])
    said = capsys.readouterr()
    assert said.out == ""
    text = said.err.replace(os.fspath(folder), "<folder>")
    assert f"error[{case.code}]" in text
    assert os.fspath(tmp_path) not in text
    assert exit_code == (1 if name in BY_THE_SPEC else 3)
    assert not (folder / "run").exists()
    golden(text, EXPECTED / f"{name}.txt")
