"""`solve_ensemble`: as `solve` on each circuit, code for code, and as others see it."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.oracles.trajectories import deviation, reference
from benchmarks.problems.drawn_ensembles import differences, draw_batch
from jaxmem.responses.ensemble_notes import unstable_counts
from jaxmem.responses.lanes.scalars import apply_program, dependence, filled, in_lanes_by_number
from jaxmem.responses.linear import unstable_roots

TIMES = jnp.linspace(0.0, 6.0, 41)


def make(tau, high, width):
    """A spiking device under a pulse."""
    return jm.Circuit(jm.paper_device(tau, tau, tau), jm.CurrentDrive(jm.Pulse(high, width)))


BATCH = jax.vmap(make)(
    jnp.array([1.0, 1.0, 2.0, 0.01, 1.0, 1.0]),
    jnp.array([6.4, 2.0, 6.4, 6.4, jnp.nan, 6.4]),
    jnp.array([3.0, 4.0, 6.0, 3.0, jnp.nan, 9.0]),
)
SHORTER = jax.tree.map(lambda a: a[:5], BATCH)
# The fourth has some hundred spikes; the sixth a value that no device may have.
BATCH = eqx.tree_at(lambda c: c.device.i_c0, BATCH, BATCH.device.i_c0.at[5].set(-1.0))


@pytest.fixture(scope="module")
def found():
    return jm.solve_ensemble(BATCH, TIMES, max_steps=1500)


def test_each_circuit_as_solve_has_it(found):
    """The same steps, and so the same numbers, in the lanes and alone; edges differ per lane."""
    for k in range(3):
        one = jax.tree.map(lambda a, k=k: a[k], BATCH)
        alone = jm.solve(one, TIMES)
        for name in ("u", "I", "V", "x"):
            np.testing.assert_allclose(
                getattr(found, name)[k], getattr(alone, name), rtol=1e-7, atol=1e-9
            )
        # Sums in another order may decide otherwise over a step at its tolerance.
        assert abs(int(found.steps[k]) - int(alone.steps)) <= 2
    assert found.t.shape == found.u.shape == (6, 41) and found.x.shape == (6, 41, 2)
    assert found.state("f").shape == (6, 41)


def test_one_that_fails_spoils_no_other(found):
    """Each that fails is NaN from where it failed, with the code that `solve` has under `vmap`."""
    ends = [jm.RESULTS[jax.tree.map(lambda a, k=k: a[k], found.result)] for k in range(6)]
    assert ends[:3] == ["", "", ""]
    assert "steps" in ends[3] and "not finite" in ends[4] and "not positive" in ends[5]
    np.testing.assert_array_equal(found.successful, [True] * 3 + [False] * 3)
    assert jnp.all(jnp.isfinite(found.u[:3])) and jnp.all(jnp.isnan(found.u[3:, 1:]))
    with pytest.raises(RuntimeError, match="3 of 6 circuits failed, number 3 the first"):
        jm.solve_ensemble(BATCH, TIMES, max_steps=1500, throw=True)


@pytest.mark.slow
def test_a_sample_on_a_corner_is_seen_behind_it():
    """However corner and sample are rounded. Behind R_s = 0 the current jumps by 2 C_m dV/dt."""
    rates = np.array([0.1, 0.3, 0.7, 1.1, 1.3, 1.7, 1.9, 2.3])
    device = jm.paper_device(1.0, 0.5, 0.5, R_s=0.0)
    make = lambda rate: jm.Circuit(device, jm.VoltageDrive(jm.Triangle([0.0, 0.9], rate)))
    solve = jax.jit(lambda rate, t: jm.solve(make(rate), t).I[1])
    many = jax.jit(lambda rates, t: jm.solve_ensemble(jax.vmap(make)(rates), t).I[:, 1])
    # The first corner is the top, the last one ends in a constant.
    for rate, corner in [(rate, part / rate) for rate in rates for part in (0.9, 1.8)]:
        truth = solve(rate, jnp.array([0.0, corner * (1 + 1e-9), 2.0 / rate]))
        for t in (corner, np.nextafter(corner, 0), np.nextafter(corner, 9 * corner)):
            # Also as the last sample.
            for grid in (jnp.array([0.0, t, 2.0 / rate]), jnp.array([0.0, t, t])):
                found = jnp.array([solve(rate, grid), many(rate[None], grid)[0]])
                np.testing.assert_allclose(found, truth, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("wave", ["step", "pulse", "train", "triangle", "sine"])
@pytest.mark.parametrize("drive", ["I", "V", "R_s = 0"])
@pytest.mark.parametrize("three", [True, False], ids=["3D", "2D"])
def test_random_devices_as_solve_has_them(three, drive, wave):
    R_s = 0.0 if drive == "R_s = 0" else None
    rng = np.random.default_rng([7, three, len(drive), len(wave)])
    draw = dict(three=three, drive=drive[0].replace("R", "V"), R_s=R_s, waves=(wave,))
    _, circuits = draw_batch(rng, 16, delayed=bool(rng.integers(2)), **draw)
    t = jnp.linspace(0, 0.999, 48)
    off, alike = differences(circuits, t, jm.solve_ensemble(circuits, t))
    assert alike.all() and np.max(off) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("three", [True, False], ids=["3D", "2D"])
def test_as_two_other_integrators_have_it(three):
    """To 1e-5 of each quantity's range where two integrators without JAX agree."""
    cases, circuits = draw_batch(np.random.default_rng(3), 24, three=three, waves=("step", "pulse"))
    times, truth, gap = reference(cases)
    worst = []
    for k in range(len(cases)):
        # Each has its own times: all of them, and its own row.
        grid = jnp.asarray(np.concatenate([[0.0], times[k]]))
        one = jax.tree.map(lambda a, k=k: a[k : k + 1], circuits)
        run = jm.solve_ensemble(one, grid, lanes=1)
        values = {"u": run.u[:, 1:], "i_c": run.x[:, 1:, 0]}
        if three:
            values["f"] = run.x[:, 1:, 1]
        own = {q: v[k : k + 1] for q, v in truth.items()}
        worst.append(deviation(cases[k : k + 1], jax.tree.map(np.asarray, values), own)[0])
    judged = gap < 1e-6
    assert judged.sum() > 16 and np.max(np.array(worst)[judged]) < 1e-5


