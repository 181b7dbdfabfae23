"""Window, cycle and goals of many devices that are like one another, on all cores."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting.designs.goals.behaviour import Behaviour, circuit_at, drives_of
from fitting.yields.chunk_program import one_chunk
from fitting.yields.question import Question
from jaxmem.results import RESULTS
from jaxmem.stability.cycles.neighbouring import KnownCycle, known_cycle

# Devices of one call of the program.
CHUNK = 100
# What became of a device.
UNKNOWN, RESTS, SPIKES = -1, 0, 1
# How `limit_cycle` ends where it is known that no stable cycle is there.
KNOWN_TO_REST = (RESULTS.no_hopf_point, RESULTS.no_cycle, RESULTS.settles_elsewhere)


class Numbers(NamedTuple):
    """What is known of n devices.

    - `values` (n, m): the goals' quantities, NaN where a device has none.
    - `state` (n,): `SPIKES` with a stable cycle at the drive, `RESTS` where it is taken to rest
      (see `yield_of`), `UNKNOWN` where that could not be computed.
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


def numbers_of(
    question: Question,
    rows: np.ndarray,
    known: KnownCycle | None,
    *,
    slopes: bool = False,
    alone: bool = True,
) -> Numbers:
    """The numbers of n devices with the given moved leaves, shape `(n, k)`.

    The cycles continue the known one; where that fails, `limit_cycle` says what there is, if
    `alone`. Without a known one no goal is about an oscillation, and none is looked for.
    """
    n, asked = len(rows), question.asked
    starts = range(0, n, CHUNK)

    def run(start):
        part = rows[start : start + CHUNK]
        filled = np.concatenate([part, np.repeat(part[-1:], CHUNK - len(part), axis=0)])
        count = jnp.asarray(len(part))
        out = one_chunk(jnp.asarray(filled), count, asked, known, slopes)
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
        left = np.flatnonzero((state == UNKNOWN) & (allowed == 1) & alone & (known is not None))
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
