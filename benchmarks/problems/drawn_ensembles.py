"""Batches of drawn devices under drawn waves, over one duration, so that they share their times."""

import jax
import numpy as np

import jaxmem as jm
from benchmarks.problems.drawn_runs import circuit_of, draw_case

# Everything is over the duration T of a case, so that all run from 0 to 1.
TIMES = ("C_m", "tau_d", "tau_k")


def over_its_duration(case):
    """The case with its duration as the unit of time."""
    T, (kind, *rest) = case["T"], case["wave"]
    if kind == "pulse":
        rest = [rest[0], rest[1] / T]
    elif kind == "train":
        rest = [rest[0], rest[1] / T, rest[2] / T, rest[3]]
    elif kind == "triangle":
        rest = [rest[0], rest[1] * T, rest[2]]
    elif kind == "sine":
        rest = [rest[0], rest[1], rest[2] * T]
    times = {k: case[k] / T for k in TIMES if k in case}
    # A delay may be many durations long: of it a part, so that the drive comes before the end.
    delay = 0.3 * (case["delay"] / T % 1.0)
    return case | times | {"wave": (kind, *rest), "T": 1.0, "delay": delay}


def draw_batch(rng, count, **draw):
    """Drawn cases of one kind, in units of their duration, and the circuits as a batch.

    Of triangles all have one cycle (a count that is fixed when a program is made).
    """
    cases = []
    while len(cases) < count:
        case = over_its_duration(draw_case(rng, **draw))
        if case["wave"][0] != "triangle" or case["wave"][3] == 1:
            cases.append(case)
    return cases, jm.stack([circuit_of(case) for case in cases])


def differences(circuits, t, found, **options):
    """How far `solve` is from `solve_ensemble` on each circuit, in units of each quantity's range.

    And whether both ended alike.
    """
    count, worst, alike = found.u.shape[0], [], []
    one = lambda circuit: jm.solve(circuit, t, throw=False, **options)
    plain = jax.jit(lambda batch: jax.lax.map(one, batch))(circuits)
    for k in range(count):
        same = np.asarray(plain.result._value)[k] == np.asarray(found.result._value)[k]
        alike.append(bool(same))
        off = [0.0]
        for name in ("u", "I", "V", "x"):
            a, b = (np.asarray(getattr(run, name))[k] for run in (plain, found))
            a, b = a.reshape(len(t), -1), b.reshape(len(t), -1)
            if np.any(np.isnan(a) != np.isnan(b)):
                off.append(np.inf)
                continue
            if not np.isfinite(a).any():
                continue
            span = np.maximum(
                np.nanmax(a, axis=0) - np.nanmin(a, axis=0),
                1e-6 * np.nanmax(np.abs(a), axis=0) + 1e-300,
            )
            off.append(float(np.nanmax(np.abs(a - b) / span)))
        worst.append(max(off))
    return np.array(worst), np.array(alike)
