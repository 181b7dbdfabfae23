"""Is every answer about any device right, or refused with the true reason?

Draws devices far from the mild (`problems/any_devices.py`): 3D under a current, or under a voltage
through R_s, with a polarisation beside them, and 2D; loop gain to 1e6, time constants over eight
decades, V_m from 1 mV to 1 V. Asks `hopf_points`, `cycle_branch` and `rheobase` of each, and
`limit_cycle` at drives inside and outside of its window, next to its Hopf points and to the folds
that its branch is said to have.

Truth: Hopf points and the stability of rest from the characteristic polynomial by NumPy. Where rest
is unstable a stable cycle exists (its states are bounded, its equilibrium is the only one); in 2D,
and for G < 728 where rest is stable, there is none; in between transients by SciPy decide. Periods
of `checked` cycles by two integrators that agree (`oracles/returns.py`); folds of `autos` devices
by AUTO-07p. `failures` has the letters of each device whose answer is wrong: `replay` takes them.
"""

import time
from collections import Counter, defaultdict
from tempfile import TemporaryDirectory

import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.oracles.auto07p import MISSING, Auto
from benchmarks.oracles.returns import TooLong, check_returns, sampled
from benchmarks.oracles.ring import hopf_points, opened, rest_at, unstable
from benchmarks.problems.any_devices import (
    as_numbers,
    device_from,
    draw_any,
    drives_for,
    letters_of,
)
from benchmarks.table import Row

COUNTS = {
    "count": (1000, "devices"),
    "checked": (400, "cycles whose period is checked by two integrators"),
    "autos": (40, "devices whose folds are compared with AUTO"),
}
# Below it no onset is hard (found numerically, see DESIGN); periods that are still right.
SOFT, PERIOD = 728.0, 1e-6
VERDICTS = ("right", "refused", "wrong", "unchecked", "not drawn")


def denies(result) -> bool:
    """Whether a result says that there is no cycle, where others say that none was found."""
    return any(result == code for code in (jm.RESULTS.no_hopf_point, jm.RESULTS.no_cycle))


class Tally:
    """Verdicts by function, and all that is wrong."""

    def __init__(self):
        self.counts = defaultdict(Counter)
        self.reasons, self.failures = Counter(), []

    def add(self, function, verdict, case, **said):
        self.counts[function][verdict] += 1
        if verdict in ("refused", "unchecked"):
            self.reasons[f"{function}, {verdict}: {said.get('why', said.get('got'))}"] += 1
        if verdict == "wrong":
            self.failures.append({"function": function, "case": as_numbers(case)} | said)


def exists(case, points, drive):
    """Whether a stable cycle exists: True, False, or None where a transient must tell."""
    if unstable(case, drive):
        return True
    G = case["R_b"] * case["i_c0"] / case["V_m"]
    if case["kind"] == "2D" or not points or (case["kind"] != "polarised" and G < SOFT):
        return False
    return None


def oscillates(case, drive, period, y0, most=80_000):
    """Whether a 3D device ends on a cycle from a state (u, i_c, f), by SciPy; None if unclear.

    It does if u passes the middle of its range at least five times in each of the last two
    quarters of the run, and the ranges are the same: a slow drift is no cycle, and neither is what
    shrinks.
    """
    w = np.log(y0[2]) - np.log1p(-y0[2])
    start = [y0[0] / case["V_m"], y0[1] / case["i_c0"], w]
    T = 50 * period + 20 * (case["R_b"] * case["C_m"] + case["tau_d"] + case["tau_k"])
    try:
        samples = np.linspace(T / 2, T, 20001)
        run = sampled(case, drive, samples, start, most, rtol=1e-8, atol=1e-10)
    except TooLong:
        return None
    if run is None:
        return None
    ranges, passes, noise = [], [], 1e-3 + 1e-6 * np.max(np.abs(run[:, 0]))
    for a, b in ((0.5, 0.75), (0.75, 1.0)):
        v = run[(samples >= a * T) & (samples <= b * T), 0]
        above = v > (v.max() + v.min()) / 2
        ranges.append(np.ptp(v))
        passes.append(int(np.sum(above[1:] & ~above[:-1])))
    if ranges[1] < noise or min(passes) < 1 or (min(passes) >= 5 and ranges[1] < 0.95 * ranges[0]):
        return False
    return True if min(passes) >= 5 and abs(ranges[1] / ranges[0] - 1) < 0.02 else None


