"""The integrator by itself: coefficients, orders, algebraic rows, and its end-of-step check."""

import json

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from jaxmem.responses.rosenbrock import ALPHA, GAMMA, GAMMA_I, A, C, H, Rodas5P, _factorise


def steps(field, y0, t1, n, mass=None, ts=None):
    """Equal steps; y at t1, or at ts from the dense output."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        Rodas5P(mass=mass),
        0.0,
        t1,
        t1 / n,
        y0,
        saveat=diffrax.SaveAt(t1=True) if ts is None else diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.ConstantStepSize(),
        adjoint=diffrax.ForwardMode(),
        max_steps=10_000,
    )
    return solution.ys


def turn(t, y, args):
    """A pendulum driven in time, with a damped companion."""
    del args
    a, b, c = y
    return jnp.stack([b, -jnp.sin(a) + 0.3 * jnp.cos(2 * t), -c + a * b])


START = jnp.array([1.0, 0.0, 0.5])


@pytest.mark.quick
def test_coefficients_are_those_published(shared):
    known = json.loads((shared / "reference" / "rosenbrock.json").read_text())["rodas5p"]
    assert known["gamma"] == GAMMA and known["order"] == 5
    for name, own in (("alpha", ALPHA), ("gamma_i", GAMMA_I)):
        np.testing.assert_allclose(own, known[name], rtol=1e-15)
    for name, own in (("a", A), ("c", C), ("h", H)):
        for row, theirs in zip(own, known[name], strict=True):
            np.testing.assert_allclose(row, np.asarray(theirs)[: len(row)], rtol=1e-15)
            assert not np.any(np.asarray(theirs)[len(row) :])


def test_order_five_at_the_ends_of_steps():
    exact = steps(turn, START, 2.0, 400)[0]
    errors = [jnp.max(jnp.abs(steps(turn, START, 2.0, n)[0] - exact)) for n in (10, 20, 40)]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > 4.6), orders


@pytest.mark.slow
def test_order_four_between_them():
    ts = jnp.linspace(0.013, 1.97, 37)
    exact = steps(turn, START, 2.0, 400, ts=ts)
    errors = [jnp.max(jnp.abs(steps(turn, START, 2.0, n, ts=ts) - exact)) for n in (10, 20, 40)]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > 3.6), orders


def test_a_massless_row_is_an_algebraic_equation():
    """z = y^2 beside y' = -z: y = 1/(1 + t), at order 5 in both."""
    field = lambda t, y, args: jnp.stack([-y[1], y[0] ** 2 - y[1]])
    mass = jnp.array([1.0, 0.0])
    y, z = steps(field, jnp.array([1.0, 1.0]), 3.0, 40, mass=mass)[0]
    assert abs(y - 0.25) < 1e-8 and abs(z - 0.0625) < 1e-8


def test_infinite_stiffness_does_no_harm():
    """Prothero and Robinson's problem, y' = -L (y - cos t) - sin t, with L to 1e12."""
    for stiff in (1e2, 1e6, 1e12):
        field = lambda t, y, args, L=stiff: -L * (y - jnp.cos(t)) - jnp.sin(t)
        error = jnp.abs(steps(field, jnp.array([1.0]), 2.0, 40)[0, 0] - jnp.cos(2.0))
        assert error < 1e-7, (stiff, error)


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_linear_solves(n):
    """Unrolled with the last rows eliminated first, and by LAPACK above six states."""
    rng = np.random.default_rng(n)
    W = rng.normal(size=(n, n)) + np.diag(10.0 ** rng.uniform(1, 9, n))
    r = rng.normal(size=n)
    solution = _factorise(jnp.asarray(W))(jnp.asarray(r))
    np.testing.assert_allclose(W @ solution, r, rtol=1e-9, atol=1e-9)


def _first_step(check, h):
    """Error estimate and true error of one step from rest, where a gate in raw f is stiffest."""

    def gate(t, y, args):
        del t, args
        u, f = y
        return jnp.stack([1.0 - 0 * u, (1 - f) - jnp.exp(-(u - 1) / 0.05) * f])

    f0 = 1 / (1 + np.exp(20.0))
    term = diffrax.ODETerm(gate)
    solver = Rodas5P(end_check=check)
    y0 = jnp.array([0.0, f0])
    state = solver.init(term, 0.0, h, y0, None)
    y1, error, *_ = solver.step(term, 0.0, h, y0, None, state, False)
    fine = steps(gate, y0, h, 4000)[0]
    return float(jnp.max(jnp.abs(error))), float(jnp.max(jnp.abs(y1 - fine)))


def test_the_end_check_sees_what_the_embedded_error_does_not():
    """From rest over the threshold in one step: f should have opened, and has not.

    The embedded estimate is divided by the stiffness at the start, 5e8; the end check is not.
    """
    h = 1.6
    blind, wrong = _first_step(0.0, h)
    seeing, _ = _first_step(0.1, h)
    assert wrong > 0.1
    assert blind < 1e-5, "or the check would not be needed"
    assert seeing > 1e-3


@pytest.mark.slow
def test_the_step_is_differentiable():
    f = lambda h: steps(turn, START, h, 8)[0]
    slope = jax.jacfwd(f)(2.0)
    np.testing.assert_allclose(slope, turn(2.0, f(2.0), None), rtol=1e-3)


class RawActivation(jm.AbstractBranch):
    """The 3D branch as a user writes one: no chart, so that f itself is integrated."""

    own: jm.ActivatedConduction
    states = ("i_c", "f")
    units = ("A", "1")

    def current(self, u, x):
        return self.own.current(u, x)

    def rates(self, u, x):
        return self.own.rates(u, x)

    def rest(self, u):
        return self.own.rest(u)

    def window(self):
        return self.own.window()


@pytest.mark.slow
def test_the_end_check_keeps_a_branch_without_a_chart_right():
    """From rest the gate relaxes at 1/(f tau_k): without the check the peak is passed wrongly."""
    own = jm.ActivatedConduction(20.0, 1.0, 0.01, 1.0, 0.2)
    device = jm.Device(1.0, {"leak": jm.Leak(1.0), "raw": RawActivation(own)})
    t = np.linspace(0.7, 0.8, 1001)
    t = np.concatenate([[0.0], t, np.linspace(0.801, 3.0, 1000)])
    circuit = jm.Circuit(device, jm.CurrentDrive(jm.Step(11.685)))
    right = np.asarray(jm.solve(circuit, t).u)
    assert right.max() == pytest.approx(4.4028, abs=1e-4)
    assert t[right.argmax()] == pytest.approx(0.7466, abs=2e-4)
    fine = np.asarray(jm.solve(circuit, t, rtol=1e-9, atol=1e-9).u)
    assert np.max(np.abs(right - fine)) <= 1e-5 * np.ptp(fine)
    without = np.asarray(jm.solve(circuit, t, solver=Rodas5P(end_check=0.0)).u)
    assert np.max(np.abs(without - fine)) > 1e-3 * np.ptp(fine)
