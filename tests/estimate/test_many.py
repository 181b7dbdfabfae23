"""Many spectra at once: the same numbers as one by one, and the real arithmetic below them."""

from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import leastsq

import fitting.estimate.many as many
import jaxmem as jm
from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, noisy, three_biases
from benchmarks.problems.peer_circuits import CASES, draw
from fitting import (
    RESULTS,
    Descent,
    Free,
    LeastSquares,
    MultiStart,
    Space,
    Spectrum,
    element_model,
    fit,
    fit_many,
    proportional,
)
from fitting.diagnosis.covariance import uncertainties, uncertainty
from fitting.terms.spectrum_batch import SpectrumBatch
from jaxmem.devices import CapacitiveLadder


class Chain(jm.AbstractBranch):
    """A user's branch: states in a chain, and an admittance that nobody wrote down."""

    g: jax.Array = jm.quantity("S", "conductance")
    tau: jax.Array = jm.quantity("s", "first lag")
    back: jax.Array = jm.quantity("1", "how much a state drives the one before it back")
    length: ClassVar[int] = 3

    @property
    def states(self):
        return tuple(f"x_{k}" for k in range(self.length))

    def current(self, u, x):
        return x[-1] + 1e-3 * self.g * u * (1 + x[0])

    def rates(self, u, x):
        before = jnp.concatenate([(self.g * jnp.tanh(u))[None], x[:-1]])
        after = jnp.concatenate([x[1:], jnp.zeros(1)])
        return (before - x - self.back * after) / self.tau / jnp.arange(1, self.length + 1)

    def rest(self, u):
        J = jax.jacfwd(lambda x: self.rates(u, x))(jnp.zeros(self.length))
        return jnp.linalg.solve(-J, self.rates(u, jnp.zeros(self.length)))


class LongChain(Chain):
    """More states than are eliminated by unrolled code."""

    length: ClassVar[int] = 6


class Written(jm.AbstractBranch):
    """A user's branch that overrides the complex admittance only."""

    Q: jax.Array = jm.quantity("S s^0.5", "Warburg coefficient")

    def current(self, u, x):
        return jnp.zeros_like(u)

    def admittance(self, s, u):
        return self.Q * jnp.sqrt(s)


def branches(a, b, c):
    """One of each kind in units of their own size: a [S or A], b [s], c of order one."""
    steep = dict(V_T=1.0, V_m=0.05)
    return [
        jm.Leak(1 / a),
        jm.SlowConductance(a, b),
        jm.SlowConductance(-a, b),
        jm.TwoLagConductance(a, b, c * b),
        jm.Polarisation(1 / a, a * b),
        jm.MemoryConductance(a, 0.1 * a, **steep, tau=b),
        jm.Memristor2D(1 / a, a, i_c0=10 * a, tau_d=b, **steep).branches["conduction"],
        jm.Memristor3D(1 / a, a, i_c0=10 * a, tau_d=b, tau_k=c * b, **steep).branches["conduction"],
        jm.ConstantPhase(a, jnp.clip(0.5 + c / 20, 0.5, 1.0)),
        CapacitiveLadder(jnp.array([1.0, c]) / a, jnp.array([1.0, 2.0]) * a * b),
        Chain(a, b, 0.3 * c),
        LongChain(a, b, 0.3 * c),
        Written(a),
    ]


decades = lambda low, high: st.floats(low, high).map(lambda x: 10.0**x)


@jax.jit
def both_ways(branches, omega, u):
    return [(b.admittance(1j * omega, u), b.admittance_at(omega, u)) for b in branches]


@given(decades(-7, 1), decades(-6, 3), decades(-1, 1), st.floats(0.7, 1.2))
def test_the_real_admittance_is_the_complex_one(a, b, c, u):
    # a = b = 1 is near the paper's units; the rest is SI.
    omega = jnp.asarray(np.geomspace(1e-3, 1e3, 25) / b)
    kinds = branches(a, b, c)
    for kind, (Y, (re, im)) in zip(kinds, both_ways(kinds, omega, jnp.asarray(u)), strict=True):
        error = np.abs(Y - (re + 1j * im))
        # Where di/du and the states' answer cancel, their size and not Y's sets the rounding.
        size = np.abs(Y) + np.abs(Y).max() * (kind.size > 0)
        assert (error <= 1e-12 * size).all(), type(kind).__name__


