"""Branches of entrained states: multipliers in closed form, special points against SciPy's."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import fsolve

import jaxmem as jm
from benchmarks.problems.published import FitzHughNagumo

AMPLITUDE = lambda c: c.drive.wave.amplitude
FREQ = lambda c: c.drive.wave.freq
# Excitable sets, and one near van der Pol's oscillator: a, b, eps, freq, offset.
EXCITABLE, BIASED = (0.7, 0.8, 0.1, 0.06, 0.0), (0.7, 0.8, 0.1, 0.06, 0.5)
OSCILLATING = (0.01, 0.2, 1.0, 0.19448661471708957, 0.0)


def circuit(numbers, amplitude):
    a, b, eps, freq, offset = numbers
    device = jm.Device(1.0, {"f": FitzHughNagumo(a, b, eps)})
    return jm.Circuit(device, jm.CurrentDrive(jm.Sine(amplitude, freq, offset=offset)))


def strobe(numbers, amplitude, y, periods=1):
    """The state after some periods, and its derivative by the variational equations."""
    a, b, eps, freq, offset = numbers

    def rates(t, s):
        u, w = s[:2]
        J = np.array([[1 - u**2, -1.0], [eps, -eps * b]])
        I = offset + amplitude * np.sin(2 * np.pi * freq * t)
        field = [I - (u**3 / 3 - u + w), eps * (u + a - b * w)]
        return np.concatenate([field, (J @ s[2:].reshape(2, 2)).ravel()])

    start = np.concatenate([y, np.eye(2).ravel()])
    run = solve_ivp(rates, (0, periods / freq), start, "DOP853", rtol=1e-12, atol=1e-13)
    return run.y[:2, -1], run.y[2:, -1].reshape(2, 2)


TESTS = {
    "folds": lambda M: np.linalg.det(M - np.eye(2)),
    "doublings": lambda M: np.linalg.det(M + np.eye(2)),
    "tori": lambda M: np.linalg.det(M) - 1,
}


def root_near(numbers, kind, guess, periods=1):
    """The special point near u, w, p as a root of three equations in SciPy's map."""

    def off(z):
        end, M = strobe(numbers, z[2], z[:2], periods)
        return [*(end - z[:2]), TESTS[kind](M)]

    root, _, code, _ = fsolve(off, guess, xtol=1e-13, full_output=True)
    assert code in (1, 4, 5) and np.abs(off(root)).max() < 1e-8
    return root[2]


def located(numbers, kind, branch, parameter, periods=1):
    """SciPy's special point nearest to one of a branch, from the orbit nearest to it."""
    k = int(np.nanargmin(np.abs(np.asarray(branch.parameter) - parameter)))
    guess = [float(branch.u[k]), float(branch.x[k, 0]), float(branch.parameter[k])]
    return root_near(numbers, kind, guess, periods)


def points(branch, kind):
    found = getattr(branch, kind)
    return np.asarray(found.parameter)[: int(found.found)], found


@pytest.mark.slow
def test_doublings_folds_and_a_torus_are_where_scipy_has_them():
    seen = dict(folds=0, doublings=0, tori=0)
    for numbers, amplitude, span in (
        (EXCITABLE, 1.0, (0.05, 1.5)), (OSCILLATING, 2.0, (0.02, 3.0)),
        (BIASED, 1.0, (0.05, 1.5)),
    ):  # fmt: skip
        branch = jm.entrainment_branch(circuit(numbers, amplitude), AMPLITUDE, span)
        assert bool(branch.whole), branch.result
        assert set(branch.end_names) == {"the parameter reached the end of its range"}
        shown = np.isfinite(branch.parameter)
        p = np.asarray(branch.parameter)[shown]
        assert (p[0], p[-1]) == span and shown.sum() == int(branch.count)
        for kind in seen:
            parameters, found = points(branch, kind)
            seen[kind] += len(parameters)
            for k, parameter in enumerate(parameters):
                root = located(numbers, kind, branch, parameter)
                assert parameter == pytest.approx(root, rel=1e-7), kind
                mu = complex(found.multiplier[k])
                assert abs(abs(mu) - 1) < 1e-5
                assert abs(mu.imag) > 0.1 if kind == "tori" else mu.imag == 0
        # Of some orbits: the state closes, and the multipliers are SciPy's.
        for k in np.flatnonzero(shown)[::9]:
            y = np.array([float(branch.u[k]), float(branch.x[k, 0])])
            end, M = strobe(numbers, float(branch.parameter[k]), y)
            mu = np.linalg.eigvals(M)
            np.testing.assert_allclose(end, y, atol=1e-6 * max(1, np.abs(mu).max()))
            ours = np.sort_complex(np.asarray(branch.multipliers[k]))
            np.testing.assert_allclose(ours, np.sort_complex(mu), atol=1e-4 * np.abs(mu).max())
            assert bool(branch.stable[k]) == bool(np.abs(mu).max() < 1)
    assert seen["folds"] >= 2 and seen["doublings"] >= 4 and seen["tori"] == 1
    _tables(branch)


def _tables(branch):
    table = branch.to_dataset()
    assert table.sizes["point"] == int(branch.count) and table.parameter.attrs["units"] == "A or V"
    assert "period doubling" in table.special_kind.values
    assert {"multipliers_re", "multipliers_im", "special_multiplier_re"} <= set(table)


