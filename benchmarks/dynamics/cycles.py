"""Are whole branches of limit cycles found, untuned, and are the cycles right?

Draws spiking 3D devices: a mild set (G = R_b i_c0/V_m from 40 to 2,000, time constants within two
decades of one another) and a hard one (G to 1e4, four decades), follows the branch from the lower
Hopf point by `cycle_branch`, and counts those that end at the upper one. For three currents of
each mild device `limit_cycle` is compared with itself on twice the intervals, and with one period
of SciPy's Radau (rtol 1e-10, the gate as its logit) from a point of the cycle: how far it comes
back from itself.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import jaxmem as jm
from benchmarks.harness import Clock, timed
from benchmarks.problems.drawn_devices import draw_spiking, stacked
from benchmarks.table import Row

COUNTS = {"mild": (200, "mild devices"), "hard": (500, "hard devices")}
CHECK = "three_currents_of_the_mild"
ROW = Row(
    counted=lambda r: (
        ", ".join(
            f"{r[name]['complete']} of {r[name]['devices']} {name} branches complete"
            for name in ("mild", "hard")
        )
        + f", {r[CHECK]['found']} of {r[CHECK]['cycles']} cycles"
    ),
    error=lambda r: (
        f"period {r[CHECK]['period_against_twice_the_intervals']:.0e}, "
        f"u_max {r[CHECK]['u_max_against_twice_the_intervals']:.0e} of the swing"
    ),
    time=lambda r: (
        f"{r['mild']['ms_a_branch']:.1f} (hard: {r['hard']['ms_a_branch']:.1f}) ms a branch"
    ),
)


@jax.jit
def branches(stack):
    return jax.lax.map(lambda v: jm.cycle_branch(jm.Memristor3D(**v)), stack)


def walk(cases):
    stack = stacked(cases)
    found, first, warm = timed(branches, stack)
    return found, {
        "devices": len(cases), "complete": int(found.complete.sum()),
        "with_folds": int((found.folds.found > 0).sum()), "most_cycles": int(found.count.max()),
        "first_s": first, "ms_a_branch": 1e3 * warm.median / len(cases),
    }  # fmt: skip


def returns(case, cycle, I):
    """How far one period by SciPy comes back, in shares of the swing of u."""
    u, i, f = (np.asarray(a) for a in (cycle.u, cycle.x[:, 0], cycle.x[:, 1]))
    k = int(np.argmax(f))

    def field(t, y):
        u, i, w = y
        f = 1 / (1 + np.exp(-w))
        x = (u - case["V_T"]) / case["V_m"]
        opening = -(1 + np.exp(min(-w, 600.0)))
        return [
            (I - u / case["R_b"] - case["i_c0"] * i) / case["C_m"], (f - i) / case["tau_d"],
            opening * np.expm1(min(w - x, 600.0)) / case["tau_k"],
        ]  # fmt: skip

    start = [u[k], i[k] / case["i_c0"], np.log(f[k] / (1 - f[k]))]
    run = solve_ivp(field, (0, float(cycle.period)), start, method="Radau", rtol=1e-10, atol=1e-10)
    return abs(run.y[0, -1] - start[0]) / float(cycle.u_max - cycle.u_min)


def check(cases, found):
    """Three currents of each device."""

    def both(v, I):
        circuit = jm.Circuit(jm.Memristor3D(**v), jm.CurrentDrive(jm.Constant(I)))
        return [jm.limit_cycle(circuit, intervals=n, throw=False) for n in (80, 160)]

    at = []
    for k in range(len(cases)):
        ends = found.drive[k, 0], found.drive[k, int(found.count[k]) - 1]
        at.append([ends[0] + s * (ends[1] - ends[0]) for s in (0.1, 0.5, 0.9)])
    run = jax.jit(lambda s, I: jax.lax.map(lambda a: jax.vmap(both, (None, 0))(*a), (s, I)))
    with Clock() as clock:
        cycles, fine = jax.block_until_ready(run(stacked(cases), jnp.array(at)))
    good = np.asarray(cycles.result == jm.RESULTS.successful)
    period = np.abs(cycles.period / fine.period - 1)[good]
    top = (np.abs(cycles.u_max - fine.u_max) / (fine.u_max - fine.u_min))[good]
    back = [
        returns(cases[k], jax.tree.map(lambda a, k=k, j=j: a[k, j], cycles), float(at[k][j]))
        for k in range(len(cases)) for j in range(3) if good[k, j]
    ]  # fmt: skip
    return {
        "cycles": int(good.size), "found": int(good.sum()), "seconds_with_compiling": clock.wall,
        "period_against_twice_the_intervals": float(np.nanmax(period)),
        "u_max_against_twice_the_intervals": float(np.nanmax(top)),
        "return_median": float(np.median(back)), "return_worst": float(np.max(back)),
        "returns_above_1e-6": int(np.sum(np.array(back) > 1e-6)),
    }  # fmt: skip


def run(options):
    rng = np.random.default_rng(options.seed)
    mild = draw_spiking(rng, options.mild, gain=(40, 2000), spread=2.0)
    hard = draw_spiking(rng, options.hard, gain=(40, 1e4), spread=4.0)
    walked = cache(lambda: walk(mild))
    return {
        "mild": lambda: walked()[1],
        "hard": lambda: walk(hard)[1],
        CHECK: lambda: check(mild, walked()[0]),
    }
