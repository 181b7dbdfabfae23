"""How long does a map of a million devices take, and is every point right?

`sweep` over size x size devices, each reduced over 200 voltages. `least_margin` (any device, by
automatic differentiation): the paper's 3D device over two axes that leave the onset as it is, and
over two that do not; with two further branches (six states); and with a constant-phase element as
a ladder (nine states) on a hundredth of the points, its time also scaled up. `least_margin_3d`:
closed form. Of 10,000 random points of each 3D map the sign is compared with NumPy's eigenvalues
at the same voltages, without those whose largest real part is below 1e-9 of the largest eigenvalue.
The time of `eigvals` on 1,000 devices, scaled up to the map, stands beside. Memory is the peak of
the process so far. Runs on a GPU as it is.
"""

import resource

import numpy as np

import jaxmem as jm
from benchmarks.harness import Clock, timed
from benchmarks.problems.drawn_devices import LETTERS
from benchmarks.table import Row
from jaxmem.stability.equilibria.map import REACH, least_margin, least_margin_3d
from jaxmem.sweeps import Axis, sweep

COUNTS = {"size": (1000, "points along each of two axes")}
EIGVALS, ANY = "numpy eigvals, 3D", "any device: 3D, V_m and i_c0"
ROW = Row(
    counted=lambda r: "{} wrong of {} judged".format(
        *(sum(row.get(k, 0) for row in r["results"].values()) for k in ("wrong", "judged"))
    ),
    error=lambda r: "the sign is counted",
    time=lambda r: "{warm_s:.2f} s for {points:,} points".format(**r["results"][ANY]),
    peer=lambda r: "eigvals of NumPy {:.0f} times as long".format(
        r["results"][EIGVALS]["scaled_to_map_s"] / r["results"][ANY]["warm_s"]
    ),
)
POINTS, JUDGED, SAMPLE = 200, 10_000, 1_000
X = np.linspace(-REACH, REACH, POINTS)


def mapped(fn, model, axes):
    """The map, its first and its second time, and peak memory."""
    found, first, warm = timed(sweep, fn, model, *axes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found, {
        "points": found.margin.size, "first_s": first, "warm_s": warm.median,
        "peak_process_MB": peak, "unstable_share": float((found.margin < 0).mean()),
        "not_finite": int((~np.isfinite(found.margin)).sum()),
    }  # fmt: skip


def eigenvalues(letters):
    """NumPy's, of the Jacobian of eq. 18 for many devices at the voltages of the scan."""
    p = {name: value[:, None] for name, value in letters.items()}
    f = 1 / (1 + np.exp(-X))
    J = np.zeros((*np.broadcast_shapes(p["R_b"].shape, X.shape), 3, 3))
    J[..., 0, 0], J[..., 0, 1] = -1 / (p["R_b"] * p["C_m"]), -1 / p["C_m"]
    J[..., 1, 1], J[..., 1, 2] = -1 / p["tau_d"], p["i_c0"] / p["tau_d"]
    J[..., 2, 0] = 1 / (1 + np.exp(X)) / (p["tau_k"] * p["V_m"])
    J[..., 2, 2] = -1 / (f * p["tau_k"])
    return np.linalg.eigvals(J)


def judged(found, model, rng):
    """Points whose sign is not that of the largest real part over the voltages."""
    names = list(found.coords)
    at = rng.choice(found.margin.size, min(JUDGED, found.margin.size), replace=False)
    where = np.unravel_index(at, found.margin.shape)
    letters = {name: np.full(at.size, float(getattr(model, name))) for name in LETTERS}
    letters |= {name: found[name].values[k] for name, k in zip(names, where, strict=True)}
    values = eigenvalues(letters)
    share = (values.real.max(-1) / np.abs(values).max(-1)).max(-1)
    sure = np.abs(share) > 1e-9
    wrong = ((found.margin.values[where] < 0) != (share > 0)) & sure
    return {"judged": int(sure.sum()), "left_out": int((~sure).sum()), "wrong": int(wrong.sum())}


def peer(model, rng, total):
    """Seconds of NumPy's batched `eigvals` on a sample, and scaled up to the map."""
    letters = {name: np.full(SAMPLE, float(getattr(model, name))) for name in LETTERS}
    letters["tau_d"] = 10 ** rng.uniform(-5, -1, SAMPLE)
    with Clock() as clock:
        eigenvalues(letters)
    return {"devices": SAMPLE, "s": clock.wall, "scaled_to_map_s": clock.wall * total / SAMPLE}


def maps(seed, size):
    """All maps, each with what is known of it."""
    rng = np.random.default_rng(seed)

    def axes(times, size=size):
        if times:
            return (
                Axis.log(lambda d: d.tau_d, 1e-5, 1e-1, size),
                Axis.log(lambda d: d.tau_k, 1e-5, 1e-1, size),
            )
        return (
            Axis.log(lambda d: d.V_m, 1e-2, 1e-1, size),
            Axis.log(lambda d: d.i_c0, 1e-5, 1e-2, size),
        )

    plain = jm.si_device()
    six = jm.si_device(
        extra={
            "surface": jm.Polarisation(1e4, 1e-6),
            "slow": jm.TwoLagConductance(1e-5, 1e-3, 4e-3),
        }
    )
    cpe = jm.ConstantPhase(1e-8, 0.9, band=(1.0, 1e4), accuracy=0.05)
    nine = jm.si_device(extra={"cpe": cpe})
    assert (six.size + 1, nine.in_time().size + 1) == (6, 9)
    jobs = {
        "closed form, V_m and i_c0": (least_margin_3d, plain, axes(False)),
        "any device: 3D, tau_d and tau_k": (least_margin, plain, axes(True)),
        "any device: 3D, V_m and i_c0": (least_margin, plain, axes(False)),
        "any device: six states, V_m and i_c0": (least_margin, six, axes(False)),
        "any device: nine states, V_m and i_c0": (
            least_margin, nine, axes(False, max(size // 10, 1)),
        ),
    }  # fmt: skip
    results = {}
    for name, (fn, model, over) in jobs.items():
        found, row = mapped(fn, model, over)
        if model is plain:
            row |= judged(found, model, rng)
        if model is nine:
            row["warm_scaled_to_map_s"] = row["warm_s"] * size**2 / row["points"]
        results[name] = row
    return results | {EIGVALS: peer(plain, rng, size**2)}


def run(options):
    return {"results": lambda: maps(options.seed, options.size)}
