"""E05xx and W052x to W054x: what ``train`` and ``data`` blocks ask for."""

from __future__ import annotations

from dslc.diagnostics import Basis, register


def _train(body: str, model: str = "x -> Dense(1)") -> str:
    return f"""data d {{
  source csv("d.csv")
  field  x: float32[4] = columns("x*")
  field  y: float32[1] = column("y")
}}
model Net {{
  input  x: float32[N, 4]
  output y = {model}
}}
train t {{
  data d
  {body}
  epochs 3
}}"""


_TWO = """data d {
  source csv("d.csv")
  field  x: float32[4] = columns("x*")
  field  y: float32[1] = column("y")
}
model A {
  input  x: float32[N, 4]
  output y = x -> Dense(1)
}
model B {
  input  x: float32[N, 4]
  output y = x -> Dense(1)
}
train t {
  data d
  minimize a = mse(A(x), y) using SGD(lr = 0.1)
  minimize b = SECOND using SGD(lr = 0.1)
  epochs 3
  accumulate 4
}"""

_SOFTMAX = """data d {
  source csv("d.csv")
  field  x: float32[4] = columns("x*")
  field  k: int64 = column("k")
}
model Net {
  input  x: float32[N, 4]
  output logits = x -> Dense(3)
}
train t {
  data     d
  let      logits = Net(x)
  minimize cross_entropy(logits, k) using Adam
  output   probability = softmax(logits, axis = AXIS)
  epochs   1
}"""

