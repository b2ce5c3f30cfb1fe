"""Steps divided by the root of sums or means of squared gradients."""

from __future__ import annotations

from collections.abc import Mapping

from dslc import graph as g
from dslc.library.optimizers.optimizer import Kept, Optimizer, Slot, Update, Updated, optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import TensorType


@optimizer
class RMSprop(Optimizer):
    """Gradient descent divided by a running root of mean squared gradients.

    T. Tieleman, G. Hinton, Neural networks for machine learning, lecture 6.5, 2012; the centred form from A. Graves,
    Generating sequences with recurrent neural networks, 2013.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-2, minimum=0)
    alpha: float | Schedule = option("Decay of the mean of squares.", default=0.99, minimum=0, below=1)
    eps: float | Schedule = option("Added to the root.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    momentum: float | Schedule = option("The share of the last step that goes on.", default=0.0, minimum=0)
    centered: bool = option("Divide by the standard deviation instead.", default=False)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        centre = ("mean",) if self.centered else ()
        return dict.fromkeys(("mean_square", *centre, *(() if self.momentum == 0.0 else ("momentum",))), Slot())

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        alpha = u.value(self.alpha)
        new = u.once((self, "new"), lambda: 1.0 - alpha)
        state = {"mean_square": slots["mean_square"] * alpha + gradient * gradient * new}
        variance = state["mean_square"]
        if self.centered:
            state["mean"] = slots["mean"] * alpha + gradient * new
            # round-off may leave a variance slightly below 0
            variance = g.relu(variance - state["mean"] * state["mean"])
        step = gradient / (g.sqrt(variance) + u.value(self.eps))
        if self.momentum != 0.0:
            step = state["momentum"] = slots["momentum"] * u.value(self.momentum) + step
        return weight - step * u.value(self.lr), state


@optimizer
class Adagrad(Optimizer):
    """Gradient descent divided by the root of the sum of all squared gradients.

    J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization, 2011.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-2, minimum=0)
    lr_decay: float | Schedule = option("The rate is divided by 1 + lr_decay * updates done.", default=0.0, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    initial_accumulator_value: float = option("What the sum starts from.", default=0.0, minimum=0)
    eps: float | Schedule = option("Added to the root.", default=1e-10, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"square_sum": Slot(first=self.initial_accumulator_value)}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        total = slots["square_sum"] + gradient * gradient
        rate = u.value(self.lr)
        if self.lr_decay != 0.0:
            rate = u.once((self, "rate"), lambda: u.value(self.lr) / (u.done * u.value(self.lr_decay) + 1.0))
        return weight - gradient / (g.sqrt(total) + u.value(self.eps)) * rate, {"square_sum": total}


@optimizer
class Adadelta(Optimizer):
    """Steps of the size of recent steps, by the size of recent gradients.

    M. D. Zeiler, Adadelta: An adaptive learning rate method, 2012.
    """

    lr: float | Schedule = option("What each step is multiplied by.", default=1.0, minimum=0)
    rho: float | Schedule = option("Decay of both means of squares.", default=0.9, minimum=0, below=1)
    eps: float | Schedule = option("Added to both means before their roots.", default=1e-6, above=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return dict.fromkeys(("mean_square", "mean_square_step"), Slot())

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        rho, eps = u.value(self.rho), u.value(self.eps)
        new = u.once((self, "new"), lambda: 1.0 - rho)
        square = slots["mean_square"] * rho + gradient * gradient * new
        step = g.sqrt((slots["mean_square_step"] + eps) / (square + eps)) * gradient
        steps = slots["mean_square_step"] * rho + step * step * new
        return weight - step * u.value(self.lr), {"mean_square": square, "mean_square_step": steps}


@optimizer
class Ftrl(Optimizer):
    """Follow the regularized leader: rates for each weight, and weights that l1 keeps at exactly 0.

    H. B. McMahan et al., Ad click prediction: a view from the trenches, 2013, in Keras's form.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, above=0)
    learning_rate_power: float = option(
        "The rate falls with this power of the sum of squares.", default=-0.5, maximum=0
    )
    initial_accumulator_value: float = option("What the sum of squares starts from.", default=0.1, above=0)
    l1: float | Schedule = option("Strength of the pull to 0 that weights reach.", default=0.0, minimum=0)
    l2: float | Schedule = option("Strength of the pull to 0 by the weights' squares.", default=0.0, minimum=0)
    l2_shrinkage: float | Schedule = option("The same as a part of the gradient alone.", default=0.0, minimum=0)
    beta: float | Schedule = option("Smooths the first steps, as l2 = beta / (2 * lr) would.", default=0.0, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"square_sum": Slot(first=self.initial_accumulator_value), "linear": Slot()}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        lr, l1 = u.value(self.lr), u.value(self.l1)
        total = slots["square_sum"] + gradient * gradient
        shrinking = gradient
        if self.l2_shrinkage != 0.0:
            shrinking = gradient + weight * u.once((self, "shrinkage"), lambda: u.value(self.l2_shrinkage) * 2.0)
        before, after = self._power(slots["square_sum"]), self._power(total)
        linear = slots["linear"] + shrinking - weight * ((after - before) / lr)
        pull = u.once((self, "pull"), lambda: u.value(self.l2) * 2.0 + u.value(self.beta) / lr)
        beyond = linear
        if self.l1 != 0.0:  # what is left of it outside of -l1 to l1
            beyond = g.maximum(linear - l1, 0.0) + g.minimum(linear + l1, 0.0)
        curvature = after / lr
        curvature = curvature if pull == 0.0 else curvature + pull
        return -beyond / curvature, {"square_sum": total, "linear": linear}

    def _power(self, square_sum: g.Tensor) -> g.Tensor:
        return g.sqrt(square_sum) if self.learning_rate_power == -0.5 else square_sum**-self.learning_rate_power
