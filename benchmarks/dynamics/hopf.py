"""Are all Hopf points found, and none invented?

Draws 3D devices (G = R_b i_c0/V_m from 10 to 1e4, time constants over four decades) and compares
`hopf_points` with the roots of the cubic in f by NumPy. Then lowers i_c0 of those with a window
until it is nearly closed, which gives windows narrower than 0.1 V_m. Times one call for all.
"""

import jax
import numpy as np

import jaxmem as jm
from benchmarks.harness import timed
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device, nearly_closed, stacked
from benchmarks.table import Row

COUNTS = {"cases": (2000, "devices")}
ROW = Row(
    counted=lambda r: "; ".join(
        f"{name}: {row['lost']} lost, {row['invented']} invented of {row['points']} Hopf points"
        for name, row in r["results"].items()
    ),
    error=lambda r: f"{max(row['worst_u_in_V_m'] for row in r['results'].values()):.1e} V_m",
    time=lambda r: f"{r['results']['random']['ms_a_device']:.2f} ms a device",
)


def count(cases):
    find = jax.jit(jax.vmap(lambda p: jm.hopf_points(jm.Memristor3D(**p))))
    stack = stacked(cases)
    found, _, warm = timed(find, stack)
    lost = invented = narrow = total = 0
    worst = 0.0
    for k, case in enumerate(cases):
        f = cubic_roots(**case)
        x = np.log(f / (1 - f))
        n = int(found.found[k])
        total += f.size
        lost += max(f.size - n, 0)
        invented += max(n - f.size, 0)
        narrow += int(f.size == 2 and x[1] - x[0] < 0.1)
        if n == f.size:
            off = np.abs((np.asarray(found.u[k, :n]) - case["V_T"]) / case["V_m"] - x)
            worst = max([worst, *off.tolist()])
    return {
        "devices": len(cases), "points": total, "lost": lost, "invented": invented,
        "windows_below_0.1_V_m": narrow, "worst_u_in_V_m": worst,
        "ms_a_device": 1e3 * warm.median / len(cases),
    }  # fmt: skip


def both(seed, cases):
    rng = np.random.default_rng(seed)
    drawn = [draw_device(rng, True, gain=(10.0, 1e4), spread=4.0) for _ in range(cases)]
    closed = [c for case in drawn if (c := nearly_closed(case, rng)) is not None]
    return {"random": count(drawn), "nearly closed": count(closed)}


def run(options):
    return {"results": lambda: both(options.seed, options.cases)}
