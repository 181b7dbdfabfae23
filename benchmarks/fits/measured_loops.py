"""Does the conductance memristor explain measured loops, and does it find the series resistor?

Loops at 1, 10 and 100 Hz of one W/Ge2Se3 device (Knowm Memristor Discovery, read where they lie)
are fitted together from the voltage over device and resistor alone, with R_s free; the resistor was
47 kohm.
"""

from functools import cache

import numpy as np

from benchmarks.harness import Absent, measured_data
from benchmarks.problems.loops import RIVALS, SERIES, conductance, loops
from benchmarks.table import Row
from fitting import MultiStart, compare, fit, structured_covariance
from jaxmem.output.reporter import Printing

COUNTS = {"starts": (4, "of each rival"), "rivals": (5, "of the models, from the simplest")}


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


def run(options):
    folder = measured_data(options, "memristor_iv")
    if folder is None:
        raise Absent("no folder memristor_iv of measured loops; give --data")
    terms = loops(folder)
    family = RIVALS[: options.rivals]
    table = cache(
        lambda: compare(terms, family, starts=options.starts, seed=options.seed,
                        progress=Printing())
    )  # fmt: skip
    fits = lambda: {entry.rival.name: entry.fit for entry in table().entries if entry.fit}

    def by_itself():
        both = fits().get("two steepnesses")
        return alone(terms, both.model if both else None)

    parts = {
        "sentences": lambda: list(table().sentences),
        "rivals": lambda: table().rows(),
        "loops": lambda: {name: per_loop(found, terms) for name, found in fits().items()},
        "series_resistance": lambda: {n: about_series(found) for n, found in fits().items()},
    }
    if len(family) < len(RIVALS):
        return parts
    parts["each_loop_alone"] = cache(by_itself)
    made = ("rivals", "series_resistance", "loops", "each_loop_alone")
    return parts | {"verdict": lambda: verdict({name: parts[name]() for name in made})}


ROW = Row(
    counted=lambda r: f"best of {len(r['rivals'])} models: {r['rivals'][0]['name']}",
    error=lambda r: (
        "R_s is 47 kohm; "
        + ", ".join(
            f"{name} {r['series_resistance'][name]['R_s'] / 1e3:.1f} kohm"
            for name in ("one steepness", "two steepnesses")
        )
    ),
    time=lambda r: f"{r['provenance']['sentences']['seconds']:.0f} s",
)
