"""What data cannot say: ranks, intervals, equal optima, and what priors add."""

import jax.numpy as jnp
import numpy as np
import pytest
from oracles.linear_fits import TRUTH, linear

from benchmarks.problems.circuits_by_hand import NOISE, SEED, TRUTHS, device, noisy, three_biases
from fitting import (
    Free,
    Goal,
    MultiStart,
    On,
    Prior,
    Space,
    Spectrum,
    element_model,
    fit,
    identifiability,
    memristor_model,
)
from fitting.diagnosis.covariance import in_words, uncertainty
from fitting.selection.ranking import second_lag_verdict
from jaxmem.devices import Device, Leak, Memristor2D, SlowConductance, si_device


@pytest.mark.quick
def test_uncertainty_sees_an_exact_and_a_weak_direction():
    rng = np.random.default_rng(0)
    J = rng.normal(size=(50, 4))
    full = uncertainty(J, 0.1, np.ones(4))
    np.testing.assert_allclose(full.covariance, 0.01 * np.linalg.inv(J.T @ J), rtol=1e-9)
    assert full.rank == 4 and len(full.weak_directions) == 0
    J[:, 3] = -2 * J[:, 1]
    lost = uncertainty(J, 0.1, np.ones(4))
    assert lost.rank == 3
    np.testing.assert_array_equal(np.isinf(np.diag(lost.covariance)), [0, 1, 0, 1])
    others = J[:, [0, 2, 1]]
    np.testing.assert_allclose(
        np.diag(lost.covariance)[[0, 2]], 0.01 * np.diag(np.linalg.inv(others.T @ others))[:2]
    )
    assert in_words(lost.null_directions[0], ("a", "b", "c", "d")) == "b and d"
    J[:, 3] = 1e-4 * rng.normal(size=50)
    weak = uncertainty(J, 0.1, np.ones(4))
    assert weak.rank == 4 and in_words(weak.weak_directions[0], ("a", "b", "c", "d")) == "d"
    assert in_words(np.array([0.7, -0.7, 0.1]), ("a", "b", "c")) == "a against b"


@pytest.mark.parametrize(
    "kind, biases, rank",
    # Repeats keep one shape, so that each kind compiles once.
    [
        ("3d", (0.8, 0.8, 0.8), 5),
        ("3d", (0.75, 0.8, 0.8), 7),
        ("2d", (0.8, 0.8, 0.8), 4),
        ("2d", (0.75, 0.8, 0.8), 5),
        ("2d", (0.75, 0.8, 0.87), 6),
    ],
)
def test_rank_of_the_physical_parameters(kind, biases, rank):
    d = si_device(R_s=50.0)
    if kind == "2d":
        d = Memristor2D(d.R_b, d.C_m, d.i_c0, d.V_T, d.V_m, d.tau_d, d.R_s)
    names = ["R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d"] + ["tau_k"] * (kind == "3d")
    space = Space(*(Free(lambda d, n=n: getattr(d, n)) for n in names))
    freq = np.geomspace(0.1, 1e6, 40)
    spectra = [
        Spectrum(freq, np.asarray(d.impedance(jnp.asarray(2j * np.pi * freq), u)), u=u)
        for u in biases
    ]
    found = identifiability(spectra, d, space)
    assert found.rank == rank and len(found.null_directions) == len(names) - rank
    assert str(found).startswith(f"rank {rank} of {len(names)}")
    assert found.identifiable.all() == (rank == len(names))


@pytest.mark.parametrize("kind", ["u", pytest.param("V", marks=pytest.mark.slow)])
def test_three_biases_identify_all_parameters(kind):
    spectra, d = three_biases(np.random.default_rng([SEED, 9]), kind)
    model, space, box = memristor_model("3d", spectra, lead=False)
    result = fit(spectra, model, space, starts=MultiStart(24, box))
    assert (
        result.ok
        and result.identifiable.all()
        and result.identifiability.rank == 8
        and not result.identifiability.exchanges
    )
    assert "All 8 parameters are identifiable." in result.statements()
    for name in ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k", "R_s"):
        k = result.names.index(name)
        off = result.z[k] - (np.log if result.parameters[k].log else float)(float(getattr(d, name)))
        assert abs(off) < 4 * result.standard_errors[k], name
    if kind == "V":
        simpler = memristor_model("2d", spectra, lead=False)
        rival = fit(spectra, simpler.model, simpler.space, starts=MultiStart(24, simpler.box))
        assert result.against(rival).startswith("This model explains the data better than")


def test_one_spectrum_of_a_3d_device_has_two_equal_optima():
    spectra, _ = three_biases(np.random.default_rng([SEED, 10]), "u", (0.8,), n=60)
    s = Spectrum(spectra[0].freq, spectra[0].Z)
    model, space, box = element_model("3d", spectrum=s, lead=False)
    result = fit(s, model, space, starts=MultiStart(24, box))
    assert result.identifiability.exchanges == (("tau_d", "tau_2"),)
    assert result["tau_d"] > result["tau_2"]
    bad = [n for n, fine in zip(result.names, result.identifiable, strict=True) if not fine]
    assert bad == ["tau_d", "tau_2"]
    assert result.searches.minima[1].chi2 == pytest.approx(result.searches.minima[0].chi2, rel=1e-6)
    assert any("cannot say which is which" in line for line in result.statements())
    # No interval is given away for what is not identifiable.
    for row in result.rows():
        assert (row["low"] is not None and row["high"] is not None) == row["identifiable"], row
    assert result.derived["R_a"].identifiable and not result.derived["L_d"].identifiable
    simpler = element_model("2d", spectrum=s, lead=False)
    rival = fit(s, simpler.model, simpler.space, starts=MultiStart(24, simpler.box))
    words = second_lag_verdict(result, rival)
    assert "need a second lag" in words and "leave tau_d and tau_2 open" in words


