"""E04xx and W045x: what is wrong with the data, its files and how they are split; and E0641, of what is predicted."""

from __future__ import annotations

from dslc.diagnostics import register

SOURCE_UNAVAILABLE = register(
    "E0401",
    "this kind of source is not available yet",
    "The language knows this kind of source, but this version of dslc cannot read it. Convert the data to one of the "
    "kinds that the message lists; csv and npz hold almost everything.",
    wrong='data d {\n  source parquet("data/digits.parquet")\n  field  label: int64 = column("digit")\n}',
    right='data d {\n  source csv("data/digits.csv")\n  field  label: int64 = column("digit")\n}',
)
OUTSIDE = register(
    "E0402",
    "a path leaves the data folders",
    "A spec reads data only from its own folder, from the folders given with --data and from those in DSLC_DATA, so "
    "that a spec from a stranger cannot read other files. Absolute paths, '..' that climbs out of these folders, and "
    "links that lead out of them are refused. Name the folder on the command line with --data and write the path "
    "relative to it.",
    wrong='data d {\n  source csv("/etc/passwd")\n  field  label: int64 = column("digit")\n}',
    right='data d {\n  source csv("data/digits.csv")\n  field  label: int64 = column("digit")\n}',
)
FILE_MISSING = register(
    "E0403",
    "a data file is missing",
    "The path was looked for beside the spec, then in each --data folder, then in those of DSLC_DATA, with and without "
    "'.gz'. The hint lists the folders that were tried.",
)
UNREADABLE = register(
    "E0404",
    "a data file cannot be opened",
    "The path exists, but it is a folder or a device, or the system does not let this user read it.",
)
EMPTY = register(
    "E0405",
    "a data file holds no rows",
    "The file is empty, or has a header and nothing below it. There is nothing to learn from.",
)
BROKEN = register(
    "E0406",
    "a data file is damaged or of another format",
    "The file does not follow the format that the spec names: a wrong signature at its beginning, a size that "
    "contradicts its header, or compressed data that ends early or fails its checksum. An interrupted download is the "
    "usual cause; fetch the file again and compare its size.",
)
NOT_UTF8 = register(
    "E0407",
    "a text file is not in its encoding",
    "Text files are read as UTF-8, unless they begin with a byte order mark that says UTF-16 or UTF-32. Name the encoding "
    "that the file is in, csv(..., encoding = \"latin-1\"), or save the file as UTF-8: 'iconv -f latin1 -t utf-8' does it "
    "on a command line, 'CSV UTF-8' in a spreadsheet program.",
)
BAD_CSV = register(
    "E0408",
    "a csv file cannot be split into cells",
    "A quote that is opened must be closed, and after a closing quote comes a delimiter or the end of the line. A "
    "quote inside a quoted cell is written twice. Options of csv choose another delimiter or quote character.",
)
RAGGED = register(
    "E0409",
    "a row has more or fewer cells than the header",
    "Every row of a csv file has one cell per column. A cell that contains the delimiter must be quoted; a file whose "
    "first row is data already is read with header = false.",
)
DUPLICATE_COLUMN = register(
    "E0410",
    "two columns bear the same name",
    "A column is found by its name, so names in a header must differ.",
)
UNKNOWN_COLUMN = register(
    "E0411",
    "there is no such column",
    "The source has no column of that name, or none that matches the pattern. Names are compared exactly, upper and "
    "lower case included. In a pattern `*` stands for any characters and `?` for one; a backslash in front takes "
    "that meaning away.",
)
NOT_A_NUMBER = register(
    "E0412",
    "text where a number is due",
    "The field computes with numbers, but this cell is not one. Mend the data; say how numbers are written "
    "(`decimal`, `thousands`, `percent` and `currency` are options of csv); name the text that stands for a missing "
    'value, `csv("data.csv", missing = "NA")`; or use `category(column("x"))` where the column holds names.',
)
NOT_WHOLE = register(
    "E0413",
    "a fraction where a whole number is due",
    "The field has an integer type, but this value has digits behind the decimal point. Nothing is rounded "
    'silently: give the field a float type, or say that rounding is meant, `cast(round(column("x")), int64)`.',
)
OUT_OF_TYPE = register(
    "E0414",
    "a number does not fit the type",
    "The value lies outside what its type can hold: 300 in uint8, or in a computation with whole numbers a result "
    "beyond int64, or a negative power, which is a fraction. Choose a wider type, or compute with fractions: "
    '`cast(column("x"), float64)`.',
)
MISSING_VALUE = register(
    "E0415",
    "a value is missing",
    'An empty cell, or a NaN, reached a field. Missing numbers are filled with `impute(x, "mean")`; a missing text is '
    "a category of its own with `category(x, missing = true)`; `is_missing(x)` makes a field of either. What else "
    'marks a missing value is said of the source, `csv("data.csv", missing = ["?", "-999"])`, or of one column, '
    '`column("age", missing = "?")`. What a split goes by, in `by`, `order` or `group`, may not be missing.',
)
ROW_COUNTS = register(
    "E0416",
    "columns have different numbers of rows",
    "All columns of a source describe the same examples, row by row, so they have equally many rows.",
)
UNSUPPORTED_ARRAY = register(
    "E0417",
    "an array that cannot be a column",
    "A column is an array of numbers, booleans or text whose first axis counts the examples. Scalars have no rows; "
    "Python objects are refused because reading them could run code hidden in the file; complex numbers, dates and "
    "records have no element type here.",
)
EMPTY_SPLIT = register(
    "E0418",
    "a split gets no examples",
    "With so few rows, or so few groups to keep together, one part of the split would be empty. Use more data, larger "
    "shares, or fewer parts.",
)
UNSEEN_CATEGORY = register(
    "E0419",
    "a category that training never saw",
    "category(x) numbers the values of the training split. This value occurs elsewhere only, so it has no number. "
    "With category(x, unknown = true) such values share the number K.",
)
OUT_OF_RANGE = register(
    "E0420",
    "a value outside its range",
    "An index or label must lie in the range that its use allows: a label for cross_entropy over K logits is 0 to K-1. "
    "Labels that start at 1, or that are marked with -1, are the usual cause.",
)
NO_MEANING = register(
    "E0467",
    "a column whose type does not tell categories apart",
    "Training saw this column as text, or as numbers of another type. Numbers are compared with the numbers that texts "
    "spell, and fractions in the narrower of both types. Here none of the texts is a number, or several categories are "
    "the same number: `7` and `007` as 7, 0.1 and 0.1000000001 as float32. Give the column as it was in training.",
)
LOOKS_ALIKE = register(
    "E0468",
    "two texts that look the same",
    "They differ in characters that a screen does not show: `é` is one character (Unicode's form NFC) or an `e` and an "
    "accent (NFD, usual on macOS), a blank may be one that does not break the line, and some characters have no shape at "
    "all. As categories, groups or classes they would be two, so neither is guessed at, with `unknown = true` neither. "
    'Spell them alike in the file: `unicodedata.normalize("NFC", text)` in Python composes letters. A model exported with `--fields` can\'t '
    "tell: it takes such a text for an unknown one.",
)
UNKNOWN_FORMAT = register(
    "E0421",
    "the format is not known by this suffix",
    "Inputs and outputs named on the command line have their format told by the suffix of the file. That of an "
    "input can be said with `--source`, as in `--source csv()`.",
)
UNWRITABLE = register(
    "E0422",
    "a result cannot be written",
    "The system did not let the output file be written: the folder is missing or protected, or the disk is full.",
)
NO_ROWS = register(
    "E0641",
    "an output has no row for each example",
    "A csv and a file of JSON lines have a row per example. This output has not: it is one number, or an array of another "
    "length, for all of them together, such as a mean over the batch. A `.npz` holds outputs of any shapes.",
    exit_code=2,
)
SHAPES_DIFFER = register(
    "E0424",
    "sources hold examples of different shapes",
    "The sources of one data set give its splits, so a column has the same shape per example in all of them. Images of "
    "another size belong into a data set of their own, or are brought to one size first.",
)
DATA_CHANGED = register(
    "E0425",
    "a data file is not the one that the run was trained on",
    "`dslc eval` measures a run on the data that it was trained with: what was fitted on the training split, and which "
    "examples are in which split, follows from it. A file whose contents have changed since would give figures that mean "
    "something else. `dslc predict` takes any data.",
)
NOT_FINITE = register(
    "E0423",
    "an infinite value in a field",
    "A field holds infinity. It stands so in the data, or the field's expression made it, for instance by dividing by "
    "zero or taking the logarithm of zero; or what is fitted on the training split, such as the standard deviation of "
    "values around 1e300, is beyond what float64 holds.",
)
DIVISION_BY_ZERO = register(
    "E0460",
    "a whole number is divided by zero",
    "`//` and `%` of whole numbers have no result where what they divide by is 0. Say what such rows get: "
    '`where(column("b") == 0, 0, column("a") // column("b"))`.',
)
NO_NUMBER = register(
    "E0461",
    "a field's expression gives no number",
    "No value is missing, and still the field is NaN: the root or the logarithm of a negative number, 0 / 0, or infinity "
    'minus infinity. Bound what the function is of, as in `sqrt(clip(column("area"), min = 0))`.',
)
NO_TIME = register(
    "E0451",
    "a text that spells no time",
    "datetime(column, format) reads every text of the column by the format, as Python's strptime does: %Y-%m-%d for "
    "2026-11-26, %d/%m/%Y %H:%M for 26/11/2026 17:30. Without a format the text is spelled as ISO 8601 has it. A split "
    "with `order` goes by time, so a column of text that it names must be of that spelling, or a field that reads it.",
)
MERGED = register(
    "E0452",
    "a type in which different whole numbers become equal",
    "float32 holds whole numbers up to 16,777,216 exactly (float16 up to 2,048), and only some of those beyond. Seconds "
    "since 1970 or numbers of customers are larger: converted as they are, neighbouring ones would become equal. "
    "Arithmetic in a field is exact, so take the difference that matters first, or declare the field float64. "
    "`cast(column(...), float32)` says that the rounding is meant.",
)
ROUNDED = register(
    "W0450",
    "whole numbers are rounded",
    "float32 holds whole numbers up to 16,777,216 exactly (float16 up to 2,048); larger ones are rounded to the nearest "
    "that it holds. No two of this field's values became equal by that, so the warning is all.",
)
ORDERED_BY_NUMBER = register(
    "W0455",
    "dates in the order of their numbers",
    "A split with `order` goes by the numbers of a column that has numbers. 20240131 is a date whose order as a number is "
    "that in time; of 31012024 the day counts most, so that training and test examples would be of all years. Read such a "
    'column as times, `field when: float64 = datetime(column("day"), "%d%m%Y")`, and split by `order = when`.',
)
BAD_SOURCE = register(
    "E0453",
    "a description of a source that can't be read",
    "`--source` says how a new file is written where that is not how the training data was: a kind of source with its "
    "options, as the spec has them, and without the path, such as 'csv(delimiter = \";\")'.",
    exit_code=2,
)
NO_ROOM = register(
    "E0426",
    "no room for temporary data",
    "What is larger than memory lives in temporary files while dslc runs, in the folder that the environment variable "
    "TMPDIR names, else in the system's own. That disk is full. Free some room, or set TMPDIR to a folder on another disk.",
)
TOO_LONG = register(
    "E0427",
    "a record is too long",
    "A row of a text file has a limit of 16 MiB, so that a file without line ends, or with a quote that is never closed, "
    "can't take all memory. Columns of that size belong into npz or npy.",
)
CHANGED = register(
    "E0428",
    "a data file changed while it was read",
    "Some columns need a second pass over a text file, and an npz file is hashed before its arrays are taken out of it; "
    "its bytes were not the ones of the first pass. Another program writes to it: train once that is done, or on a copy.",
)
TOO_MUCH = register(
    "E0429",
    "standard input does not end",
    "`dslc predict RUN -` reads its input from standard input into a temporary file, 1 GiB at most. Give larger data as "
    "a file.",
)
