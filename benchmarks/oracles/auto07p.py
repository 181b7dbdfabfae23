"""AUTO-07p as an independent tool: equilibria, Hopf points and cycles of the 3D device.

AUTO (Debian: auto-07p and gfortran) is called as a program and read through its files. The
equation file is written here, from equations 1, 11 and 12, in x = (u - V_T)/V_m, c = i_c/i_c0, f
and time in units of the slowest time constant. With G = R_b i_c0/V_m, and rho = R_b/R_s under
voltage, 0 under current,

    tau_m x' = G (p - c) - (1 + rho)(x + V_T/V_m),   tau_d c' = f - c,
    tau_k f' = 1 - f - exp(-x) f,                    p = I/i_c0 or V/(R_s i_c0).
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

HOME = Path(os.environ.get("AUTO_DIR", "/usr/lib/auto-07p"))
MISSING = [
    name
    for name, there in (
        ("auto-07p", (HOME / "lib" / "main.o").is_file()),
        ("gfortran", shutil.which("gfortran") is not None),
    )
    if not there
]
WHY = f"not installed: {', '.join(MISSING)} (Debian: apt install auto-07p gfortran)"

# PAR(11) is AUTO's: the period. exp is capped where f is below 1e-130.
EQUATIONS = """
subroutine func(ndim, u, icp, par, ijac, f, dfdu, dfdp)
  implicit none
  integer, intent(in) :: ndim, icp(*), ijac
  double precision, intent(in) :: u(ndim), par(*)
  double precision, intent(out) :: f(ndim)
  double precision, intent(inout) :: dfdu(ndim, ndim), dfdp(ndim, *)
  double precision :: shut
  shut = exp(min(-u(1), 300d0))
  f(1) = (par(5)*(par(1) - u(2)) - (1 + par(7))*(u(1) + par(6)))/par(2)
  f(2) = (u(3) - u(2))/par(3)
  f(3) = (1 - u(3) - shut*u(3))/par(4)
  if (ijac == 0) return
  dfdu = 0
  dfdu(1, 1) = -(1 + par(7))/par(2)
  dfdu(1, 2) = -par(5)/par(2)
  dfdu(2, 2) = -1/par(3)
  dfdu(2, 3) = 1/par(3)
  dfdu(3, 1) = shut*u(3)/par(4)
  dfdu(3, 3) = -(1 + shut)/par(4)
  if (ijac == 1) return
  dfdp(:, 1:9) = 0
  dfdp(1, 1) = par(5)/par(2)
end subroutine

subroutine stpnt(ndim, u, par, t)
  implicit none
  integer, intent(in) :: ndim
  double precision, intent(inout) :: u(ndim), par(*)
  double precision, intent(in) :: t
end subroutine

subroutine bcnd()
end subroutine

subroutine icnd()
end subroutine

subroutine fopt()
end subroutine

subroutine pvls(ndim, u, par)
  implicit none
  integer, intent(in) :: ndim
  double precision, intent(in) :: u(*)
  double precision, intent(inout) :: par(*)
  double precision, external :: getp
  par(8) = getp("MAX", 1, u)
  par(9) = getp("MIN", 1, u)
end subroutine
"""
# What the manual recommends, with mesh and tolerances for an oracle; keywords override it.
CONSTANTS = dict(
    NDIM=3, JAC=1, ILP=0, ISP=2, ISW=1, NTST=150, NCOL=5, IAD=3, NMX=1000, NPR=0, ITMX=20, ITNW=7,
    NWTN=3, EPSL=1e-10, EPSU=1e-10, EPSS=1e-8, DS=1e-2, DSMIN=1e-8, DSMAX=0.5, IADS=1, IID=2,
    IIS=2, IPLT=0, THU={1: 0.01},
)  # fmt: skip
KINDS = {1: "BP", 2: "LP", 3: "HB", -4: "UZ", 5: "LP", 6: "BP", 7: "PD", 8: "TR", 9: "EP", -9: "MX"}


class Scales(NamedTuple):
    """A device's letters as AUTO's parameters, and the way back to volts, seconds and the drive."""

    par: dict
    V_T: float
    V_m: float
    second: float
    drive: float

    @classmethod
    def of(cls, letters, drive):
        d = {"R_s": 0.0} | {k: float(v) for k, v in letters.items()}
        taus = np.array([d["R_b"] * d["C_m"], d["tau_d"], d["tau_k"]])
        rho, unit = 0.0, d["i_c0"]
        if drive == "voltage":
            rho, unit = d["R_b"] / d["R_s"], d["i_c0"] * d["R_s"]
        values = [*taus / taus.max(), d["R_b"] * d["i_c0"] / d["V_m"], d["V_T"] / d["V_m"], rho]
        par = {k: float(value) for k, value in enumerate(values, 2)}
        return cls(par, d["V_T"], d["V_m"], float(taus.max()), unit)

    def rest(self, x):
        """The state at rest, and p there."""
        f = 1 / (1 + np.exp(-x))
        return [x, f, f], (1 + self.par[7]) * (x + self.par[6]) / self.par[5] + f

    def volt(self, x):
        return self.V_T + self.V_m * x


class Hopf(NamedTuple):
    """Drive [A or V], u [V], omega [rad/s]; `label` is AUTO's."""

    drive: float
    u: float
    omega: float
    label: int


