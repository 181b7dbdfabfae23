"""A device: a capacitor in parallel with branches, behind a series resistance and a lead."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Complex, Float, Inexact, Real

from jaxmem.devices.admittance import state_space_admittance, state_space_parts
from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.devices.consistency import check_branch
from jaxmem.devices.perovskite import ActivatedConduction, DelayedConduction, Leak
from jaxmem.devices.walked import Walked
from jaxmem.fields import (
    allowed,
    as_array,
    broadcast,
    check_positive,
    check_single,
    is_concrete,
    quantity,
)
from jaxmem.printed import Printed


class AbstractDevice(Printed):
    """Two terminals: R_s and L_s in series with C_m parallel to the `branches`.

        C_m du/dt = I - sum of i(u, x),    V_app = R_s I + L_s dI/dt + u          (1, 10)

    A device's state vector x is the states of its branches, one after the other in the order
    of the dictionary.
    """

    C_m: eqx.AbstractVar[Scalar]
    R_s: eqx.AbstractVar[Scalar]
    L_s: eqx.AbstractVar[Scalar]

    branches: eqx.AbstractVar[dict[str, AbstractBranch]]

    def __check_init__(self):
        check_positive(self)
        if is_concrete(self.C_m) and np.any(np.asarray(self.C_m) == 0):
            if not any(isinstance_cpe(b) for b in self.branches.values()):
                raise ValueError(
                    f"{type(self).__name__}: C_m = 0 leaves the voltage without dynamics; "
                    "give C_m > 0 or a ConstantPhase branch"
                )
        _ = self.curve  # refuses two of them
        for name, branch in self.branches.items():
            check_branch(f"{type(self).__name__}: branch {name!r}", branch)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the states, `branch.state`."""
        return tuple(f"{k}.{s}" for k, b in self.branches.items() for s in b.states)

    @property
    def state_units(self) -> tuple[str, ...]:
        """Units of the states, in the order of `state_names`."""
        return tuple(unit for b in self.branches.values() for unit in b.units)

    @property
    def size(self) -> int:
        """How many states the branches have together."""
        return sum(b.size for b in self.branches.values())

    def split(self, x: States):
        """Pairs of branch and its part of the state vector."""
        start = 0
        for branch in self.branches.values():
            yield branch, x[start : start + branch.size]
            start += branch.size

    def _join(self, method: str, u: Scalar, x: States | None = None) -> States:
        u = jnp.asarray(u)
        if x is None:
            parts = [getattr(b, method)(u) for b in self.branches.values() if b.size]
        else:
            parts = [getattr(b, method)(u, part) for b, part in self.split(x) if b.size]
        return jnp.concatenate(parts) if parts else jnp.zeros((0,), jnp.result_type(u, float))

    def current(self, u: Scalar, x: States) -> Scalar:
        """Current through all branches together [A], without the capacitor's."""
        return sum((b.current(u, part) for b, part in self.split(x)), jnp.zeros_like(u))

    def rates(self, u: Scalar, x: States) -> States:
        """dx/dt."""
        return self._join("rates", u, x)

    def rest(self, u: Scalar) -> States:
        """The states at equilibrium at the constant voltage u.

        **Raises:** `ValueError` for a device that has several at one voltage (`rest_curve`).
        """
        if self.curve is not None:
            raise ValueError(
                f"{type(self).__name__}: branch {self.curve!r} may rest in several states at one "
                "voltage; give I= or V=, or an operating point of `operating_points`"
            )
        return self._join("rest", u)

    def allowed(self) -> Bool[Array, ""]:
        """Whether all values are finite, and positive where they must be (under `jit`, too)."""
        return allowed(self, *self.branches.values())

    @property
    def curve(self) -> str | None:
        """The branch whose equilibria are a curve over a parameter of its own, if there is one."""
        found = [k for k, b in self.branches.items() if b.has_curve]
        if len(found) > 1:
            raise ValueError(
                f"{type(self).__name__}: branches {found} each give `rest_curve`; a device may "
                "have one of them"
            )
        return found[0] if found else None

    def equilibrium(self, s: Scalar) -> tuple[Scalar, States]:
        """u [V] and x at the place s of the curve of equilibria.

        s is u itself, unless a branch gives `rest_curve`: then it is that branch's parameter.
        """
        name = self.curve
        if name is None:
            return s, self.rest(s)
        u, own = self.branches[name].rest_curve(s)
        parts = [own if k == name else b.rest(u) for k, b in self.branches.items() if b.size]
        return u, jnp.concatenate(parts)

    def steady_current(self, u: Real[ArrayLike, ""]) -> Scalar:
        """The dc current I(u) [A]; `I(u) = u/R_b + i_c0 f_ss(u)` for the paper's device (5).

        At the place u of the curve of equilibria, where a branch gives one (`equilibrium`).
        """
        u = jnp.asarray(u, dtype=jnp.result_type(u, float))
        return self.current(*self.equilibrium(u))

    def admittance(
        self, s: Inexact[ArrayLike, "..."], u: Real[ArrayLike, ""], x: States | None = None
    ) -> Complex[Array, "..."]:
        """Y(s) of C_m and the branches at the voltage u [S]; R_s and L_s are not in it.

        The states x matter where a branch gives `rest_curve`: it is linearised at them.
        """
        s = jnp.asarray(s, dtype=jnp.result_type(s, jnp.complex64))
        u = jnp.asarray(u, dtype=jnp.result_type(u, float))
        if self.curve is None:
            return sum((b.admittance(s, u) for b in self.branches.values()), s * self.C_m)
        if x is None:
            x = self.rest(u)  # says that there are several
        parts = (
            state_space_admittance(b, s, u, part) if b.has_curve else b.admittance(s, u)
            for b, part in self.split(x)
        )  # fmt: skip
        return sum(parts, s * self.C_m)

    def admittance_at(
        self, omega: Float[Array, "..."], u: Scalar, x: States | None = None
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Re Y and Im Y at s = j omega, in real arithmetic (see `AbstractBranch`).

        The states x matter where a branch gives `rest_curve`: it is linearised at them.
        """
        re, im = jnp.zeros_like(omega), omega * self.C_m
        parts = [(branch, None) for branch in self.branches.values()]
        if self.curve is not None:
            # Without states `rest` says that there are several.
            parts = list(self.split(self.rest(u) if x is None else x))
        for branch, part in parts:
            if branch.has_curve:
                a, b = state_space_parts(branch, omega, u, part)
            else:
                a, b = branch.admittance_at(omega, u)
            re, im = re + a, im + b
        return re, im

    def impedance(
        self, s: Inexact[ArrayLike, "..."], u: Real[ArrayLike, ""], x: States | None = None
    ) -> Complex[Array, "..."]:
        """Z(s) = R_s + L_s s + 1/Y(s) at the terminals [ohm], at the voltage u (and states x)."""
        return self.R_s + self.L_s * s + 1 / self.admittance(s, u, x)

    def impedance_at(
        self, omega: Float[Array, "..."], u: Scalar, x: States | None = None
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Re Z and Im Z at the terminals [ohm] at s = j omega, in real arithmetic."""
        re, im = self.admittance_at(omega, u, x)
        size = 1 / (re * re + im * im)
        return self.R_s + re * size, self.L_s * omega - im * size

    def chart(self, x: States) -> States:
        """States to the integrator's coordinates (see `AbstractBranch.chart`)."""
        parts = [b.chart(part) for b, part in self.split(x) if b.size]
        return jnp.concatenate(parts) if parts else x

    def unchart(self, z: States) -> States:
        """The integrator's coordinates to states."""
        parts = [b.unchart(part) for b, part in self.split(z) if b.size]
        return jnp.concatenate(parts) if parts else z

    def chart_rates(self, u: Scalar, z: States) -> States:
        """dz/dt."""
        return self._join("chart_rates", u, z)

    def chart_rest(self, u: Scalar) -> States:
        """The integrator's coordinates at equilibrium at u."""
        return self._join("chart_rest", u)

    def windows(self) -> list[tuple[Scalar, Scalar]]:
        """Centre and width [V] of every branch that is steep somewhere."""
        found = [b.window() for b in self.branches.values()]
        return [w for w in found if w is not None]

    def in_time(self) -> "AbstractDevice":
        """The device as transients see it: constant-phase elements become ladders."""
        check_single("function", self)
        if not any(isinstance_cpe(b) for b in self.branches.values()):
            return self.walked()
        C_m, branches = self.C_m, {}
        for name, branch in self.branches.items():
            if isinstance_cpe(branch):
                C_fast, branch = branch.in_time()  # pyright: ignore[reportAttributeAccessIssue]
                C_m = C_m + C_fast
            branches[name] = branch
        return Device(C_m, branches, self.R_s, self.L_s).walked()

    def walked(self) -> "AbstractDevice":
        """The device with the equilibria of a branch that gives its rates only followed once.

        Without it each look at the curve of equilibria follows it anew.
        """
        name = self.curve
        if name is None or not self.branches[name].rates_only:
            return self
        branches = self.branches | {name: Walked.of(self.branches[name])}
        return Device(self.C_m, branches, self.R_s, self.L_s)


def check_device(name: str, device: Any) -> None:
    """Refuse what is no device, and a batch where one is wanted.

    **Raises:** `ValueError`.
    """
    if not isinstance(device, AbstractDevice):
        raise ValueError(f"{name}: wants a device first, got {type(device).__name__}")
    check_single(name, device)


def isinstance_cpe(branch: AbstractBranch) -> bool:
    """Whether a branch has no finite number of states and needs `in_time`."""
    return getattr(branch, "exact_only_in_frequency", False)


def _capacitance():
    return quantity("F", "capacitance of the layer", zero_allowed=True)


def _series_resistance():
    return quantity("ohm", "series resistance", zero_allowed=True, default=0.0)


def _lead_inductance():
    return quantity("H", "lead inductance", zero_allowed=True, default=0.0)


class Device(AbstractDevice):
    """Any device: `Device(C_m, {"leak": Leak(1e4), ...}, R_s, L_s)`."""

    C_m: Scalar = _capacitance()
    branches: dict[str, AbstractBranch] = eqx.field()  # pyright: ignore
    R_s: Scalar = _series_resistance()
    L_s: Scalar = _lead_inductance()

    def __init__(self, C_m: Any, branches: dict, R_s: Any = 0.0, L_s: Any = 0.0):
        self.C_m = as_array(C_m)
        self.branches = dict(branches)
        self.R_s = as_array(R_s)
        self.L_s = as_array(L_s)


class _Memristor(AbstractDevice):
    extra: eqx.AbstractVar[dict[str, AbstractBranch]]

    def __post_init__(self):
        # A field that is a vector makes a batch of devices, for `vmap`: all fields follow.
        for name, value in broadcast(self, "extra").items():
            setattr(self, name, value)

    def _with_extra(self, own: dict[str, AbstractBranch]) -> dict[str, AbstractBranch]:
        clash = own.keys() & self.extra.keys()
        if clash:
            raise ValueError(
                f"{type(self).__name__}: extra branch {sorted(clash)} has the name of one of the "
                "device's own; choose another"
            )
        return own | self.extra


class Memristor2D(_Memristor):
    """The paper's 2D model, eqs 1, 2, 4, 10: leak and delayed conduction.

    `extra` holds further branches by name, beside its own `leak` and `conduction`.
    """

    R_b: Scalar = quantity("ohm", "parallel resistance")
    C_m: Scalar = _capacitance()
    i_c0: Scalar = quantity("A", "saturated slow current")
    V_T: Scalar = quantity("V", "threshold voltage", positive=False)
    V_m: Scalar = quantity("V", "ideality voltage, steepness of the onset")
    tau_d: Scalar = quantity("s", "delay of the slow current")
    R_s: Scalar = _series_resistance()
    L_s: Scalar = _lead_inductance()
    extra: dict[str, AbstractBranch] = eqx.field(default_factory=dict)

    @property
    def branches(self) -> dict[str, AbstractBranch]:
        conduction = DelayedConduction(self.i_c0, self.V_T, self.V_m, self.tau_d)
        return self._with_extra({"leak": Leak(self.R_b), "conduction": conduction})

    @property
    def tau_m(self) -> Scalar:
        """R_b C_m [s]."""
        return self.R_b * self.C_m


class Memristor3D(_Memristor):
    """The paper's 3D model, eqs 1, 10, 11, 12: leak and activated conduction.

    `extra` holds further branches by name, beside its own `leak` and `conduction`.
    """

    R_b: Scalar = quantity("ohm", "parallel resistance")
    C_m: Scalar = _capacitance()
    i_c0: Scalar = quantity("A", "saturated slow current")
    V_T: Scalar = quantity("V", "threshold voltage", positive=False)
    V_m: Scalar = quantity("V", "ideality voltage, steepness of the onset")
    tau_d: Scalar = quantity("s", "delay of the slow current")
    tau_k: Scalar = quantity("s", "activation time of the occupation")
    R_s: Scalar = _series_resistance()
    L_s: Scalar = _lead_inductance()
    extra: dict[str, AbstractBranch] = eqx.field(default_factory=dict)

    @property
    def branches(self) -> dict[str, AbstractBranch]:
        conduction = ActivatedConduction(self.i_c0, self.V_T, self.V_m, self.tau_d, self.tau_k)
        return self._with_extra({"leak": Leak(self.R_b), "conduction": conduction})

    @property
    def tau_m(self) -> Scalar:
        """R_b C_m [s]."""
        return self.R_b * self.C_m


def paper_device(tau_m=1.0, tau_d=1.0, tau_k=None, **fields) -> Memristor2D | Memristor3D:
    """A device in the paper's units: R_b = 1, i_c0 = 10, V_T = 1, V_m = 0.05.

    **Arguments:**

    - `tau_m`, `tau_d`: R_b C_m and the lag of the slow current, numbers.
    - `tau_k`: the activation time of the 3D model; None for the 2D model, which has none.
    - `fields`: other fields of the device (`R_s`, `extra`), or other values of these.
    """
    values: dict[str, Any] = (
        dict(R_b=1.0, C_m=tau_m, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=tau_d) | fields
    )
    if tau_k is None:
        return Memristor2D(**values)
    return Memristor3D(tau_k=tau_k, **values)


def si_device(**fields) -> Memristor3D:
    """A plausible device in SI units, chosen to spike (not measured, and not the paper's)."""
    values: dict[str, Any] = dict(
        R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3
    )
    return Memristor3D(**(values | fields))
