"""A design moved to where most made devices are within specification: `maximise_yield`."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knob, Knobs
from fitting.designs.search.programs import drive_moved, moved
from fitting.yields.counting import Yield, check_made, start_of, yield_of
from fitting.yields.limits import coordinates, limits_of, needs_spikes
from fitting.yields.many_devices import numbers_of
from fitting.yields.question import Question
from fitting.yields.scatter import Scatter, Spread
from fitting.yields.smoothing import EnsembleCoordinates, smoothed_count
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens

# Devices of the ensemble. Widths of the smoothed count, one after the other, in half-widths of the
# specification; steps with each of them at most.
ENSEMBLE, WIDTHS, STEPS = 256, (0.6, 0.3, 0.15), 12
# The longest step in ln of a knob, the shortest, and what share of the predicted gain it has to
# bring. A step that is predicted to bring less than this share of devices is the last.
LONGEST, SHORTEST, ENOUGH, GAIN = 0.5, 0.02, 0.2, 1e-3
# What a cost of one counts against a share of devices, so that what changes nothing is not moved.
SHARE = 1e-4


@dataclass(frozen=True)
class CentredDesign:
    """A device with the largest yield that was found, and the yield before.

    - `device`, driven `at`, and its yield `after`, on devices drawn anew; `before`: that of the
      device from which it was searched, by the same draws.
    - `factors`: what each knob is multiplied by; `at_limit`: knobs at an end of their range.
    - `steps`: for each step that was taken the width and the smoothed share before and after.
    """

    device: AbstractDevice
    at: tuple[str, float]
    before: Yield
    after: Yield
    factors: dict[str, float]
    at_limit: tuple[str, ...]
    steps: tuple[tuple[float, float, float], ...]

    def statements(self) -> list[str]:
        """What was gained, and by which changes, in sentences."""
        ends = [f"{100 * y.share:.1f} % ({100 * y.low:.1f} to {100 * y.high:.1f} %)"
                for y in (self.before, self.after)]  # fmt: skip
        changed = [f"{n} times {f:.4g}" for n, f in self.factors.items() if abs(np.log(f)) > 1e-3]
        lines = [
            f"Yield before: {ends[0]}; after: {ends[1]}, counted on {self.after.devices} devices "
            f"that the search has not seen{self.after.driven and f', {self.after.driven}'}.",
            f"Changed: {', '.join(changed) or 'nothing'}.",
        ]
        if self.at_limit:
            lines.append(f"At an end of its range: {', '.join(self.at_limit)}.")
        return lines + self.after.statements()[1:]


def maximise_yield(
    device: AbstractDevice,
    specification: Sequence[DesignGoal],
    knobs: Sequence[Knob | Lens],
    scatter: Scatter | float,
    *,
    today: AbstractDevice | None = None,
    drive: DriveKind = "current",
    at: tuple[str, float] = ("window", 0.5),
    devices: int = 10_000,
    ensemble: int = ENSEMBLE,
    seed: int = 0,
) -> CentredDesign:
    """Move the knobs to where the most made devices are within specification.

    An ensemble of devices keeps its scatter (common random numbers, scrambled Sobol points) while
    the design moves, so that a smoothed count of those within is a smooth function of the knobs
    with a gradient; its width shrinks step by step. Each step maximises the count of the linearised
    ensemble within a box round the design, and is taken if the count of the ensemble bears it out.
    It is a local search. The yields that are reported are counts of further devices.

    **Arguments:**

    - `device`: where it starts, a device that spikes: `fitting.design(...).device`. `knobs`: what
      may change. `today`: the device from which ranges, factors and costs of knobs are counted, as
      in `design`; by default `device`.
    - `specification`, `scatter`, `drive`, `at`, `devices`, `seed`: as in `yield_of`. Absolute
      widths stay as they are while the design moves.
    - `ensemble`: devices by which is searched.

    **Raises:** `ValueError` as `yield_of` and `design`.
    """
    check_made("maximise_yield", device, specification, drive, at)
    scatter = scatter if isinstance(scatter, Scatter) else Scatter(scatter)
    own = Knobs(tuple(k if isinstance(k, Knob) else Knob(k) for k in knobs), today or device, at)
    search = _Search(device, tuple(specification), own, Spread(scatter, device), drive, at)
    p = len(search.spread.names)
    x = norm.ppf(np.clip(qmc.Sobol(p, rng=seed).random(ensemble), 1e-9, 1 - 1e-9))
    start = search.start
    z, steps = search.climb(x, np.clip(start, own.low, own.high))
    best, best_at = search.at(z)
    count = lambda device, at: yield_of(
        device, specification, scatter, drive=drive, at=at, devices=devices, seed=seed + 1
    )
    before, after = count(device, at), count(best, best_at)
    if after.share < before.share:
        best, best_at, z, after = device, at, start, before
    edge = np.minimum(z - own.low, own.high - z) < 1e-6
    return CentredDesign(
        best, best_at, before, after, dict(zip(own.names, map(float, np.exp(z)), strict=True)),
        tuple(n for n, e in zip(own.names, edge, strict=True) if e), tuple(steps),
    )  # fmt: skip


class _Search:
    """The smoothed yield as a function of z, ln of the knobs' factors."""

    def __init__(self, device, goals, knobs: Knobs, spread: Spread, drive, at):
        self.device, self.goals, self.knobs, self.spread = device, goals, knobs, spread
        self.drive, self.place, self.limits = drive, at, limits_of(goals)
        # A knob moves leaves that scatter not, too: all that moves is computed with slopes.
        others = {k for where in knobs.positions for k in where}
        self.moved = tuple(sorted({*spread.moved, *others}))
        leaves = [*(float(leaf) for leaf in jax.tree.leaves(device)), at[1]]
        self.start = np.log([leaves[where[0]] for where in knobs.positions] / knobs.now)

    def at(self, z) -> tuple[AbstractDevice, tuple[str, float]]:
        """The device at z, and where its cycle is meant, which a knob may move."""
        positions, z = self.knobs.positions, jnp.asarray(z - self.start)
        place = drive_moved(self.device, positions, z, self.place[1])
        return moved(self.device, positions, z), (self.place[0], float(place))

    def coordinates(self, x, z) -> EnsembleCoordinates:
        """Of the ensemble at z, with slopes by z."""
        device, place = self.at(z)
        question = Question(self.goals, device, self.moved, self.drive, place)
        own = [*(float(leaf) for leaf in jax.tree.leaves(device)), place[1]]
        scattered, _ = self.spread.leaves(device, x)
        rows = np.tile([own[k] for k in self.moved], (len(x), 1))
        for j, k in enumerate(self.spread.moved):
            rows[:, self.moved.index(k)] = scattered[:, j]
        by_z = np.zeros((*rows.shape, len(self.knobs.names)))
        for n, where in enumerate(self.knobs.positions):
            for k in where:
                column = self.moved.index(k)
                by_z[:, column, n] = own[k] if self._shifted(k) else rows[:, column]
        asked = needs_spikes(self.goals)
        known = start_of("maximise_yield", question, rows) if asked else None
        found = numbers_of(question, rows, known, slopes=True)
        assert found.slopes is not None and found.margin_slopes is not None
        slope = [g.slope(found.values[:, j]) for j, g in enumerate(self.goals)]
        slope = np.stack([np.broadcast_to(s, len(x)) for s in slope], axis=1)
        return EnsembleCoordinates(
            coordinates(self.goals, found.values),
            slope[..., None] * np.einsum("nmk,nkq->nmq", found.slopes, by_z),
            found.margin, np.einsum("nk,nkq->nq", found.margin_slopes, by_z),
            asked,
        )  # fmt: skip

    def _shifted(self, k) -> bool:
        return any(
            k in where and not relative
            for where, relative in zip(self.spread.positions, self.spread.relative, strict=True)
        )

    def climb(self, x, z):
        """From z to where the smoothed count of the narrowest width is largest; what steps gave."""
        steps, here = [], self.coordinates(x, z)
        for width in WIDTHS:
            reach = LONGEST
            for _ in range(STEPS):
                now = self._worth(here, z, np.zeros_like(z), width)[0]
                step = self._step(here, z, reach, width)
                predicted = self._worth(here, z, step, width)[0] - now
                if predicted < GAIN:
                    break
                ahead = self.coordinates(x, z + step)
                gained = self._worth(ahead, z + step, np.zeros_like(z), width)[0] - now
                if gained < ENOUGH * predicted:
                    reach = 0.4 * float(np.max(np.abs(step)))
                    if reach < SHORTEST:
                        break
                if gained > 0:
                    z, here = z + step, ahead
                    steps.append((width, now, now + gained))
        return z, steps

    def _worth(self, here: EnsembleCoordinates, z, step, width):
        """The smoothed count of the linearised ensemble after a step, less its cost; the slope."""
        share, slope = smoothed_count(here.moved(step), self.limits, width)
        cost = self.knobs.cost / np.max(self.knobs.cost)
        new = z + step
        return share - 0.5 * SHARE * cost @ new**2, slope - SHARE * cost * new

    def _step(self, here, z, reach, width):
        def down(step):
            value, slope = self._worth(here, z, step, width)
            return -value, -slope

        low = np.maximum(self.knobs.low - z, -reach)
        high = np.minimum(self.knobs.high - z, reach)
        zero = np.clip(np.zeros_like(z), low, high)
        found = minimize(down, zero, jac=True, method="L-BFGS-B",
                         bounds=list(zip(low, high, strict=True)))  # fmt: skip
        return found.x