@pytest.mark.slow
def test_derivatives_of_the_real_admittance():
    branch = Chain(1e-4, 1e-2, 0.5)
    omega, u = jnp.asarray(np.geomspace(1, 1e4, 9)), jnp.asarray(0.8)

    def complex_way(branch, omega, u):
        Y = branch.admittance(1j * omega, u)
        return Y.real, Y.imag

    real_way = lambda branch, omega, u: branch.admittance_at(omega, u)
    every = lambda f: jax.jit(jax.jacfwd(f, argnums=(0, 1, 2)))(branch, omega, u)
    ours, theirs = every(real_way), every(complex_way)
    for x, y in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-10 * np.abs(y).max())
    back = jax.jit(jax.grad(lambda u: jnp.sum(real_way(branch, omega, u)[0])))(u)
    np.testing.assert_allclose(back, jnp.sum(ours[0][2]), rtol=1e-9)


def same(many, k, one):
    assert (many.result == one.result)[k]
    assert many.points[k] == one.quality.points and many.converged[k] == one.searches.converged
    felt = one.standard_errors < 1
    for name in ("values", "z", "low", "high", "standard_errors"):
        got, want = getattr(many, name)[k], getattr(one, name)
        np.testing.assert_allclose(got[felt], want[felt], rtol=1e-8, err_msg=name)
    # What the data hardly feel ends where its search ends.
    assert (np.abs(many.z[k] - one.z) <= 1e-6 * one.standard_errors).all()
    for name in ("chi2", "noise", "relative_rms_residual"):
        np.testing.assert_allclose(getattr(many, name)[k], getattr(one, name), rtol=1e-8)
    part = np.ix_(felt, felt)
    np.testing.assert_allclose(many.covariance[k][part], one.covariance[part], rtol=1e-6)
    np.testing.assert_array_equal(many.identifiable[k], one.identifiable)


def test_it_is_fit_for_each_whatever_length_noise_and_start():
    rng = np.random.default_rng(3)
    spectra = [noisy(t, rng, n=n) for t, n in zip(TRUTHS, (45, 52, 61), strict=True)]
    sigma = proportional(0.005)
    spectra.append(noisy(TRUTHS[0], rng, sigma=sigma))
    truths = [*TRUTHS, TRUTHS[0]]
    at = np.array([SPACE.pack(device(*t)) for t in truths])
    starts = at[:, None] + rng.uniform(-1, 1, (len(at), 4, 4))
    model = device(*TRUTHS[0])
    many = fit_many(spectra, model, SPACE, starts=starts)
    assert len(many) == 4 and many.ok.all() and many["R_b"].shape == (4,)
    for k, s in enumerate(spectra):
        same(many, k, fit(s, model, SPACE, starts=MultiStart(0, extra=starts[k], own=False)))
    side_by_side = fit_many(spectra[1:], model, SPACE, starts=starts[1:], lanes=True)
    np.testing.assert_allclose(side_by_side.values, many.values[1:], rtol=1e-8)
    with pytest.raises(KeyError, match="there are C, R_b, g, tau"):
        many["nothing"]


@pytest.mark.parametrize("name", CASES)
def test_a_sample_of_the_peers(name):
    # MINPACK on the circuit by hand, in logarithms, same starts; the benchmark takes 1,000.
    case = CASES[name]
    data = draw(case, 3, 12, 1, 0.005)
    spectra = [Spectrum(freq, Z) for freq, Z in zip(data.freq, data.Z, strict=True)]
    begin = np.stack(case.search(*np.moveaxis(data.starts, -1, 0)), axis=-1)
    ours = fit_many(spectra, case.model, case.space, starts=begin)
    log = np.array([element != case.linear for element in case.elements])
    agree = 0
    for k, (freq, Z, _, start) in enumerate(zip(*data, strict=True)):

        def residual(y, s=2j * np.pi * freq, Z=Z):
            with np.errstate(all="ignore"):
                x = np.where(log, np.exp(y), y)
                return ((1 / case.admittance(s, x) - Z) / np.abs(Z)).view(float)

        y, _, info, _, _ = leastsq(
            residual, np.where(log, np.log(start[0]), start[0]), full_output=True, maxfev=2000
        )
        theirs = float(info["fvec"] @ info["fvec"])
        assert ours.ok[k] and ours.chi2[k] < theirs * (1 + 1e-6)
        if theirs < ours.chi2[k] * (1 + 1e-6):
            agree += 1
            x = np.where(log, np.exp(y), y)
            np.testing.assert_allclose(
                ours.z[k], np.array(case.search(*x)), atol=0.02 * ours.standard_errors[k].min()
            )
    assert agree >= 8


