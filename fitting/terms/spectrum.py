"""Measurements as the fits see them: an impedance spectrum and where it was taken."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from fitting.terms.term import Noise
from jaxmem.devices import AbstractDevice
from jaxmem.responses.steady import operating_point

# Spectra are padded to a multiple of this many points, so that near lengths share a program.
BUCKET = 16


class Spectrum(eqx.Module):
    """An impedance spectrum Z(freq) at one bias.

    **Arguments:**

    - `freq`: frequencies [Hz], positive, shape `(n,)`. Repeated values are replicates.
    - `Z`: complex impedance [ohm], shape `(n,)`, Im Z < 0 where the device is capacitive.
    - `u`, `I`, `V`: the bias, at most one of: voltage over the memristor [V], terminal
      current [A], applied voltage [V]. None of them: the bias is unknown.
    - `sigma`: standard deviation of Re Z and of Im Z [ohm], a number or shape `(n,)`, or a
      noise model, `proportional(0.005)`, `absolute(2.0)`, their sum, or `estimated(...)` of one,
      whose scale the fit finds; None: proportional to |Z| with a factor that the fit estimates,
      one for all such spectra.
    - `label`, `source`: what to call it and the file it came from.
    - `temperature` [K], `time` [s since the first spectrum]: kept where the file has them.

    **Raises:** `ValueError` if the shapes differ, a value is not finite, a frequency is not
    positive, sigma is not positive, or more than one bias is given.
    """

    freq: np.ndarray
    Z: NDArray[np.complex128]
    u: float | None = None
    I: float | None = None
    V: float | None = None
    sigma: np.ndarray | None = None
    noise: Noise | None = eqx.field(static=True, default=None)
    label: str = eqx.field(static=True, default="")
    source: str = eqx.field(static=True, default="")
    temperature: float | None = None
    time: float | None = None

    def __init__(
        self,
        freq,
        Z,
        *,
        u=None,
        I=None,
        V=None,
        sigma=None,
        noise=None,
        label="",
        source="",
        temperature=None,
        time=None,
    ):
        self.freq = np.asarray(freq, dtype=float)
        self.Z = np.asarray(Z, dtype=complex)
        self.u, self.I, self.V = u, I, V
        self.noise = sigma if isinstance(sigma, Noise) else noise
        if isinstance(sigma, Noise):
            sigma = sigma.sigma(self.Z)
        self.sigma = None if sigma is None else np.asarray(sigma, dtype=float)
        self.label, self.source = label, source
        self.temperature, self.time = temperature, time

    def __check_init__(self):
        name = self.name
        if self.freq.ndim != 1 or self.freq.shape != self.Z.shape:
            raise ValueError(
                f"{name}: freq and Z must be vectors of one length, "
                f"got shapes {self.freq.shape} and {self.Z.shape}"
            )
        bad = ~(np.isfinite(self.freq) & np.isfinite(self.Z))
        if bad.any():
            raise ValueError(f"{name}: point {int(np.argmax(bad))} is not finite; remove it")
        if (self.freq <= 0).any():
            at = int(np.argmax(self.freq <= 0))
            raise ValueError(
                f"{name}: point {at} has frequency {self.freq[at]:g} Hz; it must be positive"
            )
        if sum(b is not None for b in (self.u, self.I, self.V)) > 1:
            raise ValueError(f"{name}: give the bias once, as u, I or V")
        if self.sigma is not None:
            if self.sigma.ndim and self.sigma.shape != self.freq.shape:
                raise ValueError(
                    f"{name}: sigma must be a number or of shape {self.freq.shape}, "
                    f"got {self.sigma.shape}"
                )
            if not (np.isfinite(self.sigma) & (self.sigma > 0)).all():
                raise ValueError(f"{name}: sigma must be positive and finite everywhere")

    @property
    def name(self) -> str:
        """The label, or else the source."""
        return self.label or self.source or "spectrum"

    @property
    def scale_known(self) -> bool:
        """Whether `sigma` is the deviation itself, and no shape whose scale is estimated."""
        return self.sigma is not None and (self.noise is None or self.noise.known)

    @property
    def points(self) -> int:
        """How many real numbers: two a frequency."""
        return 2 * len(self.freq)

    @property
    def omega(self) -> np.ndarray:
        """Angular frequency, 2 pi freq [rad/s]."""
        return 2 * np.pi * self.freq

    @property
    def bias(self) -> tuple[str | None, float]:
        """Which bias is given, `"u"`, `"I"`, `"V"` or None, and its value."""
        return bias_of(fields_of(self))

    def within(self, low: float = 0.0, high: float = np.inf) -> "Spectrum":
        """The points with `low <= freq <= high` [Hz]."""
        keep = (self.freq >= low) & (self.freq <= high)
        sigma = self.sigma[keep] if self.sigma is not None and self.sigma.ndim else self.sigma
        where = lambda s: (s.freq, s.Z, s.sigma)
        return eqx.tree_at(
            where, self, (self.freq[keep], self.Z[keep], sigma), is_leaf=lambda x: x is None
        )

    def impedance(self, model: AbstractDevice) -> NDArray[np.complex128]:
        """The model's Z at the frequencies and the bias of this spectrum [ohm], shape `(n,)`."""
        kind, value = self.bias
        u = bias_voltage(model, kind, jnp.asarray(value, dtype=jnp.result_type(float)))
        return np.asarray(model.impedance(jnp.asarray(1j * self.omega), u))

    def residual(self, model: AbstractDevice) -> Float[Array, "2*n"]:
        """(Z_model - Z)/sigma, the real parts and then the imaginary parts; shape `(2n,)`.

        Without a sigma the weight is the modulus of the measured Z.

        **Raises:** `ValueError` if the spectrum has no bias and the device needs one.
        """
        n = len(self.freq)
        padded = SpectrumBatch.of([self], bucket=1).residual(model)
        return padded.reshape(2, -1)[:, :n].ravel()


