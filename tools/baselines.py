"""What scikit-learn reaches on the tables of ``docs/examples.md``, on the rows that the specs test on.

Usage: ``python tools/baselines.py [DIR]`` (default: ``data/tables`` in the repository, which ``make data`` fills)
"""

from __future__ import annotations

import csv
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, mean_absolute_error, root_mean_squared_error

from dslc.data.splits import split_rows

Array = np.ndarray
NEW_YEAR_1970_WAS_A_THURSDAY = 3


def columns_of(path: Path) -> dict[str, Array]:
    """Read a csv file as columns of text."""
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, np.array(rows).T, strict=True))


def numbers(cells: Array) -> Array:
    """Return cells as numbers, NaN where they are empty."""
    return np.where(cells == "", "nan", cells).astype(float)


def codes(cells: Array) -> Array:
    """Number the texts of a column."""
    return np.unique(cells, return_inverse=True)[1]


def titanic(table: dict[str, Array]) -> None:
    """Print the mean accuracy over ten splits."""
    fate, age = codes(table["survived"]), numbers(table["age"])
    rank, sex = codes(table["pclass"]), codes(table["sex"])
    family = np.stack([numbers(table[name]) for name in ("sibsp", "parch")], axis=1)
    reached = []
    for seed in range(10):
        rows = split_rows(len(fate), {"train": 0.7, "validation": 0.15, "test": 0.15}, seed, by=fate)
        train, test = rows["train"], rows["test"]
        filled = np.where(np.isnan(age), np.nanmedian(age[train]), age)
        linear = np.c_[rank == 0, rank == 1, sex, filled / 14, np.isnan(age), filled < 13, np.log1p(family)]
        trees = HistGradientBoostingClassifier(categorical_features=[0, 1])
        pairs: list[tuple[Any, Array]] = [(trees, np.c_[rank, sex, age, family]), (LogisticRegression(), linear)]
        reached.append([accuracy_score(fate[test], m.fit(x[train], fate[train]).predict(x[test])) for m, x in pairs])
    boosted, logistic = np.mean(reached, axis=0)
    print(f"titanic: accuracy {boosted:.4f} of gradient boosting, {logistic:.4f} of logistic regression")


def diamonds(table: dict[str, Array]) -> None:
    """Print the mean absolute error in dollars."""
    price = numbers(table["price"])
    classes = [codes(table[name]) for name in ("cut", "color", "clarity")]
    x = np.stack([*classes, *(numbers(table[n]) for n in ("carat", "depth", "table", "x", "y", "z"))], axis=1)
    rows = split_rows(len(price), {"train": 0.8, "validation": 0.1, "test": 0.1}, 1)
    train, test = rows["train"], rows["test"]
    for trees in (100, 500):
        model = HistGradientBoostingRegressor(categorical_features=[0, 1, 2], max_iter=trees)
        found = np.exp(model.fit(x[train], np.log(price[train])).predict(x[test]))
        print(f"diamonds: mean absolute error {mean_absolute_error(price[test], found):.1f} with {trees} trees")


def flights(table: dict[str, Array]) -> None:
    """Print the balanced accuracy on the last flights."""
    late = np.nan_to_num(numbers(table["arr_delay"]), nan=1000) >= 30
    days = np.array([date.fromisoformat(text[:10]).toordinal() for text in table["time_hour"]])
    weekday = (days - date(1970, 1, 1).toordinal() + NEW_YEAR_1970_WAS_A_THURSDAY) % 7
    classes = [codes(table[name]) for name in ("carrier", "origin", "dest")]
    hour = numbers(table["sched_dep_time"]) // 100
    x = np.stack([hour, weekday, *classes, numbers(table["distance"])], axis=1)
    shares = {"train": 0.7, "validation": 0.15, "test": 0.15}
    rows = split_rows(len(late), shares, 0, order=table["time_hour"])  # all of one spelling, so text is in order
    train, test = rows["train"], rows["test"]
    model = HistGradientBoostingClassifier(categorical_features=[1, 2, 3, 4], class_weight={0: 1, 1: 4})
    found = model.fit(x[train], late[train]).predict(x[test])
    print(f"flights: balanced accuracy {balanced_accuracy_score(late[test], found):.4f} of gradient boosting")


def electricity(table: dict[str, Array]) -> None:
    """Print the root mean squared error in gigawatts on the last half-hours."""
    demand, number = numbers(table["Demand"]), numbers(table["rownames"])
    x = np.stack([number % 48, number % 336, numbers(table["WorkDay"]), numbers(table["Temperature"])], axis=1)
    rows = split_rows(len(demand), {"train": 0.7, "validation": 0.15, "test": 0.15}, 0, order=number)
    train, test = rows["train"], rows["test"]
    for options in ({}, {"learning_rate": 0.03, "max_leaf_nodes": 8}):
        found = HistGradientBoostingRegressor(**options).fit(x[train], demand[train]).predict(x[test])
        error = root_mean_squared_error(demand[test], found)
        print(f"electricity: root mean squared error {error:.4f}, with {options or 'its defaults'}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "data" / "tables"
    for task in (titanic, diamonds, flights, electricity):
        task(columns_of(folder / f"{task.__name__}.csv"))
