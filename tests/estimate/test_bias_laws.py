"""The laws of the elements over the bias, against impedances and laws written out here."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq

from fitting import Spectrum
from fitting.estimate.abscissa import abscissa_of
from fitting.estimate.drift import trends
from fitting.estimate.element_laws import bias_laws
from fitting.estimate.gate_law import Known, fit_gate
from fitting.estimate.series import outliers

R_B, R_S, C_M, I_C0, V_T, V_M, TAU_D, TAU_K = 1e4, 60.0, 1e-8, 5e-4, 0.8, 0.04, 2e-3, 5e-3
SEED = 1705
BIASES = np.array([0.75, 0.6, 0.9, 0.65, 0.85, 0.7, 0.8, 0.95])


def f_ss(u):
    return 1 / (1 + np.exp(-(u - V_T) / V_M))


def current(u):
    return u / R_B + I_C0 * f_ss(u)


def elements(u):
    f = f_ss(u)
    return dict(R_b=R_B, C_m=C_M, R_s=R_S, g=I_C0 / V_M * f * (1 - f), tau_d=TAU_D, tau_2=f * TAU_K)


def over(V):
    """The voltage over the memristor at an applied one."""
    return brentq(lambda u: u + R_S * current(u) - V, -1, 2, xtol=1e-14)


@pytest.mark.parametrize("kind", ["u", "V", "I"])
def test_the_gate_is_found_from_any_bias(kind):
    rng = np.random.default_rng([SEED, 1])
    u = np.linspace(0.62, 0.95, 8)
    value = {"u": u, "V": u + R_S * current(u), "I": current(u)}[kind]
    log_g = np.log([elements(x)["g"] for x in u]) + 0.02 * rng.normal(size=8)
    gate = fit_gate(Known(kind, value, R_B, R_S), log_g, np.full(8, 0.02))
    assert not gate.open and max(gate.errors) < 0.03
    for found, truth, error in zip(
        (gate.V_T, np.log(gate.V_m), np.log(gate.i_c0)), (V_T, np.log(V_M), np.log(I_C0)),
        gate.errors, strict=True,
    ):  # fmt: skip
        assert abs(found - truth) < 4 * error
    np.testing.assert_allclose(gate.u, u, atol=0.1 * V_M)


@pytest.mark.parametrize("sign, word", [(-1, "rises"), (1, "falls")])
def test_an_exponential_tells_the_steepness_only(sign, word):
    rng = np.random.default_rng([SEED, 2])
    u = V_T + sign * np.linspace(0.2, 0.4, 6)
    log_g = np.log([elements(x)["g"] for x in u]) + 0.02 * rng.normal(size=6)
    gate = fit_gate(Known("u", u, R_B, 0.0), log_g, np.full(6, 0.02))
    assert word in gate.open and gate.steep_known
    assert np.isinf(gate.errors[0]) and np.isinf(gate.errors[2])
    assert abs(np.log(gate.V_m / V_M)) < 4 * gate.errors[1] < 0.2
    # Nothing but the steepness is known of two biases either, and not even that.
    two = fit_gate(Known("u", u[:2], R_B, 0.0), log_g[:2], np.full(2, 0.02))
    assert "two biases" in two.open and not two.steep_known


def fake(values, errors, grade="yes", exchanged=False, **more):
    """What a fit of one spectrum says, with errors in e-folds."""
    units = dict(R_b="ohm", C_m="F", R_s="ohm", g="S", tau_d="s", tau_2="s")
    open_ = ("tau_d", "tau_2") if exchanged else ()
    rows, parameters = [], []
    for name, value in values.items():
        fine = name not in open_ and grade != "no"
        ends = (value * np.exp(-errors), value * np.exp(errors)) if fine else (None, None)
        rows.append(
            dict(name=name, unit=units[name], value=value, low=ends[0], high=ends[1],
                 identifiable=fine)
        )  # fmt: skip
        reasons = ("the optimum exchanged is as good",) if name in open_ else ()
        parameters.append(
            SimpleNamespace(name=name, value=value, standard_error=errors, reasons=reasons,
                            log=True)
        )  # fmt: skip
    pairs = (("tau_d", "tau_2"),) if exchanged else ()
    return SimpleNamespace(
        names=tuple(values), values=np.array(list(values.values())), rows=lambda: rows,
        parameters=tuple(parameters), describes=grade, relative_rms_residual=0.01,
        identifiable=np.array([r["identifiable"] for r in rows]),
        identifiability=SimpleNamespace(exchanges=pairs), **more,
    )  # fmt: skip


def series(rng, lags=1, error=0.01):
    spectra, fits = [], []
    for k, V in enumerate(BIASES):
        truth = elements(over(V))
        if lags == 1:
            truth.pop("tau_2")
        values = {n: v * np.exp(error * rng.normal()) for n, v in truth.items()}
        if lags == 2 and k % 2:
            values["tau_d"], values["tau_2"] = values["tau_2"], values["tau_d"]
        spectra.append(Spectrum([1.0, 2.0], [1 + 0j, 1 + 0j], V=float(V), time=60.0 * k))
        fits.append(fake(values, error, exchanged=lags == 2))
    return spectra, fits


@pytest.mark.usefixtures("as_users_call")
def test_the_device_follows_from_elements_over_the_bias():
    spectra, fits = series(np.random.default_rng([SEED, 3]))
    laws = bias_laws(spectra, fits, [False] * 8)
    found = {p.name: p for p in laws.parameters}
    for name, truth in dict(V_T=V_T, V_m=V_M, i_c0=I_C0, C_m=C_M, R_b=R_B, tau_d=TAU_D).items():
        width = found[name].high - found[name].low
        assert found[name].determined and abs(found[name].value - truth) < 2.5 * width, name
        assert width < 0.05 * truth
    assert [c.name for c in laws.curves] == ["R_a", "C_m", "R_b", "tau_d"]
    assert all(c.holds for c in laws.curves)
    assert (np.diff(laws.curves[0].u) > 0).all()
    assert "law (7) within" in " ".join(laws.statements())
    # What the model does not describe, and what stands out, takes no part, however wrong.
    for k in (0, 4):
        bad = dict(elements(over(BIASES[k])), g=1.0)
        bad.pop("tau_2")
        fits[k] = fake(bad, 0.01, grade="no" if k == 0 else "yes")
    less = bias_laws(spectra, fits, [k == 4 for k in range(8)])
    assert less.used == 6 and abs({p.name: p for p in less.parameters}["V_T"].value - V_T) < 0.01
    # Without a bias, or at one, there is no law.
    unknown = [Spectrum(s.freq, s.Z) for s in spectra]
    assert bias_laws(unknown, fits, [False] * 8) is None


@pytest.mark.usefixtures("as_users_call")
def test_what_does_not_follow_the_laws_is_said():
    spectra, fits = series(np.random.default_rng([SEED, 4]))
    for f, V in zip(fits, BIASES, strict=True):
        for row in f.rows():
            # A capacitance that grows with the bias, and an R_a that is no bell over it.
            factor = {"C_m": np.exp(6 * (V - 0.6)), "g": np.exp(3 * np.sin(40 * V))}
            for key in ("value", "low", "high"):
                row[key] *= factor.get(row["name"], 1.0)
    laws = bias_laws(spectra, fits, [False] * 8)
    found = {p.name: p for p in laws.parameters}
    assert not found["C_m"].determined and "changes with the bias" in found["C_m"].reason
    assert not any(found[n].determined for n in ("V_T", "V_m", "i_c0")) and found["R_b"].determined
    said = " ".join(laws.statements())
    assert "departs from law (7) by" in said and "C_m(u)" in said and "changes by a factor" in said
    assert "do not determine V_T, V_m, i_c0" in said


@pytest.mark.usefixtures("as_users_call")
def test_two_lags_are_told_apart_by_the_bias():
    spectra, fits = series(np.random.default_rng([SEED, 5]), lags=2)
    laws = bias_laws(spectra, fits, [False] * 8)
    found = {p.name: p for p in laws.parameters}
    assert found["tau_d"].value == pytest.approx(TAU_D, rel=0.03) and found["tau_d"].determined
    assert found["tau_k"].value == pytest.approx(TAU_K, rel=0.03) and found["tau_k"].determined
    # At one occupation nothing tells which is which.
    high = [Spectrum(s.freq, s.Z, u=float(u)) for s, u in zip(spectra, 1 + BIASES, strict=True)]
    rng = np.random.default_rng([SEED, 6])
    values = [elements(1 + V) | {"tau_d": 2e-3, "tau_2": 5e-3} for V in BIASES]
    noisy = [{n: v * np.exp(0.01 * rng.normal()) for n, v in each.items()} for each in values]
    laws = bias_laws(high, [fake(v, 0.01, exchanged=True) for v in noisy], [False] * 8)
    lost = {p.name: p for p in laws.parameters}["tau_d"]
    assert not lost.determined and "which lag" in lost.reason


def test_a_series_goes_along_what_was_changed():
    at = lambda **said: Spectrum([1.0, 2.0], [1 + 0j, 1 + 0j], **said)
    biased = abscissa_of([at(V=v, time=60.0 * k) for k, v in enumerate(BIASES)])
    assert biased.name == "bias" and biased.unit == "V"
    assert BIASES[biased.order].tolist() == sorted(BIASES)
    # A reading that jitters was held, and the series is one in time.
    held = abscissa_of([at(V=0.7 + 1e-3 * (k % 2), time=60.0 * k) for k in range(4)])
    assert held.name == "time" and held.order.tolist() == [0, 1, 2, 3]
    warm = abscissa_of([at(temperature=t) for t in (310.0, 290.0, 300.0)])
    assert warm.name == "temperature" and warm.order.tolist() == [1, 2, 0]
    assert abscissa_of([at(V=0.5), at(I=1e-3)]).name == "spectrum"


@pytest.mark.usefixtures("as_users_call")
def test_outliers_are_those_along_the_bias():
    rng = np.random.default_rng([SEED, 7])
    V = rng.permutation(np.linspace(0.5, 1.0, 12))
    wrong = int(np.argsort(V)[5])
    spectra, fits = [], []
    for k, v in enumerate(V):
        values = elements(v)
        Z = 1 / (1 / R_B + values["g"])
        values["R_b"] *= 3.0 if k == wrong else 1.0
        spectra.append(Spectrum([1.0, 2.0], [Z + 0j, Z + 0j], V=float(v)))
        fits.append(fake({n: x * np.exp(0.01 * rng.normal()) for n, x in values.items()}, 0.01))
    found, reasons = outliers(spectra, fits)
    # 1/R_a goes over four decades and turns, from file to file at random: that is no outlier.
    assert np.flatnonzero(found).tolist() == [wrong] and "R_b" in reasons[wrong][0]
    assert trends(spectra, fits, found.tolist()) == ()