def judge_cycle(case, points, drive, found):
    """(verdict, what it said, the period to check or None)."""
    there, period = exists(case, points, drive), float(found.period)
    said = jm.RESULTS[found.result]
    if np.isfinite(period) and bool(found.stable):
        return ("wrong", f"a stable cycle of period {period!r}", None) if there is False else (
            "unchecked", period, period)  # fmt: skip
    x = rest_at(case, drive)
    f = np.clip(opened(x)[0], 1e-300, 1 - 1e-16)
    kicked = [case["V_T"] + case["V_m"] * (x + 5), case["i_c0"] * f, f]
    simulated = case["kind"] in ("current", "voltage")
    if np.isfinite(period):
        if there is None and simulated:
            k = int(np.argmax(found.u))
            y = np.array([found.u[k], *found.x[k]])
            u = case["V_T"] + case["V_m"] * x
            rest = np.array([u, case["i_c0"] * opened(x)[0], opened(x)[0]])
            y = rest + 1.05 * (y - rest)
            y[2] = np.clip(y[2], 1e-12, 1 - 1e-12)
            there = oscillates(case, drive, period, y)
        verdict = {True: "wrong", False: "right", None: "unchecked"}[there]
        return verdict, "an unstable cycle", None
    if not denies(found.result):
        return "refused", said, None
    if there is None and simulated:
        there = oscillates(case, drive, 2 * np.pi / points[0].omega, kicked)
    return {True: "wrong", False: "right", None: "unchecked"}[there], said, None


def judge_hopf(points, found, kind):
    n = int(found.found)
    got = np.stack([found.imposed(kind), found.u, found.omega], axis=1)[:n]
    want = np.array(points).reshape(-1, 3)
    same = got.shape == want.shape and np.all(np.abs(got - want) <= 1e-7 * np.abs(want) + 1e-12)
    return ("right" if same else "wrong"), got.tolist(), want.tolist()


def judge_branch(points, branch):
    """Complete where it is; else refused, with its reason."""
    said = jm.RESULTS[branch.result]
    if not points:
        return ("right" if int(branch.count) == 0 else "wrong"), said
    if not bool(branch.complete):
        return ("wrong" if denies(branch.result) else "refused"), said
    end, last = int(branch.end_hopf), float(branch.drive[int(branch.count) - 1])
    width = abs(points[-1].drive - points[0].drive)
    arrived = 0 < end < len(points) and abs(last - points[end].drive) < 0.05 * width
    return ("right" if arrived else "wrong"), f"complete, at Hopf point {end}, drive {last!r}"


def judge_rheobase(points, hopf, found):
    rest, kept = float(found.rest), float(found.kept)
    if not points:
        return ("right" if np.isnan(rest) and np.isnan(kept) else "wrong"), [rest, kept]
    first = min(points, key=lambda p: p.drive)
    if np.isnan(rest) or abs(rest - first.drive) > 1e-7 * abs(first.drive):
        return "wrong", [rest, kept, first.drive]
    if np.isnan(kept):
        return "refused", [rest, "kept is NaN"]
    hard = float(hopf.l1[points.index(first)]) > 0
    if hard and not kept < rest:
        return "wrong", [rest, kept, "a hard onset, and nothing is kept below"]
    return ("unchecked" if hard or kept < rest else "right"), [rest, kept]


def asked(case, rng, tally, to_check, folds_to_check):
    """All functions about one device."""
    points, kind = hopf_points(case), case["drive"]
    device = device_from({k: jnp.asarray(float(v)) for k, v in letters_of(case).items()})
    hopf = jm.hopf_points(device, drive=kind)
    verdict, got, want = judge_hopf(points, hopf, kind)
    tally.add("hopf_points", verdict, case, got=got, want=want)
    if verdict == "wrong":
        return
    branch = jm.cycle_branch(device, drive=kind)
    verdict, got = judge_branch(points, branch)
    tally.add("cycle_branch", verdict, case, got=got)
    # One that could not be located is counted, and NaN.
    folds = np.asarray(branch.folds.drive)
    folds = folds[np.isfinite(folds)]
    if len(folds) < min(int(branch.folds.found), len(branch.folds.drive)):
        tally.add("folds", "refused", case, why="a fold is counted and not located")
    elif case["kind"] in ("current", "voltage") and bool(branch.complete):
        folds_to_check.append((case, folds))
    verdict, got = judge_rheobase(points, hopf, jm.rheobase(device, kind))
    tally.add("rheobase", verdict, case, got=got, why="a hard onset")
    wave = jm.VoltageDrive if kind == "voltage" else jm.CurrentDrive
    for where, drive in drives_for(case, points, folds[:2], rng):
        circuit = jm.Circuit(device, wave(jm.Constant(jnp.asarray(float(drive)))))
        found = jm.limit_cycle(circuit, throw=False)
        verdict, got, period = judge_cycle(case, points, drive, found)
        if period is not None and case["kind"] in ("current", "voltage"):
            to_check.append((case, drive, where, found))
        else:
            why = got if isinstance(got, str) else "a cycle, and no integrator for its device"
            tally.add("limit_cycle", verdict, case, where=where, drive=drive, got=got, why=why)


