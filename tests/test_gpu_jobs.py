"""What `make gpu` computes, in small and on this machine's own processor."""

import jax
import numpy as np
import pytest

from benchmarks.dynamics import gpu
from benchmarks.problems import gpu_jobs as jobs


@pytest.fixture
def cpu():
    return jax.devices("cpu")[0]


def test_margins_of_any_device_are_those_of_the_formula():
    one, other = (run(3, jobs.CHUNK) for run in (jobs.margins_of_any, jobs.margins_by_formula))
    np.testing.assert_allclose(one, other, atol=1e-10)
    assert 0.001 < np.mean(np.asarray(one) < 0) < 0.2
    _, counts = jobs._reduced(jobs._formula, 3, 2)
    _, first = jobs._reduced(jobs._formula, 3, 1)
    assert int(first.sum()) == int(np.sum(np.asarray(other) < 0))
    assert np.all(counts >= first) and int(counts.sum()) > int(first.sum())


@pytest.mark.parametrize("name", ["spectra", pytest.param("transients", marks=pytest.mark.slow)])
def test_a_job_begins_with_its_sample(name, cpu):
    _, job = gpu.JOBS[name]
    found, whole = np.asarray(job.run(0, 3)), np.asarray(job.run(0, 5))
    assert np.all(np.isfinite(found)) and len(np.unique(found, axis=0)) == 3
    np.testing.assert_allclose(whole[:3], found, rtol=1e-9)
    row = gpu.measured(job._replace(sample=3), 0, 5, cpu, cpu)
    assert row["count"] == 5 and row["sample"] == 3 and row["difference"] == 0.0


def test_another_answer_is_a_difference_and_nan_is_none(cpu):
    answers = [np.array([1.0, 2.0]), *[np.array([1.0, 2.5])] * 3]
    job = gpu.Job(lambda seed, count: answers.pop(0), 2, 1e-9)
    assert gpu.measured(job, 0, 2, cpu, cpu)["difference"] == 0.25
    nothing = gpu.Job(lambda seed, count: np.full(count, np.nan), 2, 1e-9)
    with pytest.raises(ValueError, match="0 of 2 numbers"):
        gpu.measured(nothing, 0, 2, cpu, cpu)


def test_fitted_spectra_have_the_elements_that_they_are_made_of():
    # As its branches have them: C_m, the slow conductance, its lag, and R_b.
    C_m, g, tau, R_b = 1e-8, 1 / 2e4, 2e3 / 2e4, 1e5
    found = np.sort(np.exp(np.asarray(jobs.spectra(0, 3))), axis=1)
    np.testing.assert_allclose(found, np.tile([C_m, g, tau, R_b], (3, 1)), rtol=0.03)


@pytest.mark.slow
def test_cycles_have_derivatives_and_scale(cpu):
    """The drive stands still, so T grows as all times of the device do: C_m, tau_d, tau_k."""
    _, job = gpu.JOBS["cycles"]
    found = np.asarray(job.run(0, 2))
    assert np.all(np.isfinite(found)) and found.shape == (2, 8)
    # JAX sorts the keys of a dictionary.
    by = dict(zip(sorted(jobs.LETTERS), found[:, 1:].T, strict=True))
    np.testing.assert_allclose(by["C_m"] + by["tau_d"] + by["tau_k"], 1, atol=1e-8)


def test_a_job_that_fails_stops_no_other(cpu, monkeypatch):
    def broken(seed, count):
        raise MemoryError("out of memory")

    fine = gpu.Job(lambda seed, count: np.arange(1.0, count + 1), 2, 1e-9)
    monkeypatch.setattr(
        gpu, "JOBS", {"spectra": ("spectra", gpu.Job(broken, 2, 0.0)), "cycles": ("cycles", fine)}
    )

    class Options:
        seed, spectra, cycles = 0, 4, 4

    rows = gpu.all_jobs(Options, cpu, cpu)
    assert "out of memory" in rows["spectra, 4"]["failed"]
    assert rows["cycles, 4"]["difference"] == 0.0
    assert not gpu.good({"some": rows}) and "1 of 2" in gpu.ROW.counted({"some": rows})
