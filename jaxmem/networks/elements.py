"""Elements of impedance circuits, each with the definition that its notation gives it.

Where two notations mean different formulas by one letter, each has a class of its own.
"""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from jaxmem.fields import check_positive, is_concrete, quantities, quantity
from jaxmem.printed import Printed

Impedance = Complex[Array, "..."]


class AbstractElement(Printed):
    """Two terminals with an impedance Z(s) [ohm], `s` the complex frequency [rad/s].

    - `formula`: Z(s), as it is printed in reports.
    - `exponents`: fields that notations print but that are known by theory: a fit leaves them
      where they are.
    """

    formula: ClassVar[str]
    exponents: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def impedance(self, s: Impedance) -> Impedance:
        """Z(s) [ohm]."""

    def __check_init__(self):
        check_positive(self)
        for name, meta in quantities(self).items():
            value, (low, high) = getattr(self, name), meta.get("bounds", (-np.inf, np.inf))
            if np.isfinite([low, high]).any() and eqx.is_array(value) and is_concrete(value):
                if not (low <= float(value) <= high):
                    raise ValueError(
                        f"{type(self).__name__}: {name} ({meta['meaning']}) must lie between "
                        f"{low:g} and {high:g}, got {float(value):g}"
                    )


def _exponent(meaning: str, default: Any = None) -> Any:
    return quantity("1", meaning, bounds=(0.0, 1.0), default=default)


class Resistor(AbstractElement):
    """Z = R."""

    formula: ClassVar[str] = "R"
    R: Array = quantity("ohm", "resistance")

    def impedance(self, s):
        return self.R + 0 * s


class Capacitor(AbstractElement):
    """Z = 1/(s C)."""

    formula: ClassVar[str] = "1/(s C)"
    C: Array = quantity("F", "capacitance")

    def impedance(self, s):
        return 1 / (s * self.C)


class Inductor(AbstractElement):
    """Z = s L."""

    formula: ClassVar[str] = "s L"
    L: Array = quantity("H", "inductance")

    def impedance(self, s):
        return s * self.L


class PhaseElement(AbstractElement):
    """A constant-phase element, Z = 1/(Q s^n)."""

    formula: ClassVar[str] = "1/(Q s^n)"
    Q: Array = quantity("S s^n", "constant-phase coefficient")
    n: Array = _exponent("constant-phase exponent")

    def impedance(self, s):
        return 1 / (self.Q * s**self.n)


class ChemicalInductor(AbstractElement):
    """R_a in series with L_d = R_a tau_d, Z = R_a (1 + s tau_d) (eqs 6, 8)."""

    formula: ClassVar[str] = "R_a (1 + s tau_d)"
    R_a: Array = quantity("ohm", "resistance of the chemical inductor")
    tau_d: Array = quantity("s", "delay of the slow current")

    def impedance(self, s):
        return self.R_a * (1 + s * self.tau_d)


class SlowAdmittance(AbstractElement):
    """A conductance of either sign behind a lag, Z = (1 + s tau)/g; capacitive where g < 0."""

    formula: ClassVar[str] = "(1 + s tau)/g"
    g: Array = quantity("S", "slow conductance", positive=False)
    tau: Array = quantity("s", "lag of the slow conductance")

    def impedance(self, s):
        return (1 + s * self.tau) / self.g


class Warburg(AbstractElement):
    """Semi-infinite diffusion as impedance.py writes it, Z = A_W (1 - j)/sqrt(omega)."""

    formula: ClassVar[str] = "A_W (1 - j)/sqrt(omega)"
    A_W: Array = quantity("ohm s^-1/2", "Warburg coefficient")

    def impedance(self, s):
        return self.A_W * np.sqrt(2) / jnp.sqrt(s)


class WarburgOpen(AbstractElement):
    """Diffusion to a blocking end as impedance.py writes it, Z_0 coth(sqrt(s tau))/sqrt(s tau)."""

    formula: ClassVar[str] = "Z_0 coth(sqrt(s tau))/sqrt(s tau)"
    Z_0: Array = quantity("ohm", "size of the diffusion impedance")
    tau: Array = quantity("s", "diffusion time")

    def impedance(self, s):
        root = jnp.sqrt(s * self.tau)
        return self.Z_0 / (root * _tanh(root))


class WarburgShort(AbstractElement):
    """Diffusion to a leaking end as impedance.py writes it, Z_0 tanh(sqrt(s tau))/sqrt(s tau)."""

    formula: ClassVar[str] = "Z_0 tanh(sqrt(s tau))/sqrt(s tau)"
    Z_0: Array = quantity("ohm", "size of the diffusion impedance")
    tau: Array = quantity("s", "diffusion time")

    def impedance(self, s):
        root = jnp.sqrt(s * self.tau)
        return self.Z_0 * _tanh(root) / root


