"""Window, cycle and goals of many devices that are like one another, on all cores."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting.designs.goals.behaviour import Behaviour, circuit_at, drives_of, in_window
from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.what_is_asked import Meant, Quantity
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice
from jaxmem.lens import put_leaves
from jaxmem.programs import program
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.neighbours import KnownCycle, known_cycle, neighbouring_cycle

# Devices of one call of the program, and voltages at which the margin is looked for.
CHUNK, VOLTAGES = 100, 96
# What became of a device.
UNKNOWN, RESTS, SPIKES = -1, 0, 1
# How `limit_cycle` ends where it is known that no stable cycle is there.
KNOWN_TO_REST = (RESULTS.no_hopf_point, RESULTS.no_cycle, RESULTS.settles_elsewhere)


class Question(NamedTuple):
    """What is asked of each device.

    - `goals`; `drive`: "current" or "voltage"; `at`: where the cycle is meant (see `design`).
    - `device`: of which the others have the structure; `moved`: leaves in which they differ; a
      number beyond them is the drive, or the place in the window, that `at` gives.
    """

    goals: tuple[DesignGoal, ...]
    device: AbstractDevice
    moved: tuple[int, ...]
    drive: DriveKind
    at: tuple[str, float]

    @property
    def kinds(self) -> tuple[Quantity, ...]:
        return tuple(goal.kind for goal in self.goals)

    @property
    def meant(self) -> tuple[Meant, ...]:
        return tuple(goal.meant(self.drive) for goal in self.goals)

    def at_row(self, row: Any) -> tuple[AbstractDevice, tuple[str, Any]]:
        """The device with these numbers, and where its cycle is meant."""
        place = jnp.asarray(self.at[1], dtype=float)
        device, place = _made(self.device, self.moved, row, place)
        return device, (self.at[0], place)


class Numbers(NamedTuple):
    """What is known of n devices.

    - `values` (n, m): the goals' quantities, NaN where a device has none.
    - `state` (n,): `SPIKES` with a stable cycle at the drive, `RESTS` where it is known that there
      is none, `UNKNOWN` where that could not be computed.
    - `margin` (n,): ln of the ratio of the Hurwitz determinant's terms, negative where rest is
      unstable: the least over all voltages, or that at the drive where this is given in A or V.
    - `low`, `high`, `level` (n,): the window of oscillation, and the drive [A] or [V].
    - `slopes` (n, m, k), `margin_slopes` (n, k): derivatives by the moved leaves, or None.
    - `single` (n,): which were computed by `limit_cycle`; they have no slopes.
    """

    values: np.ndarray
    state: np.ndarray
    margin: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: np.ndarray
    single: np.ndarray
    slopes: np.ndarray | None
    margin_slopes: np.ndarray | None


def begin_at(question: Question, rows: Sequence[Any]) -> KnownCycle | None:
    """The cycle of the first of these devices that is found to have one."""
    for row in rows:
        device, at = question.at_row([jnp.asarray(v) for v in row])
        points = jm.hopf_points(device, drive=question.drive)
        if int(points.found) < 2:
            continue
        known = known_cycle(device, drives_of(points, question.drive, at)[2], question.drive)
        if known is not None:
            return known
    return None


def _made(device, moved, row, place):
    beyond = len(jax.tree.leaves(device))
    changes = dict(zip(moved, row, strict=True))
    place = changes.pop(beyond, place)
    return put_leaves(device, [((k,), value) for k, value in changes.items()]), place


def numbers(
    question: Question,
    rows: np.ndarray,
    known: KnownCycle,
    *,
    slopes: bool = False,
    alone: bool = True,
) -> Numbers:
    """The numbers of n devices with the given moved leaves, shape `(n, k)`.

    The cycles continue the known one; where that fails, `limit_cycle` says what there is, if
    `alone`.
    """
    n = len(rows)
    starts = range(0, n, CHUNK)

    def run(start):
        part = rows[start : start + CHUNK]
        filled = np.concatenate([part, np.repeat(part[-1:], CHUNK - len(part), axis=0)])
        out = _chunk(
            jnp.asarray(filled), jnp.asarray(len(part)), question.device, known, question.moved,
            question.kinds, question.meant, question.drive, question.at[0],
            jnp.asarray(question.at[1], dtype=float), slopes,
        )  # fmt: skip
        return jax.tree.map(lambda a: np.asarray(a)[: len(part)], out)

    # The first call compiles the program for all.
    parts = [run(starts[0])]
    with ThreadPoolExecutor(_cores()) as pool:
        parts += pool.map(run, starts[1:])
        flat, by, facts = jax.tree.map(lambda *a: np.concatenate(a), *parts)
        m = len(question.goals)
        values, margin = flat[:, :m].copy(), flat[:, m]
        low, high, level, spikes, rests, allowed = facts.T
        state = np.select([spikes == 1, rests == 1], [SPIKES, RESTS], UNKNOWN)
        left = np.flatnonzero((state == UNKNOWN) & (allowed == 1) & alone)
        single = np.zeros(n, bool)
        single[left] = True
        for k, (one, row) in zip(
            left, pool.map(lambda k: _by_limit_cycle(question, rows[k], level[k]), left),
            strict=True,
        ):  # fmt: skip
            state[k] = one
            values[k] = np.where(np.isnan(row), values[k], row)
    return Numbers(
        values, state, margin, low, high, level, single,
        by[:, :m] if slopes else None, by[:, m] if slopes else None,
    )  # fmt: skip


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


@program
def _chunk(rows, count, device, known, moved, kinds, meant, drive, how, place, slopes):
    """For each row its numbers, their slopes, and facts: window, drive, whether a stable cycle was
    found, whether it is known that there is none, and whether its values are allowed."""

    def asked(row):
        one, where = _made(device, moved, row, place)
        points = jm.hopf_points(one, drive=drive)
        found = in_window(one, drive, (how, where), points)
        cycle = neighbouring_cycle(known, one, found.level, drive)
        found = found._replace(cycle=cycle)
        calm = jnp.asarray(False)
        if how != "window":
            rest = jm.operating_point(one, **{LETTER[drive]: found.level}).u
            calm = jm.unstable_count(one, rest, drive) == 0
        given = how == LETTER[drive]
        least = lambda: jm.least_margin(one, drive, VOLTAGES).margin
        margin = jm.hopf_margin(one, rest, drive) if given else least()
        edge = 1 - 1e-12
        margin = 2 * jnp.arctanh(jnp.clip(margin, -edge, edge))
        values = [kind.value(found, said) for kind, said in zip(kinds, meant, strict=True)]
        values = jnp.stack([jnp.asarray(value, float) for value in (*values, margin)])
        # A branch that leaves the window softly at both ends has no cycle outside of it.
        soft = (points.found == 2) & (points.l1[0] < 0) & (points.l1[1] < 0)
        # Without a window there is no drive in its middle, and without a drive no cycle.
        rests = calm & ((points.found == 0) | soft)
        rests = rests if given else rests | (points.found < 2)
        allowed = points.found >= 0
        facts = (found.low, found.high, found.level, cycle.stable, rests & allowed, allowed)
        return values, (values, jnp.stack([jnp.asarray(f, float) for f in facts]))

    def one(given):
        number, row = given

        def look(row):
            if slopes:
                by, (values, facts) = jax.jacfwd(asked, has_aux=True)(row)
            else:
                _, (values, facts) = asked(row)
                by = jnp.zeros((0,))
            return values, by, facts

        blank = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(look, row))
        return jax.lax.cond(number < count, look, lambda _: blank, row)

    return jax.lax.map(one, (jnp.arange(rows.shape[0]), rows))


def _by_limit_cycle(question: Question, row, level):
    """What `limit_cycle` says of one device: its state, and what its goals about cycles come to."""
    nothing = np.full(len(question.goals), np.nan)
    device, _ = question.at_row([jnp.asarray(v) for v in row])
    circuit = circuit_at(device, question.drive, jnp.asarray(level))
    cycle = jm.limit_cycle(circuit, throw=False)
    if bool(cycle.stable):
        nan = jnp.asarray(jnp.nan)
        at = Behaviour(device, nan, nan, nan, nan, jnp.asarray(level), cycle)
        values = [
            float(kind.value(at, said)) if kind.needs == "cycle" else np.nan
            for kind, said in zip(question.kinds, question.meant, strict=True)
        ]
        return SPIKES, np.array(values)
    known = any(bool(cycle.result == code) for code in KNOWN_TO_REST)
    return (RESTS if known or bool(cycle.result == RESULTS.successful) else UNKNOWN), nothing