NOT_EXACT = register(
    "E0501", "this cannot be measured exactly over a split",
    "Losses and metrics are computed over a whole split, batch by batch, and come out the same whatever the batches "
    "are. That works for sums finished by a formula: means, sums, minima, maxima and variances over the examples, the "
    "losses and metrics of the library, and arithmetic over the finished values. Losses that compare the examples of a "
    "batch, as `circle` does, can be minimized: their figure is the mean over batches.",
)  # fmt: skip
NOT_SCALAR = register(
    "E0502", "an objective is one number",
    "What is minimized is a scalar of floating point. Losses reduce over the examples; a tensor is reduced with mean "
    "or sum.",
)  # fmt: skip
NO_GRADIENT_REACHES = register(
    "E0503", "no gradient reaches this",
    "The optimizer was given parameters that the objective does not depend on, or that are frozen, or there are none "
    "at all. Gradients do not pass through detach, comparisons, whole numbers and argmax.",
)  # fmt: skip
GROUPS_OVERLAP = register(
    "E0504", "a parameter is in two groups",
    "Each parameter is updated by one optimizer of an objective, so the groups of a `minimize` must not overlap.",
)  # fmt: skip
NO_SUCH_PATH = register(
    "E0505", "no parameter has this path",
    "`over`, `freeze` and the `only` and `except` of `load` take networks, prefixes of parameter paths such as "
    '`Net.backbone`, and globs in quotes such as "*.bias". `dslc show` lists all paths; what `load` takes must be in '
    "its file too.",
)  # fmt: skip
BAD_SETTING = register(
    "E0506", "a training setting does not fit",
    "Epochs, steps, batch sizes and intervals are whole numbers of at least one; limits of clipping are positive; the "
    "decay of an average lies between 0 and 1; a seed is a whole number that is not negative.",
)  # fmt: skip
BAD_CONDITION = register(
    "E0507", "this figure cannot be watched",
    "`stop when` and `keep` see `train.loss`, `validation.*` with the losses and metrics that `train` declares, "
    "`epoch` and `step`, joined by arithmetic, comparisons and `stalled`. They never see the test split, which would "
    "leak into the choice of the model, and they need a validation split.",
)  # fmt: skip
BAD_SPLIT = register(
    "E0508", "a split does not add up",
    "`split` names its parts with fractions above zero that sum to one; `seed`, `by`, `order` and `group` say how rows "
    "are dealt. Beside ready-made splits it names further ones, cut from `train`.",
)  # fmt: skip
BAD_FIELD = register(
    "E0509", "a field does not have its declared type",
    "A field's expression gives one example's value, with as many elements as the declared shape, in the order in "
    "which they lie: neighbouring axes are joined or cut, and none change places by themselves. Numbers are converted "
    "to the declared element type at the end; categories, and what is true or false, become numbers by a `cast`.",
)  # fmt: skip
BAD_FITTED = register(
    "E0510", "this looks across rows in a way that is not known",
    "standardize, minmax, impute and category are fitted on the training split, each element of an example by itself "
    "unless `over` says which axes are taken together. category codes a column as it stands; "
    "original undoes the outermost standardize or minmax of a field; classes counts the categories of a field that is "
    "made with category.",
)  # fmt: skip
NEEDS_NAME = register(
    "E0511", "several objectives need names",
    "With several `minimize` statements each has a name: `minimize generator = ... using ...`.",
)  # fmt: skip
OWNER_NEEDED = register(
    "E0512", "a layer with parameters stands outside of a model",
    "Parameters belong to networks, so layers that have any are applied in models and blocks. In `train`, call a "
    "network: `let logits = Net(image)`.",
    basis=Basis.FLOW,
)  # fmt: skip
NAME_CLASH = register(
    "E0513", "names clash in the artifacts",
    "Data fields, model inputs and state tensors are inputs of one graph, and a tensor's successor bears its name with "
    "`.next`, so no two may share a name. An ONNX model has one set of names for its inputs and outputs, so an output "
    "is not named like an input, and nothing is called `seed` where the model draws random numbers. Networks that ship "
    "beside each other, and objectives, give names to files, which differ in more than capitals.",
    wrong="model Net {\n  input  x: float32[N, 4]\n  output x = x -> Dense(4)\n}",
    right="model Net {\n  input  x: float32[N, 4]\n  output predicted_x = x -> Dense(4)\n}",
)  # fmt: skip
ACROSS_EXAMPLES = register(
    "E0547", "what ships joins the examples that are given together",
    "A shipped model is asked for any number of examples at once, and its answer for one may not hang on which others "
    "stand beside it: a softmax over axis 0, a difference to the mean of the batch, a comparison of each example with "
    "each. Reduce over another axis, or say in `train` what ships instead: `output embedding = Net(x).embedding`.",
    wrong=_SOFTMAX.replace("AXIS", "0"),
    right=_SOFTMAX.replace("AXIS", "1"),
)  # fmt: skip
LOAD_MISFIT = register(
    "E0522", "loaded weights do not fit the network",
    "`load` sets the first values of parameters from a safetensors file, by their paths. Each tensor in the file must "
    "be a parameter or a running statistic of the network, with the same element type and shape, and hold finite "
    "numbers; parameters that the file does not hold keep their initializers. `dslc show` lists the paths. They begin "
    "with the name of the network. `load \"w.safetensors\" except \"*.head.*\"` leaves tensors in the file, `only "
    "\"Net.features.*\"` takes some.",
)  # fmt: skip
LOSS_NOT_FINITE = register(
    "E0520", "training met a number that is not finite",
    "A loss, a gradient, a weight, a running statistic or what an optimizer keeps became infinite or not a number, so "
    "the run ends at that step, and nothing of it is saved or shipped. The message says which of them it was; the mark "
    "is at the expression whose value, or whose gradient, was the first that is not finite, with what it was computed "
    "of. The loss may be finite where a gradient is not: sqrt of 0 is 0, but its slope is infinite, also behind a "
    "`where` that doesn't choose it. If the weights have grown a lot since the beginning, the training diverges: lower "
    "the learning rate, or clip the gradients' norm. Else keep the expression away from where it has no value or no "
    "slope, and bring data that are far from 1 to that size.",
    wrong=_train("minimize mean(sqrt(abs(Net(x) - y))) using Adam()", "x -> Dense(1, init = zeros)"),
    right=_train("minimize mean(sqrt(abs(Net(x) - y) + 1e-6)) using Adam()", "x -> Dense(1, init = zeros)"),
    exit_code=4,
)  # fmt: skip
INDEX_OUTSIDE = register(
    "E0540", "a computed index lies outside of what it picks from",
    "Indices count from 0: those of a table of 4 rows are 0 to 3, and class targets for 10 logits are 0 to 9 or the "
    "value of `ignore_index`. One below 0 does not count from the end, and one that is too large finds nothing, so either "
    "ends the run. An index that follows from the data is looked at before training starts, one that a network "
    "computes when it is used; `clip` keeps it in range, if that is what you mean.",
    exit_code=3,
)  # fmt: skip
NO_KERNEL = register(
    "E0556",
    "ONNX Runtime can't compute this in that element type",
    "ONNX Runtime's CPU has no float64 kernels for convolutions, average pools and the error function (which `gelu` "
    "takes unless it is approximated). Cast to float32 before such a layer, and back after it where the rest is to be "
    'float64; `gelu(x, approximate = "tanh")` runs in float64 as well.',
    wrong="""model M {
  input  x: float64[N, 1, 8, 8]
  output y = x -> Conv(4, kernel = 3) -> Flatten -> Dense(1)
}""",
    right="""model M {
  input  x: float64[N, 1, 8, 8]
  output y = cast(cast(x, float32) -> Conv(4, kernel = 3), float64) -> Flatten -> Dense(1)
}""",
)
HALF_WEIGHTS = register(
    "E0557",
    "float16 weights can't be trained",
    "An update is often smaller than the distance between a float16 weight and the next number, and is lost; small "
    "gradients and Adam's `eps` become 0. Keep the weights in float32: cast what the layers are applied to. float16 "
    "inputs, frozen weights and functions such as `relu` in float16 are fine.",
    wrong=_train("minimize mse(cast(Net(cast(x, float16)), float32), y) using Adam()").replace(
        "input  x: float32", "input  x: float16"
    ),
    right=_train("minimize mse(Net(cast(x, float16)), y) using Adam()", "cast(x, float32) -> Dense(1)").replace(
        "input  x: float32", "input  x: float16"
    ),
)
RESUME_DIFFERS = register(
    "E0521", "a run cannot be resumed with something changed",
    "A resumed run ends exactly like one that was never interrupted, so the spec, its params and its data must be "
    "those that it began with. The length is the one exception: a run may be resumed to more `epochs` or `steps`, and to "
    "fewer as long as it has not passed these. They count from the run's beginning, not from where it goes on.",
    exit_code=2,
)  # fmt: skip
NOT_ACCUMULATED = register(
    "E0523", "batches in turn would not make one large batch",
    "With `accumulate k` the update of k batches is the one that a batch of all their examples would make. That holds "
    "for sums of losses, means and sums over the examples, whatever their weights, for penalties on the weights, and "
    "for formulas of such numbers, a root of a mean say. A variance, a minimum or a maximum over the examples, and a "
    "formula of means of which each is more than one number, would need all examples at once, and so would losses that "
    "compare the examples of a batch with one another.",
    wrong=_train("let e = Net(x) - y\n  minimize var(e) + mean(e) ** 2 using Adam()\n  accumulate 4"),
    right=_train("minimize mse(Net(x), y) using Adam()\n  accumulate 4"),
)  # fmt: skip
NOT_APART = register(
    "E0526",
    "the gradient and the update can't be had apart",
    "`dslc compile --apart` writes the gradient and the update as graphs of their own, so that the gradients of several "
    "batches, made on several machines or in turn, are joined outside: by adding up what the gradient's graph puts out. "
    "That holds for sums of losses, means and sums over the examples, whatever their weights, for penalties on the "
    "weights, and for formulas of such numbers, a root of a mean say. A variance, a minimum or a maximum over the "
    "examples, and losses that compare these, would need all of them at once, and what the update computes again (a "
    "penalty, a formula) can hang on nothing that differs from batch to batch: neither on a size of the data nor on random numbers.",
    exit_code=2,
)
AVERAGED_TWICE = register(
    "E0527", "two things say which weights are evaluated",
    "ScheduleFreeSGD, ScheduleFreeAdamW and ASGD keep an average of the weights that they train, and Lookahead those that "
    "it draws back to: these are evaluated and ship. So no `average` can stand beside them, and no other objective may "
    "train the same weights.",
    wrong=_train("minimize mse(Net(x), y) using ScheduleFreeAdamW()\n  average ema(0.999)"),
    right=_train("minimize mse(Net(x), y) using ScheduleFreeAdamW()"),
)  # fmt: skip
NOTHING_TO_LEARN = register(
    "E0524", "there is nothing to learn from",
    "Every target of the training split is ignored, or has a weight of 0, so no batch has a gradient. Batches with "
    "nothing to learn from are left out of training; here all of them would be.",
    exit_code=3,
)  # fmt: skip
WEIGHT_BELOW_0 = register(
    "E0551", "an example counts less than nothing",
    "A mean is weighted by how much each example counts, and divides by the sum of that. With a weight below 0 the sum "
    "may be 0, or turn the sign of the whole loss, and the training leads away from the targets; a metric means nothing. "
    "Weights that follow from the data are looked at before training starts, in every split, those that a network "
    "computes when they are used. A number that may be below 0, such as an advantage, is a factor: `mean(factor * each)`.",
    exit_code=3,
)  # fmt: skip
NOTHING_KEPT = register(
    "E0525", "`keep` found nothing to keep",
    "`keep` ships the weights of the evaluation in which a figure was best. A figure that is infinite or not a number "
    "is never the best, nor is one of a split in which every target is ignored; here no evaluation gave a finite one.",
    exit_code=4,
)  # fmt: skip
OBJECTIVES_IN_TURN = register(
    "W0545",
    "an objective under `accumulate` sees another one's update late",
    "Several objectives run in turn on each batch, each with the weights that the one before has left. Under `accumulate` "
    "these change with the last batch of a group only: of an objective that looks at weights which an earlier one trains, "
    "the batches before that see them as they were. With one large batch all examples would see them updated. Objectives "
    "that do not look at one another's weights add up exactly.",
    wrong=_TWO.replace("SECOND", "mse(B(x) + A(x), y) over B"),
    right=_TWO.replace("SECOND", "mse(B(x), y)"),
)
FEWER_UPDATES = register(
    "W0544",
    "`accumulate` joins more batches than an epoch has",
    "With `accumulate k` an update is made of k batches. Groups of batches go on across epochs, and what is left at the end "
    "of the training makes one last update. Where an epoch has fewer than k batches, some epochs end without an update, "
    "and their figures are those of the epoch before; where the whole training has fewer, it is a single update.",
)  # fmt: skip
STATISTICS_PER_BATCH = register(
    "W0520", "statistics of single batches under `accumulate`",
    "BatchNorm normalizes by the moments of the batch that runs. Where `accumulate` makes one update of several "
    "batches, it still sees each by itself, so the update differs from that of one large batch. All else adds up "
    "exactly.",
    wrong=_train("minimize mse(Net(x), y) using Adam()\n  accumulate 4", "x -> Dense(8) -> BatchNorm -> Dense(1)"),
    right=_train("minimize mse(Net(x), y) using Adam()\n  accumulate 4", "x -> Dense(8) -> LayerNorm -> Dense(1)"),
)  # fmt: skip
FIGURE_NOT_FINITE = register(
    "W0521", "a figure is not a finite number",
    "A loss or a metric over a split came out infinite or not a number, while training goes on. It has no value where "
    "there is nothing to measure: every target ignored, or all weights 0. `keep` and `stop when` pass it over.",
)  # fmt: skip
NO_PLACE_FOR_UNKNOWN = register(
    "E0542",
    "values that training did not see have no place",
    "category(x, unknown = true) numbers the K values of the training split 0 to K-1 and gives K to all others, so that "
    "later data may have them. What such a field picks from has K + 1 entries, then: "
    "`Embedding(classes(town) + 1, 8)`. With K entries, training would run, and the first unseen value would stop the "
    "trained model.",
)
NO_GRADIENT = register(
    "E0590",
    "no gradient",
    "Training follows the derivative of the objective back through every operation between it and the weights. "
    "For the operation named here no derivative is known, so the weights before it can't be trained. "
    "Write it with operations that have one, or put `detach(...)` around it where nothing before it is to be "
    "trained.",
)
