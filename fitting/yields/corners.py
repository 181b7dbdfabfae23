"""Corner cases: the most probable device at each limit of the specification."""

from dataclasses import dataclass

import numpy as np

from fitting.yields.limits import coordinates, limits_of, needs_spikes
from fitting.yields.many_devices import numbers_of
from fitting.yields.question import Question
from fitting.yields.scatter import Spread
from jaxmem.stability.cycles.neighbouring import KnownCycle

# Iterations, the longest step in standard deviations, how close to its limit a corner is, and how
# far from the design it may be to count.
ITERATIONS, LONGEST, CLOSE, FARTHEST = 25, 1.0, 1e-4, 6.0


@dataclass(frozen=True)
class Corner:
    """The device nearest to the designed one, in standard deviations, at which a limit is reached.

    - `limit`: which one, "frequency too low"; `distance` in standard deviations.
    - `parameters`: of that device; `share`: of each parameter in the squared distance.
    """

    limit: str
    distance: float
    parameters: dict[str, float]
    share: dict[str, float]

    def sentence(self) -> str:
        """In words."""
        most = sorted(self.share.items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} = {self.parameters[name]:.4g}" for name, s in most if s > 0.05)
        return (
            f"The nearest device out of specification is {self.distance:.2f} standard deviations "
            f"away ({self.limit}): {told}."
        )


def corners_of(question: Question, spread: Spread, known: KnownCycle | None) -> tuple[Corner, ...]:
    """For each limit the x of least |x| at which it is reached, the nearest corner first.

        minimise |x|   where   g(x) = 0

    by iterating on the linearised g: the design point of reliability theory (Hasofer and Lind 1974,
    Rackwitz and Fiessler 1978). Those that are not reached within six standard deviations, or not
    found, are left out.
    """
    limits, p = limits_of(question.goals), len(spread.names)
    sides = [
        (j, float(end), f"{goal.called} too {word}")
        for j, goal in enumerate(question.goals)
        for end, word in ((limits.low[j], "low"), (limits.high[j], "high"))
        if np.isfinite(end)
    ]
    if needs_spikes(question.goals):
        sides.append((-1, 0.0, "no spikes"))
    if not sides:
        return ()
    x, scale = np.zeros((len(sides), p)), np.ones(len(sides))
    g, G = _gaps(question, spread, known, x, sides)
    begin, moving = np.isfinite(g), np.isfinite(g)
    for _ in range(ITERATIONS):
        steep = np.sum(G**2, axis=1)
        with np.errstate(all="ignore"):
            move = ((np.sum(G * x, axis=1) - g) / steep)[:, None] * G - x
        length = np.linalg.norm(move, axis=1)
        moving &= np.isfinite(length) & ((length > CLOSE) | (abs(g) > CLOSE))
        if not moving.any():
            break
        part = scale * np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))
        new = x + np.where(moving[:, None], part[:, None] * move, 0.0)
        ahead, slopes = _gaps(question, spread, known, new, sides)
        there = np.isfinite(ahead) & moving
        # Where there is no such number, as beyond the window, the step was too long.
        scale = np.where(moving & ~there, scale / 2, np.minimum(1.0, 1.3 * scale))
        x, g = np.where(there[:, None], new, x), np.where(there, ahead, g)
        G = np.where(there[:, None], slopes, G)
    found = []
    for k, (_, _, words) in enumerate(sides):
        distance = float(np.linalg.norm(x[k]))
        if not begin[k] or abs(g[k]) > 1e-2 or not 0 < distance < FARTHEST:
            continue
        values = spread.values(question.device, x[k : k + 1])[0]
        share = x[k] ** 2 / distance**2
        found.append(
            Corner(words, distance, dict(zip(spread.names, map(float, values), strict=True)),
                   dict(zip(spread.names, map(float, share), strict=True)))
        )  # fmt: skip
    return tuple(sorted(found, key=lambda corner: corner.distance))


def _gaps(question, spread, known, x, sides):
    """g of each side at its x, zero at the limit, and its slopes by x."""
    rows, by_x = spread.leaves(question.device, x)
    found = numbers_of(question, rows, known, slopes=True, alone=False)
    assert found.slopes is not None and found.margin_slopes is not None
    r = coordinates(question.goals, found.values)
    g, G = np.empty(len(sides)), np.empty(x.shape)
    for k, (j, end, _) in enumerate(sides):
        if j < 0:
            g[k], by = found.margin[k], found.margin_slopes[k]
        else:
            goal = question.goals[j]
            g[k], by = r[k, j] - end, goal.slope(found.values[k, j]) * found.slopes[k, j]
        G[k] = by @ by_x[k]
    return g, G
