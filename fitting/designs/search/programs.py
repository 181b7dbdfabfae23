"""The two compiled programs of a design: many devices roughly, and one device with slopes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import jaxmem as jm
from fitting.designs.goals.behaviour import Behaviour, behaviour
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.knob import Knobs
from fitting.designs.goals.named_quantities import Quantity
from fitting.designs.search.gauss_newton import Values
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.lens import put_leaves
from jaxmem.programs import program


class Rough(NamedTuple):
    """Of n devices: coordinates of the goals, shape `(n, m)`, a frequency by those of the Hopf
    points, 0 for what else needs a cycle; whether there is a window of oscillation, and whether the
    drive at which a cycle is meant lies in it."""

    r: np.ndarray
    window: np.ndarray
    inside: np.ndarray


class Task(NamedTuple):
    """A design that is looked for: what is asked, of which device, where it may go."""

    goals: tuple[DesignGoal, ...]
    device: AbstractDevice
    knobs: Knobs
    drive: DriveKind
    at: tuple[str, float]

    @property
    def kinds(self) -> tuple[Quantity, ...]:
        return tuple(goal.kind for goal in self.goals)

    def moved(self, z: np.ndarray) -> AbstractDevice:
        """The device at z."""
        return _moved(self.device, self.knobs.positions, jnp.asarray(z))

    def values(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The goals' quantities at z, and their slopes by z; NaN where there is no oscillation."""
        slopes, values = _one(*self._given(z))
        return np.asarray(values), np.asarray(slopes)

    def values_alone(self, z: np.ndarray) -> np.ndarray:
        """The goals' quantities at z, for searches that use no slopes."""
        return np.asarray(_alone(*self._given(z)))

    def _given(self, z):
        return (
            jnp.asarray(z), self.device, self.knobs.positions, self.kinds, self.drive, self.at[0],
            jnp.asarray(self.at[1], dtype=float),
        )  # fmt: skip

    def evaluate(self, z: np.ndarray) -> Values:
        """The goals' coordinates and their slopes by z."""
        values, slopes = self.values(z)
        with np.errstate(all="ignore"):
            r = np.array([float(g.coordinate(v)) for g, v in zip(self.goals, values, strict=True)])
            by = np.array([float(g.slope(v)) for g, v in zip(self.goals, values, strict=True)])
        return Values(r, slopes * by[:, None])

    def roughly(self, z: Float[np.ndarray, "n p"]) -> "Rough":
        """The goals at many z without their cycles."""
        rough, window, inside = map(np.asarray, _many(*self._given(z)))
        with np.errstate(all="ignore"):
            rows = [g.coordinate(rough[:, k]) for k, g in enumerate(self.goals)]
        r = np.stack([np.asarray(row, dtype=float) for row in rows], axis=1)
        return Rough(r, window, inside)


def _moved(device, positions, z):
    """The device with the leaves of knob k times exp(z_k)."""
    leaves = jax.tree.leaves(device)
    return put_leaves(
        device,
        [((k,), leaves[k] * jnp.exp(z[n])) for n, where in enumerate(positions) for k in where],
    )


def _numbers(z, device, positions, kinds, drive, how, where):
    needs = frozenset(kind.needs for kind in kinds)
    found = behaviour(_moved(device, positions, z), drive, (how, where), needs)
    return jnp.stack([jnp.asarray(kind.value(found), dtype=float) for kind in kinds])


@program
def _one(z, *given):
    def twice(z):
        values = _numbers(z, *given)
        return values, values

    return jax.jacfwd(twice, has_aux=True)(z)


_alone = program(_numbers)


@program
def _many(z, device, positions, kinds, drive, how, where):
    needs = frozenset(kind.needs for kind in kinds)
    # Without the cycle, which is what takes long.
    roughly = frozenset({"hopf"}) if needs & {"hopf", "cycle"} else frozenset()

    def one(z):
        changed = _moved(device, positions, z)
        found = behaviour(changed, drive, (how, where), roughly)
        if not roughly:
            omega, window, inside = jnp.nan, jnp.asarray(True), jnp.asarray(True)
        else:
            points = jm.hopf_points(changed, drive=drive)
            last = jnp.maximum(points.found - 1, 0)
            omega = jnp.sqrt(points.omega[0] * points.omega[last])
            window = jnp.isfinite(found.low)
            inside = (found.level > found.low) & (found.level < found.high)
        return jnp.stack([_rough(kind, found, omega) for kind in kinds]), window, inside

    return jax.vmap(one)(z)


def _rough(kind: Quantity, at: Behaviour, omega: Any) -> Any:
    if kind.needs != "cycle":
        return jnp.asarray(kind.value(at), dtype=float)
    return omega / (2 * jnp.pi) if kind.unit == "Hz" else jnp.ones_like(at.low)
