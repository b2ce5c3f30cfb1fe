"""E034x to E036x: types of losses and metrics, and options of theirs, of optimizers and schedules that contradict.

What looks wrong in them, or can't be told, has codes of other families: E024x, E0541, W0301, W054x.
"""

from __future__ import annotations

from dslc.diagnostics import Basis, register


def _model(output: str, *inputs: str) -> str:
    return "".join(["model M {\n", *(f"  input  {i}\n" for i in inputs), f"  output y = {output}\n}}"])


def _train(
    minimize: str, *more: str, model: str = "x -> Dense(2)", x: str = "float32[4]", t: str = "float32[2]"
) -> str:
    statements = "\n  ".join(("data d", f"minimize {minimize}", *more, "steps 100"))
    return f"""{_model(model, "x: " + x.replace("[", "[N, "))}
data d {{
  source csv("d.csv")
  field  x: {x} = columns("x*")
  field  t: {t} = columns("t*")
  field  label: int64 = column("label")
}}
train t {{
  {statements}
}}"""


SHAPES_DIFFER = register(
    "E0340",
    "a prediction and its target have different shapes",
    "Losses and metrics compare a prediction with a target element by element and never broadcast one against the "
    "other: [N, 1] against [N] would compare every example with every other one and still train. Give both the same "
    "shape, with 'squeeze(y, axis = 1)' for instance.",
    wrong=_model("mse(x, t)", "x: float32[N, 1]", "t: float32[N]"),
    right=_model("mse(squeeze(x, axis = 1), t)", "x: float32[N, 1]", "t: float32[N]"),
    basis=Basis.SIZES,
)
NOT_FLOAT = register(
    "E0341",
    "a loss or metric needs floating-point numbers",
    "Losses of real values compute with floating-point numbers of one type, and types never mix implicitly. Convert "
    "the operand with 'cast(y, float32)', or declare the field as float32.",
    wrong=_model("binary_cross_entropy(x, label)", "x: float32[N]", "label: int64[N]"),
    right=_model("binary_cross_entropy(x, cast(label, float32))", "x: float32[N]", "label: int64[N]"),
    basis=Basis.TYPES,
)
CLASS_INDICES = register(
    "E0342",
    "the target does not fit the logits",
    "Classes lie on axis 1 of the logits, or on the axis that 'axis' names. The target has the logits' shape without "
    "that axis and holds whole numbers, the index of the right class. The target of 'cross_entropy' may also have "
    "the logits' own shape and hold a probability for each class.",
    wrong=_model("cross_entropy(x, label)", "x: float32[N, T, 50]", "label: int64[N, T]"),
    right=_model("cross_entropy(x, label, axis = -1)", "x: float32[N, T, 50]", "label: int64[N, T]"),
    basis=Basis.SIZES,
)
CLASS_COUNT = register(
    "E0343",
    "the number of classes does not fit",
    "A choice between classes needs at least two of them and a number that is known when the spec is compiled; a "
    "single logit for two classes is for 'binary_cross_entropy' and the two-class metrics, with the target's own "
    "shape. Per-class options, and the k of 'top_k', must fit the number of classes.",
    wrong=_model("cross_entropy(x, label)", "x: float32[N, 1]", "label: int64[N]"),
    right=_model(
        "binary_cross_entropy(squeeze(x, axis = 1), cast(label, float32))", "x: float32[N, 1]", "label: int64[N]"
    ),
    basis=Basis.SIZES,
)
WEIGHT_SHAPE = register(
    "E0344",
    "the weight does not fit the target",
    "'weight' says how much each example counts: one number per example, [N], or per element of the target's first "
    "axes, such as [N, T] for a target [N, T, 3]. It is a floating-point number of the prediction's type.",
    wrong=_model("mse(x, t, weight = w)", "x: float32[N, 3]", "t: float32[N, 3]", "w: float32[N, 1]"),
    right=_model("mse(x, t, weight = w)", "x: float32[N, 3]", "t: float32[N, 3]", "w: float32[N]"),
    basis=Basis.SIZES,
)
UNDECIDED_LABELS = register(
    "E0541",
    "whether these are labels or positions is not said",
    "Logits and targets of one shape [N, L] are L labels, each of which an example has or not. With more axes they may be "
    "labels on one of them, such as [N, T, L] or [N, L, H, W], or positions that are each of one of two classes, such "
    "as the pixels of [N, H, W]. Means over labels need to know which: 'axis' says where the labels are, and "
    "'average = \"binary\"' that these are positions.",
    wrong=_model("f1(x, mask)", "x: float32[N, 32, 32]", "mask: bool[N, 32, 32]"),
    right=_model('f1(x, mask, average = "binary")', "x: float32[N, 32, 32]", "mask: bool[N, 32, 32]"),
)
NEEDS_NETWORK = register(
    "E0345",
    "a penalty is taken of a network's weights",
    "'l1' and 'l2' sum over the kernels and embeddings of networks. Of the tensors named here there are none, or they "
    "are not floating-point numbers.",
)
CONTRADICTION = register(
    "E0360",
    "two options contradict each other",
    "Each of the options is fine by itself, but together they have no meaning. The message says which ones.",
    wrong=_train("mse(M(x), t) using SGD(lr = 0.1, nesterov = true)"),
    right=_train("mse(M(x), t) using SGD(lr = 0.1, momentum = 0.9, nesterov = true)"),
)
NEEDS_LENGTH = register(
    "E0361",
    "a schedule before 'then' needs its own length",
    "In 'a then b', b begins when a has ended, so a must say how many updates it lasts: 'steps = ...'. Only the last "
    "schedule lasts to the end of training.",
    wrong=_train("mse(M(x), t) using SGD(lr = cosine(0.1, 0.01) then 0.01)"),
    right=_train("mse(M(x), t) using SGD(lr = cosine(0.1, 0.01, steps = 1_000) then 0.01)"),
)
NEEDS_SUCCESSOR = register(
    "E0362",
    "'warmup' rises to what follows it",
    "'warmup(steps)' rises from 0 to the value with which the next schedule begins, so something must follow it.",
    wrong=_train("mse(M(x), t) using Adam(lr = warmup(500))"),
    right=_train("mse(M(x), t) using Adam(lr = warmup(500) then 1e-3)"),
)
NEEDS_END = register(
    "E0364",
    "a schedule of an objective needs a last value",
    "A number of an objective may be a schedule. Training sees its value at each update; evaluation, and what ships, "
    "see the value that it keeps in the end, so that figures can be compared. 'warmup', 'linear', 'cosine', 'polynomial', "
    "'piecewise' and 'one_cycle' have one, and so has arithmetic with them; any other one is followed by it: "
    "'exponential(1.0, 0.9, steps = 100) then 0'.",
    wrong=_train("exponential(1.0, 0.9) * mse(M(x), t) using Adam"),
    right=_train("(exponential(1.0, 0.9, steps = 100) then 0) * mse(M(x), t) using Adam"),
)
WRONG_COUNT = register(
    "E0363",
    "a list has the wrong number of items, or an item outside its range",
    "The message says how many items the option takes and what each may be.",
    wrong=_train("mse(M(x), t) using Adam(betas = [0.9])"),
    right=_train("mse(M(x), t) using Adam(betas = [0.9, 0.999])"),
)
NOT_LOGITS = register(
    "E0240",
    "probabilities where a metric takes logits",
    "Metrics of two classes take logits and decide at 0, which is a probability of one half. Probabilities are never "
    "below 0, and their logarithms never above it, so that every example would count as one class. Give the metric "
    "what flows into the sigmoid, or 'p - 0.5'.",
    wrong=_train("binary_cross_entropy(M(x), t) using Adam()", "metric figure = accuracy(sigmoid(M(x)), t)"),
    right=_train("binary_cross_entropy(M(x), t) using Adam()", "metric figure = accuracy(M(x), t)"),
)
NOT_LOGARITHMS = register(
    "E0241",
    "probabilities where their logarithms are taken",
    "The prediction of 'kl_divergence' is in logarithms, as PyTorch's: 'log_softmax' in place of 'softmax'. Its target "
    "is in probabilities.",
    wrong=_train("kl_divergence(softmax(M(x)), t) using Adam()", "metric figure = mae(softmax(M(x)), t)"),
    right=_train("kl_divergence(log_softmax(M(x)), t) using Adam()", "metric figure = mae(softmax(M(x)), t)"),
)
SOFTMAX_TWICE = register(
    "W0301",
    "a softmax before a loss that applies one",
    "'cross_entropy' takes logits and applies the softmax itself, which is exact where probabilities would round to 0 "
    "or 1. Applied to probabilities it still runs, but learns slowly and to a wrong optimum; after a "
    "'log_softmax' it is work done twice. Give it what the softmax was given; the same goes for 'sigmoid' and "
    "'binary_cross_entropy'. The warning follows the value through names, members, blocks and other models, "
    "through all that only chooses, shapes or averages numbers, and through arithmetic with a number that leaves no "
    "doubt: a small factor, or a shift, which a softmax does not see.",
    wrong=_train("cross_entropy(M(x), label) using Adam()", model="x -> Dense(3) -> Softmax"),
    right=_train("cross_entropy(M(x), label) using Adam()", model="x -> Dense(3)"),
)
CLASSES_ON_AXIS_1 = register(
    "W0540",
    "the classes may be on another axis",
    "Classes are on axis 1 of the logits, as in PyTorch, unless 'axis' says otherwise. Where other axes happen to be as "
    "long, a target can't tell whether they are on the last axis, which many networks of sequences return. Nothing is "
    "wrong if they are on axis 1; say so, and nobody has to wonder.",
    wrong=_train("cross_entropy(M(x), t) using Adam", model="x -> Dense(5)", x="float32[5, 5]", t="int64[5]"),
    right=_train(
        "cross_entropy(M(x), t, axis = -1) using Adam", model="x -> Dense(5)", x="float32[5, 5]", t="int64[5]"
    ),
)
CLASSES_AS_LABELS = register(
    "W0541",
    "a target is classes for the loss and labels for a metric",
    "'cross_entropy' takes a target of the logits' shape as a probability for each class, of which one is right. Metrics "
    "take logits and targets of one shape as labels, each of which an example has or not, whatever the others. Measured "
    "so, a classifier looks better than it is, since most labels are absent. The class that is right is "
    "'argmax(target, axis = 1)'; for labels the loss is 'binary_cross_entropy'.",
    wrong=_train("cross_entropy(M(x), t) using Adam", "metric a = accuracy(M(x), t)"),
    right=_train("cross_entropy(M(x), t) using Adam", "metric a = accuracy(M(x), argmax(t, axis = 1))"),
)
