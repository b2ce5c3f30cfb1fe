"""Steps that need no schedule, or no learning rate: what a group's parameters have in common takes their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from dslc import graph as g
from dslc.errors import losses as errors
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
from dslc.types import TensorType


@dataclass(frozen=True, kw_only=True)
class _ScheduleFree(Optimizer):
    """What the rules without a schedule share: three points for each parameter, y, z and x.

    Gradients are taken at y, the parameter itself, between z, which takes the steps, and x, the average of the z, which
    is evaluated and ships. Later z count for more where the rate is higher.
    """

    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    warmup_steps: int = option("In how many updates the rate rises from 0.", default=0, minimum=0)
    r: float = option("The power of the number of an update by which it counts for more.", default=0.0, minimum=0)
    weight_lr_power: float = option("The power of the highest rate so far by which it does.", default=2.0, minimum=0)

    @property
    def evaluated(self) -> str:
        return "average"

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"leading": Slot(first=None), "average": Slot(first=None)}

    def shared(self) -> Mapping[str, Slot]:
        return {"weight_sum": Slot(shape=()), "lr_max": Slot(shape=())}

    def inside(self) -> float:
        """Return how near y lies to x, from 0 to 1."""
        raise NotImplementedError

    def direction(self, u: Update, gradient: g.Tensor, slots: Kept) -> Updated:
        """Return what z steps along, and the state beside the points."""
        raise NotImplementedError

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        u = common(members)
        with u.builder.scope(self.name):
            lr: Scalar = u.value(self.lr)
            if self.warmup_steps:
                lr = g.minimum(u.count / float(self.warmup_steps), 1.0) * lr
            shared["lr_max"] = g.maximum(shared["lr_max"], lr)
            weight = shared["lr_max"] ** self.weight_lr_power
            weight = weight * u.count**self.r if self.r else weight
            total = shared["weight_sum"] = shared["weight_sum"] + weight
            new = g.where(g.greater(total, 0.0), weight / total, 0.0)
        for member in members:
            with member.scope(self):
                element = member.u.element
                rate = g.cast(lr, element) if isinstance(lr, g.Tensor) else lr
                yield self._step(member, rate, g.cast(new, element))

    def _step(self, member: Member, rate: Scalar, new: g.Tensor) -> Updated:
        u, slots = member.u, member.slots
        step, state = self.direction(u, member.gradient, slots)
        step = self.decayed(u, member.weight, step)
        leading = slots["leading"] - step * rate
        average = slots["average"] + (leading - slots["average"]) * new
        return average + (leading - average) * (1 - self.inside()), {"leading": leading, "average": average, **state}


@optimizer
class ScheduleFreeSGD(_ScheduleFree):
    """SGD whose weights are averaged in the way that takes a schedule's place: the rate stays.

    What is evaluated and ships is the average. Running statistics of BatchNorm are those of the point that gradients
    are taken at. A. Defazio et al., The road less scheduled, 2024.
    """

    aliases = {"sgdschedulefree": "", "schedulefree": "or ScheduleFreeAdamW"}
    lr: float | Schedule = option("Learning rate.", default=1.0, minimum=0)
    momentum: float = option("How near to the average gradients are taken.", default=0.9, above=0, below=1)

    def inside(self) -> float:
        return self.momentum

    def direction(self, u: Update, gradient: g.Tensor, slots: Kept) -> Updated:
        return gradient, {}


@optimizer
class ScheduleFreeAdamW(_ScheduleFree):
    """AdamW whose weights are averaged in the way that takes a schedule's place: the rate stays.

    What is evaluated and ships is the average. Running statistics of BatchNorm are those of the point that gradients
    are taken at. A. Defazio et al., The road less scheduled, 2024.
    """

    aliases = {"adamwschedulefree": ""}
    lr: float | Schedule = option("Learning rate.", default=2.5e-3, minimum=0)
    betas: tuple[float, ...] = option(
        "How near to the average gradients are taken, and the decay of the second moment.", default=(0.9, 0.999)
    )
    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-8, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_betas(self, self.betas)
        if self.betas[0] == 0.0:
            raise errors.CONTRADICTION("the first of 'betas' is above 0 here", hint="betas = [0.9, 0.999]")

    def inside(self) -> float:
        return self.betas[0]

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {**super().slots(weight), "second_moment": Slot()}

    def direction(self, u: Update, gradient: g.Tensor, slots: Kept) -> Updated:
        square = slots["second_moment"] * self.betas[1] + gradient * gradient
        root = u.once((self, "root"), lambda: g.sqrt(share(u, self.betas[1])))
        return gradient / (g.sqrt(square) * root + u.value(self.eps)), {"second_moment": square}


@optimizer
class Prodigy(Moments):
    """AdamW that finds its own rate: by how far a group's parameters have come along their gradients.

    The rate is a factor beside it; a schedule from 1 downwards suits it. K. Mishchenko, A. Defazio, Prodigy: An
    expeditiously adaptive parameter-free learner, 2024.
    """

    alone = True
    lr: float | Schedule = option("A factor of the rate that is found.", default=1.0, minimum=0)
    beta3: float | None = option(
        "Decay of what the rate follows from; none: sqrt(beta2).", default=None, minimum=0, below=1
    )
    decouple: bool = option("Decay the weights apart from the gradient, as AdamW does.", default=True)
    use_bias_correction: bool = option("Correct the first steps as Adam does.", default=False)
    safeguard_warmup: bool = option("Leave lr out of what the rate is divided by: for a warmup.", default=False)
    d0: float = option("The rate at first.", default=1e-6, above=0)
    d_coef: float | Schedule = option("A factor of the rate's estimate.", default=1.0, above=0)
    growth_rate: float | None = option("The most that an update multiplies the rate by.", default=None, above=1)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {**super().slots(weight), "trail": Slot(), "way": Slot()}

    def shared(self) -> Mapping[str, Slot]:
        return {"d": Slot(shape=(), first=self.d0), "d_max": Slot(shape=(), first=self.d0), "numerator": Slot(shape=())}

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        beta1, beta2 = self.betas
        beta3 = sqrt(beta2) if self.beta3 is None else self.beta3
        u, d = common(members), shared["d"]
        with u.builder.scope(self.name):
            rate = d * u.value(self.lr)
            if self.use_bias_correction:
                rate = rate * (share(u, beta1, 1 / (1 - beta1)) / g.sqrt(share(u, beta2, 1 / (1 - beta2))))
            grown = d / self.d0
            of_trail = grown * (d if self.safeguard_warmup else rate)
        gradients, trails, along, sizes = [], [], [], []
        for member in members:
            element = member.u.element
            with member.scope(self):
                gradient = member.gradient if self.decouple else self.decayed(member.u, member.weight, member.gradient)
                trail = member.slots["trail"] * beta3 + gradient * g.cast(of_trail, element)
                far = g.reduce_sum(gradient * member.slots["way"])
                along.append(g.cast(far, u.element))
                sizes.append(g.cast(g.reduce_sum(g.absolute(trail)), u.element))
                gradients.append(gradient)
                trails.append(trail)
        with u.builder.scope(self.name):
            shared["numerator"] = shared["numerator"] * beta3 + grown * rate * g.total(*along)
            self._grow(u, shared, g.total(*sizes))
            epsilon = shared["d"] * u.value(self.eps)
        for member, gradient, trail in zip(members, gradients, trails, strict=True):
            with member.scope(self):
                mine, its_rate, its_epsilon = (g.cast(x, member.u.element) for x in (d, rate, epsilon))
                slots, weight = member.slots, member.weight
                scaled = gradient * mine
                first = slots["first_moment"] * beta1 + scaled * (1 - beta1)
                second = slots["second_moment"] * beta2 + scaled * scaled * (1 - beta2)
                step = first / (g.sqrt(second) + its_epsilon)
                if self.decouple and self.weight_decay != 0.0:
                    step = step + weight * member.u.value(self.weight_decay)
                step = step * its_rate
                # summed up: of first weights and small steps, float32 would leave nothing of the way come
                state = {"first_moment": first, "second_moment": second, "trail": trail, "way": slots["way"] + step}
                yield weight - step, state

    def _grow(self, u: Update, shared: dict[str, g.Tensor], size: g.Tensor) -> None:
        """Put a new estimate of the rate in the place of the last one, given the size of all trails."""
        d = shared["d"]
        moved = g.greater(size, 0.0)
        estimate = g.where(moved, shared["numerator"] / size * u.value(self.d_coef), d)
        shared["d"] = shared["d_max"] = g.maximum(shared["d_max"], estimate)
        if self.growth_rate is not None:
            started = g.where(g.equal(d, self.d0), g.maximum(d, estimate), d)
            shared["d"] = g.minimum(shared["d_max"], started * self.growth_rate)
