"""E0229, E0230, E06xx and W06xx: what is wrong with the machine, the runtime or the files of a run."""

from __future__ import annotations

from dslc.diagnostics import register

FILE_UNUSABLE = register(
    "E0229",
    "a file or folder can't be used",
    "The operating system refused a path: its name is longer than the file system allows (usually 255 bytes), a folder "
    "on the way is missing or locked, or the device has failed. The message says what it said.",
    exit_code=3,
)
PACKAGE_UNUSABLE = register(
    "E0230",
    "a package that dslc needs can't be loaded",
    "Python found the package, but could not load it: it is damaged, made for another version of Python, or there is "
    "too little memory or address space for its libraries. `dslc doctor` lists versions.",
    exit_code=4,
)
NO_RUNTIME = register(
    "E0601",
    "ONNX Runtime is not installed",
    "Training, evaluation and prediction run on ONNX Runtime, which comes in one package per kind of hardware, so "
    "that the right one has to be chosen: the extra 'cpu' for any computer, 'cuda' for NVIDIA graphics cards, "
    "'directml' for any graphics card under Windows, 'training' for Microsoft's on-device training artifacts. They "
    "install the same module and exclude each other: take one. Checking and compiling work without.",
)
NO_PROVIDER = register(
    "E0602",
    "the provider asked for is not available",
    "A provider is what ONNX Runtime runs a graph on: the processor, CUDA or DirectML. The one asked for is not part "
    "of the installed package, or its drivers and libraries could not be loaded. Another one is never taken in its "
    "place without being asked for; leave --provider out to run on the best that there is.",
)
UNKNOWN_PROVIDER = register(
    "E0603",
    "there is no such provider",
    "The providers are cpu, cuda and directml.",
    exit_code=2,
)
RUN_FAILED = register(
    "E0604",
    "a computation failed while it ran",
    "ONNX Runtime stopped in the middle of a graph. The message names the operation that failed, and the line of the "
    "spec that it comes from where that is known. The usual cause is too little memory, against which a smaller batch "
    "helps.",
)
GRAPH_REFUSED = register(
    "E0605",
    "ONNX Runtime refuses a graph",
    "The runtime could not load a graph: the file is damaged or missing, or it uses an operator set or an operator "
    "that this version or this provider does not have. A newer onnxruntime, or compiling with a lower --opset, helps "
    "in the second case.",
)
STATE_MISFIT = register(
    "E0606",
    "the state does not fit the graph",
    "A training graph and a checkpoint belong together: the names, types and shapes of the tensors must agree. They "
    "do not when files of different runs were mixed or the spec was changed in between.",
)
INPUT_MISFIT = register(
    "E0607",
    "an array does not fit an input of the graph",
    "Each input has a name, an element type and a shape, whose first dimension counts the examples and is the same for "
    "all inputs. The message says which of these differs.",
    exit_code=3,
)
DAMAGED_CHECKPOINT = register(
    "E0608",
    "a checkpoint is damaged",
    "Checkpoints carry a hash of all they hold. This one is cut short, was changed, or was written by another version "
    "of the format, so that training cannot go on from it.",
    exit_code=3,
)
DISK_FULL = register(
    "E0609",
    "the disk is full",
    "There is no room for what has to be written. What was written before is whole: free some space and go on with "
    "--resume.",
)
UNWRITABLE = register(
    "E0610",
    "a file cannot be written",
    "The folder does not exist, is write-protected or belongs to somebody else, or something else stands where the "
    "file should be.",
    exit_code=3,
)
BAD_THREADS = register(
    "E0611",
    "the number of threads is not understood",
    "The number of threads is a positive whole number, from --threads or the environment variable DSLC_THREADS. Left "
    "out, it is the number of the processor's cores that this process may use.",
    exit_code=2,
)
SKIPPED_CHECKPOINT = register(
    "W0601",
    "a damaged checkpoint was passed over",
    "The newest checkpoint is cut short, was changed, or has another version of the format, so the whole one before "
    "it is used. The training steps between the two are done again.",
)
ENVIRONMENT_CHANGED = register(
    "W0602",
    "the run goes on in another environment",
    "A resumed run ends bit for bit like an uninterrupted one if the versions, the provider, the number of threads and "
    "the features of the processor are the same. So must be whether two threads keep to halves of tensors, as they do "
    "with two cores to themselves, unless DSLC_SPIN is 0. One of these is not, so the results may differ in the last "
    "digits.",
)
STARTS_ANEW = register(
    "W0603",
    "a run starts from its beginning again",
    "None of the run's checkpoints is whole, so there is nothing to go on from. The run begins anew, in the same folder; "
    "it ends as it would have ended without the interruption.",
)
RUN_EXISTS = register(
    "E0612",
    "the output folder holds a run already",
    "Training writes into a folder of its own, `runs/NAME` unless `-o` says otherwise, and never over an earlier run by "
    "accident. `--resume` goes on with the run that is there, `--overwrite` replaces it, `-o` names another folder.",
    exit_code=2,
)
RUN_BUSY = register(
    "E0621",
    "another process is training into this folder",
    "Two trainings into one folder would write over each other's checkpoints and figures, so the second is refused for "
    "as long as the first is running. `-o` names another folder.",
    exit_code=2,
)
NO_RUN = register(
    "E0613",
    "this is not a finished run",
    "`eval`, `predict` and `export` work on the folder that `dslc train` wrote, once the training has ended. A run "
    "that was interrupted goes on with `dslc train FILE --resume`.",
    exit_code=3,
)
UNKNOWN_SPLIT = register(
    "E0614",
    "there is no such split",
    "`dslc eval RUN --split NAME` measures on a split that the spec's data declares.",
    exit_code=2,
)
UNKNOWN_NET = register(
    "E0615",
    "there is no such network",
    "A run with several networks ships a file for each; `--net NAME` chooses one.",
    exit_code=2,
)
OPSET = register(
    "E0616",
    "the model cannot be written in this operator set",
    "ONNX operators change from one version of the operator set to the next. The graphs are made in version 18. Any "
    "version from 9 to the newest that the installed onnx package knows can be asked for: operators get the form that "
    "they had then, and those that did not exist are written in others, with the same results. What cannot be "
    "(bitwise operators below 18, bytes in arithmetic below 14) is named with the place in the spec that it comes "
    "from, and with the first version that has room for the whole model.",
    exit_code=2,
)
FIELDS_NOT_SHIPPED = register(
    "E0617",
    "the fields cannot stand in front of the model",
    "`--fields` joins the graph that prepares the data to the model, so that it takes raw columns. Each of the "
    "model's inputs must be a data field as it stands.",
    exit_code=2,
)
ENGINE_MISSING = register(
    "E0618",
    "this engine is not part of this version",
    "`--engine onnx`, the default, writes training graphs of standard operators that any ONNX Runtime runs. The engine "
    "'ort-training' writes the artifacts of Microsoft's on-device training API instead; this version of dslc does not "
    "write them yet.",
    exit_code=2,
)
UNKNOWN_PASS = register(
    "E0620",
    "there is no such pass",
    "Passes make the compiled graphs smaller and faster without changing what they compute. All of them are applied "
    "unless `--passes` says otherwise: `--passes all,-merge-common` leaves one out, `--passes none` writes the graphs "
    "as they are built. The page of the command line in the documentation lists them.",
    exit_code=2,
)
FILE_EXISTS = register(
    "E0619",
    "a file of this name exists",
    "No command writes over a file by accident. `export`, `predict` and `show --graph` replace what an earlier one has "
    "written: a model of dslc, predictions of the same columns, a picture. Anything else that is there, and any file that "
    "`dslc new` finds, is replaced with `--overwrite` only.",
    exit_code=2,
)
