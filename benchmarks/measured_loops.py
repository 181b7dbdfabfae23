"""Does the conductance memristor explain measured loops, and does it find the series resistor?

    python benchmarks/measured_loops.py --seed 0

writes `benchmarks/results/measured_loops.json`. Loops at 1, 10 and 100 Hz of one W/Ge2Se3 device
(Knowm Memristor Discovery, read where they lie beside the checkout) are fitted together from the
voltage over device and resistor alone, with R_s free; the resistor was 47 kohm.
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np

from fitting import MultiStart, compare, fit, structured_covariance
from jaxmem.output.reporter import Printing

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from loops import RIVALS, SERIES, conductance, loops


def interval(found, covariance):
    """The 95 % interval of R_s [ohm], symmetric in its logarithm; None where it is open."""
    k = found.names.index("R_s")
    half = 1.96 * np.sqrt(covariance[k, k])
    if not half < np.log(1e6):
        return [None, None]
    return [float(found["R_s"] * np.exp(s * half)) for s in (-1, 1)]


def ends(interval):
    """An interval of resistances in words."""
    if None in interval:
        return "open"
    return f"{interval[0] / 1e3:.1f} to {interval[1] / 1e3:.1f} kohm"


def about_series(found):
    """R_s and its 95 % intervals: as if residuals were independent, and with their structure."""
    plain = interval(found, found.covariance)
    wide = interval(found, structured_covariance(found))
    inside = lambda ends: None not in ends and bool(ends[0] <= SERIES <= ends[1])
    structured = any(t.structured for t in found.terms)
    own = wide if structured else plain
    verdict = "lies in" if inside(own) else "does not lie in"
    said = f"{SERIES / 1e3:.0f} kohm {verdict} the 95 % interval {ends(own)}"
    return {
        "R_s": found["R_s"], "independent_95": plain, "inside_independent": inside(plain),
        "structured_95": wide, "inside_structured": inside(wide),
        "residuals_structured": structured,
        "sentence": f"R_s = {found['R_s'] / 1e3:.1f} kohm; {said}"
        + (", widened for residuals that are not independent." if structured else "."),
    }  # fmt: skip


def per_loop(found, terms):
    """Relative rms residual of each loop, and how its residuals hang together."""
    rows = []
    for term, report in zip(terms, found.terms, strict=True):
        size = float(np.sqrt(np.mean(term.observed**2)))
        off = term.signal(found.model) - term.observed
        c = off - off.mean()
        lag = [float(c @ np.roll(c, -k) / (c @ c)) for k in range(100)]
        rows.append({
            "loop": term.name, "relative_rms": report.rms / size, "rms_ampere": report.rms,
            "largest_over_peak": float(np.abs(off).max() / np.abs(term.observed).max()),
            "runs_p": report.runs_p, "structured": report.structured,
            "correlation_of_neighbours": lag[1],
            "samples_correlated": next((k for k, v in enumerate(lag) if v < 0), 100),
        })  # fmt: skip
    return rows


def alone(terms, model):
    """Each loop by itself, from the optimum of all: how far they agree on the device."""
    found = {}
    for term in terms:
        start, space, _ = conductance([term])
        one = fit(term, model or start, space, starts=MultiStart(0), throw=False)
        found[term.name] = {
            "R_s": one["R_s"],
            "off_ohm": 1 / one["g_off"],
            "independent_95": interval(one, one.covariance),
            "structured_95": interval(one, structured_covariance(one)),
            "relative_rms": per_loop(one, [term])[0]["relative_rms"],
        }
    return found


def verdict(result):
    """What the numbers say of the recovery of R_s, in sentences."""
    plain, best = "two steepnesses", result["rivals"][0]["name"]
    told = {plain: "Conductance memristor", "one steepness": "With one steepness"}
    told[best] = f"Best by BIC, {best}"
    done = {row["name"]: row["converged"] for row in result["rivals"]}
    lines = []
    for name, words in told.items():
        if name in result["series_resistance"]:
            line = f"{words}: {result['series_resistance'][name]['sentence']}"
            lines.append(line if done[name] else f"{line} Its descent did not converge.")
    together = {row["loop"]: row["relative_rms"] for row in result["loops"][plain]}
    for name, row in result["each_loop_alone"].items():
        lines.append(
            f"{name} alone: residual {100 * row['relative_rms']:.1f} % "
            f"(together {100 * together[name]:.1f} %), off resistance {row['off_ohm'] / 1e3:.0f} "
            f"kohm, R_s {ends(row['structured_95'])}."
        )
    off = [row["off_ohm"] for row in result["each_loop_alone"].values()]
    if max(off) > 1.5 * min(off):
        lines.append(
            f"The loops disagree on the off resistance by a factor of {max(off) / min(off):.1f}: "
            "one set of constants cannot explain them all."
        )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="one rival, not written")
    parser.add_argument("--data", type=Path, help="folder of the loops")
    options = parser.parse_args()
    here = Path(__file__).resolve()
    folder = options.data or here.parents[2] / "shared/data/memristor_iv"
    if not folder.is_dir():
        sys.exit(f"no folder of measured loops; give --data (looked for {folder.name})")
    terms = loops(folder)
    family = RIVALS[1:2] if options.quick else RIVALS
    begin = time.perf_counter()
    table = compare(terms, family, starts=options.starts, seed=options.seed, progress=Printing())
    print(table, flush=True)
    result = {
        "command": f"benchmarks/measured_loops.py --seed {options.seed} --starts {options.starts}",
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}",
        "versions": {n: version(n) for n in ("jax", "equinox", "numpy")},
        "sentences": list(table.sentences),
        "rivals": table.rows(),
        "loops": {e.rival.name: per_loop(e.fit, terms) for e in table.entries if e.fit},
        "series_resistance": {e.rival.name: about_series(e.fit) for e in table.entries if e.fit},
    }
    if not options.quick:
        start = table.of("two steepnesses").fit
        result["each_loop_alone"] = alone(terms, start.model if start is not None else None)
        result["verdict"] = verdict(result)
    result["seconds"] = round(time.perf_counter() - begin, 1)
    print(json.dumps({k: result[k] for k in result if k != "rivals"}, indent=1))
    if not options.quick:
        out = here.parent / "results/measured_loops.json"
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {out.relative_to(here.parents[1])}")


if __name__ == "__main__":
    main()
