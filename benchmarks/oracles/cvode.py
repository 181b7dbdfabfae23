"""Transients of many devices by a loop over CVODE (SUNDIALS) in C, compiled where it is run."""

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("cvode_loop.c")
LIBRARIES = ("cvode", "nvecserial", "sunlinsoldense", "sunmatrixdense")
LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k", "R_s")


class NoCvode(Exception):
    """What says that the loop cannot be made here."""


@cache
def _library():
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoCvode("there is no C compiler; the loop over CVODE is left out")
    target = Path(tempfile.mkdtemp(prefix="cvode-loop-")) / "loop.so"
    linked = [f"-lsundials_{name}" for name in LIBRARIES]
    flags = ["-O3", "-march=native", "-fPIC", "-shared"]
    made = subprocess.run(
        [compiler, *flags, str(SOURCE), "-o", str(target), *linked, "-lm"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise NoCvode(
            "SUNDIALS is not here (Debian: libsundials-dev); the loop over CVODE is left out: "
            + made.stderr.strip().splitlines()[0]
        )
    return ctypes.CDLL(str(target))


class CvodeLoop:
    """Devices (letters over arrays) under a piecewise constant drive.

    `ends`, `levels`: the end and the value of each piece; `before`: the value at which they rest.
    """

    def __init__(self, letters, t, ends, levels, before, voltage):
        count = len(letters["R_b"])
        zero = np.zeros(count)
        self.three, self.voltage, self.before = "tau_k" in letters, voltage, float(before)
        columns = [np.broadcast_to(np.asarray(letters.get(k, zero), float), count) for k in LETTERS]
        self.numbers = np.ascontiguousarray(np.stack(columns, axis=1))
        self.t, self.ends, self.levels = (np.ascontiguousarray(a, float) for a in (t, ends, levels))
        self.library = _library()

    def __call__(self, rtol):
        """u and i_c (and logit f) at the samples, (devices, samples, n); failures; steps."""
        count, samples = len(self.numbers), len(self.t)
        out = np.empty((count, samples, 3 if self.three else 2))
        steps = ctypes.c_long()
        of = lambda a: a.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        failed = self.library.cvode_loop(
            count, int(self.three), int(self.voltage), of(self.numbers), len(self.ends),
            of(self.ends), of(self.levels), ctypes.c_double(self.before), samples, of(self.t),
            ctypes.c_double(rtol), ctypes.c_double(rtol), of(out), ctypes.byref(steps),
        )  # fmt: skip
        return out, failed, steps.value