@pytest.mark.slow
def test_wide_intervals_are_withdrawn_as_in_a_single_fit(monkeypatch):
    # Ten per cent of noise leave six parameters barely determined.
    case = CASES["a user's branch"]
    data = [part[240:] for part in draw(case, 3, 300, 1, 0.1)]
    spectra = [Spectrum(freq, Z) for freq, Z in zip(*data[:2], strict=True)]
    begin = np.stack(case.search(*np.moveaxis(data[3], -1, 0)), axis=-1)
    found = fit_many(spectra, case.model, case.space, starts=begin)
    with monkeypatch.context() as patch:
        patch.setattr(
            many, "find_nonlinearity_of_many", lambda spectra, *_: np.zeros((len(spectra), 6), bool)
        )
        linear = fit_many(spectra, case.model, case.space, starts=begin)
    assert not (found.identifiable & ~linear.identifiable).any()
    withdrawn = np.flatnonzero((linear.identifiable & ~found.identifiable).any(axis=1))
    wide = (found.standard_errors > 0.2).any(axis=1) & found.identifiable.all(axis=1)
    assert len(withdrawn) >= 2
    looked = [*withdrawn, *np.flatnonzero(wide)[:5]]
    same = 0
    for k in looked:
        start = MultiStart(0, own=False, extra=[found.z[k]])
        one = fit(spectra[k], case.model, case.space, starts=start, throw=False)
        same += one.identifiable.tolist() == found.identifiable[k].tolist()
    # Moves that chi2 all but forbids are searched by different descents.
    assert same >= len(looked) - 1


def test_starts_from_one_box_and_from_each_spectrum():
    rng = np.random.default_rng(4)
    spectra = [noisy(t, rng) for t in TRUTHS[:2]]
    recipe = partial(element_model, "2d", lead=False, series=False)
    model, space, box = recipe(spectrum=spectra[0])
    shared = MultiStart(15, box)
    same(fit_many(spectra[:1], model, space, starts=shared, seed=5), 0,
         fit(spectra[0], model, space, starts=shared, seed=5))  # fmt: skip
    each = fit_many(
        spectra, model, space, starts=lambda spectrum: MultiStart(15, recipe(spectrum=spectrum).box)
    )
    for k, s in enumerate(spectra):
        box = recipe(spectrum=s).box
        one = fit(s, model, space, starts=MultiStart(15, box), seed=k, throw=False)
        np.testing.assert_allclose(each.chi2[k], one.chi2, rtol=1e-8)


@pytest.mark.slow
def test_a_bias_in_volts_and_exchanged_lags():
    rng = np.random.default_rng(6)
    spectrum = three_biases(rng, "V")[0][0]
    d = jm.si_device(R_s=50.0)
    space = Space(lambda d: d.R_b, lambda d: d.C_m)
    starts = MultiStart(0)
    same(fit_many([spectrum], d, space, starts=starts), 0, fit(spectrum, d, space, starts=starts))
    # Two lags that nothing tells apart: ordered, and not identifiable, as in `fit`.
    bare = Spectrum(spectrum.freq, spectrum.Z - 50.0)
    model, space, box = element_model("3d", spectrum=bare, lead=False, series=False)
    starts = MultiStart(3, box)
    many = fit_many([bare], model, space, starts=starts)
    same(many, 0, fit(bare, model, space, starts=starts, throw=False))
    assert many["tau_d"][0] > many["tau_2"][0] and not many.identifiable[0, -2:].any()


def test_a_hopeless_spectrum_costs_only_itself():
    rng = np.random.default_rng(7)
    good = [noisy(TRUTHS[0], rng) for _ in range(2)]
    # Its squares overflow wherever it is looked at.
    hopeless = Spectrum(good[0].freq, good[0].Z * 1e200, sigma=1e-200)
    model = device(*TRUTHS[0])
    many = fit_many([good[0], hopeless, good[1]], model, SPACE, starts=3)
    assert (many.result == RESULTS.start_not_finite)[1] and many.converged[1] == 0
    assert np.isnan(many.values[1]).all() and np.isnan(many.chi2[1])
    assert not many.identifiable[1].any()
    alone = fit_many(good, model, SPACE, starts=3)
    np.testing.assert_allclose(many.values[[0, 2]], alone.values, rtol=1e-8)


@pytest.mark.slow
def test_other_estimators_and_steps_that_run_out():
    spectra = [noisy(TRUTHS[0], np.random.default_rng(8))]
    model = device(*TRUTHS[0])
    starts = MultiStart(0)
    short = fit_many(spectra, model, SPACE, solver=LeastSquares(max_steps=0), starts=starts)
    assert (short.result == RESULTS.steps_exhausted)[0] and np.isfinite(short.values).all()
    slow = fit_many(spectra, model, SPACE, solver=Descent(steps=300), starts=starts)
    assert slow.chi2[0] < short.chi2[0]


