"""Spectra stacked for the compiled programs."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.terms.batch import AbstractBatch
from jaxmem.devices import AbstractDevice
from jaxmem.networks import Network
from jaxmem.responses.steady import OperatingPoint, operating_point

# What a spectrum can be compared with.
HasImpedance = AbstractDevice | Network
# Spectra are padded to a multiple of this many points, so that near lengths share a program.
BUCKET = 16
# Which of several equilibria: a number, or the one that is reached from rest (None: also that).
Branch = int | Literal["rest"] | None


class SpectrumBatch(AbstractBatch):
    """Spectra of one kind of bias, padded to one length with points of no weight.

    What the compiled programs get: one trace serves any number of biases, and spectra whose
    lengths fall into one bucket share a program.
    """

    omega: Float[Array, "k n"]
    Z_re: Float[Array, "k n"]
    Z_im: Float[Array, "k n"]
    weight_re: Float[Array, "k n"]
    weight_im: Float[Array, "k n"]
    weight_log: Float[Array, "k n"]
    value: Float[Array, "k"]
    kind: str | None = eqx.field(static=True)
    branch: Branch = eqx.field(static=True)

    @classmethod
    def of(cls, spectra: Sequence[Any], *, bucket: int = BUCKET) -> "SpectrumBatch":
        """Stack spectra; for the weights of those without sigma see `deviations_of`."""
        fields = [fields_of(s) for s in spectra]
        lengths = np.array([len(s["freq"]) for s in fields])
        n = max(1, -(-lengths.max() // bucket)) * bucket
        there = np.arange(n) < lengths[:, None]
        omega = np.ones((len(spectra), n))
        Z: Any = np.ones((len(spectra), n), complex)
        omega[there] = 2 * np.pi * np.concatenate([s["freq"] for s in fields])
        # Padding repeats a frequency of the spectrum: no model is asked where it is singular.
        omega = np.where(there, omega, omega[:, :1])
        Z[there] = np.concatenate([s["Z"] for s in fields])
        # Padding has |Z| = 1 and no weight.
        size = np.abs(Z)
        sigma = np.broadcast_to(size, (2, *size.shape))
        others = [k for k, s in enumerate(fields)
                  if s["sigma"] is not None or s["weighting"] != "modulus"]  # fmt: skip
        if others:
            sigma = sigma.copy()
        for k in others:
            sigma[:, k, : lengths[k]] = deviations_of(fields[k])
        zero = (sigma[0] == 0) | (sigma[1] == 0)
        if zero.any():
            name = spectra[int(np.argmax(zero.any(axis=1)))].name
            raise ValueError(f"{name}: |Z| = 0 has no relative weight; give sigma")
        weight = there / (sigma if others else sigma[:1])
        # Of ln|Z| and arg Z: |Z| over the root mean square of both deviations.
        with np.errstate(over="ignore"):
            weight_log = there * (np.sqrt(2) * size / np.hypot(*sigma) if others else 1.0)
        biases = [bias_of(s) for s in fields]
        kinds = {(kind, s["branch"]) for (kind, _), s in zip(biases, fields, strict=True)}
        if len(kinds) != 1:
            raise ValueError(f"spectra of one batch must have one kind of bias, got {kinds}")
        ((kind, branch),) = kinds
        value = [float(value) for _, value in biases]
        dtype = jnp.result_type(float)
        columns = (omega, Z.real, Z.imag, weight[0], weight[-1], weight_log, value)
        placed: Any = jax.device_put([np.asarray(a, dtype) for a in columns])
        return cls(*placed, kind=kind, branch=branch)

    # An admittance costs microseconds.
    integrates = False

    def residual(self, model: HasImpedance) -> Float[Array, "m"]:
        """All residuals, spectrum by spectrum, (real parts, imaginary parts) in each."""
        return jnp.stack(self.parts(model), axis=1).ravel()

    def parts(
        self, model: HasImpedance, far: Any = None
    ) -> tuple[Float[Array, "k n"], Float[Array, "k n"]]:
        """The residuals of the real parts and of the imaginary parts.

        Where `far` (0 or 1) is 1, ln|Z/Z_data| and arg(Z/Z_data) in units of the noise, which a
        search starts with: far from the data, where a residual of Z is all of it or grows without
        limit, the logarithm still says how many decades are missing. Near them the two are the
        residuals, turned, where real and imaginary part have one weight.
        """
        re, im = self._impedance(model)
        near = (re - self.Z_re) * self.weight_re, (im - self.Z_im) * self.weight_im
        if far is None:
            return near
        size = self.Z_re**2 + self.Z_im**2
        # Z/Z_data; the logarithm of a modulus squared, so that nothing is divided.
        a = (re * self.Z_re + im * self.Z_im) / size
        b = (im * self.Z_re - re * self.Z_im) / size
        turned = (
            0.5 * jnp.log(a**2 + b**2) * self.weight_log, jnp.arctan2(b, a) * self.weight_log
        )  # fmt: skip
        return jnp.where(far, turned[0], near[0]), jnp.where(far, turned[1], near[1])

    def pieces(self, model: Any, far: Any, scale: Any) -> tuple[Any, ...]:
        """Real and imaginary parts over `scale`; see `AbstractBatch.pieces` and `parts`."""
        re, im = self.parts(model, far)
        k, n = self.omega.shape
        scale = scale.reshape(k, 2, n)
        return re / scale[:, 0], im / scale[:, 1]

    def members(self, model: Any) -> np.ndarray:
        """Which spectrum each residual belongs to, -1 where it has no weight."""
        k, n = self.omega.shape
        rows = np.where(np.asarray(self.weight_re) > 0, np.arange(k)[:, None], -1)
        return np.broadcast_to(rows[:, None, :], (k, 2, n)).ravel()

    def _impedance(self, model):
        def one(omega, value):
            # In real arithmetic: XLA's complex one is slow on CPU.
            return model.impedance_at(omega, *bias_place(model, self.kind, value, self.branch))

        if self.omega.shape[0] == 1:
            re, im = one(self.omega[0], self.value[0])
            return re[None], im[None]
        return jax.vmap(one)(self.omega, self.value)


def fields_of(spectrum: Any) -> dict[str, Any]:
    """The fields by name. Equinox's own look-up of attributes is slow where there are thousands."""
    return object.__getattribute__(spectrum, "__dict__")


