"""How much faster are ensembles of transients than a loop over CVODE, at the same achieved error?

The task: devices with every parameter scattered by a tenth (V_T by 2 %), rested, at 50 samples. 3D:
0.7, 1.4, 0.9 V behind R_s = 0.1 with tau = (1, 5, 2); the same device as a user writes it, with its
current, rates and rest alone; 2D under a pulse of current. The peer is CVODE (BDF, a Jacobian by
hand that is made anew at every step) in C, on the same processor, in turns. For each the loosest of
a ladder of tolerances is taken whose largest error, over all devices and samples, in u over its
range, is within the goal; the reference is `solve_ensemble` at 1e-11, and CVODE at 1e-12 differs
from it by no more than is written beside it. Seconds are those of the processor, of one core.
`agreement` compares `solve_ensemble` with `solve` on drawn devices and drives, at times short of
their ends, where rounding decides on which side of a last corner a sample lies.
"""

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from benchmarks.harness import Clock, interleaved
from benchmarks.oracles.cvode import CvodeLoop, NoCvode
from benchmarks.problems.drawn_ensembles import differences, draw_batch
from benchmarks.table import Row
from jaxmem.responses.rosenbrock import Rodas5P

COUNTS = {
    "devices": (1024, "in each ensemble"),
    "cases": (2000, "drawn devices and drives that are compared with `solve`"),
    "points": (100_000, "operating points"),
}
REPEATS, GOAL = 7, 3e-5
T = np.linspace(0.0, 20.0, 50)
LADDER = tuple(10 ** (-k / 4) for k in range(8, 37))
LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


class Written(jm.AbstractBranch):
    """Equations 11 and 12 as a user writes them: a current, rates, rest."""

    states = ("i_c", "f")
    units = ("A", "1")

    i_c0: jax.Array = jm.quantity("A", "saturated slow current")
    V_T: jax.Array = jm.quantity("V", "threshold voltage")
    V_m: jax.Array = jm.quantity("V", "steepness of the onset")
    tau_d: jax.Array = jm.quantity("s", "delay of the slow current")
    tau_k: jax.Array = jm.quantity("s", "activation time")

    def current(self, u, x):
        return x[0]

    def rates(self, u, x):
        closing = jnp.exp(-(u - self.V_T) / self.V_m)
        i_c = (self.i_c0 * x[1] - x[0]) / self.tau_d
        return jnp.stack([i_c, ((1 - x[1]) - closing * x[1]) / self.tau_k])

    def rest(self, u):
        f = 1 / (1 + jnp.exp(-(u - self.V_T) / self.V_m))
        return jnp.stack([self.i_c0 * f, f])

    def window(self):
        return self.V_T, self.V_m

    def scale_current(self):
        return self.i_c0


def scattered(seed, count):
    """Letters of the devices."""
    rng = np.random.default_rng(seed)
    centre = dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=5.0, tau_k=2.0)
    spread = {k: 0.02 if k == "V_T" else 0.1 for k in centre}
    return {k: c * np.exp(spread[k] * rng.normal(size=count)) for k, c in centre.items()}


def three(p):
    """The 3D device under steps of voltage."""
    wave = jm.Step(1.4, low=0.7, start=4.0) + jm.Step(-0.5, start=12.0)
    return jm.Circuit(jm.Memristor3D(**p, R_s=0.1), jm.VoltageDrive(wave))


def written(p):
    """The same as a user writes it."""
    own = Written(*(p[k] for k in ("i_c0", "V_T", "V_m", "tau_d", "tau_k")))
    device = jm.Device(p["C_m"], {"leak": jm.Leak(p["R_b"]), "own": own}, R_s=0.1)
    return jm.Circuit(device, three(p).drive)


def two(p):
    """The 2D device under a pulse of current."""
    device = jm.Memristor2D(**{k: v for k, v in p.items() if k != "tau_k"})
    return jm.Circuit(device, jm.CurrentDrive(jm.Pulse(6.0, 10.0)))


