"""A vector field written as text, which AUTO (Fortran), NumPy and SciPy read: no code of ours.

    m = 0.5*(1 + tanh((v + 1.2)/18))
    v' = (drive - 4.4*m*(v - 120) - 2*(v + 60))/20

A line names a quantity or, with a prime, the rate of a state, in the order of the states; `drive`
is what is imposed. Numbers and operators mean the same in Fortran and in Python; `max` has two real
arguments. The Jacobian is that of the complex step, which loses no digits.
"""

import math

import numpy as np
from scipy.integrate import solve_ivp

STEP = 1e-30


def _max(a, b):
    return np.where(np.real(a) > np.real(b), a, b)


def _exp(x):
    return math.exp(x) if x < 709 else math.inf


NAMES = ("exp", "log", "sqrt", "tanh", "cosh")
COMPLEX = {name: getattr(np, name) for name in NAMES} | {"max": _max}
# Trajectories are ten times as fast with Python's own numbers.
REAL = {name: getattr(math, name) for name in NAMES} | {"exp": _exp, "max": max}


class WrittenField:
    """`rates(drive, y)` and its Jacobian; `first` is the state that is read as the voltage."""

    def __init__(self, text, **values):
        lines = [line.split("=", 1) for line in text.strip().splitlines() if "=" in line]
        self.lines = [(name.strip(), body.strip()) for name, body in lines]
        self.states = [name[:-1] for name, _ in self.lines if name.endswith("'")]
        self.values = {name: float(value) for name, value in values.items()}
        names = [n for n, _ in self.lines if not n.endswith("'")]
        names += [*self.states, *values, "drive"]
        if len({n.casefold() for n in names}) != len(names):
            raise ValueError(f"two of {names} are one name in Fortran")
        self.names = names
        body = [f"    {n.replace(chr(39), '_rate')} = {b}" for n, b in self.lines]
        rates = ", ".join(f"{s}_rate" for s in self.states)
        head = f"def f(drive, {', '.join(self.states)}):"
        code = "\n".join([head, *body, f"    return {rates},"])
        self._f, self._real = (
            self._compiled(code, functions | self.values) for functions in (COMPLEX, REAL)
        )

    @staticmethod
    def _compiled(code, scope):
        exec(code, scope)
        return scope["f"]

    def rates(self, drive, y):
        y = np.asarray(y)
        if np.iscomplexobj(y) or isinstance(drive, complex):
            return np.array(self._f(drive, *y))
        try:
            return np.array(self._real(float(drive), *y.tolist()))
        except (OverflowError, ZeroDivisionError):
            return np.full(y.shape, np.nan)

    def jacobian(self, drive, y):
        y = np.asarray(y, complex)
        columns = [self.rates(drive, y + 1j * STEP * row).imag / STEP for row in np.eye(len(y))]
        return np.stack(columns, axis=1)

    def by_drive(self, drive, y):
        return self.rates(drive + 1j * STEP, np.asarray(y, complex)).imag / STEP

    def fortran(self):
        """The subroutine that AUTO calls: PAR(1) is the drive."""
        kinds = [f"{n.replace(chr(39), '_rate')}" for n, _ in self.lines]
        own = [*kinds, *self.states, *self.values, "drive"]
        text = [
            "subroutine func(ndim, u, icp, par, ijac, f, dfdu, dfdp)", "implicit none",
            "integer, intent(in) :: ndim, icp(*), ijac",
            "double precision, intent(in) :: u(ndim), par(*)",
            "double precision, intent(out) :: f(ndim)",
            "double precision, intent(inout) :: dfdu(ndim, ndim), dfdp(ndim, *)",
            *(f"double precision :: {name}" for name in own), "drive = par(1)",
            *(f"{name} = {value!r}" for name, value in self.values.items()),
            *(f"{name} = u({k})" for k, name in enumerate(self.states, 1)),
            *(f"{name.replace(chr(39), '_rate')} = {body}" for name, body in self.lines),
            *(f"f({k}) = {name}_rate" for k, name in enumerate(self.states, 1)),
            "end subroutine",
        ]  # fmt: skip
        return "\n".join(text)

    # Equilibria.

    def settled(self, drive, y, tries=80):
        """The equilibrium that Newton's method finds from y, or None."""
        y = np.array(y, float)
        for _ in range(tries):
            f = self.rates(drive, y)
            step = np.linalg.solve(self.jacobian(drive, y), -f)
            y = y + step
            if np.all(np.abs(step) <= 1e-13 * (1 + np.abs(y))):
                return y
        return None

    def unstable(self, drive, y):
        """How many eigenvalues grow at an equilibrium."""
        return int(np.sum(np.linalg.eigvals(self.jacobian(drive, y)).real > 0))

    def hopf_point(self, drive, y):
        """The Hopf point near a guess: (drive, y, omega), by Newton on f = 0, J q = i omega q."""
        y, n = np.array(y, float), len(y)
        values, vectors = np.linalg.eig(self.jacobian(drive, y))
        k = np.argmin(np.abs(values.real) + 1e3 * (values.imag <= 0))
        omega, q = values[k].imag, vectors[:, k]
        like = q / (q.conj() @ q)

        def gap(z):
            y, q = z[:n], z[n : 2 * n] + 1j * z[2 * n : 3 * n]
            J = self.jacobian(z[-2], y)
            mode = (J @ q - 1j * z[-1] * q) / omega
            norm = like.conj() @ q - 1
            f = self.rates(z[-2], y)
            return np.concatenate([f, mode.real, mode.imag, [norm.real, norm.imag]])

        z = np.concatenate([y, q.real, q.imag, [drive, omega]])
        z = _newton(gap, z)
        return float(z[-2]), z[:n], float(z[-1])

    def fold(self, drive, y):
        """The fold of equilibria near a guess: (drive, y), by Newton on f = 0, J v = 0."""
        y, n = np.array(y, float), len(y)
        _, _, right = np.linalg.svd(self.jacobian(drive, y))
        like = right[-1]

        def gap(z):
            J = self.jacobian(z[-1], z[:n])
            f, v = self.rates(z[-1], z[:n]), z[n:-1]
            return np.concatenate([f, J @ v, [like @ v - 1]])

        z = _newton(gap, np.concatenate([y, like, [drive]]))
        return float(z[-1]), z[:n]

    # Trajectories.

    def run(self, drive, y, T, *, method="LSODA", tol=1e-11, **how):
        jac = {} if method == "DOP853" else {"jac": lambda t, y: self.jacobian(drive, y)}
        with np.errstate(over="ignore", invalid="ignore"):
            return solve_ivp(
                lambda t, y: self.rates(drive, y), (0, T), y, method=method, rtol=tol,
                atol=tol * 1e-2, **jac, **how,
            )  # fmt: skip

    def returns(self, drive, y, *, section, T, method="LSODA", tol=1e-11, most=60, same=1e-9):
        """The settled period by SciPy: times between upward passages of the first state through
        `section`, until two in turn agree, and the state there; None if it does not pass."""

        def up(t, y):
            return y[0] - section

        up.terminal, up.direction = True, 1
        y, last = np.array(y, float), None
        for _ in range(most):
            # Past the section first, so that the same passage is not found twice.
            away = self.run(drive, y, 1e-3 * T, method=method, tol=tol).y[:, -1]
            run = self.run(drive, away, T, method=method, tol=tol, events=up)
            if not len(run.t_events[0]):
                return None
            period = run.t_events[0][0] + 1e-3 * T
            moved = np.max(np.abs(run.y_events[0][0] - y) / (1e-3 + np.abs(y)))
            y = run.y_events[0][0]
            if last is not None and abs(period / last - 1) < same and moved < 100 * same:
                return float(period), y
            last = period
        return None


def _newton(gap, z, tries=60):
    """Newton's method with central differences of the gap, until the step stops to shrink."""
    best = np.inf
    for _ in range(tries):
        f = gap(z)
        size = 1e-6 * (1e-3 + np.abs(z))
        J = np.stack(
            [(gap(z + h) - gap(z - h)) / (2 * np.max(h)) for h in np.diag(size)], axis=1
        )  # fmt: skip
        step = np.linalg.lstsq(J, -f, rcond=None)[0]
        norm = np.max(np.abs(step) / (1e-3 + np.abs(z)))
        if norm < 1e-12 or (norm >= best and norm < 1e-9):
            return z + step
        best, z = norm, z + step
    raise ArithmeticError(f"Newton's method ended at a relative step of {norm:.1e}")
