"""Is the true model picked among rivals, and is it said when the data cannot tell?

    python benchmarks/rivals.py --seed 0

writes `benchmarks/results/rivals.json`. Spectra of 60 frequencies with 0.5 to 1 % noise of a 2D, a
3D and a purely capacitive truth are drawn until 100 of each are decisive: the best wrong rival
misses the data without noise by more than 10 in chi2. The measured spectra lie beside the checkout;
without them that part is left out.
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np

from fitting import Spectrum, compare

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from picking import DECISIVE, TRUTHS, advantage, draw, picked

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
        print(truth, json.dumps(found[truth]), flush=True)
    return found


def unwrap(folder, seed):
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
        print(s.label, table, flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, not written")
    parser.add_argument("--data", type=Path, help="folder of the measured spectra")
    options = parser.parse_args()
    here = Path(__file__).resolve()
    folder = options.data or here.parents[2] / "shared/data/perovskite_eis"
    result = {
        "command": f"benchmarks/rivals.py --seed {options.seed}",
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}",
        "versions": {n: version(n) for n in ("jax", "equinox", "numpy")},
    }
    start = time.perf_counter()
    result["picking"] = picking(options.seed, 10 if options.quick else 100)
    result["picking_seconds"] = round(time.perf_counter() - start, 1)
    if folder.is_dir():
        result["measured"] = unwrap(folder, options.seed)
    if not options.quick:
        out = here.parent / "results/rivals.json"
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {out.relative_to(here.parents[1])}")


if __name__ == "__main__":
    main()
