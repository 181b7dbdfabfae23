"""AUTO-07p for a field written as text: equilibria with Hopf points and folds, cycles with folds.

What AUTO locates is refined where another method can: Hopf points and folds of equilibria by
Newton's method on their defining equations (`WrittenField`).
"""

from typing import NamedTuple

import numpy as np

from benchmarks.oracles.auto07p import EQUATIONS, Program, rows, solutions, spread

# All but `func`, which the field writes.
OTHERS = "subroutine stpnt" + EQUATIONS.split("subroutine stpnt", 1)[1]
MESH = dict(
    JAC=0, NTST=300, NCOL=5, IAD=1, EPSL=1e-10, EPSU=1e-10, EPSS=1e-10, ITNW=8, ITMX=30,
    THL={11: 0.0}, THU={},
)  # fmt: skip


class Equilibrium(NamedTuple):
    """A Hopf point or a fold, by AUTO: where, and its label there."""

    drive: float
    y: np.ndarray
    label: int


class Orbit(NamedTuple):
    """A cycle of AUTO's: extrema of the first state, whether its multipliers say stable, and the
    states at the first of its mesh's points."""

    drive: float
    period: float
    u_max: float
    u_min: float
    stable: bool
    kind: str
    y: np.ndarray


class Family(NamedTuple):
    """A branch of cycles, step by step; `labelled` its folds and what was asked for."""

    drive: np.ndarray
    period: np.ndarray
    u_max: np.ndarray
    u_min: np.ndarray
    stable: np.ndarray
    labelled: list
    ended: str

    @property
    def folds(self):
        return [orbit for orbit in self.labelled if orbit.kind == "LP"]


class AutoField(Program):
    """AUTO for one field, compiled once."""

    def __init__(self, folder, field):
        flags = ["-fdefault-real-8", "-fdefault-double-8", "-ffree-line-length-none"]
        super().__init__(folder, f"{field.fortran()}\n\n{OTHERS}", flags)
        self.field = field

    def run(self, name, **constants):
        super().run(name, **(dict(NDIM=len(self.field.states)) | MESH | constants))

    def equilibria(self, low, high, y, at=(), **constants):
        """From a drive and an equilibrium there to another drive: Hopf points, folds, the steps of
        the curve, which may turn back, and where it passes the drives in `at`."""
        span = abs(high - low)
        first = dict(
            IPS=1, ICP=[1], ILP=1, ISP=1, U=dict(enumerate(map(float, y), 1)),
            PAR={1: float(low)}, NTST=1, DS=1e-3 * np.sign(high - low), DSMIN=1e-9,
            DSMAX=float(max(2e-4 * span, 1e-3)), NMX=40000, RL0=min(low, high) - 0.2 * span,
            RL1=max(low, high), THL={}, UZR={1: [float(v) for v in at]} if len(at) else {},
        )  # fmt: skip
        self.run("rest", **(first | constants))
        values = rows(self.folder / "b.rest")[-1]
        found = [
            (s.kind, Equilibrium(float(s.par[0]), s.points[0, 1:], s.label))
            for s in solutions(self.folder / "s.rest")
        ]
        of = lambda kind: [place for k, place in found if k == kind]
        return of("HB"), of("LP"), values, of("UZ")

    def cycles(self, hopf, at=(), **constants):
        """The cycles that begin at a Hopf point of the last `equilibria`."""
        asked = {1: [float(value) for value in at]} if len(at) else {}
        how = dict(
            s="rest", IRS=hopf.label, IPS=2, ICP=[1, 11, 8, 9], ILP=1, ISP=2, UZR=asked,
            UZSTOP={}, STOP=["BP1"], DS=1e-3, DSMIN=1e-12, DSMAX=1.0, NMX=3000,
        )  # fmt: skip
        self.run("cycles", **(how | constants))
        return self._family("cycles")

    def orbit(self, drive, t, y, **constants):
        """The cycle at a drive, from one period of a trajectory: continued in a parameter that
        nothing depends on, so that its mesh is adapted at each of a dozen steps."""
        table = np.column_stack([t - t[0], np.asarray(y).T])
        (self.folder / "start.dat").write_text(
            "\n".join(" ".join(f"{v:.17g}" for v in row) for row in table) + "\n"
        )
        how = dict(
            dat="start", IPS=2, ICP=[10, 11, 8, 9], ILP=0, ISP=2, NMX=12, DS=0.1, DSMAX=0.1,
            PAR={1: float(drive), 11: float(t[-1] - t[0]), 10: 0.0}, IADS=0,
        )  # fmt: skip
        self.run("start", **(how | constants))
        last = self._family("start").labelled[-1]
        return last._replace(drive=float(drive))

    def _family(self, name):
        points, kinds, labels, values = rows(self.folder / f"b.{name}")
        stable = points < 0
        by_label = dict(zip(labels.tolist(), stable.tolist(), strict=True))
        labelled = [
            Orbit(
                float(s.par[0]), float(s.par[10]), *spread(s), by_label[s.label], s.kind,
                s.points[0, 1:],
            )
            for s in solutions(self.folder / f"s.{name}")
        ]  # fmt: skip
        return Family(
            values[:, 0], values[:, -3], values[:, -2], values[:, -1], stable, labelled, kinds[-1]
        )
