"""Around another optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.optimizer import (
    Member,
    Optimizer,
    Slot,
    Update,
    Updated,
    optimizer,
    refuse_perturbing,
)
from dslc.library.word import option
from dslc.types import FLOAT64, TensorType


@optimizer
class Lookahead(Optimizer):
    """Another optimizer's weights, which every k updates are drawn back to a share of the way that they have come.

    What is evaluated and ships is where they were drawn back to last. M. R. Zhang et al., Lookahead optimizer: k steps
    forward, 1 step back, 2019.
    """

    inner: Optimizer = option("What takes the steps.")
    k: int = option("After how many updates they are drawn back.", default=5, minimum=1)
    alpha: float = option("Which share of the way is kept.", default=0.5, minimum=0, maximum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_perturbing(self, self.inner)
        if self.inner.alone:
            raise errors.CONTRADICTION(
                f"{self.inner.name} follows how far its own steps have come, and Lookahead draws the weights back",
                hint="Lookahead(AdamW(lr = 1e-3))",
            )
        if self.inner.evaluated is not None:
            raise errors.CONTRADICTION(
                f"both Lookahead and {self.inner.name} say which weights are evaluated",
                hint="Lookahead(AdamW(lr = 1e-3))",
            )

    @property
    def evaluated(self) -> str:
        return "slow"

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {**self.inner.slots(weight), "slow": Slot(first=None)}

    def shared(self) -> Mapping[str, Slot]:
        return self.inner.shared()

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        for (weight, state), member in zip(self.inner.updates(members, shared), members, strict=True):
            u, slow = member.u, member.slots["slow"]
            with member.scope(self):
                back = self._is_back(u)
                after = g.where(back, slow + (weight - slow) * self.alpha, slow)
                yield g.where(back, after, weight), {**state, "slow": after}

    def _is_back(self, u: Update) -> g.Tensor:
        return u.once((self, "back"), lambda: g.equal(g.modulo(u.step + 1, self.k), 0))


@optimizer
class SAM(Optimizer):
    """Another optimizer, given the gradients where the objective is worst nearby: sharpness-aware minimization.

    That is a step of length rho away along the gradient, over all parameters of the group. A batch is gone through
    twice, with the same random numbers; running statistics follow the first time.
    P. Foret et al., Sharpness-aware minimization for efficiently improving generalization, 2021; the adaptive form from
    J. Kwon et al., ASAM, 2021.
    """

    perturbs = True
    inner: Optimizer = option("What takes the steps.")
    rho: float = option("How far away the gradients are taken.", default=0.05, above=0)
    adaptive: bool = option("Measure that by the size of each weight.", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_perturbing(self, self.inner)

    @property
    def evaluated(self) -> str | None:
        return self.inner.evaluated

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return self.inner.slots(weight)

    def shared(self) -> Mapping[str, Slot]:
        return self.inner.shared()

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        return self.inner.updates(members, shared)

    def perturbed(self, weights: Sequence[g.Tensor], gradients: Sequence[g.Tensor]) -> list[g.Tensor]:
        scaled = [self._sized(gradient, weight) for gradient, weight in zip(gradients, weights, strict=True)]
        widest = FLOAT64 if any(weight.element is FLOAT64 for weight in weights) else weights[0].element
        squares = g.total(*(g.cast(g.reduce_sum(slope * slope), widest) for slope in scaled))
        norm = g.sqrt(squares)
        # beyond the type it would leave the weights where they are, without a word: NaN ends the training
        scale = self.rho / (norm + 1e-12) + (norm - norm)
        return [
            weight + self._sized(slope, weight) * g.cast(scale, weight.element)
            for weight, slope in zip(weights, scaled, strict=True)
        ]

    def _sized(self, slope: g.Tensor, weight: g.Tensor) -> g.Tensor:
        return slope * g.absolute(weight) if self.adaptive else slope
