"""Do joint fits find the optimum, are their intervals honest, and what do they cost?

A study is a 3D device drawn over decades, spectra at 3 biases of 40 frequencies, one loop at each
of 2 scan rates and one current step, 1 % noise (`benchmarks.problems.studies`). Starts lie within a
factor of 10 of the truth for every parameter. The optimum is the best of the search and of a
descent from the truth; it is found where the search is within 0.5 of it in BIC. In half of the
studies each term's noise is given wrong, by a factor of 0.2 to 5, and is to be estimated; in the
others nothing is said of it. An interval counts where it is printed.

`descent`: optax's L-BFGS recovers truths from a loop alone, spectra alone and a pulse alone, from
starts within a factor of 1.5, up to what is declared as not identifiable.

`alone`: a loop, a pulse, or the loops and the step without spectra, from boxes read off the data.

`guess`: one start alone, read off the data, against one in the middle of the boxes.

`speed`: the first fit of a process with an empty folder of compiled programs and with a full one
(as the command line keeps it), and fits after it, the least of five; importing is not in it.
"""

from functools import partial
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness import Clock, in_new_process
from benchmarks.problems import studies
from benchmarks.table import Row
from fitting import Descent, MultiStart, fit, memristor_model

COUNTS = {"studies": (500, "studies"), "descents": (50, "of each kind of data alone")}
FOUND = 0.5
# How many of a study's terms.
KINDS = {"three spectra": 3, "joint study": 6}
LEVELS = {"68": 1.0, "95": 1.96}


def recovered(seed, count):
    """Share of optima found, coverage of intervals, and time a study."""
    found, seconds, missed = 0, [], []
    inside = {level: dict.fromkeys(studies.LETTERS, 0) for level in LEVELS}
    printed = dict.fromkeys(studies.LETTERS, 0)
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        wrong = 5.0 ** rng.uniform(-1, 1, 6) if k % 2 else None
        terms, device = studies.draw_study(rng, wrong=wrong)
        starts = studies.starts_around(rng, device)
        with Clock() as clock:
            result = fit(terms, device, studies.SPACE, starts=starts, seed=k, throw=False)
        seconds.append(clock.wall)
        best = fit(terms, device, studies.SPACE, starts=MultiStart(0), throw=False)
        good = result.bic < best.bic + FOUND
        found += good
        if not good:
            missed.append({"study": k, "bic_above": round(result.bic - best.bic, 2)})
        off = np.abs(result.z - studies.truth_of(result, device)) / result.standard_errors
        for name, distance, fine in zip(result.names, off, result.identifiable, strict=True):
            if not fine:
                continue
            printed[name] += 1
            for level, width in LEVELS.items():
                inside[level][name] += bool(distance < width)
    total = sum(printed.values())
    return {
        "found": found, "of": count, "missed": missed,
        "coverage": {
            level: {n: round(c / max(printed[n], 1), 4) for n, c in counts.items()}
            | {"pooled": round(sum(counts.values()) / total, 4)}
            for level, counts in inside.items()
        },
        "printed": printed,
        "seconds": {
            "first": seconds[0], "median": float(np.median(seconds)),
            "90 %": float(np.quantile(seconds, 0.9)),
            "longest_but_first": max(seconds[1:] or seconds),
        },
    }  # fmt: skip


def descent(seed, count):
    """Truths within 3 standard errors by L-BFGS, from one kind of data each."""
    table = {}
    for kind in ("spectra", "loop", "pulse"):
        within = printed = 0
        for k in range(count):
            rng, data, device = studies.part_of_a_study(kind, seed, k)
            starts = studies.starts_around(rng, device, n=1, factor=1.5)
            result = fit(
                data, device, studies.SPACE, solver=Descent(), starts=starts,
                seed=k, throw=False,
            )  # fmt: skip
            off = np.abs(result.z - studies.truth_of(result, device)) / result.standard_errors
            within += bool(np.all(off[result.identifiable] < 3))
            printed += int(np.sum(result.identifiable))
        table[kind] = {"within_3_sigma": within, "of": count, "intervals_printed": printed}
    return table


def alone(seed, count):
    """Optima found without spectra, from boxes that are read off the data."""
    table = {}
    for kind in ("loop", "pulse", "loops and step"):
        found, seconds = 0, []
        for k in range(count):
            _, data, device = studies.part_of_a_study(kind, seed, k)
            model, space, box = memristor_model("3d", data)
            with Clock() as clock:
                result = fit(data, model, space, starts=MultiStart(64, box), seed=k, throw=False)
            seconds.append(clock.wall)
            best = fit(data, device, space, starts=MultiStart(0), throw=False)
            found += result.bic < best.bic + FOUND
        table[kind] = {"found": found, "of": count, "median_seconds": float(np.median(seconds))}
    return table


def guess(seed, count):
    """Optima found from one start: what is read off the data, and the middle of the boxes."""
    table = {}
    for kind in ("spectra", "loop"):
        found = dict.fromkeys(("read_off", "middle"), 0)
        for k in range(count):
            _, data, device = studies.part_of_a_study(kind, seed, k)
            model, space, box = memristor_model("3d", data, lead=False)
            middle = np.mean(MultiStart(box=box).ranges(space.resolve(model), model), axis=0)
            best = fit(data, device, space, starts=MultiStart(0), throw=False)
            starts = dict(
                read_off=MultiStart(0, box), middle=MultiStart(0, box, own=False, extra=[middle])
            )
            for name, start in starts.items():
                one = fit(data, model, space, starts=start, throw=False)
                found[name] += one.bic < best.bic + FOUND
        table[kind] = found | {"of": count}
    return table


def times(seed, name):
    """Seconds of six fits one after the other in this process."""
    rng = np.random.default_rng([seed, 0])
    terms, device = studies.draw_study(rng)
    starts = studies.starts_around(rng, device)
    seconds = []
    for _ in range(6):
        with Clock() as clock:
            fit(terms[: KINDS[name]], device, studies.SPACE, starts=starts, throw=False)
        seconds.append(clock.wall)
    return seconds


def speed(seed):
    """Times of a joint study and of its three spectra alone, each in processes of their own."""
    table = {}
    for name in KINDS:
        with TemporaryDirectory() as cache:
            kept = {
                "JAX_COMPILATION_CACHE_DIR": cache, "EQX_ON_ERROR": "nan",
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            }  # fmt: skip
            cold, cached = (in_new_process(times, seed, name, **kept) for _ in range(2))
        table[name] = {
            "first_seconds": cold[0], "first_seconds_programs_kept": cached[0],
            "warm_seconds": min(cold[1:]),
        }  # fmt: skip
    return table


def run(options):
    few = (descent, alone, guess)
    return {
        "speed": partial(speed, options.seed),
        "recovered": partial(recovered, options.seed, options.studies),
        **{part.__name__: partial(part, options.seed, options.descents) for part in few},
    }


def _coverage(result):
    letters = result["recovered"]["coverage"]["95"]
    each = [100 * share for name, share in letters.items() if name != "pooled"]
    pooled = 100 * letters["pooled"]
    return f"95 % intervals hold {pooled:.1f} % ({min(each):.1f} to {max(each):.1f} % each)"


ROW = Row(
    counted=lambda r: "{found} of {of} optima".format(**r["recovered"]),
    error=_coverage,
    time=lambda r: (
        "joint study {warm_seconds:.2f} s warm, {first_seconds_programs_kept:.1f} s in a "
        "new process, {first_seconds:.1f} s the first time".format(**r["speed"]["joint study"])
    ),
)