@pytest.mark.slow
def test_a_branch_of_two_periods_begins_where_that_of_one_doubles():
    """Both of its ends are doublings of a state of one period, as SciPy has them."""
    numbers = (0.7, 0.8, 0.1, 0.1, 0.0)
    two = jm.entrainment_branch(circuit(numbers, 1.0), AMPLITUDE, (0.05, 1.5))
    assert int(two.periods) == 2 and bool(two.whole)
    assert set(two.end_names) == {jm.ENDS[jm.ENDS.doubling]}
    shown = np.flatnonzero(np.isfinite(two.parameter))
    np.testing.assert_allclose(np.asarray(two.period)[shown], 2 / numbers[3], rtol=1e-12)
    found = points(two, "doublings")[0]
    for k, parameter in ((shown[0], found[0]), (shown[-1], found[-1])):
        end = [float(a) for a in (two.u[k], two.x[k, 0], two.parameter[k])]
        assert parameter == pytest.approx(root_near(numbers, "doublings", end), rel=1e-7)
    for kind in ("folds", "doublings"):
        for parameter in points(two, kind)[0][1:-1]:
            root = located(numbers, kind, two, parameter, periods=2)
            assert parameter == pytest.approx(root, rel=1e-6), kind


@pytest.mark.slow
def test_linear_circuit_in_closed_form():
    """Multipliers exp(lambda T) at every frequency, amplitudes by the impedance."""
    R, C, A = 2.0, 0.3, 0.7
    device = jm.Device(C, {"leak": jm.Leak(R), "slow": jm.SlowConductance(0.5, 2.0)})
    wave = jm.Sine(A, 0.4, offset=0.2)
    branch = jm.entrainment_branch(
        jm.Circuit(device, jm.CurrentDrive(wave)), FREQ, (0.1, 1.0), samples=401
    )
    assert bool(branch.whole) and bool(np.all(branch.stable[np.isfinite(branch.u)]))
    J = np.array([[-1 / (R * C), -1 / C], [0.5 / 2.0, -1 / 2.0]])
    for k in np.flatnonzero(np.isfinite(branch.parameter)):
        freq = float(branch.parameter[k])
        s = 2j * np.pi * freq
        Z = 1 / (C * s + 1 / R + 0.5 / (1 + 2 * s))
        middle = 0.2 / (1 / R + 0.5)
        assert float(branch.period[k]) == pytest.approx(1 / freq, rel=1e-12)
        assert float(branch.u[k]) == pytest.approx(middle + A * Z.imag, abs=1e-8)
        assert float(branch.u_max[k]) == pytest.approx(middle + A * abs(Z), abs=1e-4)
        theirs = np.sort_complex(np.exp(np.linalg.eigvals(J) / freq))
        np.testing.assert_allclose(np.sort_complex(branch.multipliers[k]), theirs, atol=1e-7)
    assert all(int(getattr(branch, k).found) == 0 for k in ("folds", "doublings", "tori"))
    assert branch.over.name == "drive.wave.freq" and branch.over.unit == "Hz"


@pytest.mark.slow
def test_a_tongue_is_a_closed_branch():
    """Weakly driven: a stable and an unstable state meet at both ends of the tongue."""
    own = 0.14960508824493812
    driven = circuit((0.01, 0.2, 1.0, own, 0.0), 0.1)
    branch = jm.entrainment_branch(driven, FREQ, (0.5 * own, 1.6 * own))
    assert set(branch.end_names) == {"it came back to where it started"} and bool(branch.whole)
    folds = points(branch, "folds")[0]
    assert len(folds) == 2 and folds.min() < own < folds.max()
    for edge, inside in ((folds.min(), 1.001), (folds.max(), 0.999)):
        T = 1 / (edge * inside)
        at = circuit((0.01, 0.2, 1.0, 1 / T, 0.0), 0.1)
        assert int(jm.entrainment(at, T, settle=400, throw=False).periods) == 1
        T = 1 / (edge / inside)
        beyond = jm.entrainment(
            circuit((0.01, 0.2, 1.0, 1 / T, 0.0), 0.1), T, settle=400, throw=False
        )
        assert int(beyond.periods) != 1


def test_wrong_calls_say_what_to_do(as_users_call):
    driven = circuit(EXCITABLE, 0.5)
    with pytest.raises(ValueError, match=r"amplitude is 0\.5"):
        jm.entrainment_branch(driven, AMPLITUDE, (0.6, 1.0))
    wave = jm.Sine(0.5, 1.0) + jm.Constant(0.1)
    with pytest.raises(ValueError, match="period="):
        jm.entrainment_branch(
            jm.Circuit(driven.device, jm.CurrentDrive(wave)),
            lambda c: c.device.C_m, (0.5, 2.0),
        )  # fmt: skip


@pytest.mark.slow
def test_without_a_settled_state_it_is_empty():
    drifting = circuit(OSCILLATING, 0.3)
    with pytest.raises(RuntimeError, match="drifts"):
        jm.entrainment_branch(drifting, AMPLITUDE, (0.02, 3.0))
    none = jm.entrainment_branch(drifting, AMPLITUDE, (0.02, 3.0), throw=False)
    assert int(none.count) == 0 and none.result == jm.RESULTS.not_locked
    assert not np.any(np.isfinite(none.parameter)) and not np.any(none.stable)
    assert set(none.end_names) == {"there is no curve"}
    assert isinstance(jax.tree.leaves(none)[0], jax.Array)
