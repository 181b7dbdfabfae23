"""Every public function under jit, vmap and grad, against plain calls and finite differences."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from fitting import Goal, On, Prior, Spectrum

OMEGA = jnp.array([0.3, 5.0, 200.0])
TIMES = jnp.linspace(0.0, 2.0, 9)
# Text, files and counts have no derivative; a sweep loops, and a branch tells to use limit_cycle,
# whose transforms take minutes to compile: tests/stability/test_cycle.py has them. A boundary and
# a curve of Hopf points have no derivatives, and what is measured of a neuron has its own tests.
NOT_NUMERIC = {
    "entrainment", "fi_curve", "fold_points", "phase_response", "refractory_time", "rheobase",
    "cycle_branch", "limit_cycle", "sweep", "open_sweep", "hopf_curve", "second_lag",
    "smallest_change",
    "fold_curve", "cycle_fold_curve", "entrainment_branch", "unstable_count", "parse_drive",
    "quantity", "read_device", "write_device", "device_from_toml", "device_to_toml",
    "read_network", "network_from_toml", "network_to_toml", "equal_circuits", "as_device", "stack",
    "spice_netlist", "verilog_a", "testbench", "element_table",
}  # fmt: skip


def device(p):
    """A device in which p scales a resistance, a current and a time."""
    d = jm.paper_device(tau_m=0.01, tau_d=1.0 * p)
    return jm.Memristor3D(
        R_b=d.R_b * p, C_m=d.C_m, i_c0=d.i_c0 / p, V_T=d.V_T, V_m=d.V_m, tau_d=d.tau_d,
        tau_k=0.5, R_s=0.1 * p,
    )  # fmt: skip


def spiking(p):
    """A device with two Hopf points."""
    return jm.paper_device(tau_m=1.0, tau_d=1.0 * p, tau_k=1.0 * p**2)


def _periodic(p):
    circuit = jm.Circuit(
        jm.Memristor2D(1.0, 0.01, 10.0, 1.0, 0.05 * p, 1.0),
        jm.VoltageDrive(jm.Sine(0.3, 0.5, offset=0.9)),
    )
    return jm.periodic_state(circuit, 2.0, samples=9, throw=False).transient.I


def _solve(p):
    circuit = jm.Circuit(device(p), jm.CurrentDrive(jm.Pulse(3.0 * p, 1.0)))
    run = jm.solve(circuit, TIMES, throw=False)
    return jnp.concatenate([run.u, run.state("f")])


def _solve_voltage(p):
    circuit = jm.Circuit(device(p), jm.VoltageDrive(jm.Triangle(jnp.array([0.0, 1.2]), 2.0 * p)))
    return jm.solve(circuit, TIMES, throw=False).I


def _solve_ensemble(p):
    circuits = jax.vmap(lambda q: jm.Circuit(device(q), jm.CurrentDrive(jm.Pulse(3.0 * q, 1.0))))(
        jnp.array([1.0, 1.1]) * p
    )
    return jm.solve_ensemble(circuits, TIMES).u.ravel()


TRACE = jnp.linspace(0.0, 4.0, 401)


def _trace(p):
    return p * jnp.exp(-((TRACE - 1.2 * p) ** 2))


def _negative_resistance(p):
    branch = {"leak": jm.Leak(1.0 * p), "slow": jm.SlowConductance(-0.4, 1.0)}
    return jm.operating_points(jm.Device(1.0, branch), I=0.3)[0][:1]


spectrum = Spectrum(np.array([0.1, 1.0, 30.0]), np.array([2 - 1j, 1 - 1j, 0.1 - 0.2j]), u=0.9)

FUNCTIONS = {
    "operating_point": lambda p: jm.operating_point(device(p), V=1.3 * p).u,
    "operating_points": _negative_resistance,
    "steady_curve": lambda p: jm.steady_curve(device(p), jnp.array([0.2, 0.95, 1.1])).V,
    "solve": _solve,
    "solve, voltage": _solve_voltage,
    "solve_ensemble": _solve_ensemble,
    "periodic_state": _periodic,
    "linearize": lambda p: jnp.abs(jm.linearize(device(p), I=2.0 * p).impedance(OMEGA)),
    "linearize, polynomial": lambda p: jm.linearize(device(p), u=0.95 * p).polynomial(),
    "linearize, voltage": lambda p: jm.linearize(device(p), u=0.95).polynomial("voltage"),
    "equivalent_circuit": lambda p: jnp.stack(
        jm.equivalent_circuit(device(p), jm.operating_point(device(p), u=0.95 * p))
    ),
    "paper_device": lambda p: jm.paper_device(tau_m=p, tau_d=p).tau_m,
    "si_device": lambda p: 1e3 * jm.si_device(R_b=1e4 * p).tau_m,
    "hopf_points": lambda p: jnp.stack(
        [(h := jm.hopf_points(spiking(p))).I[:2], h.omega[:2], h.l1[:2], h.period_slope[:2]]
    ).ravel(),
    "least_margin": lambda p: jm.least_margin(device(p)).margin,
    "least_margin_3d": lambda p: jm.least_margin_3d(device(p)).margin,
    "loop_gain": lambda p: jnp.stack(jm.loop_gain(device(p), 0.95)),
    "spike_shape": lambda p: jnp.stack(jm.spike_shape(TRACE, _trace(p))[1:4]),
    "hopf_margin": lambda p: jm.hopf_margin(device(p), 0.95),
    "Spectrum.residual": lambda p: spectrum.residual(device(p)),
    "Prior.residual": lambda p: Prior(lambda d: d.R_b, 0.7, factor=2.0).residual(device(p)),
    "Goal.residual": lambda p: Goal(lambda d: d.tau_m, 0.02, 0.1).residual(device(p)),
    "On.residual": lambda p: On(
        lambda m: m[0], Prior(lambda d: d.R_b, 0.7, sd=2.0)
    ).residual((device(p),)),
    "ConstantPhase.ladder": lambda p: jm.ConstantPhase(
        1e-3, 0.9 * p, band=(1.0, 100.0), accuracy=0.1
    ).ladder()[1].R / 1e4,
}  # fmt: skip


def test_none_is_forgotten():
    public = {n for n in dir(jm) if not n.startswith("_")}
    functions = {n for n in public if inspect.isfunction(getattr(jm, n))}
    assert functions - NOT_NUMERIC == {n.split(",")[0] for n in FUNCTIONS} & functions


# Four programs of a Newton iteration on a transient take two minutes to compile; test_periodic
# has the same in one.
SLOW = {"periodic_state", "solve, voltage", "solve", "solve_ensemble"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in FUNCTIONS]
)
def test_jit_vmap_and_grad(name):
    fn = FUNCTIONS[name]
    points = jnp.array([0.97, 1.02])
    plain = np.stack([np.atleast_1d(fn(p)) for p in points])
    scale = np.abs(plain).max(axis=0) + 1e-300
    assert np.isfinite(plain).all() and np.all(plain.std(axis=0).max() > 0)

    def total(p):
        values = jnp.atleast_1d(fn(p))
        return jnp.sum(values / scale), values

    # One program: gradients and values of a batch, compiled.
    every = jax.jit(jax.vmap(jax.value_and_grad(total, has_aux=True)))
    (_, batched), slopes = every(points)
    np.testing.assert_allclose(np.asarray(batched) / scale, plain / scale, atol=1e-9)
    slope = float(slopes[0])
    h = 1e-4
    rough = [float(total(points[0] + k * h)[0]) for k in (-2, -1, 1, 2)]
    difference = (rough[0] - 8 * rough[1] + 8 * rough[2] - rough[3]) / (12 * h)
    assert slope == pytest.approx(difference, rel=2e-4, abs=2e-4)
