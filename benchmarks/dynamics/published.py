"""Do published oscillators, written as a user would, have the answers of AUTO-07p?

Each model of `problems/published_cases.py` is a part. AUTO follows its equilibria and its cycles
from the equations as text; its Hopf points and folds of equilibria are refined by Newton's method
on what defines them, its folds of cycles have to agree on two meshes, and its periods with those
that SciPy counts between passages of a section. Then it is asked of this package: Hopf points,
equilibria, folds, cycles where there are some and where there are none, the branch from the first
Hopf point, the rheobase. An answer is right, refused (with what reason), or wrong. One that fails
does not stop the others.
"""

from collections import Counter
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

import jaxmem as jm
from benchmarks.harness import Absent
from benchmarks.oracles.auto07p import MISSING, WHY
from benchmarks.oracles.auto_field import AutoField
from benchmarks.oracles.written_field import WrittenField
from benchmarks.problems.published_cases import CASES
from benchmarks.table import Row

COUNTS = {}
HOPF, FOLD, WINDOW = 1e-9, 1e-8, 1e-8


class Truth(NamedTuple):
    """What AUTO and a second method agree on: `cycles` are rows of (drive, period, u_max, u_min),
    `rheobase` is (where rest gives way, the least drive with a stable cycle)."""

    hopf: list
    folds: list
    cycle_folds: list
    cycles: list
    equilibria: list
    rheobase: tuple
    doubtful: list


def truth_of(case, folder) -> Truth:
    """The numbers of a model, by AUTO, and by NumPy or SciPy."""
    field = WrittenField(case.text, **case.values)
    auto = AutoField(folder, field)
    y = field.settled(case.low, field.run(case.low, case.y, 2000.0).y[:, -1])
    some = [case.low + s * (case.high - case.low) for s in (0.1, 0.3, 0.6)] + [*case.none]
    hopf, folds, curve, passed = auto.equilibria(case.low, case.high, y, at=some, **case.auto or {})
    hopf_at, unmatched = _hopf_points(field, curve, hopf)
    if case.canard and not hopf_at:
        mu, b = case.values["mu"], case.values["b"]
        u = np.sqrt(1 - b / mu**2) * np.array([-1, 1])
        hopf_at = [field.hopf_point(v**3 / 3 - v + v / b, [v, v / b]) for v in u]
    fold_at = [field.fold(f.drive, f.y) for f in folds]
    doubtful, cycle_folds, orbits, least = unmatched, [], [], np.inf
    if hopf and not case.canard:
        meshes = ((300, 5), (200, 6))
        span = np.ptp([h[1][0] for h in hopf_at]) if case.u_range is None else np.ptp(case.u_range)
        longest = min(1.0, 0.025 * span)
        walks = [
            auto.cycles(h, case.at, NTST=n, NCOL=c, DSMAX=longest)
            for h in hopf[:2] for n, c in meshes
        ]  # fmt: skip
        # What AUTO calls a fold where the cycles shrink to a Hopf point is none.
        shrunk = lambda o: any(
            abs(o.drive / d - 1) < 1e-5 and abs(o.period * w / (2 * np.pi) - 1) < 1e-3
            for d, _, w in hopf_at
        )
        met = [o for w in walks for o in w.folds if not shrunk(o)]
        # A fold is one that two of the walks met.
        for place in _unlike([o.drive for o in met]):
            seen = sum(abs(o.drive / place - 1) < 3e-9 for o in met)
            (cycle_folds if seen > 1 else doubtful).append(place)
        orbits = [o for o in walks[0].labelled if o.stable and o.kind == "UZ"]
        ends = [*cycle_folds, *(h[0] for h in hopf_at), walks[0].drive[-1]]
        low = walks[0].drive[walks[0].stable].min()
        least = min(ends, key=lambda d: abs(d - low))
    cycles = []
    for drive in case.at:
        row = _cycle(field, auto, case, drive, orbits)
        (cycles if row[0] is not None else doubtful).append(row[1])
    rest = _gives_way(field, curve, hopf_at, fold_at)
    equilibria = [
        (d, sorted(float(field.settled(d, e.y)[0]) for e in passed if abs(e.drive - d) < 1e-6))
        for d in some
    ]
    in_seconds = [(drive, T * case.second, *ends) for drive, T, *ends in cycles]
    hopf_at = sorted(((d, y, w / case.second) for d, y, w in hopf_at), key=lambda h: h[0])
    return Truth(
        hopf_at, fold_at, cycle_folds, in_seconds, equilibria, (rest, min(rest, least)), doubtful
    )


