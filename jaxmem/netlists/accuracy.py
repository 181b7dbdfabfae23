"""What a simulator is told so that its answer is right to 1e-4 of the range."""

from typing import NamedTuple

from jaxmem.netlists.equations import Equations

# The relative tolerances that were measured to do (docs/decisions), and steps in a run.
RELTOL = {"ngspice": 1e-6, "ltspice": 1e-6, "vacask": 1e-6}
STEPS = 40_000
# An operating point costs nothing, and is computed with tolerances smaller by this.
CLOSELY = 1e-4


class Accuracy(NamedTuple):
    """Tolerances: relative, of currents [A], voltages [V] and charges [C]; the largest step [s]."""

    reltol: float
    abstol: float
    vntol: float
    chgtol: float
    max_step: float

    def closely(self) -> "Accuracy":
        """Of an operating point: small signals are as right as it is."""
        return self._replace(
            reltol=CLOSELY * self.reltol, abstol=CLOSELY * self.abstol, vntol=CLOSELY * self.vntol
        )


def accuracy_for(made: Equations, simulator: str, until: float, max_step: float | None) -> Accuracy:
    """The settings for a run of `until` seconds.

    The simulators' absolute tolerances, 1 pA, 1 uV and 0.01 pC, are those of transistors: a device
    of nanoamperes or in the paper's units wants its own. `max_step` [s] is the largest step where
    it is given.
    """
    reltol, scales = RELTOL[simulator], made.scales
    widths = [float(width) for _, width in made.device.windows()]
    volt = min([scales.volt, *widths])
    charge = volt * made.value("C_m")
    step = until / STEPS if max_step is None else min(max_step, until / 100)
    return Accuracy(reltol, reltol * scales.ampere, reltol * volt, reltol * charge, step)
