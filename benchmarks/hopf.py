"""Are all Hopf points found, and none invented?

    python benchmarks/hopf.py --seed 0 --cases 2000

Draws 3D devices (G = R_b i_c0/V_m from 10 to 1e4, time constants over four decades) and compares
`hopf_points` with the roots of the cubic in f by NumPy. Then lowers i_c0 of those with a window
until it is nearly closed, which gives windows narrower than 0.1 V_m. Times one call for all.
Writes results/hopf.json.
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
from strategies import draw_device, nearly_closed

import jaxmem as jm

LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


def count(cases, find):
    stack = {n: jnp.array([c[n] for c in cases]) for n in LETTERS}
    found = jax.block_until_ready(find(stack))
    begin = time.perf_counter()
    jax.block_until_ready(find(stack))
    seconds = time.perf_counter() - begin
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
        "ms_a_device": 1e3 * seconds / len(cases),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    find = jax.jit(jax.vmap(lambda p: jm.hopf_points(jm.Memristor3D(**p))))
    cases = [draw_device(rng, True, gain=(10.0, 1e4), spread=4.0) for _ in range(options.cases)]
    closed = [c for case in cases if (c := nearly_closed(case, rng)) is not None]
    results = {"random": count(cases, find), "nearly closed": count(closed, find)}
    for name, row in results.items():
        print(name, row)
    record = {
        "seed": options.seed, "platform": platform.platform(), "python": platform.python_version(),
        "jax": metadata.version("jax"), "device": jax.devices()[0].device_kind, "results": results,
    }  # fmt: skip
    path = Path(__file__).parent / "results" / "hopf.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