@pytest.mark.slow
def test_any_device_works():
    """A ladder, a branch of a user's own, and one with several states of rest."""

    class Blocking(jm.AbstractBranch):
        states = ("q",)
        units = ("1",)
        g: jax.Array = jm.quantity("S", "conductance")
        tau: jax.Array = jm.quantity("s", "time")

        def current(self, u, x):
            return self.g * u * jnp.exp(-x[0])

        def rates(self, u, x):
            return (u**2 - x) / self.tau

        def rest(self, u):
            return (u**2)[None]

    def ladder(p):
        cpe = jm.ConstantPhase(1e-3 * p, 0.8, band=(0.1, 1e3))
        device = jm.Device(0.0, {"leak": jm.Leak(1.0 * p), "cpe": cpe}, R_s=0.1)
        return jm.Circuit(device, jm.VoltageDrive(jm.Sine(0.3 * p, 2.0)))

    def own(p):
        device = jm.Device(0.1 * p, {"leak": jm.Leak(2.0), "own": Blocking(1.0 * p, 0.5)}, R_s=0.2)
        return jm.Circuit(device, jm.VoltageDrive(jm.Triangle(jnp.array([0.0, 1.0]), 2.0 * p)))

    def switch(p):
        branch = jm.MemoryConductance(g_on=0.2, g_off=2.0, V_T=1.0, V_m=0.05, tau=1.0 * p)
        device = jm.Device(1.0, {"memory": branch})
        return jm.Circuit(device, jm.CurrentDrive(jm.Step(3.0, low=1.2 * (p - 1))))

    t = jnp.linspace(0.0, 1.5, 31)
    for kind, last in ((ladder, 1.1), (own, 1.3), (switch, 2.0)):
        circuits = jax.vmap(kind)(jnp.array([1.0, 1.1, last]))
        run = jm.solve_ensemble(circuits, t)
        off, alike = differences(circuits, t, run)
        assert np.max(off) < 1e-6 and alike.all()
    # Three equilibria at 1.2 A: it is not known where that one starts.
    np.testing.assert_array_equal(run.successful, [True, True, False])


def _numbers(p):
    batch = jax.vmap(make)(jnp.array([1.0, 1.3]) * p[0], 6.4 * p[1:2].repeat(2), p[2:3].repeat(2))
    # None of the times is that of the edge, where a derivative has two sides.
    return jm.solve_ensemble(batch, jnp.linspace(0.0, 5.9, 41))


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    """Forward and reverse, to a time, a height and the time of an edge."""
    p, h = jnp.array([1.0, 1.0, 3.0]), 1e-5
    numbers = lambda p: jnp.concatenate([(run := _numbers(p)).u.ravel(), run.state("f").ravel()])
    J = jax.jit(jax.jacfwd(numbers))(p)
    plain = jax.jit(numbers)
    for k in range(3):
        step = jnp.zeros(3).at[k].set(h)
        rough = (plain(p + step) - plain(p - step)) / (2 * h)
        np.testing.assert_allclose(J[:, k], rough, atol=2e-4 * float(jnp.max(jnp.abs(rough))))
    weights = jnp.asarray(np.random.default_rng(0).normal(size=J.shape[0]))
    g = jax.jit(jax.grad(lambda p: jnp.sum(weights * numbers(p))))(p)
    np.testing.assert_allclose(g, weights @ J, rtol=1e-9)


