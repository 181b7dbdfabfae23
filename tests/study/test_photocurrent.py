"""A constant current against the conduction: alone, in a fit, and said where data show it."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import jaxmem as jm
from fitting import Spectrum, SteadyCurve, Trace
from fitting.models.offset import offset_of
from fitting.study.checks import offset_remarks
from fitting.study.run import run_study
from fitting.study.spec import Entry, Spec

pytestmark = pytest.mark.usefixtures("not_rendered")

R_B, R_S, C_M, I_C0, V_T, V_M, TAU_D, I_PH = 1e4, 60.0, 1e-8, 5e-4, 0.8, 0.06, 2e-3, 2e-5
LETTERS = (R_B, C_M, I_C0, V_T, V_M, TAU_D)


def f_ss(u):
    return 1 / (1 + np.exp(-(u - V_T) / V_M))


def current(u, I_ph=I_PH):
    return u / R_B + I_C0 * f_ss(u) - I_ph


def lit(I_ph=I_PH):
    return jm.Memristor2D(*LETTERS, R_s=R_S, extra={"light": jm.Photocurrent(I_ph)})


def test_a_photocurrent_moves_the_curve_and_not_the_impedance():
    device, dark = lit(), jm.Memristor2D(*LETTERS, R_s=R_S)
    open_circuit = brentq(current, 0, 1, xtol=1e-14)
    assert float(jm.operating_point(device, I=0.0).u) == pytest.approx(open_circuit, abs=1e-12)
    shorted = brentq(lambda u: u + R_S * current(u), -1, 1, xtol=1e-14)
    assert float(jm.operating_point(device, V=0.0).I) == pytest.approx(current(shorted), rel=1e-9)
    s = 2j * np.pi * np.geomspace(1, 1e6, 9)
    np.testing.assert_array_equal(device.impedance(s, 0.7), dark.impedance(s, 0.7))
    # At a current the light moves the bias over the memristor, and with it the impedance.
    u = brentq(lambda u: current(u) - 1e-4, 0, 2, xtol=1e-14)
    F = f_ss(u)
    Y = C_M * s + 1 / R_B + I_C0 / V_M * F * (1 - F) / (1 + s * TAU_D)
    seen = Spectrum(np.geomspace(1, 1e6, 9), R_S + 1 / Y, I=1e-4)
    np.testing.assert_allclose(seen.impedance(device), R_S + 1 / Y, rtol=1e-8)
    again = jm.device_from_toml(jm.device_to_toml(device))
    assert float(again.branches["light"].I_ph) == I_PH


def test_a_transient_begins_at_the_open_circuit():
    t = np.linspace(0, 0.01, 41)
    run = jm.solve(jm.Circuit(lit(), jm.CurrentDrive(jm.Step(1e-4))), t)
    u0 = brentq(current, 0, 1, xtol=1e-14)

    def rates(_, y):
        u, i_c = y
        return (1e-4 - u / R_B - i_c + I_PH) / C_M, (I_C0 * f_ss(u) - i_c) / TAU_D

    want = solve_ivp(
        rates, (0, 0.01), (u0, I_C0 * f_ss(u0)), method="Radau", t_eval=t[1:], rtol=1e-10,
        atol=1e-14,
    ).y[0]  # fmt: skip
    np.testing.assert_allclose(run.u[1:], want, rtol=1e-5)


def loop(I_ph, rate, noise, rng):
    t = np.linspace(0, 2 / rate, 200)
    drive = jm.VoltageDrive(jm.Triangle([0.0, 1.0], rate=rate))
    I = np.asarray(jm.solve(jm.Circuit(lit(I_ph), drive), t).I)
    return Trace(t, drive, I + noise * rng.normal(size=200))


@pytest.mark.slow
def test_what_shows_a_current_at_no_voltage_and_what_does_not():
    rng = np.random.default_rng([1707, 1])
    V = np.linspace(-0.2, 1.0, 41)
    u = np.array([brentq(lambda u: u + R_S * current(u) - v, -2, 2) for v in V])  # noqa: B023
    noise = 2e-7 * rng.normal(size=41)
    shown = offset_of(SteadyCurve(current(u) + noise, V=V, sigma=2e-7).sizes())
    assert shown is not None and shown.current == pytest.approx(-I_PH, abs=4 * shown.error + 2e-7)
    dark = current(V, 0.0) + noise
    assert offset_of(SteadyCurve(dark, u=V, sigma=2e-7).sizes()) is None
    # Leakage that is larger in one direction is no source.
    assert offset_of(SteadyCurve(np.expm1(V / 0.1) * 1e-6 + noise, V=V, sigma=1e-7).sizes()) is None
    # A slow loop, and one so fast that the memory is still there at its end.
    for rate in (0.5, 200.0):
        assert offset_of(loop(0.0, rate, 1e-7, rng).sizes()) is None
    found = offset_of(loop(I_PH, 0.5, 1e-7, rng).sizes())
    assert found is not None and found.current == pytest.approx(-I_PH, rel=0.02)
    (line,) = offset_remarks([loop(I_PH, 0.5, 1e-7, rng)], jm.Memristor2D(*LETTERS))
    assert "At V = 0 a current flows" in line and "--add photocurrent" in line
    assert offset_remarks([loop(I_PH, 0.5, 1e-7, rng)], lit()) == []


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A steady curve under light, and spectra at two currents."""
    folder, rng = tmp_path_factory.mktemp("lit"), np.random.default_rng([1707, 2])
    u = np.linspace(-0.2, 1.1, 60)
    I = current(u)
    rows = np.c_[u + R_S * I, I * (1 + 0.005 * rng.normal(size=60))]
    np.savetxt(folder / "curve.csv", rows, delimiter=",", header="V (V),I (A)", comments="")
    freq = np.geomspace(1, 1e6, 30)
    s = 2j * np.pi * freq
    entries = [Entry("curve", folder / "curve.csv")]
    for k, bias in enumerate((5e-5, 3e-4)):
        F = f_ss(brentq(lambda u: current(u) - bias, 0, 2))  # noqa: B023
        Z = R_S + 1 / (C_M * s + 1 / R_B + I_C0 / V_M * F * (1 - F) / (1 + s * TAU_D))
        Z = Z + 0.003 * np.abs(Z) * (rng.normal(size=30) + 1j * rng.normal(size=30))
        name = folder / f"z{k}.csv"
        np.savetxt(
            name, np.c_[freq, Z.real, Z.imag], delimiter=",", header="freq,re,im", comments=""
        )
        entries.append(Entry("spectra", name, {"I": bias}))
    return entries


@pytest.mark.slow
def test_a_photocurrent_is_recovered_and_its_lack_is_said(files, tmp_path):
    said = dict(entries=tuple(files), without=("lead",), starts=8)
    right = run_study(Spec(add=("photocurrent",), **said), tmp_path / "lit")
    found = right.fits[0]
    truth = dict(I_ph=I_PH, R_b=R_B, C_m=C_M, i_c0=I_C0, V_T=V_T, V_m=V_M, tau_d=TAU_D, R_s=R_S)
    assert found.describes in ("yes", "but_for") and found.identifiable.all()
    for name, low, high in zip(found.names, found.low, found.high, strict=True):
        assert abs(found[name] - truth[name]) < 2.5 * (high - low), name
    assert not any("At V = 0" in line for line in right.lines)
    wrong = run_study(Spec(**said), tmp_path / "dark")
    lines = " ".join(wrong.lines)
    assert wrong.fits[0].describes == "no" and "--add photocurrent" in lines
    assert lines.index("At V = 0 a current flows") < lines.index("The values are those")
    assert "At V = 0 a current flows" in (tmp_path / "dark/report.html").read_text()
    assert jnp.isfinite(wrong.fits[0].chi2)