STEPS = dict(ends=[4.0, 12.0, 20.0], levels=[0.7, 1.4, 0.9], before=0.7, voltage=True)
PULSE = dict(ends=[10.0, 20.0], levels=[6.0, 0.0], before=0.0, voltage=False)
TASKS = {"3D": (three, STEPS), "3D, written by a user": (written, STEPS), "2D": (two, PULSE)}


def peer_of(letters, task, drive):
    """The loop over CVODE for a task."""
    known = {k: v for k, v in letters.items() if task is not two or k != "tau_k"}
    return CvodeLoop(known | {"R_s": 0.1 if task is not two else 0.0}, T, **drive)


def loosest(run, truth, goal):
    """The loosest tolerance whose error is within the goal, and that error."""
    span = np.ptp(truth, axis=1, keepdims=True)
    for tolerance in LADDER:
        error = float(np.max(np.abs(run(tolerance) - truth) / span))
        if error <= goal:
            return tolerance, error
    raise ValueError(f"no tolerance of the ladder is right to {goal:g}")


def transients(seed, count):
    """One row for each task."""
    letters, t, rows = scattered(seed, count), jnp.asarray(T), {}
    for name, (make, drive) in TASKS.items():
        circuits = jax.vmap(make)({k: jnp.asarray(v) for k, v in letters.items()})
        own = lambda r, c=circuits: jm.solve_ensemble(c, t, rtol=r, atol=r)
        loop = peer_of(letters, make, drive)
        with Clock() as first:
            truth = np.asarray(own(1e-11).u)
        other = loop(1e-12)[0][..., 0]
        apart = float(np.max(np.abs(other - truth) / np.ptp(truth, axis=1, keepdims=True)))
        mine = loosest(lambda r, own=own: np.asarray(own(r).u), truth, GOAL)
        theirs = loosest(lambda r, loop=loop: loop(r)[0][..., 0], truth, GOAL)
        _, times = in_turns(own, mine[0], loop, theirs[0])
        each = {k: 1e6 * min(v.cpu) / count for k, v in times.items()}
        ratios = np.divide(times["cvode"].cpu, times["own"].cpu)
        rows[name] = {
            "us_each": each["own"], "cvode_us_each": each["cvode"],
            "times_faster": float(np.median(ratios)),
            "rtol": mine[0], "error": mine[1], "cvode_rtol": theirs[0], "cvode_error": theirs[1],
            "steps": float(jnp.mean(own(mine[0]).steps)), "cvode_steps": loop(theirs[0])[2] / count,
            "references_differ": apart, "first_call_cpu_s": first.cpu,
        }  # fmt: skip
    return rows


def in_turns(own, mine, loop, theirs):
    """Both answers and their times."""
    runs = [("own", lambda: own(mine).u), ("cvode", lambda: loop(theirs)[0])]
    return interleaved(runs, REPEATS)


def under_vmap(seed, count):
    """`vmap` of `solve`, which runs in lanes, against `vmap` of the loop of one, at the default
    tolerances; it is the latter where a solver is named, here the same one."""
    letters, t = {k: jnp.asarray(v) for k, v in scattered(seed, count).items()}, jnp.asarray(T)

    def mapped(**solver):
        own = jax.jit(jax.vmap(lambda p: jm.solve(three(p), t, throw=False, **solver).u))
        return lambda: own(letters)

    runs = [("own", mapped()), ("loop", mapped(solver=Rodas5P(middle_check=1.0)))]
    first = {}
    for name, each in runs:
        with Clock() as spent:
            each()
        first[name] = spent.cpu
    answers, times = interleaved(runs, 3)
    each = {k: 1e6 * min(v.cpu) / count for k, v in times.items()}
    off = np.abs(np.asarray(answers["own"]) - np.asarray(answers["loop"]))
    span = np.ptp(np.asarray(answers["loop"]), axis=1, keepdims=True)
    return {
        "us_each": each["own"], "loop_us_each": each["loop"],
        "times_faster": each["loop"] / each["own"], "largest_difference": float(np.max(off / span)),
        "first_call_cpu_s": first["own"], "loop_first_call_cpu_s": first["loop"],
    }  # fmt: skip


