"""Quantities of a device that oscillates: of its Hopf points, and of a cycle between them."""

from fitting.designs.goals.what_is_asked import Quantity

OSCILLATING = {
    "frequency": Quantity(
        "Hz", "1/period of the limit cycle", needs="cycle", of=lambda at, _: 1 / at.cycle.period
    ),
    "amplitude": Quantity(
        "V", "u from the least to the largest of the cycle", needs="cycle",
        of=lambda at, _: at.cycle.u_max - at.cycle.u_min,
    ),
    "energy": Quantity(
        "J", "energy of one period at the terminals", needs="cycle",
        of=lambda at, _: at.cycle.energy,
    ),
    "threshold": Quantity(
        "A or V", "drive at the first Hopf point, where rest loses its stability", False, "hopf",
        of=lambda at, _: at.low,
    ),
    "window": Quantity(
        "A or V", "width of the drives between the first and the last Hopf point", needs="hopf",
        of=lambda at, _: at.high - at.low,
    ),
    "onset": Quantity(
        "1", "l1 of the first Hopf point in units of the device's own voltage: negative where soft",
        False, "hopf", of=lambda at, _: at.l1 * at.volt**2,
    ),
}  # fmt: skip
