"""Losses of regions: how far what is predicted and what is true overlap.

Targets are those of metrics of classes. One that holds class indices lacks the logits' axis of classes, and each class
has a region, of their softmax. One of the logits' own shape holds what is true from 0 to 1, of their sigmoid: it is one
region, or one for each label where ``axis`` says on which they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import Mean, match_shapes, match_weight, nonzero, weighted_mean, weights_of
from dslc.library.losses.targets import (
    TWO_CLASSES,
    at_classes,
    axis_option,
    class_axis,
    class_targets,
    ignore_option,
    match_classes,
)
from dslc.library.operation import IndexUse, Scale, option
from dslc.library.statistic import Accumulators, Alike, Typed, loss
from dslc.types import ElementType, TensorType


class OfRegions(Mean):
    """The mean over examples of what they cost by how the regions predicted and the true ones lie."""

    reads = Alike.LABELS
    spreads: ClassVar[tuple[int, ...]] = ()
    axis: int | None
    ignore_index: int

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        if target.shape == logits.shape:
            match_shapes(self.name, logits, target)
            if logits.rank < 2:
                raise errors.CLASS_INDICES(f"'{self.name}' is of regions in each example, and is given {logits}")
            if self.axis is not None:
                class_axis(self.name, logits, self.axis)
        else:
            match_classes(self.name, logits, target, self.region_axis)
        match_weight(self.name, weight, target.shape[:1], logits.element)
        return TensorType(logits.element)

    @property
    def region_axis(self) -> int:
        """Where the classes are, if the target holds class indices."""
        return 1 if self.axis is None else self.axis

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        if target.shape == logits.shape:
            return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]
        classes = logits.shape[self.region_axis % logits.rank]
        return [IndexUse(1, classes, f"is given {classes} classes", self.ignore_index, looks_up=False)]

    def regions(self, logits: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor, g.Tensor | None]:
        """Return what is predicted and what is true, from 0 to 1, and what counts (0 or 1, None: all).

        All are [N, regions, positions]; the last may be of one region.
        """
        if target.shape == logits.shape:
            axis = None if self.axis is None else self.axis % logits.rank
            return _laid_out(g.sigmoid(logits), axis), _laid_out(target, axis), None
        axis = self.region_axis % logits.rank
        index, valid = class_targets(target, self.ignore_index)
        counts = g.cast(g.unsqueeze(valid, [axis]), logits.element)
        right = at_classes(logits, index, axis) * counts
        predicted = g.softmax(logits, axis) * counts
        return _laid_out(predicted, axis), _laid_out(right, axis), _laid_out(counts, axis)


def _laid_out(x: g.Tensor, axis: int | None) -> g.Tensor:
    """Return [N, ...] as [N, regions, positions], the regions those on an axis."""
    if axis is None:
        return g.unsqueeze(g.flatten(x), [1])
    order = [0, axis, *(i for i in range(1, x.rank) if i != axis)]
    moved = g.transpose(x, order)
    return g.flatten(moved, 2) if moved.rank > 2 else g.unsqueeze(moved, [2])


# --- overlaps ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Overlap(OfRegions):
    """1 less the share of regions that overlaps; the mean over regions, and over examples or of all examples joined."""

    per_example: bool = option(
        "Is it taken of each example, and averaged over them? Else of all examples as one, exact over a split as well.",
        default=True,
    )
    smooth: float = option(
        "Added to the overlap and to what it is divided by, so that a region that is neither there nor predicted costs "
        "nothing.", default=1e-5, minimum=0,
    )  # fmt: skip
    axis: int | None = option(
        "Where classes or labels are; unless said, classes are on axis 1, and there are no labels.", default=None
    )
    ignore_index: int = ignore_option()

    def score(self, both: g.Tensor, predicted: g.Tensor, true: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        """Return the share of overlap as two numbers, given the size of what is in both, and of each."""
        raise NotImplementedError

    def costs(self, both: g.Tensor, predicted: g.Tensor, true: g.Tensor) -> g.Tensor:
        """Return 1 less the share, averaged over the regions on the last axis."""
        part, whole = self.score(both, predicted, true)
        return g.reduce_mean(1.0 - (part + self.smooth) / nonzero(whole + self.smooth), [-1])

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return super().weighting(operands) if self.per_example else None

    def has_columns(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> bool:
        several = target.shape != logits.shape or self.axis is not None
        return not self.per_example and several

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        predicted, true, _ = self.regions(logits, target)
        sizes = {"both": predicted * true, "predicted": predicted, "true": true}
        sums = {name: g.reduce_sum(values, [2]) for name, values in sizes.items()}
        if self.per_example:
            return weighted_mean(self.costs(**sums), weight)
        each = sums if weight is None else {name: part * weights_of(weight, 2) for name, part in sums.items()}
        found = {name: g.reduce_sum(part, [0]) for name, part in each.items()}
        return found if weight is None else {**found, "weight": g.reduce_sum(weight)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        if self.per_example:
            return super().finish(accumulators, element)
        return g.cast(self.costs(**{name: accumulators[name] for name in ("both", "predicted", "true")}), element)


@loss
class dice(Overlap):
    """1 less Dice's coefficient, ``(2 * both + smooth) / (predicted + true + smooth)``, of sizes of regions.

    ``predicted`` is the sum of the probabilities, ``true`` that of the target, and ``both`` that of their products. Of
    a target of class indices, which lacks the logits' axis of classes, each class is a region, of their softmax. A
    target of the logits' own shape, from 0 to 1, is one region of their sigmoid, or one for each label where ``axis``
    says on which these are. The result is the mean over regions. Milletari, Navab and Ahmadi, V-Net, 2016.
    """

    aliases = {"diceloss": "which takes logits", "softdice": "which takes logits", "f1loss": "which takes logits"}

    def score(self, both: g.Tensor, predicted: g.Tensor, true: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        return both * 2.0, predicted + true


@loss
class jaccard(Overlap):
    """1 less the intersection over the union, ``(both + smooth) / (predicted + true - both + smooth)``, see ``dice``.

    Rahman and Wang, Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation, 2016.
    """

    aliases = {"iouloss": "which takes logits", "jaccardloss": "which takes logits", "softiou": "which takes logits"}

    def score(self, both: g.Tensor, predicted: g.Tensor, true: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        return both, predicted + true - both


@loss
class tversky(Overlap):
    """``dice`` with weights of its errors: ``(both + smooth) / (both + alpha * excess + beta * missing + smooth)``.

    ``excess`` is ``predicted - both``, and ``missing`` is ``true - both``; with 1 each it is ``jaccard``, with one
    half each ``dice`` of twice the ``smooth``.
    Salehi, Erdogmus and Gholipour, Tversky Loss Function for Image Segmentation, 2017.
    """

    aliases = {"tverskyloss": "which takes logits"}
    alpha: float = option("How much counts what is predicted and not true.", default=0.5, minimum=0)
    beta: float = option("How much counts what is true and not predicted.", default=0.5, minimum=0)

    def score(self, both: g.Tensor, predicted: g.Tensor, true: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        return both, both + (predicted - both) * self.alpha + (true - both) * self.beta


# --- the intersection over the union, by its convex extension --------------------------------------------------


def lovasz(errors: g.Tensor, true: g.Tensor) -> g.Tensor:
    """Return Lovasz's extension of 1 less the intersection over the union, of errors [..., positions].

    Where every error is 0 or 1 it is that number; between, it is linear as long as the order of the errors stays.
    Errors below 0 are none.
    """
    largest, order = g.top_k(errors, errors.shape[-1])
    here = g.gather_elements(g.detach(true), order, -1)
    found = g.cumulative_sum(here, -1)
    total = g.reduce_sum(here, [-1], keepdims=True)
    beside = g.cumulative_sum(1.0 - here, -1)
    # what one position more adds to the share that is wrong: 1 - (total - found) / (total + beside)
    wrong = 1.0 - (total - found) / (total + beside)
    first = (wrong.rank - 1) * [0] + [1]
    before = g.pad(wrong, first, [0] * (wrong.rank - 1) + [-1])
    return g.reduce_sum(g.relu(largest) * g.detach(wrong - before), [-1])


@loss
class lovasz_softmax(OfRegions):
    """1 less the intersection over the union of classes, by its convex extension; the mean over them, and examples.

    Logits and class indices are those of ``cross_entropy``. Of each example the classes count that are there, unless
    ``classes = "all"``; each is taken by itself, as the paper's code does with ``per_image``.
    Berman, Triki and Blaschko, The Lovasz-Softmax Loss, 2018.
    """

    aliases = {"lovasz": "of classes, or lovasz_hinge of two", "lovaszsoftmaxloss": "", "lovaszloss": "of classes"}
    classes: str = option(
        "Which count: those present in an example, or all.", default="present", choices=("all", "present")
    )
    axis: int | None = axis_option()
    ignore_index: int = ignore_option()

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_classes(self.name, logits, target, self.region_axis)
        return super().type(logits, target, weight)

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        predicted, true, counts = self.regions(logits, target)
        assert counts is not None
        # what is ignored comes last, behind errors of 0
        values = lovasz(g.absolute(true - predicted) + (counts - 1.0), true)
        if self.classes == "all":
            return weighted_mean(g.reduce_mean(values, [1]), weight)
        present = g.reduce_max(true, [2])
        mean = g.reduce_sum(values * present, [1]) / nonzero(g.reduce_sum(present, [1]))
        return weighted_mean(mean, weight)


@loss
class lovasz_hinge(OfRegions):
    """1 less the intersection over the union of one region, or of labels, by its convex extension; the mean of them.

    Logits and a target of 0 and 1 are of one shape; the errors are ``max(1 - (2 * target - 1) * logits, 0)``.
    Berman, Triki and Blaschko, The Lovasz-Softmax Loss, 2018.
    """

    aliases = {"lovaszhingeloss": "", "binarylovasz": ""}
    axis: int | None = option("Where labels are, each of which has a region; none: it is one region.", default=None)

    def type(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, logits, target)
        return super().type(logits, target, weight)

    def indexes(self, logits: TensorType, target: TensorType, weight: TensorType | None = None) -> Sequence[IndexUse]:
        return [IndexUse(1, 2, TWO_CLASSES, looks_up=False)]

    def accumulate(self, logits: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        axis = None if self.axis is None else self.axis % logits.rank
        scores, true = _laid_out(logits, axis), _laid_out(target, axis)
        errors = 1.0 - (true * 2.0 - 1.0) * scores
        return weighted_mean(g.reduce_mean(lovasz(errors, true), [1]), weight)