def deviations_of(fields: dict[str, Any]) -> np.ndarray:
    """Standard deviations of Re Z and of Im Z [ohm], or what they are in proportion to: |Z| of
    each point, for equal weights its root mean square, for proportional ones |Re Z| and |Im Z|;
    shape `(2, n)`."""
    Z, sigma = fields["Z"], fields["sigma"]
    if sigma is None and fields["weighting"] == "proportional":
        return np.abs(np.stack([Z.real, Z.imag]))
    if sigma is None:
        size = np.abs(Z)
        sigma = np.sqrt(np.mean(size**2)) if fields["weighting"] == "unit" else size
    return np.broadcast_to(sigma, (2, len(Z)))


def bias_of(fields: dict[str, Any]) -> tuple[str | None, float]:
    """Kind and value of the bias."""
    for kind in ("u", "I", "V"):
        if fields[kind] is not None:
            return kind, fields[kind]
    return None, 0.0


def check_branch(name: str, branch: Any, kind: str | None) -> None:
    """Refuse what numbers no equilibrium, and a number where there is no bias.

    **Raises:** `ValueError`.
    """
    whole = isinstance(branch, int) and not isinstance(branch, bool) and branch >= 0
    if not (branch is None or branch == "rest" or whole):
        raise ValueError(
            f'{name}: branch wants the number of an equilibrium, counted from 0, or "rest", '
            f"got {branch!r}"
        )
    if branch is not None and kind is None:
        raise ValueError(f"{name}: branch={branch!r} says which equilibrium at a bias; give one")


def check_state(model: AbstractDevice, kind: str | None, branch: Branch) -> None:
    """Refuse a bias that does not say in which of several states a device is.

    **Raises:** `ValueError`.
    """
    if kind not in ("I", "V") and model.curve is not None and not isinstance(branch, int):
        raise ValueError(
            "a device that may rest in several states at one voltage (`rest_curve`) wants spectra "
            "at a current, I=, or at an applied voltage, V=, or with the number of a state, branch="
        )


def bias_point(model: AbstractDevice, kind: str, value: Any, branch: Branch) -> OperatingPoint:
    """The equilibrium of a device at a bias; of several that which is reached from rest, unless
    `branch` says another.

    **Raises:** `ValueError` at a voltage over a memristor that may rest in several states there,
    without the number of one.
    """
    check_state(model, kind, branch)
    return operating_point(model, **{kind: value}, branch="rest" if branch is None else branch)


def bias_place(
    model: HasImpedance, kind: str | None, value: Any, branch: Branch = None
) -> tuple[Any, ...]:
    """The voltage over the memristor [V], and for a device that may rest in several states at one
    voltage its states, at a bias of the given kind; as `impedance` takes them."""
    if isinstance(model, AbstractDevice) and model.curve is not None:
        check_state(model, kind, branch)
        point = bias_point(model, cast(str, kind), value, branch)
        return point.u, point.x
    return (bias_voltage(model, kind, value, branch),)


def bias_voltage(model: HasImpedance, kind: str | None, value: Any, branch: Branch = None) -> Any:
    """The voltage over the memristor [V] at a bias of the given kind.

    **Raises:** `ValueError` if there is no bias and the device has a branch that needs one.
    """
    if kind == "u":
        return value
    # A spectrum without a bias determines elements, whatever the branches may do elsewhere.
    steep = isinstance(model, AbstractDevice) and not all(b.plain for b in model.branches.values())
    several = isinstance(model, AbstractDevice) and model.curve is not None
    if not model.windows() and (kind is None or not (steep or several)):
        return jnp.zeros_like(value)
    if kind is None:
        raise ValueError(
            "a spectrum without a bias determines elements (R_a, L_d, tau), not i_c0, V_T, V_m; "
            "give u=, V= or I=, or fit elements"
        )
    device = cast(AbstractDevice, model)
    if steep or several or branch is not None:
        return bias_point(device, kind, value, branch).u
    return operating_point(device, **{kind: value}).u
