"""Limit cycles against shooting at 1e-12, SciPy, closed forms and identities."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.spiking import HARD
from scipy.integrate import solve_ivp

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import draw_device
from benchmarks.problems.published import FitzHughNagumo

NAMES = dict(Rb="R_b", ic0="i_c0", VT="V_T", Vm="V_m", Cm="C_m", td="tau_d", tk="tau_k")
LETTERS = tuple(NAMES.values())
SETS = {
    "A": dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0),
    "SI": dict(R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3),
}


@pytest.fixture(scope="module")
def reference():
    from conftest import SHARED

    path = SHARED / "reference/bifurcation.json"
    if not path.is_file():
        pytest.skip("no reference values beside the checkout")
    return json.loads(path.read_text())


def at_current(device, I, **how):
    return jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(jm.Constant(I))), **how)


@pytest.mark.parametrize("name", ["A", "SI"])
def test_reference_cycles(reference, name):
    device = jm.Memristor3D(**SETS[name])
    for want in reference["limit_cycles"][name]:
        got = at_current(device, want["I"])
        swing = want["umax"] - want["umin"]
        assert float(got.period) == pytest.approx(want["period"], rel=1e-8)
        assert float(got.u_max) == pytest.approx(want["umax"], abs=1e-8 * swing)
        assert float(got.u_min) == pytest.approx(want["umin"], abs=1e-8 * swing)
        assert complex(got.multipliers[1]) == pytest.approx(complex(*want["mu2"]), abs=1e-6)
        assert float(got.log_strongest) == pytest.approx(want["ln_mu3"], abs=1e-3)
        assert bool(got.stable)
        assert float(got.error) < 1e-8


@pytest.mark.parametrize("name", ["A", "SI"])
def test_reference_gradients_and_identities(reference, name):
    want = reference["cycle_gradients"][name]
    device, I = jm.Memristor3D(**SETS[name]), jnp.asarray(want["I"])

    def numbers(device, I):
        cycle = at_current(device, I)
        return cycle.period, cycle.u_max

    (dT, dT_dI), (dmax, dmax_dI) = jax.jacrev(numbers, argnums=(0, 1))(device, I)
    for value, by, by_I, table in (
        ("period", dT, dT_dI, want["dT"]), ("umax", dmax, dmax_dI, want["dumax"]),
    ):  # fmt: skip
        for theirs, ours in NAMES.items():
            unit = abs(want[value] / SETS[name][ours])
            assert float(getattr(by, ours)) == pytest.approx(table[theirs], abs=1e-7 * unit)
        assert float(by_I) == pytest.approx(table["I"], abs=1e-7 * want[value] / want["I"])
    letters = SETS[name]
    by_times = sum(letters[k] * float(getattr(dT, k)) for k in ("C_m", "tau_d", "tau_k"))
    assert by_times == pytest.approx(want["period"], rel=1e-9)
    assert float(dT.V_T) == pytest.approx(-float(dT_dI) / letters["R_b"], rel=1e-8)


def test_energy_against_scipy():
    """The integral of V I over a period; the paper's set at I = 6: 20.654."""
    d = SETS["A"]
    got = at_current(jm.Memristor3D(**d, R_s=0.1), 6.0)
    T = float(got.period)

    def field(t, y):
        u, i, w = y
        f = 1 / (1 + np.exp(-w))
        x = (u - 1.0) / 0.05
        return [6.0 - u - i, 10 * f - i, -(1 + np.exp(-w)) * np.expm1(w - x)]

    f = np.asarray(got.x[0, 1])
    start = [float(got.u[0]), float(got.x[0, 0]), float(np.log(f / (1 - f)))]
    run = solve_ivp(field, (0, T), start, method="DOP853", rtol=1e-12, atol=1e-12,
                    dense_output=True)  # fmt: skip
    t = np.linspace(0, T, 20001)
    u = run.sol(t)[0]
    # The mean over a period of a smooth periodic function: equal weights are exact.
    energy = T * np.mean(6.0 * (u[:-1] + 0.1 * 6.0))
    assert float(got.energy) == pytest.approx(energy, rel=1e-9)
    assert run.y[0, -1] == pytest.approx(start[0], abs=1e-9)
    assert float(got.u_max) == pytest.approx(u.max(), abs=1e-7)
    alone = at_current(jm.Memristor3D(**d), 6.0)
    assert float(alone.energy) == pytest.approx(20.654, abs=5e-4)
    np.testing.assert_allclose(np.interp(got.t, t, u), got.u, atol=1e-6)


