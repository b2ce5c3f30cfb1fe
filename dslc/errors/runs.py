"""E0622 to E0649, W0604 to W0649, W0550: what a command would write over, and what is wrong with the folder of a run."""

from __future__ import annotations

from dslc.diagnostics import register

OUTPUT_IS_INPUT = register(
    "E0622",
    "the output would replace what it is made from",
    "A command writes the file that `-o` (or `--graph`) names. That file is one which the same command reads, be it by "
    "another name or through a link, and would be lost. Name another file.",
    exit_code=2,
)
OUTPUT_IN_RUN = register(
    "E0623",
    "the output would replace a file of a run",
    "The folder of a run, or of compiled artifacts, holds files that belong together; its `manifest.json` lists them. "
    "A command never writes over one of them, apart from `dslc train` with `--resume` or `--overwrite`. Name another file.",
    exit_code=2,
)
NOT_OURS = register(
    "E0624",
    "a file that dslc did not write stands in the way",
    "A folder of a run or of compiled artifacts gets files of certain names. Where one of these exists already, it is "
    "replaced only if the folder's `manifest.json` says that dslc has written it. Move the file away, or choose another "
    "folder with `-o`.",
    exit_code=2,
)
DAMAGED_MANIFEST = register(
    "E0625",
    "the manifest of a run is damaged",
    "`manifest.json` tells what a run is made of, and every command that uses a run reads it. The entry that is named "
    "is missing or is not what it must be: the file was changed, damaged, or written by another version of dslc.",
    exit_code=3,
)
DAMAGED_FILE = register(
    "E0626",
    "a file of a run is missing or damaged",
    "The manifest of a run has the size and the SHA-256 of each file that the run wrote. This one is not there, is not "
    "a plain file inside of the run's folder, or does not hold what the run wrote, so nothing is computed from it. An "
    "interrupted run writes it anew with `--resume`; else copy the run again from where it is whole.",
    exit_code=3,
)
FOREIGN_MODEL = register(
    "E0627",
    "a model holds what dslc does not write",
    "A run's models are made of a small set of ONNX's standard operators, without functions and without loops but those "
    "along an axis, and keep weights that are too large for them in one file beside them. What is in a run's folder is "
    "not run or exported if it holds anything else: it was not written by dslc, and might never end or read other "
    "files.",
    exit_code=3,
)
BEYOND_BOUNDS = register(
    "E0636",
    "a model from elsewhere takes too much memory or time",
    "A run that was not made in this folder may come from anybody, and a model of harmless operators can still ask for "
    "all memory, or compute for years. So each batch of such a run has 60 seconds, and three quarters of the memory that "
    "is free (the latter on Linux alone). If you trust whoever made the run, `--trust` lifts both bounds, in Python "
    "`dslc.open_run(folder, trust=True)`; so does training it again here.",
    exit_code=3,
)
FOREIGN_DATA = register(
    "E0628",
    "the data of a run from elsewhere has to be named",
    "A run remembers the folders in which its data was found. They count only where the run was made: in a folder that "
    "was copied or came from elsewhere, they could make dslc read files that nobody has named. Name the folders again "
    "with `--data DIR` or in the environment variable `DSLC_DATA`.",
    exit_code=3,
)
RUN_GONE = register(
    "E0629",
    "the folder of a run has gone while it was trained",
    "The folder was deleted, renamed or replaced by another while the training went on. Nothing more is written, since "
    "the files that belong together would lie in two places. A folder that was only renamed holds the run as of its last "
    "checkpoint; go on with it with `--resume -o` and its new name.",
)
OTHER_RUN = register(
    "E0630",
    "the checkpoints do not belong to this run",
    "Every checkpoint bears the identity of its run, and a hash of the spec, the params and the data. A folder without "
    "a manifest whose checkpoints were made from something else, or which holds other things and no run, is not gone on "
    "with.",
    exit_code=2,
)
CHECKPOINTS_LOST = register(
    "E0631",
    "a finished run cannot be trained for longer without its checkpoints",
    "To go on, a run needs the state of its optimizer, which only its checkpoints hold. Those of this finished run are "
    "gone or damaged. The run itself is whole and stays as it is; a longer one has to begin anew, with another `-o` "
    "or with `--overwrite`.",
    exit_code=3,
)
BEST_LOST = register(
    "W0604",
    "the best weights so far are lost",
    "`keep best` saves the best weights beside the checkpoints. They are damaged or gone. The run goes on from its "
    "checkpoint, and keeps the best of the epochs that follow; the figure that was lost is in the manifest's `result`.",
)
LOG_REPAIRED = register(
    "W0605",
    "metrics.jsonl was damaged",
    "The checkpoint has a hash of `metrics.jsonl`, and the file does not agree with it. Lines that cannot be read are "
    "left out; the figures of evaluations are written again from the checkpoint; lines between evaluations are kept as "
    "they are.",
)
RATE_CHANGES = register(
    "W0606",
    "a schedule that lasts to the end of training changes",
    "A schedule without `steps` is stretched over the whole training. A run that is resumed to more or fewer epochs or "
    "steps goes on as one of the new length would, so the value jumps to where that one would be. Give the schedule `steps` of its "
    "own if it is to go on from where it was.",
)
KEPT_IS_OUTPUT = register(
    "E0642",
    "a kept column is called like an output",
    "`--keep` passes columns of the data on beside what the model predicts, under their own names. One of them is the name "
    "of an output, or of the field whose classes are predicted.",
    exit_code=2,
)
NOT_FINITE_PREDICTION = register(
    "W0642",
    "a prediction is not a finite number",
    "The model has computed NaN or infinity for some examples, whose inputs are farther from those of training than its "
    "numbers reach. No class is named where a score is NaN.",
)
ENDS_EARLIER = register(
    "W0641",
    "a resumed run ends earlier than it was to",
    "A run knows how many epochs or steps it was begun for. It was interrupted, and is resumed to fewer than that, by an "
    "option or by what the spec says. It ends there, like a run of that length. Name the former length to have it go on "
    "to where it was to end.",
)
GROUP_CUT_SHORT = register(
    "W0550",
    "an update of fewer batches than `accumulate` says",
    "Where the training ends within a group of batches that `accumulate` joins, those that are there make the last update. "
    "A run that is resumed to more epochs has made that update already, and begins its next group behind it: a run of the "
    "new length from the start would have gone on with the group. To get that run, begin anew.",
)
MANIFEST_LOST = register(
    "W0607",
    "the manifest of a run was lost",
    "`manifest.json` is not there, and the checkpoints are. They were made from the same spec, params and data, so the "
    "run goes on from the newest and writes the manifest again.",
)
REWRITTEN = register(
    "W0608",
    "a damaged file of a finished run is written again",
    "A file of a run that has ended is damaged or gone. The state after the last step is in a whole checkpoint, from which "
    "it is written again, without any training.",
)