class Gerischer(AbstractElement):
    """Diffusion with a reaction as impedance.py writes it, Z = R_G/sqrt(1 + s t_G)."""

    formula: ClassVar[str] = "R_G/sqrt(1 + s t_G)"
    R_G: Array = quantity("ohm", "Gerischer resistance")
    t_G: Array = quantity("s", "Gerischer time")

    def impedance(self, s):
        return self.R_G / jnp.sqrt(1 + s * self.t_G)


class Relaxation(AbstractElement):
    """A resistor parallel to a capacitor by its time, Z = R/(1 + s tau)."""

    formula: ClassVar[str] = "R/(1 + s tau)"
    R: Array = quantity("ohm", "resistance")
    tau: Array = quantity("s", "relaxation time")

    def impedance(self, s):
        return self.R / (1 + s * self.tau)


class CircuitDescriptionWarburg(AbstractElement):
    """Semi-infinite diffusion as a circuit description code means it, Z = 1/(Y s^n), n = 1/2."""

    formula: ClassVar[str] = "1/(Y s^n)"
    exponents: ClassVar[tuple[str, ...]] = ("n",)
    Y: Array = quantity("S s^n", "Warburg coefficient")
    n: Array = _exponent("exponent of the diffusion", 0.5)

    def impedance(self, s):
        return 1 / (self.Y * s**self.n)


class CircuitDescriptionOpen(AbstractElement):
    """Diffusion to a blocking end in a circuit description code, coth((B s)^n)/(Y s)^n, n = 1/2."""

    formula: ClassVar[str] = "coth((B s)^n)/(Y s)^n"
    exponents: ClassVar[tuple[str, ...]] = ("n",)
    Y: Array = quantity("s/ohm^(1/n)", "coefficient of the diffusion")
    B: Array = quantity("s", "diffusion time")
    n: Array = _exponent("exponent of the diffusion", 0.5)

    def impedance(self, s):
        return 1 / (_tanh((self.B * s) ** self.n) * (self.Y * s) ** self.n)


class CircuitDescriptionShort(AbstractElement):
    """Diffusion to a leaking end in a circuit description code, tanh((B s)^n)/(Y s)^n, n = 1/2."""

    formula: ClassVar[str] = "tanh((B s)^n)/(Y s)^n"
    exponents: ClassVar[tuple[str, ...]] = ("n",)
    Y: Array = quantity("s/ohm^(1/n)", "coefficient of the diffusion")
    B: Array = quantity("s", "diffusion time")
    n: Array = _exponent("exponent of the diffusion", 0.5)

    def impedance(self, s):
        return _tanh((self.B * s) ** self.n) / (self.Y * s) ** self.n


class CircuitDescriptionGerischer(AbstractElement):
    """Diffusion with a reaction in a circuit description code, Z = 1/(Y (k + s)^n), n = 1/2."""

    formula: ClassVar[str] = "1/(Y (k + s)^n)"
    exponents: ClassVar[tuple[str, ...]] = ("n",)
    Y: Array = quantity("S s^n", "Gerischer coefficient")
    k: Array = quantity("1/s", "rate of the reaction")
    n: Array = _exponent("exponent of the diffusion", 0.5)

    def impedance(self, s):
        return 1 / (self.Y * (self.k + s) ** self.n)


def _tanh(x):
    """tanh where Re x > 0, without overflow for large x."""
    falling = jnp.exp(-2 * x)
    return -jnp.expm1(-2 * x) / (1 + falling)


_OWN = {"Ld": ChemicalInductor, "Y": SlowAdmittance}
_COMMON = {"R": Resistor, "C": Capacitor, "L": Inductor} | _OWN
# What each notation means by its letters.
NOTATIONS: dict[str, dict[str, type[AbstractElement]]] = {
    "impedance.py": _COMMON
    | {
        "CPE": PhaseElement, "Q": PhaseElement, "W": Warburg, "Wo": WarburgOpen,
        "Ws": WarburgShort, "G": Gerischer, "K": Relaxation,
    },
    "CDC": _COMMON
    | {
        "Q": PhaseElement, "W": CircuitDescriptionWarburg, "Wo": CircuitDescriptionOpen,
        "Ws": CircuitDescriptionShort, "G": CircuitDescriptionGerischer, "K": Relaxation,
    },
}  # fmt: skip
