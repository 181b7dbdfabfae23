"""What do a thousand branches of limit cycles cost, here and by AUTO-07p?

    python benchmarks/auto_branches.py --seed 0 --devices 1000

Draws spiking 3D devices as the mild set of cycles.py (G = R_b i_c0/V_m from 40 to 2,000, time
constants within two decades). All branches by one call, `jax.lax.map` of `cycle_branch` under
`jit`, against a loop over AUTO-07p (Debian: auto-07p, gfortran), two runs of its program for each
device: equilibria with Hopf points, then cycles from the lower one. Its equation file, scaled and
with the Jacobian written out, is compiled once, outside the timing; letters go in through the
constants. Three settings: AUTO's default constants for all, and two tuned by hand as its manual
advises (mesh, steps, weight of u in the arclength) on 60 devices of seed 1. A branch is complete
that comes within 2 % of the window of the other Hopf point.

Errors: three cycles of some devices, by AUTO at labels (extrema of its polynomials), by
`cycle_branch` in its rows (40 intervals, extrema at 33 places of each), both against
`limit_cycle` on 160 intervals, which in turn is compared with AUTO on 300 intervals of degree 6.
Wall time is that of the program alone, without reading its files; cpu time is of all threads.
Writes results/auto_branches.json.
"""

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import jax.numpy as jnp
import numpy as np
from auto07p import MISSING, WHY, Auto
from cycles import branches, draw, stacked

import jaxmem as jm

# AUTO's constants as its manual lists the defaults; NMX, 0 there, has to be given.
DEFAULT = dict(
    NTST=20, NCOL=4, IAD=3, ILP=0, ITMX=9, ITNW=5, NWTN=3, EPSL=1e-7, EPSU=1e-7, EPSS=1e-5,
    DS=0.01, DSMIN=0.005, DSMAX=0.1, THU={}, NMX=1000,
)  # fmt: skip
TUNED = dict(
    NTST=100, NCOL=4, EPSL=1e-6, EPSU=1e-6, EPSS=1e-4, DS=0.05, DSMIN=1e-8, DSMAX=0.5, ITNW=7,
    THU={1: 1e-3}, NMX=1000,
)  # fmt: skip
FAST = TUNED | dict(NTST=50)
FINE = dict(NTST=300, NCOL=6)
# For the equilibria, which cost little, and for the cycles.
SETTINGS = {
    "default constants": (DEFAULT, DEFAULT),
    "tuned to complete": ({}, TUNED),
    "tuned to be fast": ({}, FAST),
}
# Rows of a branch, or drives within the window, at which errors are taken.
PLACES = (0.1, 0.5, 0.9)


def cpu():
    """Seconds of all threads of this process, and of the programs that it called."""
    own, called = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, called.ru_utime + called.ru_stime


def ours(stack, repeats):
    count = len(stack["R_b"])
    begin = time.perf_counter()
    compiled = branches.lower(stack).compile()
    compiling = time.perf_counter() - begin
    jax.block_until_ready(compiled(stack))
    wall, used = [], []
    for _ in range(repeats):
        begin, busy = time.perf_counter(), cpu()[0]
        found = jax.block_until_ready(compiled(stack))
        wall.append(time.perf_counter() - begin)
        used.append(cpu()[0] - busy)
    return found, {
        "complete": int(found.complete.sum()), "compile_s": compiling,
        "ms_a_device": 1e3 * float(np.median(wall)) / count,
        "cpu_ms_a_device": 1e3 * float(np.median(used)) / count,
        "seconds_of_each_repeat": wall, "median_cycles": float(np.median(found.count)),
    }  # fmt: skip


def theirs(auto, cases, at_rest, setting):
    """One run over all devices, and how far the branches go."""
    ended, steps, complete = Counter(), [], []
    auto.seconds, busy = 0.0, cpu()[1]
    for case in cases:
        points = auto.hopf_points(case, **at_rest)
        if len(points) != 2:
            ended[f"{len(points)} Hopf points"] += 1
            complete.append(False)
            continue
        family = auto.cycles(case, points[0], **setting)
        ended[family.ended] += 1
        steps.append(len(family.drive))
        width = points[1].drive - points[0].drive
        complete.append(bool((np.abs(family.drive - points[1].drive) < 0.02 * width).any()))
    return {
        "complete": sum(complete), "ms_a_device": 1e3 * auto.seconds / len(cases),
        "cpu_ms_a_device": 1e3 * (cpu()[1] - busy) / len(cases), "ended": dict(ended),
        "median_cycles": float(np.median(steps)), "constants": setting,
    }  # fmt: skip


