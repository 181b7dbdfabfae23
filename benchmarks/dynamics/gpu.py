"""Does a GPU give what the CPU gives?

One transient, one spectrum fit and one ensemble are computed on both and compared to 1e-9 of the
largest value. Without a GPU that JAX can see it says so and ends with status 0.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.harness import Absent, timed
from benchmarks.table import Row
from fitting import MultiStart, Spectrum, element_model, fit

COUNTS = {}
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


def compared(job, seed, cpu, gpu):
    """The largest difference between two machines, and the times of both."""
    found, times = {}, {}
    for name, device in (("cpu", cpu), ("gpu", gpu)):
        with jax.default_device(device):
            answer, _, warm = timed(job, seed)
            found[name], times[f"{name}_s"] = np.asarray(answer), warm.median
    scale = np.maximum(np.abs(found["cpu"]), 1e-300)
    if job is not spectrum_fit:  # a waveform is compared with its peak, parameters each
        scale = np.abs(found["cpu"]).max()
    off = float(np.max(np.abs(found["gpu"] - found["cpu"]) / scale))
    return {"difference": off, "allowed": LIMIT} | times


def run(options):
    devices = [d for d in jax.devices() if d.platform != "cpu"]
    if not devices:
        raise Absent("no GPU that JAX can see (install jaxmem[cuda12] beside one)")
    gpu, cpu = devices[0], jax.devices("cpu")[0]
    jobs = (transient, spectrum_fit, ensemble)
    each = lambda: {job.__name__: compared(job, options.seed, cpu, gpu) for job in jobs}
    return {gpu.device_kind: each}


def _rows(result):
    """All comparisons, on all devices."""
    kinds = [rows for name, rows in result.items() if name != "provenance"]
    return [(job, row) for rows in kinds for job, row in rows.items()]


def good(result):
    return all(row["difference"] <= LIMIT for _, row in _rows(result))


ROW = Row(
    counted=lambda r: f"{len(_rows(r))} answers of the CPU",
    error=lambda r: f"{max(row['difference'] for _, row in _rows(r)):.1e}",
    time=lambda r: ", ".join(f"{job} {row['gpu_s']:.2g} s" for job, row in _rows(r)),
    peer=lambda r: ", ".join(
        f"CPU {row['cpu_s'] / row['gpu_s']:.2g} times as long ({job})" for job, row in _rows(r)
    ),
)
