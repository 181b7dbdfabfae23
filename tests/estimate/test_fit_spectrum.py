"""Fits of spectra, against the circuit written by hand and scipy's least squares."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import least_squares

from benchmarks.problems.circuits_by_hand import (
    NOISE,
    SEED,
    SPACE,
    TRUTHS,
    device,
    elements_of,
    impedance,
    noisy,
    three_biases,
)
from fitting import (
    RESULTS,
    Descent,
    LeastSquares,
    MultiStart,
    Prior,
    Space,
    Spectrum,
    absolute,
    element_model,
    fit,
    memristor_model,
    proportional,
)
from fitting.estimate.single import begin_fit
from fitting.solvers.residual_parts import value_and_jacobian
from jaxmem.output.numbers import engineering

NEEDED = [0.95, 0.95, 0.93]


@pytest.mark.quick
def test_residual_is_the_weighted_difference():
    rng = np.random.default_rng(0)
    truth = TRUTHS[0]
    s = noisy(truth, rng)
    other = (2e-8, 5e4, 3e4, 1e3)
    want = (impedance(s.freq, *other) - s.Z) / np.abs(s.Z)
    got = s.residual(device(*other))
    np.testing.assert_allclose(got, np.concatenate([want.real, want.imag]), rtol=1e-9, atol=1e-12)
    each = np.linspace(1, 2, 60)
    for sigma, size in (
        (proportional(0.01), 0.01 * np.abs(s.Z)), (absolute(30.0), 30.0), (7.0, 7.0), (each, each)
    ):  # fmt: skip
        want = (impedance(s.freq, *other) - s.Z) / size
        got = Spectrum(s.freq, s.Z, sigma=sigma).residual(device(*other))
        np.testing.assert_allclose(got, np.concatenate([want.real, want.imag]), rtol=1e-7)


def test_residual_of_a_memristor_at_each_kind_of_bias():
    for kind in ("u", "I", "V"):
        spectra, d = three_biases(np.random.default_rng(1), kind, (0.8,))
        r = np.asarray(jax.jit(lambda d, s=spectra[0]: s.residual(d))(d))
        assert np.sqrt(np.mean(r**2)) == pytest.approx(NOISE, rel=0.3)


def test_a_spectrum_without_a_bias_refuses_a_nonlinear_device():
    spectra, d = three_biases(np.random.default_rng(1), "u", (0.8,))
    bare = Spectrum(spectra[0].freq, spectra[0].Z)
    text = "determines elements .R_a, L_d, tau., not i_c0, V_T, V_m"
    with pytest.raises(ValueError, match=text):
        bare.residual(d)
    with pytest.raises(ValueError, match=text):
        fit(bare, d, Space(lambda d: d.R_b))
    with pytest.raises(ValueError, match=text):
        memristor_model("3d", [bare])


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.ones(3)])
def test_a_sigma_that_makes_no_sense_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma"):
        Spectrum([1.0, 2.0], [1j, 2j], sigma=sigma)


def test_misuse_is_refused_with_a_sentence():
    s = noisy(TRUTHS[0], np.random.default_rng(0))
    d = device(*TRUTHS[0])
    with pytest.raises(ValueError, match="cannot determine 4 parameters"):
        fit(Spectrum(s.freq[:1], s.Z[:1]), d, SPACE)
    with pytest.raises(ValueError, match="no term"):
        fit([3.0], d, SPACE)
    with pytest.raises(ValueError, match="at least one term"):
        fit([], d, SPACE)
    with pytest.raises(ValueError, match="On"):
        fit(s, (d, d), Space(lambda m: m[0].C_m))
    with pytest.raises(ValueError, match="no device"):
        element_model("4d", spectrum=s)
    with pytest.raises(ValueError, match="cannot add"):
        element_model("2d", ("cap",), spectrum=s)
    with pytest.raises(ValueError, match="must not contain 0"):
        fit(s, d, SPACE, starts=MultiStart(2, {"C": (0.0, 1.0)}))
    with pytest.raises(ValueError, match="Prior"):
        Prior(lambda d: d.C_m, 1.0)
    with pytest.raises(ValueError, match="noise"):
        proportional(-0.1)


def test_a_search_that_runs_out_of_steps_raises_or_says_so():
    s = noisy(TRUTHS[0], np.random.default_rng(0))
    model, space, box = elements_of(s)
    few = LeastSquares(max_steps=2)
    with pytest.raises(RuntimeError, match="steps ran out"):
        fit(s, model, space, solver=few, starts=MultiStart(4, box))
    result = fit(s, model, space, solver=few, starts=MultiStart(4, box), throw=False)
    assert result.result == RESULTS.steps_exhausted and not result.ok
    assert "did not converge" in result.statements()[0]


def test_without_double_precision_it_says_which_line_to_add():
    s = noisy(TRUTHS[0], np.random.default_rng(0))
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="jax_enable_x64"):
            fit(s, device(*TRUTHS[0]), SPACE)
    finally:
        jax.config.update("jax_enable_x64", True)


def scipy_optimum(s, truth):
    def residual(y):
        r = (impedance(s.freq, *np.exp(y)) - s.Z) / np.abs(s.Z)
        return np.concatenate([r.real, r.imag])

    return least_squares(residual, np.log(truth), method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)


@pytest.mark.quick
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_optimum_and_its_covariance_are_scipys(truth):
    s = noisy(truth, np.random.default_rng([SEED, 1]))
    oracle = scipy_optimum(s, truth)
    model, space, box = elements_of(s)
    result = fit(s, model, space, starts=MultiStart(box=box))
    assert result.ok and result.identifiable.all()
    assert result.chi2 == pytest.approx(2 * oracle.cost, rel=1e-8)
    C, R_b, R_a, L = np.exp(oracle.x)
    assert result["C_m"] == pytest.approx(C, rel=1e-4)
    assert result["R_b"] == pytest.approx(R_b, rel=1e-4)
    assert result["R_a"] == pytest.approx(R_a, rel=1e-4)
    assert result["L_d"] == pytest.approx(L, rel=1e-4)
    assert result["tau_d"] == pytest.approx(L / R_a, rel=1e-4)
    # The covariance of ln(C, R_b, R_a, L) by the textbook, at scipy's Jacobian.
    covariance = np.linalg.inv(oracle.jac.T @ oracle.jac) * 2 * oracle.cost / (120 - 4)
    error = np.sqrt(np.diag(covariance))
    mine = dict(zip(result.names, result.standard_errors, strict=True))
    assert mine["C_m"] == pytest.approx(error[0], rel=1e-3)
    assert mine["R_b"] == pytest.approx(error[1], rel=1e-3)
    for k, name in ((2, "R_a"), (3, "L_d")):
        d = result.derived[name]
        assert np.log(d.high / d.value) == pytest.approx(error[k], rel=1e-3)
        assert np.log(d.value / d.low) == pytest.approx(error[k], rel=1e-3)
    rest = np.abs(impedance(s.freq, C, R_b, R_a, L) - s.Z) / np.abs(s.Z)
    assert result.relative_rms_residual == pytest.approx(np.sqrt(np.mean(rest**2) / 2), rel=1e-6)
    assert result.noise == pytest.approx(NOISE, rel=0.2)
    said = repr(result).splitlines()
    assert said[: len(result.verdict())] == result.verdict()
    k = result.names.index("C_m")
    value, low, high = (engineering(v[k], "F") for v in (result.values, result.low, result.high))
    assert any(f"{value}  ({low} to {high})" in line for line in said if line.startswith("C_m "))


@pytest.mark.parametrize("truth, needed", list(zip(TRUTHS, NEEDED, strict=True)))
def test_single_starts_within_two_decades_reach_the_optimum(truth, needed):
    rng = np.random.default_rng([SEED, 2])
    s = noisy(truth, rng)
    least = 2 * scipy_optimum(s, truth).cost
    C, R_b, R_a, L = (np.log(truth) + np.log(10) * rng.uniform(-2, 2, size=(300, 4))).T
    problem, _, x_scale = begin_fit(s, device(*truth), SPACE, MultiStart(0), 0)
    ends = problem.search(LeastSquares(), np.stack([C, R_b, -R_a, L - R_a], axis=1), x_scale)
    assert np.mean(ends.chi2 < least * 1.001) >= needed
    assert ends.chi2.min() > least * (1 - 1e-6)


@pytest.mark.parametrize(
    "truth", [TRUTHS[0], *(pytest.param(t, marks=pytest.mark.slow) for t in TRUTHS[1:])]
)
def test_the_default_multi_start_always_reaches_it_and_intervals_cover(truth):
    C, R_b, R_a, L = truth
    want = dict(C_m=C, R_b=R_b, g=1 / R_a, tau_d=L / R_a)
    rng = np.random.default_rng([SEED, 3])
    inside, draws = dict.fromkeys(want, 0), 60
    for k in range(draws):
        s = noisy(truth, rng)
        model, space, box = elements_of(s)
        result = fit(s, model, space, starts=MultiStart(box=box), seed=k)
        if k < 15:
            assert result.chi2 < 2 * scipy_optimum(s, truth).cost * (1 + 1e-5)
        for name, value in want.items():
            at = result.names.index(name)
            inside[name] += bool(result.low[at] <= value <= result.high[at])
    # 68 % of 60 draws is 41 +- 3.6; the benchmark counts 500 draws against 60 to 76 %.
    for name, count in inside.items():
        assert 0.50 <= count / draws <= 0.86, (name, count)


def test_a_fit_prints_values_of_a_wrong_model_as_such():
    truth = (1e-7, 1e4, 1e3, 1.0)
    s = noisy(truth, np.random.default_rng(SEED))
    # A second arc, which the model has no place for.
    off = Spectrum(s.freq, s.Z + 3e3 / (1 + 2j * np.pi * s.freq * 1e-2))
    model, space, box = elements_of(off)
    result = fit(off, model, space, starts=MultiStart(box=box))
    said = repr(result)
    assert result.describes == "no" and "does not describe" in said.splitlines()[0]
    assert said.count("of a model that does not describe the data") == len(result.rows())
    assert "identifiable" not in said


def test_a_known_sigma_gives_chi2_in_standard_deviations():
    rng = np.random.default_rng([SEED, 4])
    s = noisy(TRUTHS[0], rng, sigma=proportional(NOISE))
    model, space, box = elements_of(s)
    known = fit(s, model, space, starts=MultiStart(box=box))
    bare = fit(Spectrum(s.freq, s.Z), model, space, starts=MultiStart(box=box))
    assert known.quality.noise_known and not bare.quality.noise_known
    assert known.chi2 == pytest.approx(bare.chi2 / NOISE**2, rel=1e-2)
    assert 60 < known.chi2 < 180
    np.testing.assert_allclose(
        known.standard_errors, bare.standard_errors * NOISE / bare.noise, rtol=0.01
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimiser",
    [
        None,
        optax.chain(
            optax.clip_by_global_norm(1.0), optax.nadam(optax.cosine_decay_schedule(0.2, 3000))
        ),
    ],
    ids=["default", "chain"],
)
def test_descent_reaches_the_same_chi2(optimiser):
    for truth in TRUTHS if optimiser is None else TRUTHS[:1]:
        s = noisy(truth, np.random.default_rng([SEED, 5]))
        model, space, box = elements_of(s)
        both = [
            fit(s, model, space, solver=e, starts=MultiStart(6, box))
            for e in (LeastSquares(), Descent(optimiser))
        ]
        assert both[1].chi2 <= 1.01 * both[0].chi2


def test_ten_spectra_of_other_values_share_one_program():
    rng = np.random.default_rng([SEED, 6])
    compiled = []

    class Counting(LeastSquares):
        def search(self, residual, z, low, high, x_scale):
            compiled.append(1)
            return super().search(residual, z, low, high, x_scale)

    for k in range(10):
        truth = TRUTHS[0] if k % 2 else TRUTHS[2]
        s = noisy(truth, rng, n=50 + k)
        model, space, box = elements_of(s)
        fit(s, model, space, solver=Counting(), starts=MultiStart(4 + k, box))
        if k == 0:
            first = len(compiled)
    assert len(compiled) == first


def test_lanes_give_what_one_after_the_other_gives():
    s = noisy(TRUTHS[0], np.random.default_rng([SEED, 7]))
    model, space, box = elements_of(s)
    both = [fit(s, model, space, starts=MultiStart(8, box), lanes=lanes) for lanes in (True, False)]
    np.testing.assert_allclose(both[0].z, both[1].z, rtol=1e-6, atol=1e-6)


def test_the_jacobian_is_the_finite_difference():
    s = noisy(TRUTHS[0], np.random.default_rng([SEED, 8]))
    model, space, _ = element_model("3d", ("cpe", "polarisation", "slow"), spectrum=s)
    c = space.resolve(model)
    z = jnp.asarray(c.pack(model))
    residual = jax.jit(lambda z: s.residual(c.unpack(z, model)))
    J = jax.jit(lambda z: value_and_jacobian(residual, z)[1])(z)
    for k in range(len(z)):
        h = 1e-5 * max(1.0, abs(float(z[k]))) if c.log[k] else 1e-4 * abs(float(z[k]))
        step = h * jnp.eye(len(z))[k]
        wanted = (residual(z + step) - residual(z - step)) / (2 * h)
        np.testing.assert_allclose(J[k], wanted, rtol=1e-4, atol=1e-6 * np.abs(J).max())
