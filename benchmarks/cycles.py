"""Are whole branches of limit cycles found, untuned, and are the cycles right?

    python benchmarks/cycles.py --seed 0 --mild 200 --hard 500

Draws spiking 3D devices: a mild set (G = R_b i_c0/V_m from 40 to 2,000, time constants within two
decades of one another) and a hard one (G to 1e4, four decades), follows the branch from the lower
Hopf point by `cycle_branch`, and counts those that end at the upper one. For three currents of
each mild device `limit_cycle` is compared with itself on twice the intervals, and with one period
of SciPy's Radau (rtol 1e-10, the gate as its logit) from a point of the cycle: how far it comes
back from itself. Writes results/cycles.json.
"""

import argparse
import json
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import jax.numpy as jnp
import numpy as np
from oracles import cubic_roots
from scipy.integrate import solve_ivp
from strategies import draw_device

import jaxmem as jm

LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


def draw(rng, count, **limits):
    cases = []
    while len(cases) < count:
        case = draw_device(rng, True, **limits)
        if cubic_roots(**case).size == 2:
            cases.append(case)
    return cases


def stacked(cases):
    return {k: jnp.array([c[k] for c in cases]) for k in LETTERS}


@jax.jit
def branches(stack):
    return jax.lax.map(lambda v: jm.cycle_branch(jm.Memristor3D(**v)), stack)


def walk(cases):
    stack = stacked(cases)
    begin = time.perf_counter()
    jax.block_until_ready(branches(stack))
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    found = jax.block_until_ready(branches(stack))
    seconds = time.perf_counter() - begin
    return found, {
        "devices": len(cases), "complete": int(found.complete.sum()),
        "with_folds": int((found.folds > 0).sum()), "most_cycles": int(found.count.max()),
        "first_s": first, "ms_a_branch": 1e3 * seconds / len(cases),
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
    begin = time.perf_counter()
    cycles, fine = jax.block_until_ready(run(stacked(cases), jnp.array(at)))
    seconds = time.perf_counter() - begin
    good = np.asarray(cycles.result == jm.RESULTS.successful)
    period = np.abs(cycles.period / fine.period - 1)[good]
    top = (np.abs(cycles.u_max - fine.u_max) / (fine.u_max - fine.u_min))[good]
    back = [
        returns(cases[k], jax.tree.map(lambda a, k=k, j=j: a[k, j], cycles), float(at[k][j]))
        for k in range(len(cases)) for j in range(3) if good[k, j]
    ]  # fmt: skip
    return {
        "cycles": int(good.size), "found": int(good.sum()), "seconds_with_compiling": seconds,
        "period_against_twice_the_intervals": float(np.nanmax(period)),
        "u_max_against_twice_the_intervals": float(np.nanmax(top)),
        "return_median": float(np.median(back)), "return_worst": float(np.max(back)),
        "returns_above_1e-6": int(np.sum(np.array(back) > 1e-6)),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mild", type=int, default=200)
    parser.add_argument("--hard", type=int, default=500)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "cycles.json"
    )
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    mild = draw(rng, options.mild, gain=(40, 2000), spread=2.0)
    hard = draw(rng, options.hard, gain=(40, 1e4), spread=4.0)
    found, report = walk(mild)
    _, difficult = walk(hard)
    out = {
        "seed": options.seed, "platform": platform.platform(), "jax": metadata.version("jax"),
        "device": jax.devices()[0].device_kind, "mild": report, "hard": difficult,
        "three_currents_of_the_mild": check(mild, found),
    }  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