class Orbit(NamedTuple):
    """A labelled cycle: drive [A or V], period [s], extrema [V] of the collocation polynomial."""

    drive: float
    period: float
    u_max: float
    u_min: float
    stable: bool


class Family(NamedTuple):
    """A branch of cycles, a number for each step; extrema are those of the mesh's points.

    `orbits` are those labelled; `folds`: the drives where the branch turns back, with ILP=1.
    `ended` is why AUTO stopped: "BP" where the cycles have shrunk to the other Hopf point.
    """

    drive: np.ndarray
    period: np.ndarray
    u_max: np.ndarray
    u_min: np.ndarray
    stable: np.ndarray
    orbits: list
    folds: list
    ended: str


class Program:
    """AUTO in a folder, its equation file compiled once."""

    def __init__(self, folder, equations, flags=()):
        self.folder = Path(folder)
        (self.folder / "device.f90").write_text(equations)
        objects = sorted(str(path) for path in (HOME / "lib").glob("*.o"))
        compiler = ["gfortran", "-O2", "-fopenmp", *flags]
        self._call(*compiler, "device.f90", "-o", "device.exe", *objects)
        # What the runs took so far: the program only, without reading its files.
        self.seconds = 0.0

    def _call(self, *command):
        run = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if run.returncode:
            raise RuntimeError(f"{command[0]}: {(run.stdout + run.stderr)[-2000:]}")

    def run(self, name, **constants):
        """One run of the program, which writes b.name, s.name and d.name."""
        text = "".join(f"{k} = {_written(v)}\n" for k, v in (CONSTANTS | constants).items())
        (self.folder / "fort.2").write_text(f"sv = '{name}'\n{text}")
        begin = time.perf_counter()
        self._call("./device.exe")
        self.seconds += time.perf_counter() - begin


