"""How accurate are transients, against two oracles that agree?

Random devices in groups. For each group it counts the cases on which the two oracles agree, and
among them those that `solve` got right, refused with a code, or got wrong.
"""

import numpy as np

from benchmarks.harness import Clock
from benchmarks.oracles.trajectories import ranges, reference
from benchmarks.problems.drawn_runs import draw_case, solve_case, true_current
from benchmarks.table import Row

COUNTS = {"cases": (200, "in each group")}
STEEP = dict(gain=(1e2, 1e4), steep=(0.01, 0.03), waves=("step", "pulse"))
GROUPS = {
    "3D, current": dict(three=True),
    "2D, current": dict(three=False),
    "3D, steep": dict(three=True, **STEEP),
    "2D, steep": dict(three=False, **STEEP),
    "3D, voltage, R_s from 1e-4 R_b": dict(three=True, drive="V", waves=("step", "triangle")),
    "2D, voltage, R_s from 1e-4 R_b": dict(three=False, drive="V", waves=("step", "triangle")),
    "3D, voltage, R_s = 0": dict(three=True, drive="V", R_s=0.0, waves=("triangle", "sine")),
    "2D, voltage, R_s = 0": dict(three=False, drive="V", R_s=0.0, waves=("triangle", "sine")),
}
# Tolerance of the solver: the error allowed, and how well the oracles must agree to judge it.
LIMITS = {1e-7: (1e-5, 1e-6), 1e-9: (1e-7, 2e-8)}
# Runs whose wave begins at any time, with V_T/V_m up to 100: right to 1e-4 of the range.
ANY_TIME = dict(steep=(0.01, 0.1), waves=("step", "pulse", "triangle"), delayed=True)
DELAYED = {
    f"{name}, at any time": dict(three=name.startswith("3D"), **draw, **ANY_TIME)
    for name, draw in {
        "3D, current": {},
        "2D, current": {},
        "3D, voltage": dict(drive="V"),
        "2D, voltage": dict(drive="V"),
        "3D, R_s = 0": dict(drive="V", R_s=0.0),
        "2D, R_s = 0": dict(drive="V", R_s=0.0),
    }.items()
}
DELAYED_LIMITS = {1e-7: (1e-4, 1e-5)}
# Samples nearer to the edge than this part of its time are not told apart by their times.
RESOLVED = 1e-9


def errors_of(case, times, truth, span, rtol, solver=None):
    """The largest error of each quantity in units of its range (the current: of its peak)."""
    values, code, steps = solve_case(case, times, rtol, solver)
    seen = times >= min(RESOLVED * case["delay"], times[-1])
    off = lambda q, right: np.abs(values[q] - right)[seen]
    found = {q: float(np.max(off(q, truth[q])) / span[q]) for q in truth}
    if case["drive"] == "V":
        I = true_current(case, times, truth["u"], truth["i_c"])
        # Without the end, where the drive may have its last kink.
        found["I"] = float(np.max(off("I", I)[:-1]) / np.max(np.abs(I)))
        if case["R_s"] == 0:
            found.pop("u")
    if "f" in values and not (np.all(values["f"] >= 0) and np.all(values["f"] <= 1)):
        found["f outside 0..1"] = np.inf
    return found, code, steps


def run_group(rng, count, limits, **draw):
    """Counts for one group of random cases, and what stood out."""
    cases = [draw_case(rng, **draw) for _ in range(count)]
    out = {"cases": count, "oracle_seconds": 0.0}
    rows = []
    for start in range(0, count, 50):
        part = cases[start : start + 50]
        with Clock() as clock:
            times, truth, gap = reference(part)
        out["oracle_seconds"] += clock.wall
        span = ranges(part, truth)
        for k, case in enumerate(part):
            own = {q: v[k] for q, v in truth.items()}
            own_span = {q: v[k] for q, v in span.items()}
            for rtol in limits:
                found, code, steps = errors_of(case, times[k], own, own_span, rtol)
                rows.append((start + k, rtol, gap[k], found, code, steps))
    out["oracles_gave_up"] = int(sum(not np.isfinite(g) for _, r, g, *_ in rows if r == 1e-7))
    for rtol, (limit, agreement) in limits.items():
        judged = [r for r in rows if r[1] == rtol and r[2] <= agreement]
        refused = [r for r in judged if r[4] != 0]
        worst = [max(r[3].values()) for r in judged if r[4] == 0]
        wrong = [
            {"case": cases[r[0]], "errors": r[3], "oracles_differ": r[2]}
            for r in judged
            if r[4] == 0 and not max(r[3].values()) <= limit
        ]
        out[f"rtol {rtol:g}"] = {
            "limit": limit,
            "judged": len(judged),
            "right": len(judged) - len(refused) - len(wrong),
            "refused": len(refused),
            "wrong": len(wrong),
            "worst_error": max(worst, default=None),
            "median_error": float(np.median(worst)) if worst else None,
            "median_steps": int(np.median([r[5] for r in judged])) if judged else None,
            "wrong_cases": wrong[:5],
        }
    return out


def groups(seed, count):
    """All groups."""
    found = {}
    for number, (name, draw) in enumerate((GROUPS | DELAYED).items()):
        limits = DELAYED_LIMITS if name in DELAYED else LIMITS
        with Clock() as clock:
            found[name] = run_group(np.random.default_rng([seed, number]), count, limits, **draw)
        found[name]["seconds"] = clock.wall
    return found


def run(options):
    return {"groups": lambda: groups(options.seed, options.cases)}


def _rows(result):
    """What was counted in each group at each tolerance."""
    tables = [(row, f"rtol {rtol:g}") for row in result["groups"].values() for rtol in LIMITS]
    return [row[key] for row, key in tables if key in row]


def _worst(result, key):
    """The largest error at a tolerance, of runs that begin at 0 (the others: to 1e-4)."""
    groups = result["groups"].items()
    return max(g[key]["worst_error"] or 0.0 for name, g in groups if name not in DELAYED)


ROW = Row(
    counted=lambda r: "{} right, {} refused, {} wrong of {}".format(
        *(sum(row[k] for row in _rows(r)) for k in ("right", "refused", "wrong", "judged"))
    ),
    error=lambda r: ", ".join(f"{_worst(r, f'rtol {t:g}'):.0e} at rtol {t:g}" for t in LIMITS),
    time=lambda r: f"{sum(g['seconds'] for g in r['groups'].values()):.0f} s with the oracles",
)