@pytest.mark.slow
def test_starts_solvers_and_shared_parts():
    devices = jm.si_device(R_b=jnp.array([8e3, 1e4, 1.2e4]))
    circuits = jm.Circuit(devices, jm.CurrentDrive(jm.Step(3.3e-4)))
    t = jnp.linspace(0.0, 5e-3, 21)
    points = jax.vmap(lambda d: jm.operating_point(d, u=0.5))(devices)
    run = jm.solve_ensemble(circuits, t, start=points)
    same = jm.solve_ensemble(circuits, t, start=(points.u, points.x), lanes=2)
    np.testing.assert_allclose(run.u, same.u, rtol=1e-9)
    one = jm.Circuit(jm.si_device(R_b=1e4), circuits.drive)
    at = jax.tree.map(lambda a: a[1], points)
    np.testing.assert_allclose(run.u[1], jm.solve(one, t, start=at).u, rtol=1e-8)
    other = jm.solve_ensemble(circuits, t, start=points, solver=diffrax.Kvaerno5())
    np.testing.assert_allclose(other.u, run.u, atol=1e-4)


@pytest.mark.slow
def test_notes_are_those_of_solve():
    """Of what is left out, and of how many start where they do not stay."""
    devices = jax.vmap(lambda L: jm.paper_device(1.0, 1.0, 1.0, L_s=L, R_s=1.0))(
        jnp.array([0.0, 1e-9, 1.0])
    )
    circuits = jm.Circuit(devices, jm.CurrentDrive(jm.Constant(6.4)))
    run = jm.solve_ensemble(circuits, TIMES[:3])
    assert "NOT far below" in run.notes[0]
    one = jm.solve(jax.tree.map(lambda a: a[0] if a.ndim else a, circuits), TIMES[:3])
    assert ("unstable" in " ".join(run.notes)) == ("unstable" in " ".join(one.notes))


@pytest.mark.quick
def test_growing_modes_are_counted_as_one_by_one():
    rng = np.random.default_rng(0)
    polynomials = rng.normal(size=(300, 5))
    polynomials[0, 2] = np.nan
    polynomials[1] = [1, 1, 1, 1, 0]
    expected = [unstable_roots(p) if np.all(np.isfinite(p)) else 0 for p in polynomials]
    np.testing.assert_array_equal(unstable_counts(polynomials), expected)
    roots = [np.sum(np.roots(p).real > 0) for p in polynomials[2:]]
    np.testing.assert_array_equal(expected[2:], roots)


@pytest.mark.quick
def test_a_program_number_by_number():
    """Its values and derivatives are those of `vmap`; no dependence is overlooked, and what cannot
    be is none."""

    def fn(fixed, s, a, b):
        x = jnp.stack([a, b * fixed[1]])
        y = jnp.concatenate([jnp.tanh(x[:1]), jnp.cumsum(x)])
        more = jax.nn.softplus(x[0]) + jnp.sum(fixed)
        return [y[0], y[1], jax.jit(jnp.sin)(b), y[2], fixed[0] + s * 0, more]

    program = jax.make_jaxpr(fn)(jax.ShapeDtypeStruct((3,), float), 0.0, 0.0, 0.0)
    needs = dependence(program.jaxpr, program.consts, 3)
    assert needs == [{1}, {1, 2}, {2}, {1, 2}, {0}, {1}]
    rng = np.random.default_rng(0)
    fixed, s, a, b = (jnp.asarray(rng.normal(size=shape)) for shape in ((3, 5), 5, 5, 5))

    def by_number(a):
        given = [
            filled((3,), lambda at: fixed[at]),
            *(filled((), lambda _, v=v: v) for v in (s, a, b)),
        ]
        out = apply_program(program.jaxpr, program.consts, given, in_lanes_by_number(5))
        return jnp.stack([row[()] for row in out])

    by_vmap = lambda a: jnp.stack(jax.vmap(fn, in_axes=-1, out_axes=-1)(fixed, s, a, b))
    for mine, other in zip(
        jax.jvp(by_number, (a,), (s,)), jax.jvp(by_vmap, (a,), (s,)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-13, atol=1e-15)


@pytest.mark.quick
@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jm.solve_ensemble(jm.si_device(), TIMES), "wants a Circuit"),
        (
            lambda: jm.solve_ensemble(jax.tree.map(lambda a: a[0], BATCH), TIMES),
            "batch of circuits",
        ),
        (lambda: jm.solve_ensemble(BATCH, TIMES[::-1]), "solve_ensemble: the times t must"),
        (lambda: jm.solve_ensemble(BATCH, TIMES, rtol=-1.0), "solve_ensemble: rtol"),
        (lambda: jm.solve_ensemble(BATCH, TIMES, lanes=0), "lanes"),
        (
            lambda: jm.solve_ensemble(jm.Circuit(BATCH.device, SHORTER.drive), TIMES),
            "different lengths",
        ),
    ],
)
def test_wrong_calls_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
