"""The next experiment: of one quantity, of derived ones, in words; what cannot be asked; rivals."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

import jaxmem as jm
from fitting import (
    Experiment,
    Instrument,
    SteadyCurve,
    from_prior,
    next_experiment,
    possible_experiments,
)
from fitting.experiments.memristor_rivals import rival_models
from fitting.experiments.plan import duration
from fitting.experiments.telling_apart import tell_apart

DEVICE = jm.si_device()


@pytest.fixture(scope="module")
def known():
    return from_prior(DEVICE, 0.2)


@pytest.fixture(scope="module")
def offered():
    told = Instrument(V=(0.5, 0.9), freq=(10.0, 1e5), per_decade=4)
    return [e for e in possible_experiments(DEVICE, told, ["spectrum"]) if e.V > 0.55]


def test_the_plan_keeps_its_time_and_its_word(known, offered):
    plan = next_experiment(known, 100.0, experiments=offered)
    assert plan.time == pytest.approx(sum(m.time for m in plan.measures)) and plan.time <= 100.0
    assert (plan.after < plan.before).all() and (plan.after <= plan.most).all()
    assert (plan.after >= plan.least).all() and plan.wider < 0.1
    np.testing.assert_allclose(plan.measures[-1].after, plan.after)
    assert plan.sentences()[0].startswith("Measure 0.") and "times" in " ".join(plan.sentences())
    # No single experiment, repeated for the same time, does as well.
    for e in offered[:: len(offered) // 5]:
        one = next_experiment(known, 100.0, experiments=[e])
        assert one.typical[1] > plan.typical[1]
    none = next_experiment(known, 1.0, experiments=offered)
    assert not none.measures and "Nothing fits" in none.sentences()[0]
    np.testing.assert_allclose(none.after, none.before)


def test_what_is_wanted_decides(known, offered):
    plans = {n: next_experiment(known, 60.0, wanted=[n], criterion="c", experiments=offered)
             for n in ("V_m", "C_m")}  # fmt: skip
    for name, plan in plans.items():
        k = known.coordinates.names.index(name)
        both = [next_experiment(known, 60.0, experiments=[m.experiment for m in p.measures])
                for p in plans.values()]  # fmt: skip
        assert plan.after[0] <= 1.02 * min(p.after[k] for p in both)


@pytest.mark.quick
def test_a_steady_curve_and_a_function_by_hand():
    """Of a resistance a current at V = 1 with 1 % tells 1 %; with a prior of 1 % in all
    1/sqrt(1 + n) %, and of R^2 twice that."""
    device = jm.Device(1e-8, {"leak": jm.Leak(1e4)})
    known = from_prior(device, {"branches.leak.R_b": 0.01, "C_m": 0.0})
    curve = Experiment("I at 1 V", SteadyCurve([1e-4], V=[1.0], sigma=1.0), 10.0, relative=0.01)
    wanted = {"R squared": ("ohm2", lambda d: d.branches["leak"].R_b ** 2)}
    plan = next_experiment(known, 30.0, wanted=wanted, experiments=[curve])
    assert plan.measures[0].count == 3
    assert plan.before[0] == pytest.approx(0.02) and plan.after[0] == pytest.approx(0.01)
    assert "R squared from 2 % to 1 %" in plan.sentences()[0]


@pytest.mark.slow
def test_derived_quantities_follow_their_finite_differences(known, offered):
    plan = next_experiment(known, 60.0, wanted=["threshold", "window"], experiments=offered)
    slopes = plan.wanted.slopes[0]
    for k in range(len(known.z)):
        ends = []
        for h in (-1e-4, 1e-4):
            device = known.space.unpack(
                jnp.asarray(known.z + h * np.eye(len(known.z))[k]), known.model
            )
            I = np.asarray(jm.hopf_points(device).I)
            ends.append(np.log([I[0], I[1] - I[0]]))
        np.testing.assert_allclose(slopes[:, k], (ends[1] - ends[0]) / 2e-4, rtol=1e-4, atol=1e-4)
    assert plan.names == ("threshold", "window") and (plan.after < 0.02).all()


@pytest.mark.quick
@pytest.mark.parametrize(
    "more, said",
    [
        (dict(wanted=["speed"]), "no quantity 'speed'"),
        (dict(criterion="c"), "c of one quantity"),
        (dict(criterion="E"), "one of D, A, c"),
        (dict(budget=0.0), "a time in s"),
        (dict(experiments=[]), "no experiment to choose"),
    ],
)
def test_what_cannot_be_asked_is_refused(known, offered, more, said, as_users_call):
    with pytest.raises(ValueError, match=said):
        next_experiment(known, **({"budget": 60.0, "experiments": offered} | more))


@pytest.mark.quick
def test_times_in_words():
    words = [duration(s) for s in (0.25, 36, 119, 240, 7200, 200_000)]
    assert words == ["250 ms", "36 s", "119 s", "4 min", "2 h", "2.3 d"]


def admittance_2d(z, V, freq):
    """Eq. 6 without a series resistance."""
    R_b, C_m, i_c0, V_m, tau_d = np.exp(z[[0, 1, 2, 4, 5]])
    f = 1 / (1 + np.exp(-(V - z[3]) / V_m))
    s, R_a = 2j * np.pi * freq, V_m / (i_c0 * f * (1 - f))
    return C_m * s + 1 / R_b + 1 / (R_a * (1 + s * tau_d))


def test_a_rival_is_told_apart_by_what_scipy_cannot_fit(offered):
    """The chi2 that is promised is the least that SciPy finds for the 2D device."""
    (rival,) = rival_models(DEVICE)[:1]
    (found,) = tell_apart([rival], offered, 60.0)
    assert found.chi2 > 100 and "tells them apart" in found.sentences()[0]
    truth, data = DEVICE, []
    for e, n, _ in found.measures:
        freq = e.measurement.freq[e.rows[: len(e.measurement.freq)]]
        Z = np.asarray(jm.linearize(truth, u=e.V).impedance(2 * np.pi * freq))
        data.append((e.V, freq, Z, n))

    def residual(z):
        off = [np.sqrt(n) * (1 / admittance_2d(z, V, f) - Z) / (0.01 * np.abs(Z))
               for V, f, Z, n in data]  # fmt: skip
        off = np.concatenate(off)
        return np.concatenate([off.real, off.imag])

    two = rival.model
    z0 = np.array([float(x) for x in (jnp.log(two.R_b), jnp.log(two.C_m), jnp.log(two.i_c0),
                                      two.V_T, jnp.log(two.V_m), jnp.log(two.tau_d))])  # fmt: skip
    rng, best = np.random.default_rng(0), np.inf
    with np.errstate(all="ignore"):
        for start in [z0, *(z0 + rng.uniform(-1, 1, (8, 6)) * [1, 1, 1, 0.1, 0.5, 1])]:
            end = least_squares(residual, start, x_scale=[1, 1, 1, 0.05, 1, 1])
            best = min(best, 2 * end.cost)
    # Ours also holds the parameters within a factor of ten, weakly.
    assert best <= found.chi2 * 1.01 and found.chi2 <= best * 1.1 + 5


def test_a_model_is_not_told_from_what_contains_it(offered):
    """2D data are met by a 3D device with a second lag of next to nothing."""
    two = jm.Memristor2D(1e4, 1e-7, 1e-3, 0.8, 0.05, 1e-2)
    three, _ = rival_models(two)
    assert three.name == "2D" and three.true_name.startswith("3D")
    space = from_prior(three.truth, 0.1).space
    contains = three._replace(truth=two, model=three.truth, space=space)
    (found,) = tell_apart([contains], [e for e in offered if e.V == offered[-1].V][:4], 30.0)
    assert found.chi2 < 9 and "does not tell" in found.sentences()[0]


def test_rivals_of_ones_own_device_must_be_given():
    with pytest.raises(ValueError, match="no rivals are known"):
        rival_models(jm.Device(1e-8, {"leak": jm.Leak(1e4)}))