@pytest.mark.slow
def test_a_cycle_under_voltage_is_that_of_the_parallel_resistance():
    """R_b R_s/(R_b + R_s) for R_b, and V/R_s for I."""
    R_s, V = 0.5, 3.6
    d = SETS["A"] | {"C_m": 2.0}
    behind = jm.Circuit(jm.Memristor3D(**d, R_s=R_s), jm.VoltageDrive(jm.Constant(V)))
    R = R_s / (1 + R_s)
    got, want = jm.limit_cycle(behind), at_current(jm.Memristor3D(**d | {"R_b": R}), V / R_s)
    for name in ("period", "u_max", "u_min", "log_strongest"):
        assert float(getattr(got, name)) == pytest.approx(float(getattr(want, name)), rel=1e-8)
    assert float(got.I_max) == pytest.approx((V - float(got.u_min)) / R_s, rel=1e-12)


def test_units_do_not_matter():
    """The same device in millivolts, nanoamperes and milliseconds."""
    d, I = SETS["SI"], 3e-4
    volt, ampere, second = 1e3, 1e9, 1e3
    other = dict(
        R_b=d["R_b"] * volt / ampere, C_m=d["C_m"] * ampere * second / volt,
        i_c0=d["i_c0"] * ampere, V_T=d["V_T"] * volt, V_m=d["V_m"] * volt,
        tau_d=d["tau_d"] * second, tau_k=d["tau_k"] * second,
    )  # fmt: skip
    a, b = at_current(jm.Memristor3D(**d), I), at_current(jm.Memristor3D(**other), I * ampere)
    assert float(b.period) == pytest.approx(float(a.period) * second, rel=1e-10)
    assert float(b.u_max) == pytest.approx(float(a.u_max) * volt, rel=1e-10)
    assert float(b.energy) == pytest.approx(float(a.energy) * volt * ampere * second, rel=1e-10)


def test_no_cycle_is_said():
    quiet = jm.Memristor3D(**SETS["A"] | {"tau_k": 10.0, "C_m": 0.1})
    with pytest.raises(ValueError, match="no Hopf point"):
        at_current(quiet, 6.0)
    assert at_current(quiet, 6.0, throw=False).result == jm.RESULTS.no_hopf_point
    device = jm.Memristor3D(**SETS["A"])
    with pytest.raises(ValueError, match=r"no cycle .*Hopf points at 2\.09267, 10\.739"):
        at_current(device, 1.0)
    missing = at_current(device, 1.0, throw=False)
    assert missing.result == jm.RESULTS.no_cycle and np.isnan(missing.period) and not missing.stable
    with pytest.raises(ValueError, match="constant drive, got Sine"):
        jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(jm.Sine(1.0, 1.0))))
    with pytest.raises(ValueError, match="R_s = 0"):
        jm.limit_cycle(jm.Circuit(device, jm.VoltageDrive(jm.Constant(1.0))))
    with pytest.raises(ValueError, match="R_s = 0"):
        jm.cycle_branch(device, drive="voltage")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("drive", "settings", "words"),
    [
        (float("nan"), {}, "the drive I must be a finite number, got nan"),
        (float("inf"), {}, "the drive I must be a finite number, got inf"),
        (np.array([1.0, 6.0]), {}, "got a batch"),
        (6.0, {"rtol": float("nan")}, "rtol must be a finite number, got nan"),
        (6.0, {"rtol": -1e-6}, "rtol must be positive"),
        (6.0, {"intervals": 0}, "intervals is a whole number"),
        (6.0, {"intervals": 100_000}, "intervals is a whole number"),
    ],
)
def test_calls_that_make_no_sense_are_named(drive, settings, words):
    circuit = jm.Circuit(jm.Memristor3D(**SETS["A"]), jm.CurrentDrive(drive))
    with pytest.raises(ValueError, match=words):
        jm.limit_cycle(circuit, **settings)


@pytest.mark.slow
def test_two_states_have_no_cycle_and_an_empty_branch():
    flat = jm.paper_device(tau_m=1.0, tau_d=1.0)
    assert at_current(flat, 6.0, throw=False).result == jm.RESULTS.no_hopf_point
    branch = jm.cycle_branch(flat)
    assert int(branch.count) == 0 and not bool(branch.complete)
    assert np.isnan(branch.period).all() and not np.asarray(branch.stable).any()


FHN = jm.Device(1.0, {"fhn": FitzHughNagumo(eps=0.08, a=0.7, b=0.8)})


@pytest.mark.slow
def test_the_branch_of_fitzhugh_nagumo_is_complete():
    branch = jm.cycle_branch(FHN, u_range=(-3.0, 3.0))
    assert bool(branch.complete) and int(branch.end_hopf) == 1


