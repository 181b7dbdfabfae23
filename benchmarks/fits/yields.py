"""What share of made devices is within specification, before and after the design is centred?

Every parameter scatters by 10 %, independently (a standard deviation of 0.1 in its logarithm). A
device is good if it spikes, its frequency is within 15 % and its amplitude within 20 %. Three
designs: `near_threshold`, each device driven where its window begins; `one_current`, all driven by
the same current, which is a knob; `behind_a_resistor`, a voltage through R_s, which scatters too.
First the nearest device that has the two goals (`design`), then the one with the largest yield
(`maximise_yield`), both counted on devices that no search has seen.

`best`: which yields there are at all: random devices at several places of their windows, by the
slopes of the two goals. `speed`: window, frequency and amplitude of so many devices, with and
without programs on disk. `checks`: devices at one current, of which many do not spike, by
`limit_cycle` one by one.
"""

import os
import tempfile

import numpy as np
from scipy.stats import norm

import jaxmem as jm
from benchmarks.harness import Clock, in_new_process
from benchmarks.table import Row
from fitting import DesignGoal, Knob, Scatter, design, maximise_yield, yield_of
from fitting.yields.many_devices import RESTS, SPIKES, begin_at, numbers_of
from fitting.yields.question import Question
from fitting.yields.scatter import Spread

COUNTS = {
    "devices": (10_000, "drawn of each design"),
    "drawn": (300, "random designs at each place of the window"),
    "checked": (400, "devices compared with limit_cycle"),
}
SCATTER = Scatter(0.1)
MOVED = (
    lambda d: d.R_b, lambda d: d.C_m, lambda d: d.i_c0, lambda d: d.V_m, lambda d: d.tau_d,
    lambda d: d.tau_k,
)  # fmt: skip
KNOBS = tuple(Knob(lens, within=8.0) for lens in MOVED)
# A device that does not oscillate, and what it is to do.
QUIET = dict(C_m=2e-8)
CASES = {
    "near_threshold": (QUIET, "current", ("window", 0.15), KNOBS),
    "one_current": (QUIET, "current", ("I", 1.8e-4), (*KNOBS, Knob("I"))),
    "behind_a_resistor": (QUIET | dict(R_s=3e4), "voltage", ("window", 0.15), KNOBS),
}
PLACES = (0.1, 0.2, 0.35, 0.5, 0.7)


def wanted(frequency, amplitude):
    return [
        DesignGoal("frequency", 200.0, tolerance=frequency),
        DesignGoal("amplitude", 0.25, tolerance=amplitude),
    ]


def told(found):
    return {
        "share": found.share, "interval": [found.low, found.high], "devices": found.devices,
        "resting": found.resting, "not_computed": found.unknown, "missed": found.missed,
        "as_designed": {name: loss.share for name, loss in found.losses.items()},
        "nearest_corner": {
            "limit": found.corners[0].limit, "standard_deviations": found.corners[0].distance,
        } if found.corners else None,
    }  # fmt: skip


def case(name, seed, devices):
    device, drive, at, knobs = CASES[name]
    today = jm.si_device(**device)
    with Clock() as designing:
        found = design(wanted(0.01, 0.01), today, KNOBS, drive=drive, at=at, seed=seed)
    with Clock() as centring:
        moved = maximise_yield(
            found.device, wanted(0.15, 0.2), knobs, SCATTER, today=today, drive=drive, at=at,
            devices=devices, seed=seed,
        )  # fmt: skip
    return {
        "goals_of_the_nearest_met": found.met, "nearest": told(moved.before),
        "centred": told(moved.after), "nearest_factors": found.factors,
        "centred_factors": moved.factors, "centred_at": dict([moved.at]),
        "at_limit": moved.at_limit, "steps": len(moved.steps),
        "cpu_seconds": {"design": designing.cpu, "centring_and_both_counts": centring.cpu},
    }  # fmt: skip


