"""Yields: against a loop over `limit_cycle`, against closed forms, and their intervals."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom, norm

import jaxmem as jm
from benchmarks.oracles.ring import hopf_points
from fitting import DesignGoal, Scatter, maximise_yield, yield_of
from fitting.yields.counting import start_of
from fitting.yields.limits import coordinates
from fitting.yields.many_devices import RESTS, SPIKES, numbers_of
from fitting.yields.question import Question
from fitting.yields.scatter import Spread

# Near the edge of its window of parameters: some of its like have none.
NOMINAL = jm.Memristor3D(1.0, 1.0, 6.0, 1.0, 0.05, 10.0, 24.0)
GOALS = (
    DesignGoal("frequency", 0.065, tolerance=0.15),
    DesignGoal("amplitude", 0.28, tolerance=0.5),
)
WIDTH, MADE = 0.12, 40


@pytest.fixture(scope="module")
def found():
    return yield_of(NOMINAL, GOALS, WIDTH, devices=MADE, seed=4)


def one_by_one(parameters, place=0.5):
    """What NumPy's roots and `limit_cycle` say of each device: frequency and amplitude or None."""
    for row in parameters:
        case = dict(zip(("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k"), row, strict=True))
        points = hopf_points(case | {"drive": "current"})
        if len(points) != 2:
            yield None
            continue
        I = points[0].drive + place * (points[1].drive - points[0].drive)
        circuit = jm.Circuit(jm.Memristor3D(**case), jm.CurrentDrive(jm.Constant(I)))
        cycle = jm.limit_cycle(circuit, throw=False)
        both = 1 / float(cycle.period), float(cycle.u_max - cycle.u_min)
        yield both if bool(cycle.stable) else None


@pytest.mark.slow
def test_a_yield_is_the_count_of_a_loop_over_limit_cycles(found):
    count = resting = 0
    for row, values in zip(one_by_one(found.parameters), found.values, strict=True):
        if row is None:
            resting += 1
            assert np.all(np.isnan(values))
            continue
        assert values == pytest.approx(row, rel=1e-6)
        count += all(g.allowed[0] <= v <= g.allowed[1] for g, v in zip(GOALS, row, strict=True))
    assert (found.count, found.resting, found.unknown) == (count, resting, 0)
    assert 0 < count < MADE - resting < MADE


@pytest.mark.slow
def test_what_is_lost_is_told(found):
    # Each device is within, rests, or misses a limit.
    missed = sum(below + above for below, above in found.missed.values())
    assert found.count + found.resting + missed >= MADE
    text = " ".join(found.statements())
    assert f"{found.count} of {MADE} devices" in text and "no spikes" in text
    assert found.corners[0].distance <= found.corners[-1].distance
    assert "standard deviations away" in text


@pytest.mark.slow
def test_corners_lie_on_their_limits(found):
    """One by `limit_cycle`, the edge of the window by NumPy's roots."""
    names = list(found.names)
    for corner in found.corners:
        row = np.array([corner.parameters[name] for name in names])
        designed = np.array([float(getattr(NOMINAL, name)) for name in names])
        x = np.log(row / designed) / WIDTH
        assert np.linalg.norm(x) == pytest.approx(corner.distance, rel=1e-9)
        if corner.limit == "no spikes":
            inner = one_by_one([designed * np.exp(WIDTH * s * x) for s in (0.97, 1.03)])
            assert [there is not None for there in inner] == [True, False]
            continue
        goal = next(g for g in GOALS if corner.limit.startswith(g.called))
        (values,) = one_by_one([row])
        at = dict(zip(("frequency", "amplitude"), values, strict=True))[goal.called]
        assert at == pytest.approx(goal.allowed[corner.limit.endswith("high")], rel=1e-3)


@pytest.mark.slow
def test_slopes_are_those_of_differences():
    spread = Spread(Scatter(WIDTH), NOMINAL)
    question = Question(GOALS, NOMINAL, spread.moved, "current", ("window", 0.5))
    x = np.random.default_rng(7).standard_normal((3, 7)) * 0.5
    rows, by_x = spread.leaves(NOMINAL, x)
    known = start_of("test", question, rows)
    at = numbers_of(question, rows, known, slopes=True)
    assert np.all(at.state == SPIKES) and not at.single.any()
    step = 1e-4
    sides = np.concatenate([x[0] + s * step * np.eye(7) for s in (1, -1)])
    moved = numbers_of(question, spread.leaves(NOMINAL, sides)[0], known)
    r = coordinates(GOALS, moved.values)
    slopes = at.slopes[0] / at.values[0][:, None] @ by_x[0]
    assert slopes == pytest.approx(((r[:7] - r[7:]) / (2 * step)).T, rel=1e-5, abs=1e-7)
    by_margin = at.margin_slopes[0] @ by_x[0]
    differences = (moved.margin[:7] - moved.margin[7:]) / (2 * step)
    assert by_margin == pytest.approx(differences, rel=1e-5, abs=1e-7)


def lag(device):
    return device.R_b * device.C_m


LAG = DesignGoal(lag, 1e-3, tolerance=0.15, unit="s")
RC = jm.si_device()
# Of a product of two lognormal numbers.
EXACT = norm.cdf(np.log(1.15) / np.hypot(0.1, 0.05)) - norm.cdf(np.log(0.85) / np.hypot(0.1, 0.05))
WIDTHS = Scatter({"R_b": 0.1, "C_m": 0.05})