def check_periods(to_check, most, tally, rng):
    """Those that are drawn, by two integrators; where these disagree nothing is said."""
    order = rng.permutation(len(to_check))
    chosen = [to_check[k] for k in order[:most]]
    for k in order[most:]:
        tally.add("limit_cycle", "not drawn", to_check[k][0])
    worst = 0.0
    for k in range(0, len(chosen), 50):
        some = chosen[k : k + 50]
        rows = [
            (c, d, float(f.period), np.asarray(f.u), np.asarray(f.x[:, 0]), np.asarray(f.x[:, 1]))
            for c, d, _, f in some
        ]
        for (case, drive, where, found), back in zip(some, check_returns(rows), strict=True):
            agree = abs(back.radau - back.scipy) < PERIOD
            swing = float(found.u_max - found.u_min)
            # Next to a Hopf point what is left of a wrong start decays slowly: that is no measure.
            same = back.radau < PERIOD and abs(back.swing / swing - 1) < 0.05
            verdict = "unchecked" if not agree else "right" if same else "wrong"
            worst = max(worst, back.radau) if verdict == "right" else worst
            got = [float(found.period), *back, swing]
            why = "the two integrators disagree"
            tally.add("limit_cycle", verdict, case, where=where, drive=drive, got=got, why=why)
    return worst


def check_folds(rows, most, tally):
    """Folds of complete branches, by AUTO on two meshes, where it gets to the other Hopf point."""
    if MISSING:
        return
    with TemporaryDirectory() as folder:
        auto = Auto(folder)
        for case, folds in rows[:most]:
            try:
                want = [auto_folds(auto, case, mesh) for mesh in (200, 300)]
            except (RuntimeError, ValueError, IndexError):
                want = [None, None]
            if want[0] is None or want[1] is None or len(want[0]) != len(want[1]) or (
                not np.allclose(*want, rtol=1e-8)
            ):  # fmt: skip
                tally.add("folds", "unchecked", case, why="AUTO does not complete it twice")
                continue
            got = np.sort(folds)
            same = len(got) == len(want[1]) and np.allclose(got, want[1], rtol=1e-7, atol=0)
            verdict = "right" if same else "wrong"
            tally.add("folds", verdict, case, got=got.tolist(), want=want[1])


def auto_folds(auto, case, mesh):
    """Folds along the branch from the first Hopf point, or None where AUTO does not complete it."""
    letters = letters_of(case)
    points = auto.hopf_points(letters, case["drive"])
    if len(points) != 2:
        return None
    family = auto.cycles(letters, points[0], case["drive"], NTST=mesh, ILP=1)
    width = abs(points[1].drive - points[0].drive)
    if not (np.abs(family.drive - points[1].drive) < 0.02 * width).any():
        return None
    shrunk = [p.drive for p in points]
    return sorted(d for d in family.folds if min(abs(d - s) for s in shrunk) > 1e-6 * abs(d))


def survey(options):
    rng = np.random.default_rng(options.seed)
    tally, to_check, folds, slow = Tally(), [], [], []
    for k in range(options.count):
        case = draw_any(rng, spiking=k % 4 > 0)
        begin = time.perf_counter()
        asked(case, rng, tally, to_check, folds)
        slow.append(time.perf_counter() - begin)
    worst = check_periods(to_check, options.checked, tally, rng)
    check_folds(folds, options.autos, tally)
    return {
        "devices": options.count,
        **{f: {v: counts[v] for v in VERDICTS} for f, counts in tally.counts.items()},
        "reasons": dict(tally.reasons.most_common()), "worst_period": worst,
        "s_a_device": float(np.median(slow)), "slowest_s": float(np.sort(slow)[-5:].mean()),
        "failures": tally.failures,
    }  # fmt: skip


def replay(failure):
    """One failure of a kept result again: prints the verdicts of all functions for its device."""
    tally, to_check, folds = Tally(), [], []
    asked(failure["case"], np.random.default_rng(0), tally, to_check, folds)
    check_periods(to_check, len(to_check), tally, np.random.default_rng(0))
    return {f: dict(c) for f, c in tally.counts.items()}, tally.failures


def run(options):
    return {"survey": lambda: survey(options)}


def good(result) -> bool:
    return not result["survey"]["failures"]


def _sum(verdict):
    return lambda r: sum(
        row[verdict] for row in r["survey"].values() if isinstance(row, dict) and verdict in row
    )


ROW = Row(
    counted=lambda r: (
        f"{_sum('right')(r)} right, {_sum('refused')(r)} refused, {_sum('wrong')(r)} wrong, "
        f"{_sum('unchecked')(r)} unchecked, of {r['survey']['devices']} devices"
    ),
    error=lambda r: f"period {r['survey']['worst_period']:.0e}",
    time=lambda r: f"{r['survey']['s_a_device']:.2f} s a device",
)
