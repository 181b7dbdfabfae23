"""Is the true model picked among rivals, and is it said when the data cannot tell?

Spectra of 60 frequencies with 0.5 to 1 % noise of a 2D, a 3D and a purely capacitive truth are
drawn until 100 of each are decisive: the best wrong rival misses the data without noise by more
than 10 in chi2. Measured spectra are read where they lie.
"""

from itertools import pairwise

import numpy as np

from benchmarks.harness import measured_data
from benchmarks.problems.picking import DECISIVE, TRUTHS, advantage, draw, picked
from benchmarks.table import Row
from fitting import Spectrum, compare

COUNTS = {"decisive": (100, "decisive spectra of each truth")}
ANSWERS = ("right", "cannot tell", "simpler, true one not excluded", "wrong")
MEASURED = [("l300", 0), ("l300", 24), ("l300", 47), ("d300", 0), ("d300", 24)]
BINS = (-1.0, 3.0, 10.0, 20.0, 50.0, 100.0, np.inf)


def tally(rows, low, high):
    """How often each answer was given where low < chi2 of the best wrong rival <= high."""
    inside = [answer for gain, answer in rows if low < gain <= high]
    return {answer: inside.count(answer) for answer in ANSWERS}


def picking(seed, count):
    """Counts for each truth, by what the data without noise say of the best wrong rival."""
    found = {}
    for n, truth in enumerate(TRUTHS):
        rng = np.random.default_rng([seed, n])
        rows, decisive = [], 0
        while decisive < count:
            noisy, clean = draw(rng, truth)
            gain = advantage(clean, truth)
            rows.append((gain, picked(noisy, truth)))
            decisive += gain > DECISIVE
        bins = {f"{a:g} to {b:g}": tally(rows, a, b) for a, b in pairwise(BINS)}
        found[truth] = {
            "drawn": len(rows), "decisive": decisive,
            "of_decisive": tally(rows, DECISIVE, np.inf),
            "of_others": tally(rows, -1.0, DECISIVE), "by_delta_chi2": bins,
        }  # fmt: skip
    return found


def of_cells(folder, seed):
    """2D with a constant-phase element against the purely capacitive rival, and what is said."""
    found = {}
    for cell, k in MEASURED:
        d = np.load(folder / f"pero_{cell}.npz")
        s = Spectrum(d["freqs"], d["Re"][:, k] + 1j * d["Im"][:, k], label=f"{cell}[{k}]")
        table = compare(s.within(high=6e6), seed=seed)
        found[s.label] = {
            "gain_of_2d_cpe_over_capacitive": table.gain("2D + CPE", "R-C + CPE + slow R-C"),
            "sentences": table.sentences, "table": table.rows(),
        }  # fmt: skip
    return found


def run(options):
    parts = {"picking": lambda: picking(options.seed, options.decisive)}
    if folder := measured_data(options, "perovskite_eis"):
        parts["measured"] = lambda: of_cells(folder, options.seed)
    return parts


def _sum(result, answer):
    return sum(row["of_decisive"][answer] for row in result["picking"].values())


ROW = Row(
    counted=lambda r: (
        f"{_sum(r, 'right')} right, {_sum(r, 'wrong')} wrong of "
        f"{sum(row['decisive'] for row in r['picking'].values())} decisive spectra"
    ),
    error=lambda r: f"said that it cannot tell: {_sum(r, 'cannot tell')}",
    time=lambda r: "{:.1f} s a spectrum".format(
        r["provenance"]["picking"]["seconds"] / sum(row["drawn"] for row in r["picking"].values())
    ),
)
