"""Whether another checkout counts the same and is as fast.

    python -m benchmarks.parity counts THEIRS.json OURS.json [--within 2]
    python -m benchmarks.parity speed CHECKOUT NAME [--rounds 5] [options of the benchmark]
    python -m benchmarks.parity commands CHECKOUT [--rounds 5] fit /PATH/FILE [options of jaxmem]

`counts` lists whole numbers that differ by more than `--within`, and other numbers (no times) that
differ by more than 1 %. `speed` runs the benchmark of both checkouts in turns, each in processes of
its own, and prints the medians of all times in what they print. For all of them a second is one of
the processor: what `time.perf_counter` says is replaced, so that a busy machine does not matter.
`commands` runs a command of `jaxmem` in turns, after a first time that compiles its programs, and
prints the medians of the wall and of the processor; give `--theirs` what the other one calls it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness import ROOT, Clock

TIME = re.compile(r"seconds|(^|_)(ms|s|MB)($|_)|times_ours|times ours|load_average|ms$")
# What says where and when numbers were made, and no number of theirs.
ABOUT = {"provenance", "command", "machine", "device", "versions", "platform", "python", "jax"}
PROCESSOR = "import time\ntime.perf_counter = time.process_time\n"
JAXMEM = """
try:
    from jaxmem.__main__ import enter
except ImportError:
    from jaxmem.cli import main as enter
enter()
"""
WHOLE = "the whole process, seconds of the processor"


def leaves(value, path=()):
    """All values of a result that are no dictionaries or lists, by their paths."""
    if not isinstance(value, dict | list):
        yield path, value
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in pairs:
        if key not in ABOUT:
            yield from leaves(part, (*path, str(key)))


def is_time(path):
    return any(TIME.search(key) for key in path)


def differences(theirs, ours, within):
    """Sentences on what differs, the counts first."""
    old, new = (dict(leaves(result)) for result in (theirs, ours))
    counts, others, absent = [], [], []
    for path in sorted(old.keys() | new.keys()):
        name = " / ".join(path)
        if is_time(path):
            continue
        if path not in old or path not in new:
            absent.append(f"only {'ours' if path in new else 'theirs'}: {name}")
            continue
        a, b = old[path], new[path]
        said = f"{name}: {a} -> {b}"
        number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
        if number and isinstance(a, int) and isinstance(b, int):
            counts += [f"count {said}"] if abs(a - b) > within else []
        elif number:
            near = abs(a - b) <= 0.01 * max(abs(a), abs(b)) or (a != a and b != b)
            others += [] if near else [f"number {said}"]
        elif a != b:
            others.append(f"value {said}")
    return counts, others + absent


def printed(text):
    """The JSON objects in what a program printed, each under the words before it, if any."""
    found, decoder, end = {}, json.JSONDecoder(), 0
    while (start := text.find("{", end)) >= 0:
        name = text[end:start].strip().rpartition("\n")[2]
        try:
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            end = start + 1
            continue
        found |= {name: value} if name else value
    return found


def command(checkout, name, options):
    """How a checkout runs a benchmark: by its harness, or by a script of its own."""
    script = checkout / "benchmarks" / f"{name}.py"
    call = [str(script)] if script.exists() else ["-m", "benchmarks", name]
    return [sys.executable, *call, *options]


def once(checkout, name, options, clock):
    """The times that one run prints, and those of its process."""
    path = os.pathsep.join([clock, str(checkout)])
    with Clock() as spent:
        said = subprocess.run(
            command(checkout, name, options), cwd=checkout, env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
    times = {p: v for p, v in leaves(printed(said)) if is_time(p) and isinstance(v, int | float)}
    return {(WHOLE,): spent.called} | times


def speed(checkout, name, options, theirs, rounds):
    """A line for each time: theirs, ours, and the ratio."""
    runs = {"theirs": [], "ours": []}
    with TemporaryDirectory() as clock:
        (Path(clock) / "sitecustomize.py").write_text(PROCESSOR)
        for k in range(rounds):
            runs["theirs"].append(once(checkout, name, theirs, clock))
            runs["ours"].append(once(ROOT, name, options, clock))
            print(f"round {k + 1} of {rounds}", file=sys.stderr, flush=True)
    for path in runs["ours"][0]:
        each = [[run[path] for run in runs[side] if path in run] for side in ("theirs", "ours")]
        if all(each):
            old, new = map(median, each)
            ratio = new / old if old else float("nan")
            yield f"{old:12.4g} {new:12.4g} {ratio:8.3f}   {' / '.join(path)}"


def commands(checkout, ours, theirs, rounds):
    """A line for the wall and one for the processor: theirs, ours, and the ratio."""
    spent = {"theirs": [], "ours": []}
    for k in range(rounds + 1):
        for side, place, said in (("theirs", checkout, theirs), ("ours", ROOT, ours)):
            with TemporaryDirectory() as out, Clock() as clock:
                ran = subprocess.run(
                    [sys.executable, "-c", JAXMEM, *said, "--out", str(Path(out) / "made")],
                    cwd=place, env=os.environ | {"PYTHONPATH": str(place)},
                    capture_output=True, text=True,
                )  # fmt: skip
            if ran.returncode:
                sys.exit(f"{side}: {ran.stderr}")
            if k:
                spent[side].append((clock.wall, clock.called))
        print(f"round {k} of {rounds}", file=sys.stderr, flush=True)
    for name, column in ("seconds of the wall", 0), ("seconds of the processor", 1):
        old, new = (median(row[column] for row in spent[side]) for side in ("theirs", "ours"))
        yield f"{old:12.4g} {new:12.4g} {new / old:8.3f}   {name}"


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.parity", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    which = parser.add_subparsers(dest="which", required=True)
    counts = which.add_parser("counts")
    counts.add_argument("theirs", type=Path)
    counts.add_argument("ours", type=Path)
    counts.add_argument("--within", type=int, default=2)
    times = which.add_parser("speed")
    times.add_argument("checkout", type=Path)
    times.add_argument("name")
    times.add_argument("--rounds", type=int, default=5)
    times.add_argument("--theirs", help="their options, where they are not the same as ours")
    said = which.add_parser("commands")
    said.add_argument("checkout", type=Path)
    said.add_argument("--rounds", type=int, default=5)
    said.add_argument("--theirs", help="what they are told, where it is not the same")
    options, rest = parser.parse_known_args(arguments)
    if options.which == "counts":
        old, new = (json.loads(path.read_text()) for path in (options.theirs, options.ours))
        off, other = differences(old, new, options.within)
        print("\n".join([*off, *other, f"{len(off)} counts differ by more than {options.within}"]))
        return int(bool(off))
    theirs = rest if options.theirs is None else options.theirs.split()
    print(f"{'theirs':>12s} {'ours':>12s} {'ratio':>8s}")
    where = options.checkout.resolve()
    if options.which == "commands":
        lines = commands(where, rest, theirs, options.rounds)
    else:
        lines = speed(where, options.name, rest, theirs, options.rounds)
    for line in lines:
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
