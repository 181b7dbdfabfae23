"""What every benchmark shares: its options, clocks, provenance, and its results as JSON.

A benchmark is a module of `benchmarks.dynamics` or `benchmarks.fits`, whose docstring begins with
its question. It has

- `COUNTS`: how many cases of what, `{option: (default, help)}`;
- `run(options)`: its parts, `{name: function of nothing that returns what goes into the JSON}`;
- `ROW`: what the table says of a result, see `benchmarks.table`;
- `good(result)`, if it can fail: what the exit status says.
"""

import argparse
import importlib
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT, RESULTS = HERE.parent, HERE / "results"
ROOMS = ("dynamics", "fits")
# What answers are compared with, beside the packages that the library's own provenance lists.
PEERS = ("optimistix", "xarray", "lmfit", "impedance", "pyimpspec", "cma")


class Absent(Exception):
    """What a benchmark needs and this machine has not."""


def names() -> dict[str, Path]:
    """All benchmarks, and their files."""
    files = [path for room in ROOMS for path in (HERE / room).glob("[a-z]*.py")]
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}


def load(name):
    """The module of a benchmark."""
    return importlib.import_module(f"benchmarks.{names()[name].parent.name}.{name}")


def installed(package) -> str | None:
    """The version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def measured_data(options, folder) -> Path | None:
    """A folder of measured data, None where it is not on this machine."""
    path = options.data / folder
    return path if path.is_dir() else None


class Clock:
    """Seconds that pass inside of it: of the wall, of the processor, and of called programs'."""

    def __enter__(self):
        self._begin = self._now()
        return self

    def __exit__(self, *_):
        spent = [end - begin for begin, end in zip(self._begin, self._now(), strict=True)]
        self.wall, self.cpu, self.called = spent

    @staticmethod
    def _now():
        used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return time.perf_counter(), *(u.ru_utime + u.ru_stime for u in used)


class Times:
    """Seconds of the calls of one function."""

    def __init__(self):
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def add(self, clock):
        self.wall.append(clock.wall)
        self.cpu.append(clock.cpu)

    @property
    def median(self):
        return median(self.wall)


def interleaved(runs: Iterable[tuple[str, Callable]], repeats=1):
    """The last answer and the times of each function; in turns, so that a busy machine is busy for
    all of them."""
    import jax

    runs, answers, times = list(runs), {}, {}
    for _ in range(repeats):
        for name, run in runs:
            with Clock() as clock:
                answers[name] = jax.block_until_ready(run())
            times.setdefault(name, Times()).add(clock)
    return answers, times


def timed(function, *arguments, repeats=1):
    """The answer, the seconds of the first call, which compiles, and the times of later ones."""
    call = [("", lambda: function(*arguments))]
    _, first = interleaved(call)
    answers, times = interleaved(call, repeats)
    return answers[""], first[""].median, times[""]


def in_new_process(function, *arguments, **environment):
    """What a function of a module returns in a process of its own."""
    code = (
        f"import json, sys; from {function.__module__} import {function.__name__} as run; "
        "print(json.dumps(run(*json.loads(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    said = subprocess.check_output(command, cwd=ROOT, env=os.environ | environment, text=True)
    return json.loads(said.splitlines()[-1])


def as_json(value) -> str:
    """Text of a result with numbers of NumPy and JAX in it."""
    return json.dumps(value, indent=1, default=lambda v: v.tolist())


def provenance(command):
    """Where and with what a part was run."""
    import jax

    from jaxmem.output.provenance import provenance_of

    found = provenance_of(command)
    others = {name: installed(name) for name in PEERS}
    return {
        **{key: found[key] for key in ("command", "time", "platform")},
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "device": jax.devices()[0].device_kind,
        "load_average": round(os.getloadavg()[0], 2),
        "versions": found["versions"] | others,
    }


def options_of(name, module, arguments):
    """What the command line says to one benchmark."""
    parser = argparse.ArgumentParser(f"python -m benchmarks {name}", description=module.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", metavar="PART", help="some of its parts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, not written")
    parser.add_argument("--out", type=Path, help=f"instead of benchmarks/results/{name}.json")
    beside = ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="folder of measured data")
    for count, (default, help) in module.COUNTS.items():
        parser.add_argument(f"--{count}", type=int, default=default, help=f"{help} ({default})")
    options = parser.parse_args(arguments)
    if options.quick:
        for count in module.COUNTS:
            setattr(options, count, max(getattr(options, count) // 10, 1))
    elif options.out is None:
        options.out = RESULTS / f"{name}.json"
    return options


def run(name, arguments) -> int:
    """One benchmark, part by part; each replaces what the file had of it, and keeps the others."""
    # JAX reads this when it is imported, which the benchmark does.
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    module = load(name)
    options = options_of(name, module, arguments)
    command = shlex.join(["python", "-m", "benchmarks", name, *arguments])
    try:
        parts = module.run(options)
    except Absent as why:
        print(f"{name}: {why}")
        return 0
    if unknown := set(options.only or ()) - set(parts):
        print(f"{name} has no part {', '.join(unknown)}; it has {', '.join(parts)}")
        return 2
    result = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for part in options.only or parts:
        about = provenance(command)
        with Clock() as clock:
            result[part] = parts[part]()
        about |= {"seconds": round(clock.wall, 2), "cpu_seconds": round(clock.cpu, 2)}
        about["cpu_seconds_of_called_programs"] = round(clock.called, 2)
        result["provenance"] = result.get("provenance", {}) | {part: about}
        print(part, as_json(result[part]), f"({clock.wall:.1f} s)", flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(as_json(result) + "\n")
    return int(not getattr(module, "good", lambda result: True)(result))