class SpectrumBatch(eqx.Module):
    """Spectra of one kind of bias, padded to one length with points of no weight.

    What the compiled programs get: one trace serves any number of biases, and spectra whose
    lengths fall into one bucket share a program.
    """

    omega: Float[Array, "k n"]
    Z_re: Float[Array, "k n"]
    Z_im: Float[Array, "k n"]
    weight: Float[Array, "k n"]
    value: Float[Array, "k"]
    kind: str | None = eqx.field(static=True)

    @classmethod
    def of(cls, spectra: Sequence[Spectrum], *, bucket: int = BUCKET) -> "SpectrumBatch":
        """Stack spectra; the weights of those without sigma are 1/|Z|."""
        fields = [fields_of(s) for s in spectra]
        lengths = np.array([len(s["freq"]) for s in fields])
        n = max(1, -(-lengths.max() // bucket)) * bucket
        there = np.arange(n) < lengths[:, None]
        omega, weight = np.ones((len(spectra), n)), np.zeros((len(spectra), n))
        Z: Any = np.ones((len(spectra), n), complex)
        omega[there] = 2 * np.pi * np.concatenate([s["freq"] for s in fields])
        # Padding repeats a frequency of the spectrum: no model is asked where it is singular.
        omega = np.where(there, omega, omega[:, :1])
        Z[there] = np.concatenate([s["Z"] for s in fields])
        sigma = np.abs(Z)
        for k, s in enumerate(fields):
            if s["sigma"] is not None:
                sigma[k, : lengths[k]] = s["sigma"]
        zero = (sigma == 0).any(axis=1)
        if zero.any():
            name = spectra[int(np.argmax(zero))].name
            raise ValueError(f"{name}: |Z| = 0 has no relative weight; give sigma")
        weight[there] = 1 / sigma[there]
        biases = [bias_of(s) for s in fields]
        kinds = {kind for kind, _ in biases}
        if len(kinds) != 1:
            raise ValueError(f"spectra of one batch must have one kind of bias, got {kinds}")
        real = lambda a: jnp.asarray(a, dtype=jnp.result_type(float))
        value = real([float(value) for _, value in biases])
        return cls(real(omega), real(Z.real), real(Z.imag), real(weight), value, kinds.pop())

    def residual(self, model: AbstractDevice) -> Float[Array, "k*2*n"]:
        """All residuals, spectrum by spectrum, (real parts, imaginary parts) in each."""
        return jnp.stack(self.parts(model), axis=1).ravel()

    def parts(
        self, model: AbstractDevice, far: Any = None
    ) -> tuple[Float[Array, "k n"], Float[Array, "k n"]]:
        """The residuals of the real parts and of the imaginary parts.

        Where `far` (0 or 1) is 1, ln|Z/Z_data| and arg(Z/Z_data) in units of the noise, which a
        search starts with: far from the data, where a residual of Z is all of it or grows without
        limit, the logarithm still says how many decades are missing. Near them the two are the
        residuals, turned.
        """
        re, im = self._impedance(model)
        near = (re - self.Z_re) * self.weight, (im - self.Z_im) * self.weight
        if far is None:
            return near
        size = self.Z_re**2 + self.Z_im**2
        # Z/Z_data; the logarithm of a modulus squared, so that nothing is divided.
        a = (re * self.Z_re + im * self.Z_im) / size
        b = (im * self.Z_re - re * self.Z_im) / size
        weight = self.weight * jnp.sqrt(size)
        turned = 0.5 * jnp.log(a**2 + b**2) * weight, jnp.arctan2(b, a) * weight
        return jnp.where(far, turned[0], near[0]), jnp.where(far, turned[1], near[1])

    @property
    def rows(self) -> np.ndarray:
        """Which spectrum each residual belongs to, -1 where it has no weight."""
        k, n = self.omega.shape
        rows = np.where(np.asarray(self.weight) > 0, np.arange(k)[:, None], -1)
        return np.broadcast_to(rows[:, None, :], (k, 2, n)).ravel()

    @property
    def relative(self) -> np.ndarray:
        """What turns a residual into a share of |Z|: sigma/|Z|, 0 for padding."""
        weight = np.asarray(self.weight)
        size = np.hypot(np.asarray(self.Z_re), np.asarray(self.Z_im))
        share = np.where(weight > 0, 1 / np.where(weight > 0, weight * size, 1.0), 0.0)
        return np.broadcast_to(share[:, None, :], (*share.shape[:1], 2, share.shape[1])).ravel()

    def _impedance(self, model):
        def one(omega, value):
            u = bias_voltage(model, self.kind, value)
            # In real arithmetic: XLA's complex one is slow on CPU.
            re, im = model.admittance_at(omega, u)
            size = 1 / (re * re + im * im)
            return model.R_s + re * size, model.L_s * omega - im * size

        if self.omega.shape[0] == 1:
            re, im = one(self.omega[0], self.value[0])
            return re[None], im[None]
        return jax.vmap(one)(self.omega, self.value)


def fields_of(spectrum: Spectrum) -> dict[str, Any]:
    """The fields by name. Equinox's own look-up of attributes is slow where there are thousands."""
    return object.__getattribute__(spectrum, "__dict__")


def bias_of(fields: dict[str, Any]) -> tuple[str | None, float]:
    """Kind and value of the bias."""
    for kind in ("u", "I", "V"):
        if fields[kind] is not None:
            return kind, fields[kind]
    return None, 0.0


def bias_voltage(model: AbstractDevice, kind: str | None, value: Any) -> Any:
    """The voltage over the memristor [V] at a bias of the given kind.

    **Raises:** `ValueError` if there is no bias and the device has a branch that needs one.
    """
    if kind == "u":
        return value
    if not model.windows():
        return jnp.zeros_like(value)
    if kind is None:
        raise ValueError(
            "a spectrum without a bias determines elements (R_a, L_d, tau), not i_c0, V_T, V_m; "
            "give u=, V= or I=, or fit elements"
        )
    return operating_point(model, **{kind: value}).u
