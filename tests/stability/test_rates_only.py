"""A branch that gives its rates only, in a box, against the same with a curve in closed form."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.problems.published import HodgkinHuxley
from benchmarks.problems.published_cases import HEATED

K_B, C_m, R_s = 8.617333262e-5, 3e-12, 1e3
KNOWN = jm.Device(C_m, {"switch": jm.ThermalSwitch(**HEATED)}, R_s=R_s)


class Heated(jm.AbstractBranch):
    """The thermal switch, of which only the rates are given."""

    states: ClassVar = ("T",)
    units: ClassVar = ("K",)
    R_0: jax.Array = jm.quantity("ohm", "resistance")
    E_a: jax.Array = jm.quantity("eV", "barrier")
    b: jax.Array = jm.quantity("eV/V^0.5", "lowering")
    C_th: jax.Array = jm.quantity("J/K", "heat capacity")
    R_th: jax.Array = jm.quantity("K/W", "thermal resistance")
    low: jax.Array = jm.quantity("K", "lower end of the box", default=299.0)

    def current(self, u, x):
        size = jnp.abs(u)
        root = jnp.sqrt(jnp.where(size > 0, size, 1.0)) * (size > 0)
        return u / self.R_0 * jnp.exp(-(self.E_a - self.b * root) / (K_B * x[0]))

    def rates(self, u, x):
        return (u * self.current(u, x) - (x - 300.0) / self.R_th) / self.C_th

    def rest_box(self):
        return jnp.stack([jnp.asarray(-0.5), self.low]), jnp.array([3.0, 1000.0])


def device(**more):
    return jm.Device(C_m, {"switch": Heated(**HEATED | more)}, R_s=R_s)


@pytest.mark.slow
def test_three_states_at_one_voltage():
    got, want = (jm.operating_points(d, V=1.34) for d in (device(), KNOWN))
    assert int(got.count) == int(want.count) == 3
    for name in ("u", "x", "I"):
        np.testing.assert_allclose(getattr(got, name)[:3], getattr(want, name)[:3], rtol=1e-9)


@pytest.mark.slow
def test_the_middle_state_moves_with_the_thermal_resistance_and_rest_is_the_first():
    slope = lambda d: jax.grad(lambda d: jm.operating_point(d, V=1.34, branch=1).u)(d)
    ours, theirs = (slope(d).branches["switch"].R_th for d in (device(), KNOWN))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-7)
    rest = jm.operating_point(device(), V=1.34, branch="rest")
    assert float(rest.u) == pytest.approx(float(jm.operating_points(KNOWN, V=1.34).u[0]), rel=1e-9)


def test_what_cannot_be_followed_is_said_when_the_device_is_made():
    with pytest.raises(ValueError, match=r"u = -0.5 V.*come to no rest in the box"):
        device(low=400.0)
    with pytest.raises(ValueError, match=r"its rates only.*rest_curve"):
        jm.fold_curve(device(), lambda d: d.branches["switch"].R_th, drive="voltage")


@pytest.mark.slow
def test_folds_hopf_points_and_transients():
    got, want = (jm.fold_points(d, drive="voltage") for d in (device(), KNOWN))
    positive = np.asarray(want.V) > 0
    assert int(got.found) == positive.sum() == 2
    for name in ("V", "u", "bend", "capacitance"):
        np.testing.assert_allclose(
            getattr(got, name)[:2], np.asarray(getattr(want, name))[positive], rtol=1e-6
        )
    loaded = [jm.Device(C_m, d.branches, R_s=2e5) for d in (device(), KNOWN)]
    got, want = (jm.hopf_points(d, drive="voltage", u_range=(0.0, 3.0)) for d in loaded)
    assert int(got.found) == int(want.found) == 2
    for name in ("V", "omega", "l1"):
        np.testing.assert_allclose(getattr(got, name)[:2], getattr(want, name)[:2], rtol=1e-6)
    t = jnp.linspace(0, 3e-7, 40)
    drive = jm.VoltageDrive(jm.Step(20.0, low=1.0))
    got, want = (jm.solve(jm.Circuit(d, drive), t) for d in loaded)
    np.testing.assert_allclose(got.u, want.u, atol=2e-5)


@pytest.mark.slow
def test_several_states():
    class Gates(HodgkinHuxley):
        rest = jm.AbstractBranch.rest

        def rest_box(self):
            return jnp.array([-40.0, -0.01, -0.01, -0.01]), jnp.array([80.0, 1.01, 1.01, 1.01])

    known = jm.Device(1.0, {"m": HodgkinHuxley()})
    for I in (0.0, 10.0, 80.0):
        got = jm.operating_point(jm.Device(1.0, {"m": Gates()}), I=I)
        want = jm.operating_point(known, I=I)
        assert float(got.u) == pytest.approx(float(want.u), rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(got.x, want.x, rtol=1e-9)
