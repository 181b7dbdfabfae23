"""Volts, millivolts, kilovolts: a device without a `window` has the same answers in each."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem.stability.equilibria.criticality import bending, sizes

UNITS = (1e-3, 1.0, 1e3)


class InUnits(jm.AbstractBranch):
    """FitzHugh-Nagumo with voltages in a unit of their own, currents alike."""

    states: ClassVar = ("w",)
    units: ClassVar = ("A",)
    one: jax.Array = jm.quantity("V", "the unit of voltage")

    def current(self, u, x):
        v = u / self.one
        return v**3 / 3 - v + x[0]

    def rates(self, u, x):
        return 0.08 * (u / self.one + 0.7 - 0.8 * x)

    def rest(self, u):
        return ((u / self.one + 0.7) / 0.8)[None]


def device(unit):
    return jm.Device(1 / unit, {"w": InUnits(unit)})


@pytest.mark.parametrize("v", [0.1, 0.9, 1.7])
def test_the_size_of_a_voltage_is_where_the_device_bends(v):
    # h' = |v^2 - 1| + 1/0.8 of the current, h'' = 2 v, h''' = 2; rates and rest are straight.
    want = max(np.sqrt((abs(v**2 - 1) + 1.25) / 2), v)
    for unit in UNITS:
        d, u = device(unit), jnp.asarray(v * unit)
        assert float(bending(d, u)) == pytest.approx(want * unit, rel=1e-12)
        size = sizes(d, u, jnp.append(u, d.rest(u)))
        np.testing.assert_allclose(size, [want * unit, want / 0.8], rtol=1e-12)


def test_hopf_points_and_what_must_change_in_any_unit():
    rows = []
    for unit in UNITS:
        hopf = jm.hopf_points(device(unit))
        assert int(hopf.found) == 2
        rows.append([*hopf.I[:2], *hopf.u[:2] / unit, *hopf.omega[:2], *hopf.l1[:2] * unit**2])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-12)
    np.testing.assert_allclose(rows[2], rows[1], rtol=1e-12)


@pytest.mark.slow
def test_cycles_have_the_same_period_in_any_unit():
    rows, folds = [], []
    for unit in UNITS:
        d = device(unit)
        cycle = jm.limit_cycle(jm.Circuit(d, jm.CurrentDrive(jm.Constant(0.5))))
        rows.append([cycle.period, cycle.u_max / unit, cycle.energy / unit])
        branch = jm.cycle_branch(d)
        assert bool(branch.complete)
        folds.append(branch.folds.drive[:2])
    np.testing.assert_allclose(rows, np.broadcast_to(rows[1], (3, 3)), rtol=1e-9)
    np.testing.assert_allclose(folds, np.broadcast_to(folds[1], (3, 2)), rtol=1e-6)
