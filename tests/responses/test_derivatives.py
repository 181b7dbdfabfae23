"""Derivatives of transients: all parameters and edges, forward and reverse; compile counts."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.problems.drawn_devices import draw_device
from jaxmem.responses.forward import integrate_forward

NAMES = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
TRAP = dict(R_b=1.0, C_m=1.0, i_c0=20.0, V_T=1.0, V_m=0.01, tau_d=1.0, tau_k=0.2)
MILD = dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0)
SI = dict(R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3)


def run(logs, times, rtol, current=True, adjoint=None):
    """u, i_c, f and I from the logarithms of all that can be varied: the device's letters, the
    pulse's height, start and width."""
    p = jnp.exp(logs)
    device = jm.Memristor3D(**dict(zip(NAMES, p[:7], strict=True)))
    if not current:
        device = eqx.tree_at(lambda d: d.R_s, device, jnp.asarray(0.1))
    pulse = jm.Pulse(p[7], p[9], start=p[8])
    drive = jm.CurrentDrive(pulse) if current else jm.VoltageDrive(pulse)
    out = jm.solve(
        jm.Circuit(device, drive), times, rtol=rtol, atol=rtol, adjoint=adjoint, throw=False
    )
    return jnp.stack([out.u, out.x[:, 0], out.x[:, 1], out.I])


def setting(letters, high, length):
    """Logarithms, and times that keep off the edges."""
    start, width = 0.1 * length, 0.35 * length
    logs = jnp.log(jnp.array([letters[k] for k in NAMES] + [high, start, width]))
    times = jnp.linspace(0.0, length, 30) * 0.9973
    return logs, times


@jax.jit
def forward(logs, times):
    return run(logs, times, 1e-7), jax.jacfwd(run)(logs, times, 1e-7)


@jax.jit
def fine(logs, times):
    return run(logs, times, 1e-10)


def differences(of, logs, times, h):
    """Central differences of fourth order, (4, times, parameters)."""
    columns = []
    for k in range(len(logs)):
        e = jnp.zeros_like(logs).at[k].set(h)
        near = (of(logs + e, times) - of(logs - e, times)) / (2 * h)
        far = (of(logs + 2 * e, times) - of(logs - 2 * e, times)) / (4 * h)
        columns.append((4 * near - far) / 3)
    return jnp.stack(columns, axis=-1)


def compare(derivative, known, values, limit):
    """Columns (one a parameter, all quantities in units of their ranges) to `limit` of their
    largest value; columns below 1e-5 of the largest one are exempt."""
    span = np.ptp(np.asarray(values), axis=1)[:, None, None]
    derivative, known = np.asarray(derivative) / span, np.asarray(known) / span
    assert np.all(np.isfinite(derivative))
    size = np.max(np.abs(known), axis=(0, 1))
    counted = size > 1e-5 * np.max(size)
    error = np.max(np.abs(derivative - known), axis=(0, 1)) / np.where(counted, size, 1.0)
    assert np.all(error[counted] < limit), error


CASES = {
    "paper": (MILD, 6.4, 5.0, 1e-3),
    "SI": (SI, 3.3e-4, 1.5e-2, 1e-3),
    "stiff": (TRAP, 11.685, 3.0, 3e-5),
    "fast C_m": ({**MILD, "C_m": 1e-3, "tau_k": 0.02}, 5.0, 4.0, 3e-5),
}


@pytest.mark.slow
# Each compiles programs of its own.
@pytest.mark.parametrize("name", CASES)
def test_forward_derivatives_are_those_of_finite_differences(name):
    letters, high, length, h = CASES[name]
    logs, times = setting(letters, high, length)
    values, jacobian = forward(logs, times)
    compare(jacobian[:3], differences(fine, logs, times, h)[:3], values[:3], 1e-4)


