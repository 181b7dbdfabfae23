"""How accurate are transients? Random devices against two agreeing oracles.

    python benchmarks/transients.py --seed 1 --cases 200

For each group it counts the cases on which the two oracles agree, and among them those that
`solve` got right, refused with a code, or got wrong. Results: benchmarks/results/transients.json.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import diffrax
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from oracles import ranges, reference
from strategies import draw_case, solve_case, true_current

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


def errors_of(case, times, truth, span, rtol, solver=None):
    """The largest error of each quantity in units of its range (the current: of its peak)."""
    values, code, steps = solve_case(case, times, rtol, solver)
    found = {q: float(np.max(np.abs(values[q] - truth[q])) / span[q]) for q in truth}
    if case["drive"] == "V":
        I = true_current(case, times, truth["u"], truth["i_c"])
        # Without the end, where the drive may have its last kink.
        found["I"] = float(np.max(np.abs(values["I"] - I)[:-1]) / np.max(np.abs(I)))
        if case["R_s"] == 0:
            found.pop("u")
    if "f" in values and not (np.all(values["f"] >= 0) and np.all(values["f"] <= 1)):
        found["f outside 0..1"] = np.inf
    return found, code, steps


def run_group(rng, count, **draw):
    """Counts for one group of random cases, and what stood out."""
    cases = [draw_case(rng, **draw) for _ in range(count)]
    out = {"cases": count, "oracle_seconds": 0.0}
    rows = []
    for start in range(0, count, 50):
        part = cases[start : start + 50]
        clock = time.perf_counter()
        times, truth, gap = reference(part)
        out["oracle_seconds"] += time.perf_counter() - clock
        span = ranges(part, truth)
        for k, case in enumerate(part):
            own = {q: v[k] for q, v in truth.items()}
            own_span = {q: v[k] for q, v in span.items()}
            for rtol in LIMITS:
                found, code, steps = errors_of(case, times[k], own, own_span, rtol)
                rows.append((start + k, rtol, gap[k], found, code, steps))
    out["oracles_gave_up"] = int(sum(not np.isfinite(g) for _, r, g, *_ in rows if r == 1e-7))
    for rtol, (limit, agreement) in LIMITS.items():
        judged = [r for r in rows if r[1] == rtol and r[2] <= agreement]
        refused = [r for r in judged if r[4] != 0]
        worst = [max(r[3].values()) for r in judged if r[4] == 0]
        wrong = [
            {"case": jsonable(cases[r[0]]), "errors": r[3], "oracles_differ": r[2]}
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


def jsonable(value):
    """NumPy numbers to Python's."""
    if isinstance(value, dict):
        return {k: jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def provenance(**more):
    """Machine, versions and settings of a run."""
    return {
        "machine": f"{platform.machine()}, {jax.default_backend()}",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "diffrax": diffrax.__version__,
        "numpy": np.__version__,
        **more,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=200, help="in each group")
    parser.add_argument("--out", default=str(HERE / "results" / "transients.json"))
    args = parser.parse_args()
    result = {"about": __doc__.split("\n")[0], **provenance(seed=args.seed), "groups": {}}
    for number, (name, draw) in enumerate(GROUPS.items()):
        rng = np.random.default_rng([args.seed, number])
        clock = time.perf_counter()
        group = run_group(rng, args.cases, **draw)
        group["seconds"] = time.perf_counter() - clock
        result["groups"][name] = jsonable(group)
        for rtol in LIMITS:
            r = group[f"rtol {rtol:g}"]
            print(
                f"{name:34s} rtol {rtol:g}: {r['right']} right, {r['refused']} refused, "
                f"{r['wrong']} wrong of {r['judged']} judged; worst {r['worst_error']:.1e}",
                flush=True,
            )
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
