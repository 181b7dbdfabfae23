"""What an experiment tells, against the paper's impedance written anew and finite differences."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from fitting import Experiment, Instrument, Spectrum, Trace, from_prior, possible_experiments
from fitting.experiments.expected_signals import Outlook, held, information_of

DEVICE = jm.si_device(R_s=50.0)


def impedance(z, names, V, freq):
    """Eqs 13 to 15 and 10 at an applied voltage, by bisection and NumPy."""
    p = dict(zip(names, z, strict=True))
    p = {name: x if name == "V_T" else np.exp(x) for name, x in p.items()}
    low, high = 0.0, V
    f = lambda u: 1 / (1 + np.exp(-(u - p["V_T"]) / p["V_m"]))
    for _ in range(200):
        u = (low + high) / 2
        over = u + p["R_s"] * (u / p["R_b"] + p["i_c0"] * f(u)) > V
        low, high = (low, u) if over else (u, high)
    s, R_a = 2j * np.pi * freq, p["V_m"] / (p["i_c0"] * f(u) * (1 - f(u)))
    Z_c = (1 + s * p["tau_d"]) * (R_a + f(u) * p["tau_k"] * R_a * s)
    return p["R_s"] + 1 / (p["C_m"] * s + 1 / p["R_b"] + 1 / Z_c)


def test_of_spectra_it_is_that_of_the_papers_impedance():
    known = from_prior(DEVICE, 0.2)
    told = Instrument(V=(0.5, 0.95), freq=(1.0, 1e5), impedance=0.02)
    offered = [e for e in possible_experiments(DEVICE, told, ["spectrum"]) if e.V in (0.6, 0.85)]
    z, names = known.draws(1, 0), known.coordinates.names
    found = information_of(offered[::5], DEVICE, known.space, z)
    for k, row in enumerate(z):
        for c, e in enumerate(offered[::5]):
            freq = e.measurement.freq[e.rows[: len(e.measurement.freq)]]
            assert freq[0] == pytest.approx(e.band[0]) and freq[-1] == pytest.approx(e.band[1])
            at = lambda d, j, row=row, freq=freq, e=e: impedance(
                row + d * np.eye(len(row))[j], names, e.V, freq
            )
            slope = np.array([(at(1e-5, j) - at(-1e-5, j)) / 2e-5 for j in range(len(row))])
            slope = slope / (0.02 * np.abs(at(0, 0)))
            M = (slope @ slope.conj().T).real
            size = np.sqrt(np.outer(np.diag(M), np.diag(M)))
            assert np.abs(found[k, c] - M).max() <= 1e-5 * size.max()
            assert np.abs((found[k, c] - M) / size).max() <= 1e-4


def test_an_unstable_bias_tells_nothing():
    device = jm.si_device(R_s=2e4)
    V = np.asarray(jm.hopf_points(device, drive="voltage").V)[:2]
    biases = [0.9 * V[0], V.mean()]
    spectra = [Spectrum([1.0, 10.0], [1, 1], V=float(b), sigma=1.0) for b in biases]
    known = from_prior(device, 0.1)
    assert held(spectra, device, known.space, known.z[None]).tolist() == [[True, False]]
    experiments = [Experiment("", s, 1.0) for s in spectra]
    M = information_of(experiments, device, known.space, known.z[None])
    assert M[0, 0].any() and not M[0, 1].any()


def test_a_trace_tells_nothing_by_its_rounding():
    """R_s of 10 nanoohm changes a current by 1e-11 of itself; (V - u)/R_s has four digits."""
    device = jm.si_device(R_s=1e-8)
    known = from_prior(device, {"R_b": 0.2, "R_s": 0.2}, unnamed=0.0)
    offered = possible_experiments(device, Instrument(samples=20), ["loop"])
    M = information_of(offered[:2], device, known.space, known.z[None])[0]
    at = known.coordinates.names.index
    assert (M[:, at("R_b"), at("R_b")] > 1).all()
    assert (M[:, at("R_s")] == 0).all()


@pytest.mark.slow
def test_of_traces_it_is_that_of_differences_of_transients():
    known = from_prior(DEVICE, {"V_m": 0.2, "tau_d": 0.2, "R_b": 0.2}, unnamed=0.0)
    told = Instrument(samples=40)
    offered = possible_experiments(DEVICE, told, ["loop", "step", "pulses"])
    assert {e.kind for e in offered} == {"loop", "step", "pulses"}
    some = [next(e for e in offered if e.kind == kind) for kind in ("loop", "step", "pulses")]
    found = information_of(some, DEVICE, known.space, known.z[None])[0]
    for M, e in zip(found, some, strict=True):
        trace = e.measurement
        assert isinstance(trace, Trace)

        def current(d, j, trace=trace):
            device = known.space.unpack(jnp.asarray(known.z + d * np.eye(3)[j]), DEVICE)
            # From before the edge, at rest.
            t = np.append(0.0, trace.t)
            run = jm.solve(jm.Circuit(device, trace.drive), t, rtol=1e-9, atol=1e-9)
            return np.asarray(run.I)[1:]

        slope = np.array([(current(1e-3, j) - current(-1e-3, j)) / 2e-3 for j in range(3)])
        J = slope / (0.01 * np.sqrt(np.mean(current(0, 0) ** 2)))
        np.testing.assert_allclose(M, J @ J.T, rtol=2e-2, atol=2e-3 * np.abs(M).max())


@pytest.mark.quick
def test_several_points_are_one_call():
    known = from_prior(DEVICE, 0.2)
    s = Spectrum([1.0, 10.0, 1e3], [1, 1, 1], V=0.8, sigma=1.0)
    z = known.draws(10, 0)
    (found,) = Outlook([s], DEVICE, known.space).at(z)
    for k in (0, 10):
        device = known.space.unpack(jnp.asarray(z[k]), DEVICE)
        np.testing.assert_allclose(found.signal[k], s.signal(device), rtol=1e-9)
