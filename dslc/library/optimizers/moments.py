"""Steps by running means of gradients, in the way of Adam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from dslc import graph as g
from dslc.library.optimizers.adaptive import Moments, share
from dslc.library.optimizers.optimizer import (
    Kept,
    Member,
    Optimizer,
    Scalar,
    Slot,
    Update,
    Updated,
    check_betas,
    common,
    optimizer,
)
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import FLOAT64, TensorType

_DECOUPLED = "Shrink the weights by lr * weight_decay apart from the gradient, as AdamW does."


@optimizer
class Adamax(Moments):
    """Adam with the largest recent gradient in place of the second moment.

    D. P. Kingma, J. Ba, Adam: A method for stochastic optimization, 2015.
    """

    lr: float | Schedule = option("Learning rate.", default=2e-3, minimum=0)
    eps: float | Schedule = option("Added to the size of each gradient.", default=1e-8, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return dict.fromkeys(("first_moment", "peak"), Slot())

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        beta1, beta2 = self.betas
        moment = slots["first_moment"] * beta1 + gradient
        peak = g.maximum(slots["peak"] * beta2, g.absolute(gradient) + u.value(self.eps))
        rate = u.once((self, "rate"), lambda: share(u, beta1, u.value(self.lr)))
        return weight - moment / peak * rate, {"first_moment": moment, "peak": peak}


@optimizer
class NAdam(Moments):
    """Adam that looks ahead along its first moment, after Nesterov, with a momentum that warms up.

    T. Dozat, Incorporating Nesterov momentum into Adam, 2016.
    """

    lr: float | Schedule = option("Learning rate.", default=2e-3, minimum=0)
    momentum_decay: float = option("How fast the momentum rises to beta1.", default=4e-3, minimum=0)
    decoupled_weight_decay: bool = option(_DECOUPLED, default=False)

    def shared(self) -> Mapping[str, Slot]:
        return {"momentum_product": Slot(shape=(), first=1.0)}

    def _momentum(self, count: g.Tensor) -> g.Tensor:
        return (1.0 - 0.96 ** (count * self.momentum_decay) * 0.5) * self.betas[0]

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        u = common(members)
        with u.builder.scope(self.name):
            momentum, ahead = self._momentum(u.count), self._momentum(u.count + 1.0)
            product = shared["momentum_product"] = shared["momentum_product"] * momentum
            of_gradient = (1.0 - momentum) / (1.0 - product)
            of_moment = ahead / (1.0 - product * ahead)
        for member in members:
            with member.scope(self):
                rates = [g.cast(rate, member.u.element) for rate in (of_gradient, of_moment)]
                yield self._step(member, *rates)

    def _step(self, member: Member, of_gradient: g.Tensor, of_moment: g.Tensor) -> Updated:
        u, weight, gradient = member.u, member.weight, member.gradient
        if self.decoupled_weight_decay:
            weight = self.shrunk(u, weight)
        else:
            gradient = self.decayed(u, weight, gradient)
        state = self.moments(gradient, member.slots)
        root = u.once((self, "root"), lambda: g.sqrt(share(u, self.betas[1])))
        epsilon = u.once((self, "epsilon"), lambda: u.value(self.eps) / root)
        scale = u.once((self, "scale"), lambda: u.value(self.lr) / root)
        step = gradient * (of_gradient * scale) + state["first_moment"] * (of_moment * scale * (1.0 - self.betas[0]))
        return weight - step / (g.sqrt(state["second_moment"]) + epsilon), state


@optimizer
class RAdam(Moments):
    """Adam whose first steps follow the first moment alone, until the second one is known well enough.

    L. Liu et al., On the variance of the adaptive learning rate and beyond, 2020.
    """

    decoupled_weight_decay: bool = option(_DECOUPLED, default=False)

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        if self.decoupled_weight_decay:
            weight = self.shrunk(u, weight)
        else:
            gradient = self.decayed(u, weight, gradient)
        state = self.moments(gradient, slots)
        known, rate = u.once((self, "rectified"), lambda: self._rectified(u))
        epsilon = u.once(
            (self, "epsilon"), lambda: (known * u.value(self.eps) / sqrt(1 - self.betas[1])) + (1.0 - known)
        )
        return weight - state["first_moment"] / (g.sqrt(state["second_moment"]) * known + epsilon) * rate, state

    def _rectified(self, u: Update) -> tuple[g.Tensor, g.Tensor]:
        """Return 1 where the second moment divides, else 0; and the rate, with all that the moments are divided by.

        The length of the average is a small difference of large numbers, which float32 could not tell.
        """
        beta1, beta2 = self.betas
        count = g.cast(u.step + 1, FLOAT64)
        power = beta2**count
        longest = 2 / (1 - beta2) - 1
        length = longest - count * power * 2.0 / (1.0 - power)
        known = g.greater(length, 5.0)
        among = (length - 4.0) * (length - 2.0) * longest / ((longest - 4) * (longest - 2) * length)
        among = g.sqrt(g.relu(among) * (1.0 - power) / (1 - beta2))
        factor = g.cast(g.where(known, among, 1.0), u.element)
        return g.cast(known, u.element), share(u, beta1, u.value(self.lr)) * factor


@optimizer
class Lion(Optimizer):
    """Steps of one size in the direction of each element's momentum: the sign alone counts.

    X. Chen et al., Symbolic discovery of optimization algorithms, 2023.
    """

    lr: float | Schedule = option("Learning rate, a third to a tenth of AdamW's.", default=1e-4, minimum=0)
    betas: tuple[float, ...] = option(
        "How much of the momentum the step and the next momentum take.", default=(0.9, 0.99)
    )
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_betas(self, self.betas, "[0.9, 0.99]")

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"momentum": Slot()}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        beta1, beta2 = self.betas
        weight, momentum = self.shrunk(u, weight), slots["momentum"]
        direction = g.sign(momentum * beta1 + gradient * (1 - beta1))
        return weight - direction * u.value(self.lr), {"momentum": momentum * beta2 + gradient * (1 - beta2)}


@optimizer
class Adan(Optimizer):
    """Adam with a moment of the gradients' differences, which looks ahead without a second gradient.

    X. Xie et al., Adan: Adaptive Nesterov momentum algorithm for faster optimizing deep models, 2022.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    betas: tuple[float, ...] = option(
        "Decay of the moments of gradients, of their differences, and of squares.", default=(0.98, 0.92, 0.99)
    )
    eps: float | Schedule = option("Added to the root of the mean of squares.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    no_prox: bool = option("Decay the weights before the step as AdamW does, not after it.", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_betas(self, self.betas, "[0.98, 0.92, 0.99]")

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return dict.fromkeys(("first_moment", "difference_moment", "second_moment", "gradient"), Slot())

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        beta1, beta2, beta3 = self.betas
        later = u.once((self, "later"), lambda: g.minimum(u.done, 1.0))  # the first update knows no difference
        difference = (gradient - slots["gradient"]) * later
        ahead = gradient + difference * beta2
        state = {
            "first_moment": slots["first_moment"] * beta1 + gradient,
            "difference_moment": slots["difference_moment"] * beta2 + difference,
            "second_moment": slots["second_moment"] * beta3 + ahead * ahead,
            "gradient": gradient,
        }
        root = u.once((self, "root"), lambda: g.sqrt(share(u, beta3)))
        rate = u.once((self, "rate"), lambda: share(u, beta1, u.value(self.lr)) / root)
        of_difference = u.once((self, "difference"), lambda: share(u, beta2, u.value(self.lr)) * beta2 / root)
        epsilon = u.once((self, "epsilon"), lambda: u.value(self.eps) / root)
        step = state["first_moment"] * rate + state["difference_moment"] * of_difference
        weight = self.shrunk(u, weight) if self.no_prox else weight
        weight = weight - step / (g.sqrt(state["second_moment"]) + epsilon)
        if self.weight_decay != 0.0 and not self.no_prox:
            weight = weight / u.once((self, "prox"), lambda: self._pull(u) + 1.0)
        return weight, state

    def _pull(self, u: Update) -> Scalar:
        return u.value(self.lr) * u.value(self.weight_decay)
