"""Write the small data sets under ``specs/data`` from those that scikit-learn carries.

The files are committed; this script says how they came about and makes them again.

Usage: ``python tools/make_embedded_data.py`` (needs scikit-learn, which the extra ``dev`` installs).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from sklearn.datasets import load_diabetes, load_digits, load_iris

FOLDER = Path(__file__).resolve().parents[1] / "specs" / "data"


def write(name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, gzipped (without a time of day) if its name says so."""
    lines = [",".join(header), *(",".join(str(cell) for cell in row) for row in rows)]
    content = "".join(f"{line}\n" for line in lines).encode()
    (FOLDER / name).write_bytes(gzip.compress(content, 9, mtime=0) if name.endswith(".gz") else content)


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(parents=True, exist_ok=True)

    write("linear_regression.csv", ("x", "y"), ((x, x) for x in range(1, 5)))

    iris = load_iris()
    species = [str(iris.target_names[kind]) for kind in iris.target]
    header = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    write("iris.csv", header, ((*row, kind) for row, kind in zip(iris.data.tolist(), species, strict=True)))

    digits = load_digits()
    pixels = digits.data.astype(int).tolist()
    header = [*(f"p{i}" for i in range(64)), "digit"]
    write("digits.csv.gz", header, ((*row, digit) for row, digit in zip(pixels, digits.target, strict=True)))

    diabetes = load_diabetes(scaled=False)
    header = [*diabetes.feature_names, "progression"]
    rows = zip(diabetes.data.tolist(), diabetes.target.tolist(), strict=True)
    write("diabetes.csv", header, ((*(f"{cell:g}" for cell in row), f"{target:g}") for row, target in rows))


if __name__ == "__main__":
    main()
