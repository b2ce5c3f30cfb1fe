"""Around another optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.optimizer import Member, Optimizer, Slot, Update, Updated, optimizer
from dslc.library.word import option
from dslc.types import TensorType


@optimizer
class Lookahead(Optimizer):
    """Another optimizer's weights, which every k updates are drawn back to a share of the way that they have come.

    What is evaluated and ships is where they were drawn back to last. M. R. Zhang et al., Lookahead optimizer: k steps
    forward, 1 step back, 2019.
    """

    evaluated = "slow"
    inner: Optimizer = option("What takes the steps.")
    k: int = option("After how many updates they are drawn back.", default=5, minimum=1)
    alpha: float = option("Which share of the way is kept.", default=0.5, minimum=0, maximum=1)

    def __post_init__(self) -> None:
        super().__post_init__()
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