def _hopf_points(field, curve, hopf):
    """Where a pair of eigenvalues crosses along the curve of equilibria, refined; and those of
    AUTO's that are none of these."""
    states = curve[:, -len(field.states) :]
    grow = [field.unstable(d, y) for d, y in zip(curve[:, 0], states, strict=True)]
    at = np.flatnonzero(np.abs(np.diff(grow)) == 2)
    found = [field.hopf_point(curve[k, 0], states[k]) for k in at]
    own = [h.drive for h in hopf if not any(abs(h.drive / f[0] - 1) < 1e-6 for f in found)]
    return found, own


def _unlike(numbers):
    kept = []
    for number in sorted(numbers):
        if not kept or abs(number / kept[-1] - 1) > 1e-8:
            kept.append(number)
    return kept


def _cycle(field, auto, case, drive, orbits):
    """A stable cycle by AUTO, and whether SciPy finds the same period."""
    own = [o for o in orbits if abs(o.drive - drive) < 1e-9 * abs(drive)]
    start = own[0].y if own else case.start
    how = dict(method="LSODA") if case.canard else dict(method="DOP853", tol=1e-13)
    rough = field.run(drive, start, 4 * own[0].period if own else 500.0 + 4 * case_time(case))
    late = rough.y[0][rough.t > 0.5 * rough.t[-1]]
    section, T = (late.max() + late.min()) / 2, 1.2 * rough.t[-1]
    found = field.returns(drive, rough.y[:, -1], section=section, T=T, **how)
    if found is None:
        return None, f"no return at {drive}"
    period, y = found
    turns = lambda t, y: field.rates(drive, y)[0]
    run = field.run(drive, y, period, max_step=period / 100, events=turns)
    # At this very drive: next to a homoclinic orbit the period depends on its last digits.
    orbit = auto.orbit(drive, run.t, run.y, NTST=1000 if case.canard else 400)
    gap = abs(orbit.period / period - 1)
    if gap > 0.5 * case.tolerance:
        return None, f"at {drive}: AUTO {orbit.period!r}, SciPy {period!r}"
    # Where u turns back; AUTO has its extrema at points of its mesh only.
    ends = [e[0] for e in run.y_events[0]] + [orbit.u_max, orbit.u_min]
    return True, (drive, orbit.period, max(ends), min(ends))


def case_time(case):
    """A time in which a relaxation oscillator goes round."""
    return 3 * case.values.get("mu", 0.0)


def _gives_way(field, curve, hopf, folds):
    """The first drive, along the curve of equilibria, where rest is no longer stable."""
    ahead = [(d, y) for d, y in folds] + [(d, y) for d, y, _ in hopf]
    states = curve[:, 2:]
    order = lambda p: np.argmin(np.sum(((states[:, 0] - p[1][0]) / np.ptp(states[:, 0])) ** 2
                                       + (curve[:, :1] - p[0]).T ** 2 / np.ptp(curve[:, 0]) ** 2,
                                       axis=0))  # fmt: skip
    return min(ahead, key=order)[0] if ahead else np.nan


class Answers:
    """What the package answered, each judged."""

    def __init__(self):
        self.rows = []

    def ask(self, what, judge):
        """`judge()` gives (verdict, got, want); an error that it raises is a refusal."""
        try:
            verdict, got, want = judge()
        except Exception as error:
            verdict, got, want = "refused", f"{type(error).__name__}: {error}"[:300], None
        self.rows.append({"what": what, "verdict": verdict, "got": got, "want": want})


def _close(got, want, rel):
    got, want = np.asarray(got, float), np.asarray(want, float)
    return got.shape == want.shape and bool(np.all(np.abs(got - want) <= rel * np.abs(want)))


def judged(got, want, rel):
    got, want = np.asarray(got, float).tolist(), np.asarray(want, float).tolist()
    return "right" if _close(got, want, rel) else "wrong", got, want


