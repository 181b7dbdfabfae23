"""Whether a GPU gives what the CPU gives: one transient, one spectrum fit, one ensemble.

    python benchmarks/gpu.py [--seed 0]       (or: make gpu)

Each is computed on both and compared to 1e-9 of its largest value. Without a GPU that JAX can
see it says so and ends with status 0. Results go to benchmarks/results/gpu_<device>.json.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting import MultiStart, Spectrum, element_model, fit

LIMIT = 1e-9


def transient(seed):
    """u of a spiking device at 2,001 times."""
    del seed
    circuit = jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4)))
    return jm.solve(circuit, jnp.linspace(0, 0.05, 2001), rtol=1e-9).u


def spectrum_fit(seed):
    """The fitted elements of a noisy chemical inductor, from 24 starts."""
    rng = np.random.default_rng(seed)
    freq = np.geomspace(0.1, 1e5, 60)
    s = 2j * np.pi * freq
    Z = 1 / (1e-8 * s + 1e-5 + 1 / (2e4 + 2e3 * s))
    Z = Z + 0.005 * np.abs(Z) * (rng.normal(size=60) + 1j * rng.normal(size=60))
    data = Spectrum(freq, Z)
    start = element_model("2d", spectrum=data, lead=False, series=False)
    return fit(data, start.model, start.space, starts=MultiStart(24, start.box), seed=seed).values


def ensemble(seed):
    """u at the end of a step, for 256 devices at once."""
    rng = np.random.default_rng(seed)
    factors = jnp.asarray(rng.uniform(0.8, 1.25, size=(256, 3)))

    @eqx.filter_jit
    @jax.vmap
    def end(x):
        d = jm.si_device(R_b=1e4 * x[0], i_c0=5e-4 * x[1], tau_d=2e-3 * x[2])
        circuit = jm.Circuit(d, jm.CurrentDrive(jm.Step(3.3e-4)))
        return jm.solve(circuit, jnp.linspace(0, 5e-3, 11), throw=False).u[-1]

    return end(factors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    devices = [d for d in jax.devices() if d.platform != "cpu"]
    if not devices:
        print("no GPU that JAX can see: nothing was compared (install jaxmem[cuda12] beside one)")
        return 0
    gpu, cpu = devices[0], jax.devices("cpu")[0]
    rows, worst = {}, 0.0
    for job in (transient, spectrum_fit, ensemble):
        found, times = {}, {}
        for name, device in (("cpu", cpu), ("gpu", gpu)):
            with jax.default_device(device):
                np.asarray(job(seed))  # compiles
                begin = time.perf_counter()
                found[name] = np.asarray(job(seed))
                times[f"{name}_s"] = time.perf_counter() - begin
        scale = np.maximum(np.abs(found["cpu"]), 1e-300)
        if job is not spectrum_fit:  # a waveform is compared with its peak, parameters each
            scale = np.abs(found["cpu"]).max()
        off = float(np.max(np.abs(found["gpu"] - found["cpu"]) / scale))
        rows[job.__name__] = {"difference": off, "allowed": LIMIT} | times
        worst = max(worst, off)
        print(f"{job.__name__:14s} differs by {off:.1e} (allowed {LIMIT:g}), {times}")
    kind = gpu.device_kind.replace(" ", "_")
    record = {"gpu": gpu.device_kind, "jax": jax.__version__, "seed": seed, "results": rows}
    path = Path(__file__).parent / "results" / f"gpu_{kind}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(path)
    return int(not worst <= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
