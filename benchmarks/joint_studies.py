"""Do joint fits find the optimum, are their intervals honest, and what do they cost?

    python benchmarks/joint_studies.py --seed 0

writes `benchmarks/results/joint_studies.json`. A study is a 3D device drawn over decades, spectra
at 3 biases of 40 frequencies, one loop at each of 2 scan rates and one current step, 1 % noise
(`tests/studies.py`). Starts lie within a factor of 10 of the truth for every parameter. The optimum
is the best of the search and of a descent from the truth; it is found where the search is within
0.5 of it in BIC. In half of the studies each term's noise is given wrong, by a factor of 0.2 to 5,
and is to be estimated; in the others nothing is said of it. An interval counts where it is printed.

`descent`: optax's L-BFGS recovers truths from a loop alone, spectra alone and a pulse alone, from
starts within a factor of 1.5, up to what is declared as not identifiable.

`alone`: a loop, a pulse, or the loops and the step without spectra, from boxes read off the data.

`guess`: one start alone, read off the data, against one in the middle of the boxes.

`speed`: the first fit of a process with an empty folder of compiled programs and with a full one
(as the command line keeps it), and fits after it, the least of five; importing is not in it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np

from fitting import Descent, MultiStart, fit, memristor_model

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import studies

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
        start = time.perf_counter()
        result = fit(terms, device, studies.SPACE, starts=starts, seed=k, throw=False)
        seconds.append(time.perf_counter() - start)
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
            "90 %": float(np.quantile(seconds, 0.9)), "longest_but_first": max(seconds[1:]),
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
        print(kind, table[kind], flush=True)
    return table


def alone(seed, count):
    """Optima found without spectra, from boxes that are read off the data."""
    table = {}
    for kind in ("loop", "pulse", "loops and step"):
        found, seconds = 0, []
        for k in range(count):
            _, data, device = studies.part_of_a_study(kind, seed, k)
            model, space, box = memristor_model("3d", data)
            start = time.perf_counter()
            result = fit(data, model, space, starts=MultiStart(64, box), seed=k, throw=False)
            seconds.append(time.perf_counter() - start)
            best = fit(data, device, space, starts=MultiStart(0), throw=False)
            found += result.bic < best.bic + FOUND
        table[kind] = {"found": found, "of": count, "median_seconds": float(np.median(seconds))}
        print(kind, table[kind], flush=True)
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
        print(kind, table[kind], flush=True)
    return table


def speed(seed):
    """Times of a joint study and of its three spectra alone, each in processes of their own."""
    table = {}
    for name in KINDS:
        with tempfile.TemporaryDirectory() as cache:
            kept = {
                "JAX_COMPILATION_CACHE_DIR": cache, "EQX_ON_ERROR": "nan",
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            }  # fmt: skip
            command = [sys.executable, __file__, "--seed", str(seed), "--times", name]
            cold, cached = (
                json.loads(subprocess.check_output(command, env=os.environ | kept))
                for _ in range(2)
            )
        table[name] = {
            "first_seconds": cold[0], "first_seconds_programs_kept": cached[0],
            "warm_seconds": min(cold[1:]),
        }  # fmt: skip
    return table


def times(seed, name):
    """Six fits one after the other in this process."""
    rng = np.random.default_rng([seed, 0])
    terms, device = studies.draw_study(rng)
    starts = studies.starts_around(rng, device)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        fit(terms[: KINDS[name]], device, studies.SPACE, starts=starts, throw=False)
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--descents", type=int, default=50)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("speed", "recovered", "descent", "alone", "guess"),
        help="some of the parts",
    )
    parser.add_argument("--times", choices=KINDS, help="print times of fits in this process")
    parser.add_argument("--quick", action="store_true", help="a twentieth, not written")
    options = parser.parse_args()
    if options.times:
        print(json.dumps(times(options.seed, options.times)))
        return
    share = 20 if options.quick else 1
    machine = {
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}",
        "device": str(jax.devices()[0]),
        "versions": {n: version(n) for n in ("jax", "equinox", "diffrax", "optax", "numpy")},
    }
    out = Path(__file__).resolve().parent / "results/joint_studies.json"
    # Parts take long; one that is run again replaces its own numbers only.
    result = json.loads(out.read_text()) if out.exists() else {}
    parts = {
        "speed": (speed, ()),
        "recovered": (recovered, (options.studies // share,)),
        "descent": (descent, (max(options.descents // share, 1),)),
        "alone": (alone, (max(options.descents // share, 1),)),
        "guess": (guess, (max(options.descents // share, 1),)),
    }
    for name, (part, counts) in parts.items():
        if options.only and name not in options.only:
            continue
        start = time.perf_counter()
        found = part(options.seed, *counts)
        seconds = round(time.perf_counter() - start, 2)
        command = f"benchmarks/joint_studies.py --seed {options.seed} --only {name}"
        command += f" --studies {counts[0]}" if name == "recovered" else ""
        command += f" --descents {counts[0]}" if name in ("descent", "alone", "guess") else ""
        result[name] = {"command": command} | machine | {"seconds_in_all": seconds} | found
        print(name, json.dumps(result[name], indent=1), flush=True)
        if not options.quick:
            out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