def ask_all(case, truth) -> list:
    """Every function, about one model."""
    device, kind, answers = case.device(), case.drive, Answers()
    look = {} if case.u_range is None else {"u_range": case.u_range}
    voltage = kind == "voltage"
    wave = jm.VoltageDrive if voltage else jm.CurrentDrive
    more = {} if case.intervals is None else {"intervals": case.intervals}

    def hopf():
        found = jm.hopf_points(device, drive=kind, **look)
        n = int(found.found)
        got = np.stack([found.imposed(kind), found.omega], axis=1)[:n]
        return judged(sorted(got.tolist()), [[h[0], h[2]] for h in truth.hopf], HOPF)

    def equilibria(drive, want):
        found = jm.operating_points(device, **{"V" if voltage else "I": drive})
        u = np.asarray(found.u)
        return judged(np.sort(u[np.isfinite(u)]), want, 1e-9)

    def folds():
        found = jm.fold_points(device, drive=kind, **look)
        got = np.sort(np.asarray(found.imposed(kind))[: int(found.found)])
        return judged(got, sorted(f[0] for f in truth.folds), FOLD)

    def cycle(drive, want):
        circuit = jm.Circuit(device, wave(jm.Constant(drive)))
        found = jm.limit_cycle(circuit, throw=False, **look, **more)
        period = float(found.period)
        if want is None:
            if np.isnan(period) or not bool(found.stable):
                return "right", jm.RESULTS[found.result], None
            return "wrong", f"a stable cycle of period {period}", "none"
        if np.isnan(period):
            denies = found.result in (jm.RESULTS.no_cycle, jm.RESULTS.no_hopf_point)
            return "wrong" if denies else "refused", jm.RESULTS[found.result], want[1]
        swing = want[2] - want[3]
        ends = [float(found.u_max) / swing, float(found.u_min) / swing]
        good = bool(found.stable) and _close(period, want[1], case.tolerance)
        good = good and np.allclose(ends, np.array(want[2:]) / swing, rtol=0, atol=1e-6)
        got = [period, float(found.u_max), float(found.u_min), bool(found.stable)]
        return "right" if good else "wrong", got, [*want[1:], True]

    def branch():
        found = jm.cycle_branch(device, drive=kind, **look)
        n = int(found.folds.found)
        got = sorted(np.asarray(found.folds.drive)[:n].tolist())
        said = jm.RESULTS[found.result] or f"ends at Hopf point {int(found.end_hopf)}"
        if case.canard:
            verdict = "wrong" if bool(found.complete) and case.end != "hopf" else "refused"
            verdict = "right" if bool(found.complete) == (case.end == "hopf") else verdict
            return verdict, said, f"ends: {case.end}"
        right = n <= 4 and _close(got, truth.cycle_folds, FOLD)
        where = bool(found.complete) == (case.end == "hopf") and int(found.end_hopf) != 0
        verdict = "right" if right and where else "wrong"
        if verdict == "wrong" and not bool(found.complete) and case.end == "hopf":
            verdict = "refused"
        return verdict, [got, said], [truth.cycle_folds, case.end]

    def rheobase():
        found = jm.rheobase(device, kind, **look)
        return judged([found.rest, found.kept], truth.rheobase, WINDOW)

    answers.ask("hopf_points", hopf)
    for drive, want in truth.equilibria:
        answers.ask(f"operating_points at {drive:g}", lambda d=drive, w=want: equilibria(d, w))
    if truth.folds:
        answers.ask("fold_points", folds)
    for row in truth.cycles:
        answers.ask(f"limit_cycle at {row[0]:g}", lambda row=row: cycle(row[0], row))
    for drive in case.none:
        answers.ask(f"limit_cycle at {drive:g}", lambda d=drive: cycle(d, None))
    answers.ask("cycle_branch", branch)
    if case.rheobase:
        answers.ask("rheobase", rheobase)
    return answers.rows


def one(case):
    """A model: counts, and all that was not right."""
    with TemporaryDirectory() as folder:
        truth = truth_of(case, folder)
    rows = ask_all(case, truth)
    counts = Counter(row["verdict"] for row in rows)
    return {
        **{verdict: counts[verdict] for verdict in ("right", "refused", "wrong")},
        "oracles_disagree": truth.doubtful, "hopf": [[h[0], h[2]] for h in truth.hopf],
        "folds": [f[0] for f in truth.folds], "folds_of_cycles": truth.cycle_folds,
        "cycles": [row[:2] for row in truth.cycles], "rheobase": truth.rheobase,
        "not_right": [row for row in rows if row["verdict"] != "right"],
    }  # fmt: skip


def run(options):
    if MISSING:
        raise Absent(WHY)
    return {name: lambda case=case: one(case) for name, case in CASES.items()}


def good(result) -> bool:
    return not any(result[n][v] for n in CASES if n in result for v in ("refused", "wrong"))


def _total(verdict):
    return lambda r: sum(r[name][verdict] for name in CASES if name in r)


ROW = Row(
    counted=lambda r: (
        f"{_total('right')(r)} right, {_total('refused')(r)} refused, {_total('wrong')(r)} wrong "
        f"of {sum(n in r for n in CASES)} models"
    ),
    error=lambda r: f"Hopf points {HOPF:g}, folds {FOLD:g}, periods 1e-8 relative",
)
