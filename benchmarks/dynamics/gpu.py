"""Does a GPU give what the CPU gives, and how much of it in a second?

`answers`: a transient, a spectrum fit and an ensemble on both, to 1e-9 of the largest value. Then
the sizes that want a GPU, each also computed on the CPU for a sample: Hopf margins of devices with
eight parameters drawn each, of any device and by the formula of the 3D one, reduced to a map of
counts; stiff transients in one call; limit cycles with the derivatives of their period; fits of
spectra. A job that fails says so and does not stop the others. Without a GPU that JAX can see it
says so and ends with status 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.harness import Absent, Clock, timed
from benchmarks.problems import gpu_jobs as jobs
from benchmarks.table import Row

COUNTS = {
    "margins": (10**9, "points of the reduced map"),
    "transients": (10**6, "stiff transients, and a tenth of them"),
    "cycles": (10**5, "limit cycles with derivatives"),
    "spectra": (10**5, "spectra"),
}


class Job(NamedTuple):
    """`run(seed, count)`, compared for `sample` cases.

    `allowed`: the largest difference between two machines, over the largest value of the sample.
    """

    run: Callable[[int, int], Any]
    sample: int
    allowed: float


# Transients of one tolerance differ by it where another rounding takes other steps.
JOBS = {
    "margins, any device": ("margins", Job(jobs.margins_of_any, jobs.CHUNK, 1e-9)),
    "margins, closed form": ("margins", Job(jobs.margins_by_formula, jobs.CHUNK, 1e-9)),
    "transients": ("transients", Job(jobs.transients, 64, 1e-5)),
    "cycles": ("cycles", Job(jobs.cycles, 8, 1e-7)),
    "spectra": ("spectra", Job(jobs.spectra, 32, 1e-6)),
}


def answers(job, seed, cpu, gpu):
    """The largest difference between two machines, and the times of both."""
    found, times = {}, {}
    for name, device in (("cpu", cpu), ("gpu", gpu)):
        with jax.default_device(device):
            answer, _, warm = timed(job, seed)
            found[name], times[f"{name}_s"] = np.asarray(answer), warm.median
    scale = np.maximum(np.abs(found["cpu"]), 1e-300)
    if job is not jobs.spectrum_fit:  # a waveform is compared with its peak, parameters each
        scale = np.abs(found["cpu"]).max()
    off = float(np.max(np.abs(found["gpu"] - found["cpu"]) / scale))
    return {"difference": off, "allowed": 1e-9} | times


def measured(job: Job, seed: int, count: int, cpu: Any, gpu: Any) -> dict[str, Any]:
    """How long a job takes on the GPU, and how far a sample of it is from the CPU's."""
    with jax.default_device(cpu), Clock() as there:
        known = np.asarray(job.run(seed, min(job.sample, count)))
    with jax.default_device(gpu):
        # The first call compiles.
        _, first, times = timed(job.run, seed, count)
        found = np.asarray(job.run(seed, min(job.sample, count)))
    both = np.isfinite(found) & np.isfinite(known)
    if not both.any() or np.any(np.isfinite(found) != np.isfinite(known)):
        raise ValueError(f"{both.sum()} of {both.size} numbers of the sample are finite on both")
    off = float(np.max(np.abs(found - known)[both]) / np.max(np.abs(known[both])))
    return {
        "count": count, "first_s": first, "s": times.median, "per_s": count / times.median,
        "finite_share": float(both.mean()),
        "sample": min(job.sample, count), "sample_on_cpu_s": there.wall,
        "difference": off, "allowed": job.allowed,
    }  # fmt: skip


def all_jobs(options, cpu, gpu):
    """Every job with its counts; one that fails says why."""
    rows = {}
    for name, (count, job) in JOBS.items():
        counts = [getattr(options, count)]
        if name == "transients":
            counts = [max(counts[0] // 10, 1), *counts]
        for many in counts:
            try:
                row = measured(job, options.seed, many, cpu, gpu)
            except Exception as error:  # the others are still worth their time
                row = {"count": many, "failed": f"{type(error).__name__}: {error}"[:500]}
            rows[f"{name}, {many:g}"] = row
    return rows


def run(options):
    devices = [d for d in jax.devices() if d.platform != "cpu"]
    if not devices:
        raise Absent("no GPU that JAX can see (install jaxmem[cuda12] beside one)")
    gpu, cpu = devices[0], jax.devices("cpu")[0]
    small = (jobs.transient, jobs.spectrum_fit, jobs.ensemble)
    same = lambda: {job.__name__: answers(job, options.seed, cpu, gpu) for job in small}
    return {
        f"{gpu.device_kind}, answers": same,
        f"{gpu.device_kind}, many": lambda: all_jobs(options, cpu, gpu),
    }


def _rows(result):
    """All comparisons, on all devices."""
    kinds = [rows for name, rows in result.items() if name != "provenance"]
    return [(job, row) for rows in kinds for job, row in rows.items()]


def good(result):
    return all("failed" not in r and r["difference"] <= r["allowed"] for _, r in _rows(result))


def _done(result):
    return [(job, row) for job, row in _rows(result) if "failed" not in row]


ROW = Row(
    counted=lambda r: f"{len(_done(r))} of {len(_rows(r))} jobs",
    error=lambda r: f"{max(row['difference'] for _, row in _done(r)):.1e}",
    time=lambda r: ", ".join(f"{job} {row['s']:.2g} s" for job, row in _done(r) if "s" in row),
    peer=lambda r: ", ".join(
        f"CPU {row['cpu_s'] / row['gpu_s']:.2g} times as long ({job})"
        for job, row in _done(r) if "cpu_s" in row
    ),
)  # fmt: skip
