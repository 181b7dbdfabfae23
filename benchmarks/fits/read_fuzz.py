"""Is every damaged file read right, or refused in a sentence?

Ten thousand mutants of exports in many layouts: bytes flipped, ends cut, files joined, columns
permuted, units and separators changed. Each must be read or refused with a sentence about the file:
no other error, none takes long, and no value changes without a word where the file contradicts it.

A change could have been noticed ("avoidable") if it moves a frequency or time off the even grid,
if a column that says the same contradicts it, or if the row or the file has another length. A new
digit in a column that nothing else repeats could not.
"""

import signal
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.problems import exports as known
from benchmarks.problems.mutants import KINDS
from benchmarks.table import Row
from fitting.readers import ReadError
from fitting.readers.detect import sniff

COUNTS = {"mutants": (10_000, "damaged files")}
# Longer than this a file is not read.
LONGEST = 5.0
# Changes below these are of the last digits, or within what the repeated columns resolve.
SMALL, SEEN = 2e-5, 1e-2
# Columns that repeat the impedance: modulus, phase.
REPEATED = {
    "biologic.mpt": "mod phase", "gamry.DTA": "mod phase", "nova.txt": "mod phase",
    "relaxis.txt": "mod phase", "palmsens.csv": "mod phase", "palmsens.pssession": "mod phase",
    "chi.txt": "mod phase", "german.csv": "mod phase", "spanish.csv": "mod phase",
    "chinese.csv": "mod phase", "french.txt": "phase",
}  # fmt: skip
# Columns that repeat the voltage.
ASKED = ("biologic_cv.mpt", "nova_cv.txt", "b2900.csv")


class _TooLong(Exception):
    pass


def read(path: Path, data: bytes):
    """What a file holds and what was said of it; or "refused", or what else went wrong."""

    def stop(*_):
        raise _TooLong

    path.write_bytes(data)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            content = sniff(path)
        said = [*content.notes, *(n for r in content.found for n in getattr(r, "notes", ()))]
        return content, [note.split(": ", 1)[-1] for note in said], ""
    except ReadError as error:
        sentence = str(error)
        good = str(path) in sentence and "\n" not in sentence
        return None, [], "refused" if good else f"no sentence: {sentence!r}"
    except _TooLong:
        return None, [], "too long"
    except Exception as error:
        return None, [], f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def arrays(content):
    """All spectra or recordings one behind the other: abscissa, and the values at it."""
    if content.kind == "spectra":
        Z = np.concatenate([s.Z for s in content.found])
        return np.concatenate([s.freq for s in content.found]), np.stack([Z.real, Z.imag])
    t, V, I = (np.concatenate([getattr(r, x) for r in content.found]) for x in "tVI")
    return t, np.stack([V, I])


def verdict(name, kind, original, mutant) -> str:
    """What became of a mutant: refused, said, same, another (unavoidable), or what is wrong."""
    (whole, notes, _), (content, said, wrong) = original, mutant
    if wrong:
        return wrong
    if set(said) - set(notes):
        return "said"
    if content.kind != whole.kind:
        return "avoidable: another kind of file"
    x, y = arrays(whole)
    u, v = arrays(content)
    if kind == "joined" and len(u) <= len(x):
        return "avoidable: the second file is passed over"
    if len(u) != len(x):
        return "other points"
    scale = abs(y).max(axis=1, keepdims=True)
    moved = abs(u - x) > SMALL * abs(x).max()
    if whole.kind == "spectra":
        moved = abs(np.log(u / x)) > 1e-3
        size = np.hypot(*y)
        scale = np.stack([size, size])
    changed = (abs(v - y) > SMALL * scale).any(axis=0)
    if not moved.any() and not changed.any():
        return "same"
    # Two equal times are the two sides of a jump.
    odd = np.flatnonzero(moved)
    odd = odd[(odd > 0) & (odd < len(x) - 1)]
    odd = odd[(u[odd] != u[odd - 1]) & (u[odd] != u[(odd + 1) % len(u)])]
    if 0 < len(odd) <= 2 and not moved[[0, -1]].any():
        return "avoidable: off the grid"
    if _contradicted(name, y, v):
        return "avoidable: another column says otherwise"
    return "another value"


def _contradicted(name, y, v) -> bool:
    """Whether a column that repeats what was read says clearly otherwise."""
    if name in ASKED:
        return bool((abs(v[0] - y[0]) > 0.1 * np.ptp(y[0])).any())
    Z, read_as = y[0] + 1j * y[1], v[0] + 1j * v[1]
    ratio = read_as / np.where(Z == 0, 1, Z)
    said = REPEATED.get(name, "")
    apart = {"mod": abs(abs(ratio) - 1), "phase": abs(np.angle(ratio))}
    return any((apart[column] > SEEN).any() for column in said.split())


def judge(count, seed, folder):
    """The verdicts on mutants, with what is needed to see a wrong one again."""
    rng = np.random.default_rng(seed)
    files = list(known.exports().values())
    originals = {e.name: read(Path(folder) / e.name, e.data) for e in files}
    counts, wrong = Counter(), []
    for k in range(count):
        export = files[rng.integers(len(files))]
        kind = list(KINDS)[rng.integers(len(KINDS))]
        data = KINDS[kind](export, files, rng)
        said = verdict(
            export.name, kind, originals[export.name], read(Path(folder) / export.name, data)
        )
        counts[kind, said if is_fine(said) else "wrong"] += 1
        if not is_fine(said):
            wrong.append({"mutant": k, "file": export.name, "change": kind, "said": said})
    return counts, wrong


def is_fine(said) -> bool:
    """Whether a verdict is none of the faults."""
    return said in ("refused", "said", "same", "other points", "another value")


def fuzz(count, seed):
    with tempfile.TemporaryDirectory() as folder:
        counts, wrong = judge(count, seed, folder)
    return {
        "mutants": count,
        "exports": len(known.exports()),
        "counts": {
            kind: {s: n for (k, s), n in sorted(counts.items()) if k == kind} for kind in KINDS
        },
        "other_errors": sum(not w["said"].startswith(("avoidable", "too long")) for w in wrong),
        "too_long": sum(w["said"] == "too long" for w in wrong),
        "avoidable": sum(w["said"].startswith("avoidable") for w in wrong),
        "wrong": wrong[:100],
    }


def run(options):
    return {"mutants": lambda: fuzz(options.mutants, options.seed)}


def good(result):
    found = result["mutants"]
    return not (found["other_errors"] or found["too_long"] or found["avoidable"])


ROW = Row(
    counted=lambda r: (
        "{other_errors} other errors, {too_long} too long, {avoidable} avoidable changes of "
        "{mutants}".format(**r["mutants"])
    ),
    error=lambda r: "refused {} of {}".format(
        sum(c.get("refused", 0) for c in r["mutants"]["counts"].values()), r["mutants"]["mutants"]
    ),
    time=lambda r: f"{r['provenance']['mutants']['seconds']:.0f} s",
)