@pytest.mark.usefixtures("as_users_call")
def test_wrong_calls_say_what_is_wrong():
    spectrum = noisy(TRUTHS[0], np.random.default_rng(9))
    model = device(*TRUTHS[0])
    with pytest.raises(ValueError, match="no spectra"):
        fit_many([], model, SPACE)
    with pytest.raises(ValueError, match="item 1 is a float, not a Spectrum"):
        fit_many([spectrum, 1.0], model, SPACE)
    with pytest.raises(ValueError, match=r"\(1, any, 4\), got \(1, 4\)"):
        fit_many([spectrum], model, SPACE, starts=np.zeros((1, 4)))
    with pytest.raises(ValueError, match="must be finite"):
        fit_many([spectrum], model, SPACE, starts=np.full((1, 1, 4), np.nan))
    with pytest.raises(ValueError, match="2 numbers cannot determine 4 parameters"):
        fit_many([spectrum, spectrum.within(high=spectrum.freq[0])], model, SPACE)
    with pytest.raises(ValueError, match="without a bias determines elements"):
        fit_many([spectrum], jm.si_device(), Space(lambda d: d.R_b))
    zero = Spectrum(spectrum.freq, spectrum.Z * 0, label="shorted")
    with pytest.raises(ValueError, match=r"shorted: .Z. = 0 has no"):
        fit_many([spectrum, zero], model, SPACE, starts=1)


@pytest.mark.quick
@pytest.mark.parametrize("defect", ["none", "unfelt", "combined", "weak"])
def test_errors_of_many_are_those_of_one(defect):
    J = np.random.default_rng(10).normal(size=(5, 40, 4)) * [1.0, 1e3, 1e-5, 10.0]
    if defect == "unfelt":
        J[1, :, 2] = 0.0
    if defect == "combined":
        J[1, :, 2] = 1e-4 * J[1, :, 0]
    if defect == "weak":
        J[1, :, 2] = 1e-4 * J[1, :, 0] * (1 + 1e-7 * J[1, :, 3])
    decade, noise = np.full((5, 4), 2.3), np.linspace(0.5, 2.0, 5)
    covariance, share = uncertainties(np.linalg.qr(J, mode="r"), noise, decade)
    for k in range(5):
        one = uncertainty(J[k], noise[k], decade[k])
        np.testing.assert_allclose(covariance[k], one.covariance, rtol=1e-6, atol=1e-12)
        weak = np.abs(one.weak_directions)
        weak = weak / np.maximum(weak.max(axis=1, keepdims=True), 1e-300)
        np.testing.assert_allclose(share[k], weak.max(axis=0, initial=0.0), atol=1e-6)


@pytest.mark.quick
def test_stacking_pads_with_points_of_no_weight():
    rng = np.random.default_rng(11)
    a, b = noisy(TRUTHS[0], rng, n=5, sigma=2.0), noisy(TRUTHS[0], rng, n=3)
    batch = SpectrumBatch.of([a, b], bucket=8)
    assert batch.omega.shape == (2, 8)
    np.testing.assert_allclose(batch.weight_re[0], [0.5] * 5 + [0] * 3)
    np.testing.assert_allclose(batch.weight_im[1], [*(1 / np.abs(b.Z)), 0, 0, 0, 0, 0])
    np.testing.assert_allclose(batch.omega[1], [*b.omega, *[b.omega[0]] * 5])


@pytest.mark.slow
def test_parameters_beyond_the_unrolled_solver():
    """More free parameters than are eliminated by unrolled code: the general path."""
    rng = np.random.default_rng(12)
    names = [f"p{k}" for k in range(5)]
    model = jm.Device(1e-8, {"leak": jm.Leak(1e5)} | {
        n: jm.Polarisation(1e5 * 3.0**k, 1e-7 * 5.0**k) for k, n in enumerate(names)})  # fmt: skip
    at = lambda n, field: lambda d: getattr(d.branches[n], field)
    space = Space(Free(lambda d: d.C_m), *[Free(at(n, f)) for n in names for f in ("R_1", "C_1")])
    freq = np.geomspace(1e-3, 1e5, 60)
    Z = np.asarray(model.impedance(2j * np.pi * freq, 0.0))
    Z = Z * (1 + 0.001 * (rng.normal(size=60) + 1j * rng.normal(size=60)))
    many = fit_many([Spectrum(freq, Z)], model, space, starts=MultiStart(0))
    assert many.ok[0] and 0.5 < many.noise[0] / 0.001 < 1.5
