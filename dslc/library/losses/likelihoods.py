"""Negative log-likelihoods of real values."""

from __future__ import annotations

import math

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import ElementwiseLoss, Mean, match_shapes, match_weight, weighted_mean
from dslc.library.losses.targets import log_sum_exp
from dslc.library.operation import Scale, option
from dslc.library.statistic import Accumulators, loss
from dslc.types import Shape, TensorType, shape_text

_LOG = "Is the prediction the logarithm of the mean? Else it is the mean, above 0."
_EPS = "Added to the mean, so that its logarithm is finite; without effect where the prediction is one."
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


@loss
class poisson_nll(ElementwiseLoss):
    """The negative log-likelihood of counts from Poisson distributions: ``mean - target * log(mean)``, averaged.

    The target's own term, the logarithm of its factorial, is left out unless ``full`` asks for it, as Stirling has it.
    """

    aliases = {
        "poissonnllloss": "",
        "poisson": "whose prediction is the logarithm of the mean, unless log_input = false",
    }
    log_input: bool = option(_LOG, default=True)
    full: bool = option("Add Stirling's approximation of log(target!), of targets above 1?", default=False)
    eps: float = option(_EPS, default=1e-8, minimum=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        if self.log_input:
            value = g.exp(prediction) - target * prediction
        else:
            value = prediction - target * g.log(prediction + self.eps)
        if not self.full:
            return value
        many = g.maximum(target, 1.0)
        factorial = many * g.log(many) - many + g.log(many * (2 * math.pi)) * 0.5
        return value + g.where(g.greater(target, 1.0), factorial, 0.0)


@loss
class gamma_nll(ElementwiseLoss):
    """The negative log-likelihood of positive values from gamma distributions: ``target / mean + log(mean)``, averaged.

    It is that of exponential distributions; of gamma distributions of any one shape it is the same but for a factor and
    for what does not hang on the mean, so the best mean is the same. Targets are above 0.
    """

    aliases = {"gammaloss": "", "exponentialnll": "", "gammadeviance": "half of which this is, but for a constant"}
    log_input: bool = option(_LOG, default=True)
    eps: float = option(_EPS, default=1e-8, minimum=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        if self.log_input:
            return target * g.exp(-prediction) + prediction
        mean = prediction + self.eps
        return target / mean + g.log(mean)


@loss
class tweedie(ElementwiseLoss):
    """The negative log-likelihood of sums of gamma values, as many as a Poisson count, so that 0 is common.

    The mean of ``mean ** (2 - power) / (2 - power) - target * mean ** (1 - power) / (1 - power)``: half the deviance,
    but for what does not hang on the mean. Its ends are 1, which is ``poisson_nll``, and 2, which is ``gamma_nll``.
    Targets are not below 0. Jorgensen, Exponential Dispersion Models, 1987.
    """

    aliases = {
        "tweedieloss": "",
        "tweediedeviance": "half of which this is, but for a constant",
        "meantweediedeviance": "half of which this is, but for a constant",
    }
    power: float = option("The power of the mean that the variance is.", default=1.5, above=1, below=2)
    log_input: bool = option(_LOG, default=True)
    eps: float = option(_EPS, default=1e-8, minimum=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        low, high = 1 - self.power, 2 - self.power
        if self.log_input:
            return g.exp(prediction * high) * (1 / high) - target * g.exp(prediction * low) * (1 / low)
        mean = prediction + self.eps
        return mean**high * (1 / high) - target * mean**low * (1 / low)


@loss
class gaussian_nll(Mean):
    """The negative log-likelihood of normal distributions: ``(log(variance) + error ** 2 / variance) / 2``, averaged.

    The variance has the prediction's shape, or lacks its last axis or has one entry there, where all along it share
    one; it is above 0, as ``softplus`` makes it. One below ``eps`` counts as that, and its gradient is the one there.
    Nix and Weigend, Estimating the Mean and Variance of the Target Probability Distribution, 1994.
    """

    aliases = {"gaussiannllloss": "", "normalnll": ""}
    spreads = (1, 2)
    full: bool = option("Add log(2 pi) / 2, which makes it the whole likelihood?", default=False)
    eps: float = option("The least variance.", default=1e-6, above=0)

    def type(
        self, prediction: TensorType, target: TensorType, variance: TensorType, weight: TensorType | None = None
    ) -> TensorType:
        match_shapes(self.name, prediction, target)
        shared = prediction.shape[:-1]
        if variance.shape not in (prediction.shape, (*shared, 1), shared):
            raise errors.SHAPES_DIFFER(
                f"'{self.name}' is given a prediction {prediction} and a variance {variance}",
                hint=f"the variance has the prediction's shape, {shape_text(prediction.shape)}",
            )
        match_shapes(self.name, prediction, variance.with_shape(prediction.shape))
        match_weight(self.name, weight, target.shape, prediction.element)
        return TensorType(prediction.element)

    def accumulate(
        self, prediction: g.Tensor, target: g.Tensor, variance: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        least = g.with_gradients(g.maximum(variance, self.eps), [(variance, lambda dy: dy)])
        if least.rank < prediction.rank:
            least = g.unsqueeze(least, [-1])
        error = prediction - target
        value = (g.log(least) + error * error / least) * 0.5
        return weighted_mean(value + HALF_LOG_2_PI if self.full else value, weight)


@loss
class mixture_nll(Mean):
    """The negative log-likelihood of mixtures of normal distributions, one at each position; averaged.

    Logits [N, K], whose softmax mixes K components, their means and their standard deviations, above 0 as ``softplus``
    makes them, are of one shape, of which the target lacks the last axis. Or means and deviations have one more axis,
    [N, K, D], along which a component's values are independent, and the target is [N, D].
    Bishop, Mixture Density Networks, 1994.
    """

    aliases = {"mixturedensity": "", "mdnloss": "", "mixturesamefamily": "which takes logits, means and deviations"}
    spreads = ()

    def takes(self, *operands: TensorType) -> Scale:
        return Scale.LOGIT

    def type(
        self, logits: TensorType, mean: TensorType, deviation: TensorType, target: TensorType,
        weight: TensorType | None = None,
    ) -> TensorType:  # fmt: skip
        match_shapes(self.name, mean, deviation)
        positions = logits.shape[:-1]
        match_shapes(self.name, logits, mean.with_shape(mean.shape[: logits.rank]))
        values: Shape = (*positions, *mean.shape[logits.rank :])
        if not logits.rank or mean.rank > logits.rank + 1:
            raise errors.SHAPES_DIFFER(
                f"'{self.name}' is given logits {logits} and means {mean}", hint="means are [N, K] or [N, K, D]"
            )
        match_shapes(self.name, mean.with_shape(values), target)
        match_weight(self.name, weight, positions, logits.element)
        return TensorType(logits.element)

    def accumulate(
        self, logits: g.Tensor, mean: g.Tensor, deviation: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None
    ) -> Accumulators:
        component = logits.rank - 1
        error = (g.unsqueeze(target, [component]) - mean) / deviation
        value = error * error * -0.5 - g.log(deviation) - HALF_LOG_2_PI
        likelihood = g.log_softmax(logits, component) + g.reduce_sum(value, range(logits.rank, mean.rank))
        return weighted_mean(-log_sum_exp(likelihood, component), weight)