@pytest.mark.slow
def test_fitzhugh_nagumo_against_scipy():
    got = at_current(FHN, 0.5, u_range=(-3.0, 3.0))

    def field(t, y):
        return [0.5 - (y[0] ** 3 / 3 - y[0] + y[1]), 0.08 * (y[0] + 0.7 - 0.8 * y[1])]

    up = lambda t, y: y[0]
    up.direction = 1
    run = solve_ivp(field, (0, 600), [1.0, 0.0], method="DOP853", rtol=1e-11, atol=1e-11,
                    events=up, max_step=0.1)  # fmt: skip
    times = run.t_events[0]
    assert float(got.period) == pytest.approx(times[-1] - times[-2], rel=1e-8)
    late = run.y[0][run.t > 500]
    assert float(got.u_max) == pytest.approx(late.max(), abs=1e-3)
    # Two states: the multiplier is the exponential of the mean trace (Liouville).
    assert float(got.log_strongest) == pytest.approx(
        np.log(abs(complex(got.multipliers[1]))), abs=1e-8
    )
    assert bool(got.stable)


@pytest.mark.slow
def test_a_device_of_four_states_is_no_special_case():
    """A capacitive slow branch beside the paper's: against SciPy's transient."""
    slow = jm.SlowConductance(g=-0.05, tau=3.0)
    device = jm.Memristor3D(**SETS["A"], extra={"slow": slow})
    got = at_current(device, 5.0)
    assert got.multipliers.shape == (4,)

    def field(t, y):
        y = jnp.asarray(y)
        du = (5.0 - device.current(y[0], y[1:])) / device.C_m
        return jnp.append(du, device.rates(y[0], y[1:]))

    compiled = jax.jit(field)
    up = lambda t, y: y[0] - 1.0
    up.direction = 1
    start = np.append(float(got.u[0]), np.asarray(got.x[0]))
    run = solve_ivp(lambda t, y: np.asarray(compiled(t, y)), (0, 2.2 * float(got.period)), start,
                    method="DOP853", rtol=1e-10, atol=1e-10, events=up)  # fmt: skip
    times = run.t_events[0]
    assert float(got.period) == pytest.approx(times[-1] - times[-2], rel=1e-7)
    assert float(got.u_max) == pytest.approx(run.y[0].max(), abs=1e-2)


@pytest.mark.slow
def test_a_constant_phase_element_is_followed_too():
    """Its ladder has slow rungs that drift and hardly oscillate; against SciPy's Radau."""
    cpe = jm.ConstantPhase(2e-7, 0.95, band=(10.0, 1e4), accuracy=0.05)
    device = jm.si_device(C_m=0.0, extra={"cpe": cpe}).in_time()
    branch = jm.cycle_branch(device)
    assert bool(branch.complete) and int(branch.end_hopf) == 1
    I = 3e-4
    got = at_current(device, I)
    compiled = jax.jit(
        lambda y: jnp.append((I - device.current(y[0], y[1:])) / device.C_m,
                             device.rates(y[0], y[1:]))
    )  # fmt: skip
    at = int(np.argmax(got.x[:, 1]))
    start = np.append(float(got.u[at]), np.asarray(got.x[at]))
    T = float(got.period)
    run = solve_ivp(lambda t, y: np.asarray(compiled(y)), (0, T), start, method="Radau",
                    rtol=1e-8, atol=1e-9 * np.abs(start), max_step=T / 2000)  # fmt: skip
    # Every state comes back, the slow ones too, in units of how it moves with V_m.
    moves = np.append(0.04, 0.04 * np.abs(jax.jacfwd(device.rest)(got.u[at])))
    assert np.all(np.abs(run.y[:, -1] - start) < 1e-4 * moves)
    swing = float(got.u_max - got.u_min)
    assert float(got.u_max) == pytest.approx(run.y[0].max(), abs=1e-4 * swing)


@pytest.fixture(scope="module")
def branches():
    rng, cases = np.random.default_rng(11), []
    while len(cases) < 24:
        case = draw_device(rng, True, gain=(40, 2000), spread=2)
        if cubic_roots(**case).size == 2:
            cases.append(case)
    stack = {k: jnp.array([c[k] for c in cases]) for k in LETTERS}
    one = lambda v: jm.cycle_branch(jm.Memristor3D(**v))
    return cases, eqx.filter_jit(lambda s: jax.lax.map(one, s))(stack)


def test_random_branches_are_complete(branches):
    cases, found = branches
    assert np.asarray(found.complete).all()
    assert (np.asarray(found.end_hopf) == 1).all()
    for k, case in enumerate(cases):
        n = int(found.count[k])
        assert np.isfinite(found.drive[k, :n]).all() and np.isnan(found.drive[k, n:]).all()
        f = np.sort(cubic_roots(**case))
        u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
        I = u / case["R_b"] + case["i_c0"] * f
        assert float(found.drive[k, 0]) == pytest.approx(I[0], abs=0.02 * (I[1] - I[0]))
        assert float(found.drive[k, n - 1]) == pytest.approx(I[1], abs=0.02 * (I[1] - I[0]))


