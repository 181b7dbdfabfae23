"""A design that is looked for: what is asked, of which device, and what the programs say of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fitting.designs.goals.behaviour import circuit_at
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knobs
from fitting.designs.search import programs
from fitting.designs.search.gauss_newton import Values
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.stability.cycles.cycle import RTOL

# A cycle's estimated error is below this share of the smallest tolerance, at most this.
SHARE, LOOSEST = 0.02, 1e-4


class Rough(NamedTuple):
    """Of n devices: coordinates of the goals, shape `(n, m)`, a frequency by those of the Hopf
    points, 0 for what else takes a cycle or an integration; whether there is a window of
    oscillation, and whether the drive at which a cycle is meant lies in it."""

    r: np.ndarray
    window: np.ndarray
    inside: np.ndarray


@dataclass(frozen=True, eq=False)
class Task:
    """A design that is looked for: what is asked, of which device, where it may go.

    `transients`: whether a cycle that the branches do not give is looked for by transients.
    """

    goals: tuple[DesignGoal, ...]
    device: AbstractDevice
    knobs: Knobs
    drive: DriveKind
    at: tuple[str, float]
    transients: bool = False

    @cached_property
    def needs(self) -> frozenset[str]:
        """What the goals need: "hopf" for Hopf points, "cycle"."""
        needs = {goal.kind.needs for goal in self.goals}
        if any(goal.needs_window(self.drive, self.at[0]) for goal in self.goals):
            needs.add("hopf")
        return frozenset(needs)

    @cached_property
    def _given(self) -> tuple[Any, ...]:
        return (
            self.device, self.knobs.positions, tuple(goal.kind for goal in self.goals),
            tuple(goal.meant(self.drive) for goal in self.goals), self.drive, self.at[0],
            jnp.asarray(self.at[1], dtype=float),
        )  # fmt: skip

    @cached_property
    def _rtol(self) -> jax.Array:
        tightest = min(goal.tolerance for goal in self.goals)
        return jnp.asarray(min(max(SHARE * tightest, RTOL), LOOSEST))

    def moved(self, z: np.ndarray) -> AbstractDevice:
        """The device at z."""
        return programs.moved(self.device, self.knobs.positions, np.asarray(z, dtype=float))

    def imposed(self, z: np.ndarray) -> float:
        """What `at` says, times the factor of the knob that is the drive."""
        return float(programs.drive_moved(self.device, self.knobs.positions, z, self.at[1]))

    def hopf(self, z: Float[np.ndarray, "n p"]) -> tuple[Any, Any]:
        """Hopf points of the devices at z, and their derivatives; NumPy arrays of n rows."""
        pieces = [
            programs.hopf_with_slopes(
                jnp.asarray(piece), self.device, self.knobs.positions, self.drive
            )
            for piece in programs.in_lanes(z)
        ]
        rows = jax.tree.map(
            lambda *a: np.concatenate([np.asarray(b) for b in a])[: len(z)], *pieces
        )
        slopes, points = rows
        return points, slopes

    def numbers(self, z: np.ndarray, points: Any, slopes: Any, search: Any) -> tuple[Any, Any]:
        """The goals' quantities at z, and their slopes by z, with what is known there."""
        near = search is not None and float(search.near) > 0
        values, by = programs.numbers_with_slopes(
            jnp.asarray(z, dtype=float), points, slopes, search, near, self._rtol, *self._given
        )
        return np.asarray(values), np.asarray(by)

    def values(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The goals' quantities at z, and their slopes by z; NaN where there is no oscillation."""
        points = slopes = search = None
        nothing = np.full(len(self.goals), np.nan), np.full((len(self.goals), z.size), np.nan)
        if self.needs & {"hopf", "cycle"}:
            points, slopes = jax.tree.map(lambda a: jnp.asarray(a[0]), self.hopf(z[None]))
            if int(points.found) < 2:
                return nothing
        if "cycle" in self.needs:
            assert points is not None
            device = self.moved(z)
            at = self.at[0], jnp.asarray(self.imposed(z), dtype=float)
            *_, level = programs.drive_at(points, self.drive, at)
            if not np.isfinite(level):
                return nothing
            circuit = circuit_at(device, self.drive, level)
            search = programs.cycle_found(circuit, points, transients=self.transients)
            if not bool(search.stable):
                return nothing
        return self.numbers(z, points, slopes, search)

    def evaluate(self, z: np.ndarray) -> Values:
        """The goals' coordinates and their slopes by z."""
        values, slopes = self.values(z)
        with np.errstate(all="ignore"):
            r = np.array([float(g.coordinate(v)) for g, v in zip(self.goals, values, strict=True)])
            by = np.array([float(g.slope(v)) for g, v in zip(self.goals, values, strict=True)])
        return Values(r, slopes * by[:, None])

    def roughly(self, z: Float[np.ndarray, "n p"]) -> Rough:
        """The goals at many z without their cycles."""
        points = self.hopf(z)[0] if self.needs & {"hopf", "cycle"} else None
        made = []
        for k, piece in enumerate(programs.in_lanes(z)):
            rows = slice(k * programs.LANES, (k + 1) * programs.LANES)
            here = None if points is None else jax.tree.map(lambda a, s=rows: _filled(a[s]), points)
            made.append(programs.without_cycles(jnp.asarray(piece), here, *self._given))
        values, window, inside = (
            np.concatenate([np.asarray(b) for b in column])[: len(z)]
            for column in zip(*made, strict=True)
        )
        with np.errstate(all="ignore"):
            if points is not None:
                last = np.maximum(points.found - 1, 0)[:, None]
                omega = np.sqrt(
                    points.omega[:, 0] * np.take_along_axis(points.omega, last, 1)[:, 0]
                )
                for k, goal in enumerate(self.goals):
                    if goal.quantity == "frequency":
                        values[:, k] = omega / (2 * np.pi)
            r = np.stack([g.coordinate(values[:, k]) for k, g in enumerate(self.goals)], axis=1)
        return Rough(np.asarray(r, dtype=float), window, inside)


def _filled(rows: np.ndarray) -> jax.Array:
    """Rows of `LANES` devices; what lacks is the last one again."""
    lacks = programs.LANES - len(rows)
    return jnp.asarray(np.concatenate([rows, np.repeat(rows[-1:], lacks, axis=0)]))