def gradients(seed, count):
    """All seven derivatives of a loss of each device, against central differences over CVODE."""
    count = max(count // 4, 4)
    letters, t = scattered(seed, count), jnp.asarray(T)
    goal = np.asarray(jm.solve_ensemble(jax.vmap(three)(scattered(seed + 1, count)), t).u)
    p = {k: jnp.asarray(v) for k, v in letters.items()}

    def loss(p, r):
        run = jm.solve_ensemble(jax.vmap(three)(p), t, rtol=r, atol=r)
        return jnp.sum(jnp.mean((run.u - goal) ** 2, axis=1))

    by_own = jax.jit(jax.grad(loss))

    def own(r):
        slopes = by_own(p, r)
        return np.stack([np.asarray(slopes[k] * p[k]) for k in p])

    def differences_of(r, h):
        rows = []
        for k in p:
            ends = []
            for sign in (1, -1):
                moved = letters | {k: letters[k] * np.exp(sign * h)}
                u = peer_of(moved, three, STEPS)(r)[0][..., 0]
                ends.append(np.mean((u - goal) ** 2, axis=1))
            rows.append((ends[0] - ends[1]) / (2 * h))
        return np.stack(rows)

    truth = own(1e-10)
    error = lambda g: float(np.max(np.abs(g - truth)) / np.max(np.abs(truth)))
    mine = next((r, e) for r in LADDER if (e := error(own(r))) <= 1e-4)
    theirs = next(
        (r, h, e)
        for r in LADDER[8:]
        for h in (1e-2, 3e-3, 1e-3)
        if (e := error(differences_of(r, h))) <= 1e-4
    )
    runs = [("own", lambda: own(mine[0])), ("cvode", lambda: differences_of(*theirs[:2]))]
    _, times = interleaved(runs, 3)
    return {
        "us_each": 1e6 * min(times["own"].cpu) / count,
        "cvode_us_each": 1e6 * min(times["cvode"].cpu) / count,
        "times_faster": float(np.median(np.divide(times["cvode"].cpu, times["own"].cpu))),
        "rtol": mine[0], "error": mine[1], "cvode": theirs,
    }  # fmt: skip


def operating(seed, count):
    """Operating points for given currents, against `scipy.optimize.brentq` (a sample of it)."""
    from scipy.optimize import brentq

    letters = {k: jnp.asarray(v) for k, v in scattered(seed, count).items()}
    I = jnp.asarray(np.random.default_rng(seed).uniform(-5, 10, count))
    devices = jax.vmap(lambda p: jm.Memristor3D(**p))(letters)
    own = jax.jit(jax.vmap(lambda d, I: jm.operating_point(d, I=I).u))
    sample = min(count, 2000)

    def gap(u, R_b, i_c0, V_T, V_m, I):
        return u / R_b + i_c0 / (1 + np.exp(-(u - V_T) / V_m)) - I

    def loop():
        found = []
        for k in range(sample):
            own = tuple(float(letters[q][k]) for q in ("R_b", "i_c0", "V_T", "V_m"))
            found.append(brentq(gap, -20.0, 20.0, (*own, float(I[k])), xtol=1e-15, rtol=1e-15))
        return np.array(found)

    own(devices, I)
    answers, times = interleaved([("own", lambda: own(devices, I)), ("brentq", loop)], 3)
    off = np.max(np.abs(np.asarray(answers["own"])[:sample] - answers["brentq"]))
    each = 1e6 * min(times["own"].cpu) / count, 1e6 * min(times["brentq"].cpu) / sample
    return {"us_each": each[0], "brentq_us_each": each[1], "times_faster": each[1] / each[0],
            "largest_difference_V": float(off)}  # fmt: skip


def margins(seed, count):
    """Margins of stability of any device, eight numbers drawn for each, against `eigvals`."""
    rng = np.random.default_rng(seed)
    letters = {k: jnp.asarray(v) for k, v in scattered(seed, count).items()}
    u = jnp.asarray(rng.uniform(0.7, 1.3, count))
    devices = jax.vmap(lambda p: jm.Memristor3D(**p))(letters)
    own = jax.jit(jax.vmap(jm.hopf_margin))
    matrix = jax.jit(jax.vmap(lambda d, u: jm.linearize(d, u=u).jacobian))
    J = np.asarray(matrix(devices, u))
    own(devices, u)
    runs = [("own", lambda: own(devices, u)), ("eigvals", lambda: np.linalg.eigvals(J))]
    answers, times = interleaved(runs, 5)
    stable = np.max(answers["eigvals"].real, axis=1) < 0
    each = {k: 1e6 * min(v.cpu) / count for k, v in times.items()}
    alike = int(np.sum((np.asarray(answers["own"]) > 0) == stable))
    return {
        "us_each": each["own"], "eigvals_us_each": each["eigvals"],
        "times_faster": each["eigvals"] / each["own"], "alike": alike, "of": count,
    }  # fmt: skip


def agreement(seed, count):
    """How far `solve_ensemble` is from `solve` on drawn devices, in ranges, and codes."""
    kinds = [
        (three_, drive, wave)
        for three_ in (True, False)
        for drive in ("I", "V", "R_s = 0")
        for wave in ("step", "pulse", "train", "triangle", "sine")
    ]
    each, t, rows = max(count // len(kinds), 4), jnp.linspace(0, 0.999, 48), {}
    for number, (three_, drive, wave) in enumerate(kinds):
        draw = dict(three=three_, drive="I" if drive == "I" else "V", waves=(wave,))
        draw |= {"R_s": 0.0} if drive == "R_s = 0" else {}
        rng = np.random.default_rng([seed, number])
        _, circuits = draw_batch(rng, each, delayed=number % 2 == 0, **draw)
        off, alike = differences(circuits, t, jm.solve_ensemble(circuits, t))
        rows[f"{'3D' if three_ else '2D'}, {drive}, {wave}"] = {
            "cases": each, "alike": int(alike.sum()), "largest_difference": float(off.max()),
            "beyond_1e-6": int(np.sum(off > 1e-6)),
        }  # fmt: skip
    return rows


def run(options):
    def with_peer(part):
        try:
            return part(options.seed, options.devices)
        except NoCvode as why:
            return {"left out": str(why)}

    return {
        "transients": lambda: with_peer(transients),
        "under_vmap": lambda: under_vmap(options.seed, options.devices),
        "gradients": lambda: with_peer(gradients),
        "operating": lambda: operating(options.seed, options.points),
        "margins": lambda: margins(options.seed, options.points),
        "agreement": lambda: agreement(options.seed, options.cases),
    }


def _rows(result):
    rows = result["transients"]
    return {k: v for k, v in rows.items() if "us_each" in v}


ROW = Row(
    counted=lambda r: "{} of {} drawn cases end as `solve` has them".format(
        *(sum(row[k] for row in r["agreement"].values()) for k in ("alike", "cases"))
    ),
    error=lambda r: ", ".join(f"{row['error']:.1e}" for row in _rows(r).values()),
    time=lambda r: ", ".join(f"{k}: {row['us_each']:.0f} us" for k, row in _rows(r).items()),
    peer=lambda r: (
        "CVODE in C "
        + ", ".join(f"{row['times_faster']:.0f}" for row in _rows(r).values())
        + " times as long"
    ),
)