def best(seed, drawn):
    """The largest yield of random designs at each place, the goals taken as lognormal."""
    rng = np.random.default_rng([seed, 3])
    unit = jm.Memristor3D(1.0, 1.0, 150.0, 1.0, 1.0, 0.4, 1.0)
    goals, spread = tuple(wanted(0.15, 0.2)), Spread(SCATTER, unit)
    base = np.array([1.0, 1.0, 150.0, 1.0, 1.0, 0.4, 1.0])
    rows = np.tile(base, (drawn, 1))
    rows[:, 2] = np.exp(rng.uniform(np.log(60), np.log(500), drawn))
    rows[:, 5] = 10 ** rng.uniform(-1.0, 0.7, drawn)
    rows[:, 6] = 10 ** rng.uniform(-0.7, 1.0, drawn)
    within = lambda s, t: norm.cdf(np.log(1 + t) / s) - norm.cdf(np.log(1 - t) / s)
    result = {}
    for place in PLACES:
        question = Question(goals, unit, spread.moved, "current", ("window", place))
        found = numbers_of(question, rows, begin_at(question, [base]), slopes=True, alone=False)
        spikes = found.state == SPIKES
        by = (found.slopes / found.values[..., None] * rows[:, None])[spikes]
        sizes = 0.1 * np.linalg.norm(by, axis=2)
        share = within(sizes[:, 0], 0.15) * within(sizes[:, 1], 0.2)
        k = int(np.argmax(share))
        result[str(place)] = {
            "spike": int(spikes.sum()), "of": drawn, "largest_yield": float(share[k]),
            "deviation_of_ln_frequency": float(sizes[k, 0]),
            "deviation_of_ln_amplitude": float(sizes[k, 1]),
            "least_deviation_of_ln_frequency": float(sizes[:, 0].min()),
            "least_deviation_of_ln_amplitude": float(sizes[:, 1].min()),
        }  # fmt: skip
    return result


def timed_yield(devices):
    """Seconds of a yield in this process, the first one and a second one."""
    device = jm.si_device(R_b=3.5e4, C_m=1e-7, i_c0=1.34e-4, V_m=0.028, tau_d=1.1e-3, tau_k=5.3e-3)
    rows = {}
    for name, seed in (("first", 0), ("next", 1)):
        with Clock() as clock:
            found = yield_of(
                device, wanted(0.15, 0.2), SCATTER, at=("window", 0.15), devices=devices,
                seed=seed, corners=False,
            )  # fmt: skip
        rows[name] = {"seconds": clock.wall, "cpu_seconds": clock.cpu}
    return rows | {"share": found.share, "load": os.getloadavg()[0]}


def speed(devices):
    with tempfile.TemporaryDirectory() as folder:
        around = {
            "JAX_ENABLE_X64": "1", "EQX_ON_ERROR": "nan", "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "XLA_FLAGS": "",
        }  # fmt: skip
        return {"of": devices} | {
            key: in_new_process(timed_yield, devices, **around)
            for key in ("nothing_compiled", "programs_on_disk")
        }


def checks(seed, checked):
    """Devices at one current near the end of their windows, by `limit_cycle` one by one."""
    device = jm.Memristor3D(1.0, 1.0, 10.0, 1.0, 0.05, 1.0, 1.0)
    spread = Spread(SCATTER, device)
    question = Question(tuple(wanted(0.15, 0.2)), device, spread.moved, "current", ("I", 2.2))
    x = np.random.default_rng([seed, 4]).standard_normal((checked, 7))
    rows, _ = spread.leaves(device, x)
    found = numbers_of(question, rows, begin_at(question, [[1.0, 1.0, 10.0, 1.0, 0.05, 1.0, 1.0]]))
    wrong, largest = 0, 0.0
    for row, state, values in zip(rows, found.state, found.values, strict=True):
        circuit = jm.Circuit(jm.Memristor3D(*row), jm.CurrentDrive(jm.Constant(2.2)))
        cycle = jm.limit_cycle(circuit, throw=False)
        wrong += bool(cycle.stable) != (state == SPIKES)
        if bool(cycle.stable) and state == SPIKES:
            both = np.array([1 / float(cycle.period), float(cycle.u_max - cycle.u_min)])
            largest = max(largest, float(np.max(np.abs(values / both - 1))))
    return {
        "of": checked, "spike": int(np.sum(found.state == SPIKES)),
        "rest": int(np.sum(found.state == RESTS)), "by_limit_cycle": int(found.single.sum()),
        "otherwise_by_limit_cycle": wrong, "largest_relative_difference": largest,
    }  # fmt: skip


def run(options):
    return {
        **{n: lambda n=n: case(n, options.seed, options.devices) for n in CASES},
        "best": lambda: best(options.seed, options.drawn),
        "speed": lambda: speed(options.devices),
        "checks": lambda: checks(options.seed, options.checked),
    }


def good(result) -> bool:
    cases = [result[name] for name in CASES if name in result]
    moved = all(c["nearest"]["share"] <= 0.7 and c["centred"]["share"] >= 0.9 for c in cases)
    return moved and result.get("checks", {}).get("otherwise_by_limit_cycle", 0) == 0


ROW = Row(
    counted=lambda r: "; ".join(
        f"{100 * r[n]['nearest']['share']:.0f} to {100 * r[n]['centred']['share']:.0f} %"
        for n in CASES
        if n in r
    ),
    time=lambda r: (
        f"{r['speed']['of']} devices in {r['speed']['programs_on_disk']['next']['seconds']:.0f} s"
    ),
    peer=lambda r: "",
)