def test_a_cycle_returns_after_its_period(branches):
    """One period by SciPy from a point of the cycle, with the gate as a logit."""
    cases, found = branches
    for k in range(0, 24, 8):
        case = cases[k]
        I = float(found.drive[k, int(found.count[k]) // 2])
        got = at_current(jm.Memristor3D(**case), I)
        f = np.asarray(got.x[:, 1])
        at = int(np.argmax(f))
        C = case["C_m"]

        def field(t, y, case=case, I=I, C=C):
            u, i, w = y
            f = 1 / (1 + np.exp(-w))
            x = (u - case["V_T"]) / case["V_m"]
            opening = -(1 + np.exp(min(-w, 600.0)))
            return [
                (I - u / case["R_b"] - case["i_c0"] * i) / C,
                (f - i) / case["tau_d"],
                opening * np.expm1(min(w - x, 600.0)) / case["tau_k"],
            ]

        start = [float(got.u[at]), float(got.x[at, 0]) / case["i_c0"], np.log(f[at] / (1 - f[at]))]
        end = solve_ivp(field, (0, float(got.period)), start, method="Radau", rtol=1e-9,
                        atol=1e-9).y[:, -1]  # fmt: skip
        swing = float(got.u_max - got.u_min)
        assert end[0] == pytest.approx(start[0], abs=2e-5 * swing)
        assert end[1] == pytest.approx(start[1], abs=2e-5)


@pytest.mark.slow
def test_a_subcritical_onset_shows_its_fold_and_its_window():
    """l1 > 0 at the lower Hopf point; a stable and an unstable cycle beside rest."""
    device = jm.Memristor3D(**HARD)
    hopf = jm.hopf_points(device)
    assert float(hopf.l1[0]) > 0
    branch = jm.cycle_branch(device)
    assert bool(branch.complete) and int(branch.folds.found) >= 1
    low, high = float(branch.low), float(branch.high)
    assert low < high == pytest.approx(float(hopf.I[0]), rel=1e-12)
    assert not bool(branch.stable[0])
    inside = (low + high) / 2
    cycle = at_current(device, inside)
    assert bool(cycle.stable) and int(jm.unstable_count(device, _rest(device, inside))) == 0
    with pytest.raises(ValueError, match="no cycle"):
        at_current(device, low - 0.2 * (high - low))
    # The fold does not depend on how the branch was stepped along.
    finer = jm.cycle_branch(device, largest=0.15, intervals=80)
    assert float(finer.low) == pytest.approx(low, rel=1e-6)
    # At the fold the leading multiplier is one.
    near = at_current(device, low + 1e-4 * (high - low))
    assert 0.9 < abs(complex(near.multipliers[1])) < 1


def _rest(device, I):
    return jm.operating_point(device, I=I).u


@pytest.mark.slow
def test_batches_carry_codes():
    device = jm.Memristor3D(**SETS["A"])
    I = jnp.array([1.0, 3.0, 6.0, 20.0])
    found = jax.vmap(lambda I: at_current(device, I, throw=False))(I)
    assert (found.result == jm.RESULTS.successful).tolist() == [False, True, True, False]
    assert (found.result == jm.RESULTS.no_cycle).tolist() == [True, False, False, True]
    assert np.isnan(found.period).tolist() == [True, False, False, True]
    slope = jax.vmap(jax.grad(lambda I: at_current(device, I, throw=False).period))(I[1:3])
    step = 1e-4
    for k, at in enumerate((3.0, 6.0)):
        ends = [float(at_current(device, at + s).period) for s in (-step, step)]
        assert float(slope[k]) == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6)


@pytest.mark.slow
def test_a_state_that_is_saturated_does_not_stop_the_branch():
    # Far above the first threshold its current moves by less than its last digits.
    slow = lambda i_c0, V_T, tau_d: jm.ActivatedConduction(i_c0, V_T, 0.04, tau_d, 2.5 * tau_d)
    branches = {"leak": jm.Leak(1e4), "a": slow(5e-4, 0.8, 2e-3), "b": slow(2e-3, 1.6, 1e-3)}
    found = jm.cycle_branch(jm.Device(1e-8, branches))
    hopf = jm.hopf_points(jm.Device(1e-8, branches))
    assert bool(found.complete) and int(found.end_hopf) == 1
    n = int(found.count)
    assert np.asarray(found.stable)[:n].all()
    assert float(found.period[0]) == pytest.approx(float(hopf.period[0]), rel=1e-3)