def test_a_prior_decides_what_the_data_leave_open():
    C, R_b, R_a, L = TRUTHS[0]
    s = noisy(TRUTHS[0], np.random.default_rng([SEED, 11]))
    slow = SlowConductance(1 / R_a, L / R_a)
    # Two leaks in parallel: only their sum of conductances shows.
    d = Device(C, {"one": Leak(2 * R_b), "two": Leak(2 * R_b), "slow": slow})
    space = Space(
        Free(lambda d: d.C_m), Free(lambda d: d.branches["one"].R_b, name="R_1"),
        Free(lambda d: d.branches["two"].R_b, name="R_2"),
    )  # fmt: skip
    bare = fit(s, d, space, starts=4)
    assert bare.identifiability.rank == 2 and bare.identifiable.tolist() == [True, False, False]
    assert np.isinf(bare.standard_errors[1]) and np.isinf(bare.high[1])
    prior = Prior(lambda d: d.branches["one"].R_b, 2.2e5, factor=1.1)
    result = fit([s, prior], d, space, starts=4)
    assert result.identifiable[:2].all()
    assert result.standard_errors[1] == pytest.approx(np.log(1.1), rel=0.05)
    assert result.noise == pytest.approx(NOISE, rel=0.2)
    assert result["R_1"] == pytest.approx(2.2e5, rel=1e-2)
    assert 1 / result["R_1"] + 1 / result["R_2"] == pytest.approx(1 / R_b, rel=1e-2)


def test_a_goal_alone_designs_a_device():
    d = si_device()
    goal = Goal(lambda d: jnp.log(jnp.stack([d.tau_m, d.R_b])), jnp.log(jnp.array([2e-3, 3e4])))
    result = fit(goal, d, Space(lambda d: d.R_b, lambda d: d.C_m), starts=2)
    assert result["R_b"] == pytest.approx(3e4, rel=1e-6)
    assert result["C_m"] == pytest.approx(2e-3 / 3e4, rel=1e-6)
    assert np.isnan(result.relative_rms_residual)


def test_two_devices_share_a_parameter():
    rng = np.random.default_rng([SEED, 12])
    one, two = TRUTHS[0], (1e-8, 3e5, 2e4, 2e3)
    models = (device(*one), device(*two))
    terms = [On(lambda m: m[0], noisy(one, rng)), On(lambda m: m[1], noisy(two, rng))]
    space = Space(
        Free(lambda m: tuple(d.C_m for d in m), name="C"),
        Free(lambda m: m[0].branches["leak"].R_b), Free(lambda m: m[1].branches["leak"].R_b),
    )  # fmt: skip
    result = fit(terms, models, space, starts=4)
    assert result.names == ("C", "0.branches.leak.R_b", "1.branches.leak.R_b")
    np.testing.assert_allclose(result.values, [1e-8, 1e5, 3e5], rtol=0.01)
    assert result.relative_rms_residual == pytest.approx(NOISE, rel=0.2)
    derived = {"tau_m": ("s", lambda m: m[0].C_m * m[0].branches["leak"].R_b)}
    more = fit(terms, models, space, starts=4, derived=derived)
    assert more.derived["tau_m"].value == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("tilt, told", [(0.3, False), (8.0, True)])
def test_correlations_are_those_of_the_textbook(tilt, told):
    t = np.linspace(-1, 1, 60)
    X = np.stack([np.ones(60), t, t**2 + tilt * t], axis=1)
    rng = np.random.default_rng(5)
    found = linear(X, X @ TRUTH + 0.001 * rng.normal(size=60), 0.001)
    covariance = np.linalg.inv(X.T @ X)
    error = np.sqrt(np.diag(covariance))
    want = covariance / np.outer(error, error)
    np.testing.assert_allclose(found.correlation, want, atol=1e-3)
    words = [line for line in found.statements() if line.startswith("Strongly correlated")]
    assert len(words) == told and all("b and c" in line for line in words)


def test_bounds_of_a_user_do_not_take_an_interval():
    spectra, d = three_biases(np.random.default_rng(6))
    letters = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
    rest = [Free(lambda d, n=n: getattr(d, n), name=n) for n in letters]
    V_T = lambda d: d.V_T
    free = fit(spectra, d, Space(V_T, *rest), starts=MultiStart(0))
    # No wider than what the data say: a fraction of that is not what V_T is measured in.
    error = 1.2 * float(free.standard_errors[0])
    near = Free(V_T, low=free["V_T"] - error, high=free["V_T"] + error)
    bounded = fit(spectra, free.model, Space(near, *rest), starts=MultiStart(0), throw=False)
    assert free.identifiable.all() and bounded.identifiable.all(), bounded.parameters