@pytest.mark.slow
def test_forward_derivatives_of_random_devices():
    rng = np.random.default_rng(6)
    for _ in range(12):
        letters = draw_device(rng, True, gain=(30.0, 2000.0), spread=3.0)
        slowest = max(letters["R_b"] * letters["C_m"], letters["tau_d"], letters["tau_k"])
        high = letters["V_T"] / letters["R_b"] + rng.uniform(0.1, 0.9) * letters["i_c0"]
        logs, times = setting(letters, high, 3 * slowest)
        values, jacobian = forward(logs, times)
        compare(jacobian[:3], differences(fine, logs, times, 1e-4)[:3], values[:3], 1e-4)


@pytest.mark.slow
def test_forward_derivatives_under_voltage_drive():
    logs, times = setting(MILD, 1.5, 5.0)
    jacobian = jax.jit(jax.jacfwd(lambda p: run(p, times, 1e-7, current=False)))(logs)
    of = jax.jit(lambda p, t: run(p, t, 1e-10, current=False))
    compare(jacobian, differences(of, logs, times, 1e-4), of(logs, times), 1e-4)


WEIGHTS = jnp.asarray(np.random.default_rng(0).normal(size=(4, 30)))


@pytest.mark.slow
def test_gradients_by_default_and_in_reverse():
    """`jax.grad` as it comes, and with a reverse-mode adjoint, to 1e-3."""
    for name in ("paper", "stiff"):
        letters, high, length, _ = CASES[name]
        logs, times = setting(letters, high, length)
        _, jacobian = forward(logs, times)
        known = jnp.einsum("qt,qtp->p", WEIGHTS, jacobian)
        for gradient in (_default, _reverse):
            found = gradient(logs, times)
            assert jnp.all(jnp.isfinite(found))
            assert jnp.max(jnp.abs(found - known)) < 1e-3 * jnp.max(jnp.abs(known)), name


@jax.jit
def _default(logs, times):
    return jax.grad(lambda p: jnp.sum(WEIGHTS * run(p, times, 1e-7)))(logs)


@jax.jit
def _reverse(logs, times):
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    loss = lambda p: jnp.sum(WEIGHTS * run(p, times, 1e-7, adjoint=adjoint))
    return jax.grad(loss)(logs)


@pytest.mark.slow
def test_the_scale_of_time_is_a_derivative_one_can_check():
    """Stretching all times at once changes nothing: sum over tau_j du/dtau_j + t du/dt = 0."""
    logs, times = setting(MILD, 6.4, 5.0)
    direction = jnp.zeros(10).at[jnp.array([1, 5, 6, 8, 9])].set(1.0)
    stretched = lambda a: run(logs + a * direction, times * jnp.exp(a), 1e-7)
    _, change = jax.jvp(stretched, (jnp.zeros(()),), (jnp.ones(()),))
    assert jnp.max(jnp.abs(change[:3])) < 1e-5


@pytest.mark.slow
def test_trains_of_1_to_64_pulses_compile_once():
    traced = []
    device = jm.paper_device(1.0, 1.0, 1.0)
    times = jnp.linspace(0.0, 70.0, 201)

    @eqx.filter_jit
    def train(count):
        traced.append(count)
        wave = jm.PulseTrain(6.4, 0.5, 1.0, count=count, capacity=64)
        return jm.solve(jm.Circuit(device, jm.CurrentDrive(wave)), times, throw=False)

    ends = []
    for count in (1, 2, 17, 64):
        out = train(jnp.asarray(count))
        assert bool(out.successful)
        ends.append(int(jnp.sum(jnp.diff((out.I > 3).astype(int)) == 1)) + int(out.I[0] > 3))
    assert len(traced) == 1
    assert ends == [1, 2, 17, 64]


@pytest.mark.slow
def test_plain_calls_share_the_program_too():
    """Without jit, trains of any length are one program for one set of times."""
    device = jm.paper_device(1.0, 1.0, 1.0)
    times = np.linspace(0.0, 70.0, 201)
    programs = [p._cached for p in integrate_forward.programs.values()]
    before = None
    for count in (1, 5, 64):
        wave = jm.PulseTrain(6.4, 0.5, 1.0, count=count)
        jm.solve(jm.Circuit(device, jm.CurrentDrive(wave)), times)
        sizes = [cache._cache_size() for cache in programs]
        before = sizes if before is None else before
        assert sizes == before and max(sizes) > 0