@pytest.mark.quick
def test_a_yield_in_closed_form():
    found = yield_of(RC, [LAG], WIDTHS, devices=20_000)
    assert found.low < EXACT < found.high and found.high - found.low < 0.02
    assert found.resting == found.unknown == 0
    # Without the scatter of one of the two.
    for name, other in (("R_b", 0.05), ("C_m", 0.1)):
        alone = norm.cdf(np.log(1.15) / other) - norm.cdf(np.log(0.85) / other)
        loss = found.losses[name]
        assert loss.share == pytest.approx(alone, abs=4 * loss.error + 0.01)
    nearest = found.corners[0]
    assert nearest.limit == "lag too high"
    assert nearest.distance == pytest.approx(np.log(1.15) / np.hypot(0.1, 0.05), rel=1e-3)
    assert nearest.share["R_b"] == pytest.approx(0.8, abs=1e-3)


@pytest.mark.quick
def test_intervals_hold_the_truth_as_often_as_they_say():
    n, times = 100, 80
    ends = [yield_of(RC, [LAG], WIDTHS, devices=n, seed=k, corners=False) for k in range(times)]
    covered = sum(y.low <= EXACT <= y.high for y in ends)
    # Clopper and Pearson's never hold it less often.
    assert covered >= binom.ppf(1e-4, times, 0.95)
    # By which they are defined: at each end the count, or one farther away, has a chance of 2.5 %.
    for y in {y.count: y for y in ends}.values():
        assert binom.sf(y.count - 1, n, y.low) == pytest.approx(0.025, rel=1e-6)
        assert binom.cdf(y.count, n, y.high) == pytest.approx(0.025, rel=1e-6)
    assert np.std([y.share for y in ends]) == pytest.approx(
        np.sqrt(EXACT * (1 - EXACT) / n), rel=0.35
    )


@pytest.mark.quick
def test_correlation_changes_a_yield():
    opposite = Scatter({"R_b": 0.1, "C_m": 0.1}, correlation={("R_b", "C_m"): -0.99})
    alike = Scatter({"R_b": 0.1, "C_m": 0.1}, correlation={("R_b", "C_m"): 0.99})
    shares = [yield_of(RC, [LAG], s, devices=1000).share for s in (opposite, alike)]
    assert shares[0] == 1.0 and shares[1] < 0.65


def shifted(device):
    return device.R_b * device.i_c0 + device.V_T


@pytest.mark.quick
def test_the_largest_yield_is_where_what_scatters_counts_least():
    """R_b i_c0 + V_T is to be 10 V, and V_T is exact: most of it is to come from V_T."""
    goal = DesignGoal(shifted, 10.0, tolerance=0.05, unit="V")
    today = jm.Memristor3D(1e4, 1e-7, 9e-4, 1.0, 0.04, 2e-3, 5e-3)
    knobs = [lambda d: d.R_b, lambda d: d.V_T]
    scatter = Scatter({"R_b": 0.1, "i_c0": 0.1})
    found = maximise_yield(today, [goal], knobs, scatter, devices=2000)
    share = lambda w: norm.cdf(0.5 / w) - norm.cdf(-0.5 / w)
    assert found.before.share == pytest.approx(share(9 * np.hypot(0.1, 0.1)), abs=0.04)
    # V_T goes to the end of its range, 5 V, and the rest has the scatter of 5 V.
    assert found.at_limit == ("V_T",) and found.factors["V_T"] == pytest.approx(5.0)
    assert found.after.share == pytest.approx(share(5 * np.hypot(0.1, 0.1)), abs=0.04)
    assert float(shifted(found.device)) == pytest.approx(10.0, rel=0.02)
    assert all(after >= before for _, before, after in found.steps)
    assert "2000 devices that the search has not seen" in found.statements()[0]


def test_ranges_are_counted_from_the_device_of_today():
    goal = DesignGoal(lag, 2e-3, tolerance=0.15)
    start = jm.si_device(R_b=2e4)
    found = maximise_yield(start, [goal], [lambda d: d.R_b], 0.1, today=RC, devices=500)
    assert found.factors["R_b"] == pytest.approx(2.0, rel=0.05)


@pytest.mark.quick
@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: yield_of(RC, [LAG], WIDTHS, at=("place", 1.0)), "at is one of"),
        (lambda: yield_of(RC, [LAG, LAG], WIDTHS), "one name"),
        (lambda: yield_of(RC, [LAG], WIDTHS, devices=0), "from 1"),
    ],
)
def test_what_cannot_be_asked(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_device_far_from_its_window_has_no_yield():
    quiet = jm.paper_device(tau_m=1e-4, tau_d=1.0, tau_k=1.0)
    with pytest.raises(ValueError, match="design one that does"):
        yield_of(quiet, GOALS, Scatter(0.01), devices=3)


@pytest.mark.slow
def test_a_drive_that_is_given_may_leave_the_window():
    """All at one current: those whose window does not reach it rest, as `limit_cycle` says."""
    nominal = jm.paper_device(tau_m=1.0, tau_d=1.0, tau_k=1.0)
    I = 2.2  # just above the first Hopf point
    made = yield_of(nominal, [], 0.1, at=("I", I), devices=30, seed=1, corners=False)
    spikes = 0
    for row in made.parameters:
        case = dict(zip(made.names, row, strict=True))
        circuit = jm.Circuit(jm.Memristor3D(**case), jm.CurrentDrive(jm.Constant(jnp.asarray(I))))
        spikes += bool(jm.limit_cycle(circuit, throw=False).stable)
    assert made.count == spikes and made.resting == 30 - spikes and made.unknown == 0
    assert 3 < spikes < 27 and RESTS == 0
