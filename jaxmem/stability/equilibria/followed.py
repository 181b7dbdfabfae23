"""What is followed over a parameter: whether it is whole, and what its ends are."""

import equinox as eqx
from jaxtyping import Array, Bool

from jaxmem.output.tabular import Tabular
from jaxmem.results import RESULTS, messages


class ENDS(eqx.Enumeration):
    """Where a curve or branch over a parameter ends, each with a sentence."""

    nowhere = "there is no curve"
    parameter = "the parameter reached the end of its range"
    voltage = "the voltage left the range that is looked at"
    closed = "it came back to where it started"
    bogdanov_takens = "a Bogdanov-Takens point: a fold of equilibria, at which omega vanishes"
    bautin = "a Bautin point (generalised Hopf), at which the amplitude of the cycles vanishes"
    doubling = "a period doubling, at which it begins from a state of half its period"
    not_followed = "it was not followed further; `result` says why"


class Followed(Tabular):
    """What was followed over a parameter, a curve or a branch, and where it ends."""

    ends: eqx.AbstractVar[ENDS]
    result: eqx.AbstractVar[RESULTS]

    @property
    def whole(self) -> Bool[Array, "..."]:
        """Whether no part of it is missing."""
        return self.result == RESULTS.successful

    @property
    def end_names(self) -> tuple[str, ...]:
        """What its first and its last point are, in words; of one, not of a batch."""
        return messages(self.ends)
