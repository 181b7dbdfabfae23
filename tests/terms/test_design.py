"""Design is a fit whose terms are goals: the device that was asked for, by scipy's integration."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxmem as jm
from fitting import Free, Goal, MultiStart, Prior, Space, fit

I = 115e-6


def onset(device):
    return jnp.log(jm.hopf_points(device).I[0] / I)


def width(device):
    points = jm.hopf_points(device)
    return jnp.log(points.I[1] / points.I[0])


def pace(device):
    return jnp.log(jm.hopf_points(device).omega[0] / (2 * jnp.pi * 50.0))


def frequency(device):
    return 1 / jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))).period


@pytest.mark.slow
def test_a_device_that_spikes_at_50_hertz_at_115_microampere_with_a_soft_onset():
    today = jm.si_device()
    names = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
    space = Space(*(Free(lambda d, n=n: getattr(d, n), name=n) for n in names))
    near = [Prior(lambda d, n=n: getattr(d, n), float(getattr(today, n)), factor=2) for n in names]
    goals = [
        Goal(onset, np.log(0.95), 0.01), Goal(width, np.log(4.0), 0.2), Goal(pace, 0.1, 0.1),
        Goal(frequency, 50.0, 0.25, integrates=True),
    ]  # fmt: skip
    design = fit([*goals, *near], today, space, starts=MultiStart(0))
    d = design.model
    # Close: within a factor of six of today's in every parameter.
    for name in names:
        assert abs(np.log(float(getattr(d, name)) / float(getattr(today, name)))) < np.log(6)
    points = jm.hopf_points(d)
    assert float(points.I[0]) < I < float(points.I[1]) and float(points.l1[0]) < 0
    p = {n: float(getattr(d, n)) for n in names}

    def field(t, y):
        u, i, w = y
        x = (u - p["V_T"]) / p["V_m"]
        f = 1 / (1 + np.exp(-w))
        return [
            (I - u / p["R_b"] - i) / p["C_m"], (p["i_c0"] * f - i) / p["tau_d"],
            -(1 + np.exp(min(-w, 300))) * np.expm1(min(w - x, 300)) / p["tau_k"],
        ]  # fmt: skip

    run = solve_ivp(field, (0, 2.0), [p["V_T"], 0.0, 0.0], "Radau", rtol=1e-8, atol=1e-12,
                    dense_output=True)  # fmt: skip
    t = np.linspace(1.5, 2.0, 20001)
    u = run.sol(t)[0]
    up = t[1:][(u[:-1] < u.mean()) & (u[1:] >= u.mean())]
    assert 1 / np.mean(np.diff(up)) == pytest.approx(50.0, rel=0.01)
    assert np.ptp(u) > p["V_m"]
