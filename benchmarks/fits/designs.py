"""Are devices designed that have what is asked, how fast, and is the impossible called so?

100 targets (frequency, amplitude and threshold together) that a device within a factor of 5 of the
start has, six knobs with that range, from starts in and outside of the window of oscillation; no
start is given. Met: within 1 % by the cycle that is computed anew, its threshold by NumPy's roots.
The first design of a process is timed by itself, with and without programs on disk.

`rival`: CMA-ES (the package `cma`) on the same sum of squares, by the same compiled programs, whose
slopes it does not use: within the time that ours took for that target, and within ten times it.

`impossible`: 15 targets that a bound excludes, and 15 that are far from all there is, without one.
"""

import tempfile
import time

import numpy as np

from benchmarks.harness import Clock, in_new_process, installed
from benchmarks.problems.design_targets import (
    ASKED,
    KNOBS,
    draw_impossible,
    draw_target,
    middle_cycle,
)
from benchmarks.table import Row
from fitting import design
from fitting.designs.goals.knob import Knobs
from fitting.designs.search.gauss_newton import WEIGHTS, distances
from fitting.designs.search.task import Task

COUNTS = {
    "targets": (100, "that can be met"), "impossible": (30, "that cannot"),
    "rivals": (20, "targets for CMA-ES"),
}  # fmt: skip
PROVED, UNPROVED = ("amplitude", "threshold", "gain"), ("fast", "slow")
# What CMA-ES sees where there is no oscillation, and how much longer it may take.
NOTHING, LONGER = 1e6, 10.0


def is_met(found, wanted) -> bool:
    """Within 1 %, by another way where there is one."""
    device = found.device
    letters = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
    there = middle_cycle({name: float(getattr(device, name)) for name in letters})
    return there is not None and all(abs(there[n] / wanted[n] - 1) <= 0.01 for n in ASKED)


def targets(seed, count):
    rng = np.random.default_rng([seed, 0])
    rows, missed = [], []
    for k in range(count):
        target = draw_target(rng)
        with Clock() as clock:
            found = design(target.goals, target.device, KNOBS, seed=k)
        met = is_met(found, target.wanted)
        rows.append((met, clock.cpu, target.oscillates, found.cost))
        if met != found.met or not met:
            missed.append({"target": k, "said": found.met, "is": met, "case": target.case}
                          | target.wanted)  # fmt: skip
        print(k, met, round(clock.cpu, 2), flush=True)
    met, cpu, inside, _ = map(np.array, zip(*rows, strict=True))
    return {
        "of": count, "met": int(met.sum()),
        "wrongly_said": sum(m["said"] != m["is"] for m in missed),
        "outside_the_window": int((~inside).sum()), "met_from_outside": int(met[~inside].sum()),
        "cpu_seconds": {
            "median": float(np.median(cpu[1:])), "90 %": float(np.quantile(cpu[1:], 0.9)),
            "longest": float(cpu[1:].max()),
        },
        "missed": missed,
    }  # fmt: skip


def first_design(seed):
    """CPU seconds of a first design, in this process."""
    target = draw_target(np.random.default_rng([seed, 0]))
    with Clock() as clock:
        design(target.goals, target.device, KNOBS)
    return clock.cpu


def first(seed):
    with tempfile.TemporaryDirectory() as folder:
        around = {
            "JAX_ENABLE_X64": "1", "EQX_ON_ERROR": "nan", "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "XLA_FLAGS": "",
        }  # fmt: skip
        return {
            key: in_new_process(first_design, seed, **around)
            for key in ("cold_cpu_seconds", "kept_cpu_seconds")
        }


def rival(seed, count):
    """Met by CMA-ES within our time, and within ten times it."""
    import cma

    rng, rows = np.random.default_rng([seed, 0]), []
    for k in range(count):
        target = draw_target(rng)
        with Clock() as ours:
            design(target.goals, target.device, KNOBS, seed=k)
        knobs = Knobs(KNOBS, target.device)
        task = Task(tuple(target.goals), target.device, knobs, "current", ("window", 0.5))
        low, high = (np.array(e) for e in zip(*(g.interval for g in task.goals), strict=True))
        begin, met_after = time.process_time(), np.inf

        def loss(z, task=task, ends=(low, high)):
            values = task.values(np.asarray(z))[0]
            with np.errstate(all="ignore"):
                r = np.array([g.coordinate(v) for g, v in zip(task.goals, values, strict=True)])
            if not np.all(np.isfinite(r)):
                return NOTHING, False
            met = all(g.misses(v) <= 1 for g, v in zip(task.goals, values, strict=True))
            off = np.sum(distances(r, *ends) ** 2)
            return 0.5 * float(task.knobs.cost @ np.square(z) + WEIGHTS[0] ** 2 * off), met

        loss(np.zeros(6))  # compiled before the clock begins
        begin = time.process_time()
        search = cma.CMAEvolutionStrategy(
            np.zeros(6), 0.5, {"bounds": [list(knobs.low), list(knobs.high)], "verbose": -9,
                               "seed": seed + k + 1}
        )  # fmt: skip
        while not search.stop() and time.process_time() - begin < LONGER * ours.cpu:
            asked = search.ask()
            told = [loss(z) for z in asked]
            search.tell(asked, [value for value, _ in told])
            if any(met for _, met in told):
                met_after = time.process_time() - begin
                break
        rows.append((ours.cpu, met_after))
        print(k, rows[-1], flush=True)
    ours, theirs = np.array(rows[1:]).T
    return {
        "of": len(ours), "met_within_our_time": int((theirs <= ours).sum()),
        "met_within_ten_times": int(np.isfinite(theirs).sum()),
        "median_cpu_seconds_where_met": float(np.median(theirs[np.isfinite(theirs)])),
        "median_of_ours": float(np.median(ours)),
    }  # fmt: skip


def impossible(seed, count):
    rng, rows = np.random.default_rng([seed, 1]), {}
    for kinds in (PROVED, UNPROVED):
        named = nearest = 0
        for k in range(count // 2):
            target = draw_impossible(rng, kinds[k % len(kinds)])
            found = design(target.goals, target.device, KNOBS, seed=k)
            named += bool(found.impossible)
            nearest += not found.met and not found.impossible
        rows["proved" if kinds is PROVED else "not_proved"] = {
            "of": count // 2,
            "called_impossible": named,
            "not_found": nearest,
        }
    return rows


def run(options):
    parts = {
        "targets": lambda: targets(options.seed, options.targets),
        "impossible": lambda: impossible(options.seed, options.impossible),
        "first": lambda: first(options.seed),
    }
    if installed("cma"):
        parts["rival"] = lambda: rival(options.seed, max(options.rivals, 2))
    return parts


def good(result) -> bool:
    kept = result["targets"]
    return kept["met"] >= 0.97 * kept["of"] and kept["wrongly_said"] == 0


ROW = Row(
    counted=lambda r: (
        f"{r['targets']['met']} of {r['targets']['of']} targets met; "
        f"{r['impossible']['proved']['called_impossible']} of "
        f"{r['impossible']['proved']['of']} called impossible"
    ),
    time=lambda r: (
        f"{r['targets']['cpu_seconds']['median']:.2g} s of the processor, "
        f"{r['first']['cold_cpu_seconds']:.0f} s the first time"
    ),
    peer=lambda r: (
        f"CMA-ES meets {r['rival']['met_within_our_time']} of {r['rival']['of']} in our time, "
        f"{r['rival']['met_within_ten_times']} in ten times it"
    ),
)
