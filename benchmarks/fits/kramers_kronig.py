"""Does the Kramers-Kronig test accept valid spectra of every kind, and catch what is wrong?

Draws spectra with random parameters over decades, adds noise or a violation, and counts. Where the
package `impedance` is installed, its linKK sees the same valid spectra; measured data are read
where they lie.
"""

import contextlib
from collections import Counter

import numpy as np

from benchmarks.harness import Clock, installed, measured_data
from benchmarks.problems.valid_spectra import KINDS, cases, gain_drift, outlier, sign_flip
from benchmarks.table import Row
from fitting import Spectrum, kramers_kronig

COUNTS = {"cases": (100, "of each kind")}
RUNS = [(level, None) for level in (0.005, 0.001, 0.02, 0.0)]
RUNS += [(0.005, spoil) for spoil in (sign_flip, outlier, gain_drift)]


def measure(kind, count, seed, level, spoil=None):
    drawn = list(cases(kind, count, seed, level, spoil))
    with Clock() as clock:
        results = [kramers_kronig(spectrum) for spectrum in drawn]
    noise = np.array([r.noise for r in results])
    return {
        "kind": kind,
        "level": level,
        "violation": spoil.__name__ if spoil else None,
        "cases": count,
        "flagged": sum(r.passed is False for r in results),
        "said": dict(Counter(r.violation or "passed" for r in results)),
        "noise_quantiles_0_5_50_95_100": np.quantile(noise, [0, 0.05, 0.5, 0.95, 1]).tolist(),
        "noise_within_20_percent": int(np.sum(abs(noise / level - 1) <= 0.2)) if level else None,
        "admittance": sum(r.domain == "admittance" for r in results),
        "elements_mean": float(np.mean([r.elements for r in results])),
        "cpu_ms_each": 1e3 * clock.cpu / count,
    }


def peer(kind, count, seed):
    """Relative rms residual of impedance.py's linKK (c = 0.85).

    Of its two ways to fit, each with and without a series capacitance, the best counts.
    """
    from impedance.validation import linKK

    out = []
    for spectrum in cases(kind, count, seed):
        tries = []
        # impedance 1.7.1 evaluates the text of numbers, which NumPy 2 writes as np.float64(...).
        with np.printoptions(legacy="1.25"):
            for fit in ("real", "complex"):
                for cap in (False, True):
                    with contextlib.redirect_stdout(None):
                        _, _, _, re, im = linKK(
                            spectrum.freq, spectrum.Z, fit_type=fit, add_cap=cap
                        )
                    tries.append(float(np.sqrt(np.mean((re**2 + im**2) / 2))))
        out.append(min(tries))
    return {
        "kind": kind,
        "level": 0.005,
        "cases": count,
        "residual_quantiles_0_50_90_100": np.quantile(out, [0, 0.5, 0.9, 1]).tolist(),
        "residual_above_1_percent": int(np.sum(np.array(out) > 0.01)),
    }


def of_cells(folder):
    """The perovskite cells, points above 6 MHz left out."""
    out = []
    for path in sorted(folder.glob("*.npz")):
        data = np.load(path)
        keep = data["freqs"] <= 6e6
        for k in (0, 24, 30, 47):
            Z = (data["Re"] + 1j * data["Im"])[keep, k]
            result = kramers_kronig(Spectrum(data["freqs"][keep], Z))
            rms = float(np.sqrt(np.mean(abs(result.residuals) ** 2) / 2))
            out.append(
                {
                    "file": path.name,
                    "index": k,
                    "noise": result.noise,
                    "rms": rms,
                    "elements": result.elements,
                    "domain": result.domain,
                    "reason": result.reason,
                }
            )
    return out


def run(options):
    seed, count = options.seed, options.cases
    parts = {
        "synthetic": lambda: [measure(kind, count, seed, *of) for of in RUNS for kind in KINDS]
    }
    if installed("impedance"):
        parts["linKK"] = lambda: [peer(kind, min(count, 20), seed) for kind in KINDS]
    if folder := measured_data(options, "perovskite_eis"):
        parts["measured"] = lambda: of_cells(folder)
    return parts


def _flagged(result, spoiled):
    rows = [row for row in result["synthetic"] if bool(row["violation"]) is spoiled]
    return f"{sum(row['flagged'] for row in rows)} of {sum(row['cases'] for row in rows)}"


ROW = Row(
    counted=lambda r: f"flagged: {_flagged(r, False)} valid, {_flagged(r, True)} spoiled",
    error=lambda r: "noise read within 20 % in {} of {}".format(
        *(
            sum(row[k] for row in r["synthetic"] if row["level"] and not row["violation"])
            for k in ("noise_within_20_percent", "cases")
        )
    ),
    time=lambda r: f"{np.median([row['cpu_ms_each'] for row in r['synthetic']]):.0f} ms",
    peer=lambda r: "linKK of impedance.py leaves more than 1 % in {} of {} valid".format(
        *(sum(row[k] for row in r["linKK"]) for k in ("residual_above_1_percent", "cases"))
    ),
)