class Auto(Program):
    """AUTO for the 3D device; letters go in through the constants."""

    def __init__(self, folder):
        super().__init__(folder, EQUATIONS)

    def hopf_points(self, letters, drive="current", **constants):
        """Hopf points on the branch of equilibria, in the order of the drive."""
        scales = Scales.of(letters, drive)
        # Without G f (1 - f) > 8 there is none: |x| < ln G is where to look.
        reach = float(np.log(scales.par[5])) + 1
        state, p = scales.rest(-reach)
        first = dict(
            IPS=1, ICP=[1], U=dict(enumerate(state, 1)), PAR={1: p} | scales.par, DSMAX=0.2,
            RL1=scales.rest(reach)[1],
        )  # fmt: skip
        self.run("rest", **(first | constants))
        return [
            Hopf(
                float(scales.drive * block.par[0]), float(scales.volt(block.points[0, 1])),
                float(2 * np.pi / block.par[10] / scales.second), block.label,
            )
            for block in solutions(self.folder / "s.rest") if block.kind == "HB"
        ]  # fmt: skip

    def cycles(self, letters, hopf, drive="current", at=(), **constants):
        """The cycles that begin at a Hopf point of the last `hopf_points`, labelled at `at`."""
        scales = Scales.of(letters, drive)
        second = dict(
            s="rest", IRS=hopf.label, IPS=2, ICP=[1, 11, 8, 9], ISP=3, STOP=["BP1"],
            UZR={1: [float(value) / scales.drive for value in at]} if len(at) else {},
        )  # fmt: skip
        self.run("cycles", **(second | constants))
        points, kinds, labels, values = rows(self.folder / "b.cycles")
        stable = points < 0
        by_label = dict(zip(labels.tolist(), stable.tolist(), strict=True))
        labelled = list(solutions(self.folder / "s.cycles"))
        orbits = [
            Orbit(
                scales.drive * block.par[0], scales.second * block.par[10],
                *(scales.volt(x) for x in spread(block)), by_label[block.label],
            )
            for block in labelled if block.kind == "UZ"
        ]  # fmt: skip
        folds = [scales.drive * block.par[0] for block in labelled if block.kind == "LP"]
        return Family(
            scales.drive * values[:, 0], scales.second * values[:, -3],
            scales.volt(values[:, -2]), scales.volt(values[:, -1]),
            stable, orbits, folds, kinds[-1],
        )  # fmt: skip

    def fold_curve(self, letters, tau_k, drive="current", **constants):
        """The first fold of the last `cycles` (with ILP=1) over tau_k, labelled at these."""
        scales = Scales.of(letters, drive)
        start = next(b for b in solutions(self.folder / "s.cycles") if b.kind == "LP")
        third = dict(
            IPS=2, ISW=2, ICP=[1, 4, 11, 8, 9], JAC=0, ISP=2, NMX=300,
            UZR={4: [float(value) / scales.second for value in tau_k]},
        )  # fmt: skip
        # The first run prepares the extended system and ends, the second one follows it.
        self.run("start", s="cycles", IRS=start.label, **(third | constants))
        label = list(solutions(self.folder / "s.start"))[-1].label
        self.run("folds", s="start", IRS=label, **(third | constants))
        by_label = {}
        for block in solutions(self.folder / "s.folds"):
            if block.kind == "UZ":
                by_label[scales.second * block.par[3]] = Orbit(
                    scales.drive * block.par[0], scales.second * block.par[10],
                    *(scales.volt(x) for x in spread(block)), False,
                )  # fmt: skip
        return by_label


def _written(value):
    """A constant as AUTO reads it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(v) for v in value) + "]"
    return f"'{value}'" if isinstance(value, str) else f"{value:.17g}"


def rows(path):
    """Point numbers (negative where stable), kinds, labels and values of a b-file."""
    table = [line.split() for line in path.read_text().splitlines()]
    table = [row for row in table if row and row[0] != "0"]
    numbers = np.array([[int(v) for v in row[:4]] for row in table])
    kinds = [KINDS.get(int(kind), "") for kind in numbers[:, 2]]
    return numbers[:, 1], kinds, numbers[:, 3], np.array([row[4:] for row in table], float)


class Solution(NamedTuple):
    """A labelled solution of an s-file: rows of (t, x, c, f) with t in 0..1, and PAR."""

    kind: str
    label: int
    points: np.ndarray
    degree: int
    par: np.ndarray


def solutions(path):
    lines = path.read_text().splitlines()
    while lines:
        head = [int(v) for v in lines[0].split()]
        (_, _, kind, label, _, _, count, width, rows, _, degree, pars), body = head[:12], lines[1:]
        numbers = np.array(" ".join(body[:rows]).split(), float)
        points = numbers[: count * width].reshape(count, width)
        # Along a curve of folds the tens say of what.
        kind -= 10 * int(kind / 10)
        yield Solution(KINDS.get(kind, ""), label, points, degree, numbers[-pars:])
        lines = body[rows:]


def spread(solution):
    """Largest and smallest x of the polynomials between the mesh's points."""
    n, values = solution.degree, solution.points[:, 1]
    top, bottom = values.max(), values.min()
    for k in range(0, len(values) - 1, n):
        # The points of an interval are equally spaced: s = -1..1.
        own = np.polynomial.Polynomial.fit(np.linspace(-1, 1, n + 1), values[k : k + n + 1], n)
        turns = own.deriv().roots()
        turns = turns[np.isreal(turns) & (np.abs(turns.real) < 1)].real
        for x in own(turns):
            top, bottom = max(top, x), min(bottom, x)
    return float(top), float(bottom)