@jax.jit
def references(stack, drives):
    """`limit_cycle` on 160 intervals: period, u_max and u_min; NaN where none is found."""

    def one(v, I):
        circuit = jm.Circuit(jm.Memristor3D(**v), jm.CurrentDrive(jm.Constant(I)))
        cycle = jm.limit_cycle(circuit, intervals=160, throw=False)
        return jnp.stack([cycle.period, cycle.u_max, cycle.u_min])

    return jax.lax.map(lambda a: one(*a), (stack, drives))


def against(cases, rows):
    """Relative error of the period, and of the extrema in units of the swing, of given cycles.

    `rows`: for each device its cycles as (drive, period, u_max, u_min).
    """
    flat = [(case, row) for case, own in zip(cases, rows, strict=True) for row in own]
    stack = stacked([case for case, _ in flat])
    got = np.array([row for _, row in flat])
    want = np.asarray(references(stack, jnp.asarray(got[:, 0])))
    swing = want[:, 1] - want[:, 2]
    period = np.abs(got[:, 1] / want[:, 0] - 1)
    extrema = np.max(np.abs(got[:, 2:] - want[:, 1:]), axis=1) / swing
    known = np.isfinite(period)
    show = lambda e: {
        "median": float(np.median(e[known])), "90_percent": float(np.quantile(e[known], 0.9)),
        "worst": float(np.max(e[known])),
    }  # fmt: skip
    return {
        "cycles": len(flat), "without_reference": int((~known).sum()),
        "period": show(period), "extrema": show(extrema),
    }  # fmt: skip


def labelled(auto, cases, setting):
    """Stable cycles at three drives in each window, as rows for `against`."""
    rows = []
    for case in cases:
        points = auto.hopf_points(case)
        ends = points[0].drive, points[-1].drive
        at = [ends[0] + s * (ends[1] - ends[0]) for s in PLACES]
        orbits = auto.cycles(case, points[0], at=at, **setting).orbits
        rows.append([orbit[:4] for orbit in orbits[: len(PLACES)] if orbit.stable])
    return rows


def own_rows(found, count):
    """Stable rows of the branches, a tenth, a half and nine tenths along."""
    columns = [np.asarray(a) for a in (found.drive, found.period, found.u_max, found.u_min)]
    rows = []
    for k in range(count):
        at = [int(s * int(found.count[k])) for s in PLACES]
        rows.append([[float(c[k, j]) for c in columns] for j in at if found.stable[k, j]])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--checked", type=int, default=50, help="devices whose errors are taken")
    parser.add_argument("--repeats", type=int, default=3, help="of this package's call")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "auto_branches.json"
    )
    options = parser.parse_args()
    if MISSING:
        raise SystemExit(WHY)
    cases = draw(np.random.default_rng(options.seed), options.devices, gain=(40, 2000), spread=2.0)
    load = [os.getloadavg()[0]]
    found, report = ours(stacked(cases), options.repeats)
    out = {
        "seed": options.seed, "devices": options.devices, "platform": platform.platform(),
        "jax": metadata.version("jax"), "device": jax.devices()[0].device_kind,
        "cycle_branch": report,
    }  # fmt: skip
    print(json.dumps(report, indent=1), flush=True)
    some = cases[: options.checked]
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        auto = Auto(folder)
        out["auto_compile_s"] = time.perf_counter() - begin
        for name, setting in SETTINGS.items():
            row = theirs(auto, cases, *setting)
            row["times_ours"] = row["ms_a_device"] / report["ms_a_device"]
            row["cpu_times_ours"] = row["cpu_ms_a_device"] / report["cpu_ms_a_device"]
            gain = (row["ms_a_device"] - report["ms_a_device"]) / 1e3
            # Below so many devices AUTO is done while this package still compiles.
            row["devices_that_pay_for_compiling"] = report["compile_s"] / gain if gain > 0 else None
            out[f"AUTO, {name}"] = row
            load.append(os.getloadavg()[0])
            print(name, json.dumps(row, indent=1), flush=True)
        out["load_average_over_the_timed_part"] = load
        out["errors"] = {"cycle_branch": against(some, own_rows(found, len(some)))}
        for name, (_, setting) in (SETTINGS | {"300 intervals of degree 6": ({}, FINE)}).items():
            out["errors"][f"AUTO, {name}"] = against(some, labelled(auto, some, setting))
    print(json.dumps(out["errors"], indent=1))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
