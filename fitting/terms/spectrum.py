"""An impedance spectrum and where it was taken."""

from collections.abc import Hashable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import NDArray

from fitting.terms.floor import NEIGHBOURS, Floor
from fitting.terms.measurement import AbstractMeasurement, Sizes, dataset
from fitting.terms.noise_model import Noise, check_columns, proportional, sigma_and_noise
from fitting.terms.relaxations import FLOOR
from fitting.terms.spectrum_batch import (
    HasImpedance,
    SpectrumBatch,
    bias_of,
    bias_voltage,
    fields_of,
)
from jaxmem.networks import Network

# Frequencies of a spectrum's model are padded to a multiple of this number.
IMPEDANCE_BUCKET = 64


class Spectrum(AbstractMeasurement):
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
        self, freq, Z, *, u=None, I=None, V=None, sigma=None, noise=None, label="", source="",
        temperature=None, time=None,
    ):  # fmt: skip
        self.freq = np.asarray(freq, dtype=float)
        self.Z = np.asarray(Z, dtype=complex)
        self.u, self.I, self.V = u, I, V
        self.label, self.source = label, source
        self.temperature, self.time = temperature, time

        check_columns(self.name, "point", freq=self.freq, Z=self.Z)
        self.sigma, given = sigma_and_noise(self.name, sigma, self.Z)
        self.noise = given or noise

    def __check_init__(self):
        name = self.name
        if (self.freq <= 0).any():
            at = int(np.argmax(self.freq <= 0))
            raise ValueError(
                f"{name}: point {at} has frequency {self.freq[at]:g} Hz; it must be positive"
            )
        if sum(b is not None for b in (self.u, self.I, self.V)) > 1:
            raise ValueError(f"{name}: give the bias once, as u, I or V")

    noun = ("spectrum", "spectra")
    unit = "ohm"
    # Whether residuals have a structure is told by the Kramers-Kronig check.
    tells_structure = False
    fraction_of = "|Z|"

    @property
    def observed(self) -> Float[np.ndarray, "m"]:
        """Re Z, then Im Z [ohm]."""
        return np.concatenate([self.Z.real, self.Z.imag])

    @property
    def weight(self) -> Float[np.ndarray, "m"]:
        """1/sigma of Re Z and of Im Z, 1/|Z| without a sigma."""
        sigma = np.abs(self.Z) if self.sigma is None else self.sigma
        return np.tile(np.broadcast_to(1 / sigma, self.freq.shape), 2)

    @property
    def assumed_noise(self) -> float | None:
        """1 without a sigma: the weights are 1/|Z|."""
        return 1.0 if self.sigma is None else None

    @property
    def noise_group(self) -> Hashable | None:
        """Spectra without a sigma share one relative noise."""
        return "spectra" if self.sigma is None else None

    @property
    def noise_shape(self) -> Noise | None:
        """Proportional without a sigma."""
        return proportional(1.0) if self.sigma is None else self.noise

    def magnitude(self, values: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
        """|Z|, for the real and for the imaginary part."""
        return np.tile(np.hypot(*values.reshape(2, -1)), 2)

    def misfit(self, off: Float[np.ndarray, "m"]) -> tuple[float, str]:
        """Root mean square of differences relative to |Z|."""
        return float(np.sqrt(np.mean((off / self.magnitude(self.observed)) ** 2))), "|Z|"

    def fraction(self, off: Float[np.ndarray, "m"]) -> float:
        """Root mean square of differences relative to |Z|."""
        return self.misfit(off)[0]

    def floor(self, residual: np.ndarray) -> Floor | None:
        """What the linear Kramers-Kronig fit leaves, corrected for its parameters.

        Of data that contradict themselves (drift, outliers) at most 60 % more than their
        noise counts. Where the noise is known, or there are replicates, it is that.
        """
        from fitting.terms.linear_kk import ENOUGH, tested

        known = super().floor(residual)
        if known is not None and known.source != NEIGHBOURS:
            return known
        if np.unique(self.freq).size < 4 or (self.Z == 0).any():
            return None
        check = tested(self)
        if check.freedom < ENOUGH:
            return None
        off: Any = check.residuals * np.abs(self.Z)
        rows = np.concatenate([off.real, off.imag]) * self.weight
        # Relative residuals below this are not told apart.
        least = FLOOR * float(np.median(self.weight * np.tile(np.abs(self.Z), 2)))
        sound = check.grade in ("", "consistent")
        ratio = check.scatter / max(check.inconsistency, 1e-300)
        return Floor.of_rows(rows, check.freedom, ratio, least, sound)

    def sequences(self, residual: np.ndarray) -> list[np.ndarray]:
        """Real and imaginary parts, each along the frequency."""
        order = np.argsort(self.freq, kind="stable")
        return [part[order] for part in np.split(residual, 2)]

    def check(self, model: Any) -> None:
        """See `AbstractMeasurement.check`; a device that needs a bias is not compared without."""
        if isinstance(model, Network):
            return
        super().check(model)
        kind, value = self.bias
        bias_voltage(model, kind and "u", value)

    def sizes(self) -> Sizes:
        """The impedance, and a rough voltage over the memristor."""
        kind, value = self.bias
        Z: Any = self.Z[np.argmin(self.freq)] if len(self.freq) else 0.0
        volts = [] if kind is None else [value * Z.real if kind == "I" else value]
        return Sizes(V=np.array(volts, dtype=float), omega=self.omega, Z=self.Z)

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
        return self.chosen((self.freq >= low) & (self.freq <= high))

    def chosen(self, keep: Bool[np.ndarray, "n"]) -> "Spectrum":
        """The points where `keep` is true, shape `(n,)`."""
        sigma = self.sigma[keep] if self.sigma is not None and self.sigma.ndim else self.sigma
        where = lambda s: (s.freq, s.Z, s.sigma)
        return eqx.tree_at(
            where, self, (self.freq[keep], self.Z[keep], sigma), is_leaf=lambda x: x is None
        )

    def impedance(self, model: HasImpedance) -> NDArray[np.complex128]:
        """The model's Z at the frequencies and the bias of this spectrum [ohm], shape `(n,)`."""
        # Spectra of like length share a program, which is compiled for a whole number of them.
        n = self.omega.size
        padded = np.pad(self.omega, (0, -n % IMPEDANCE_BUCKET), mode="edge")
        kind, value = self.bias
        return np.asarray(_impedance(model, kind, np.asarray(value, dtype=float), padded))[:n]

    def signal(self, model: HasImpedance) -> Float[np.ndarray, "m"]:
        """Re Z, then Im Z of the model [ohm]."""
        Z = self.impedance(model)
        return np.concatenate([Z.real, Z.imag])

    def residual(self, model: HasImpedance) -> Float[Array, "m"]:
        """(Z_model - Z)/sigma, the real parts and then the imaginary parts; shape `(2n,)`.

        Without a sigma the weight is the modulus of the measured Z.

        **Raises:** `ValueError` if the spectrum has no bias and the device needs one.
        """
        n = len(self.freq)
        padded = SpectrumBatch.of([self], bucket=1).residual(model)
        return padded.reshape(2, -1)[:, :n].ravel()

    @property
    def batch_key(self) -> Hashable | None:
        """The kind of bias."""
        return self.bias[0] or "none"

    batch = staticmethod(SpectrumBatch.of)  # pyright: ignore

    @property
    def abscissa(self) -> tuple[str, str, np.ndarray]:
        """The frequency."""
        return "freq", "Hz", self.freq

    def to_dataset(self, signal: np.ndarray, used: np.ndarray | None = None) -> Any:
        """See `AbstractMeasurement.to_dataset`; real and imaginary parts by themselves."""
        re, im = np.split(np.asarray(signal), 2)
        used = np.ones(len(self.freq), bool) if used is None else used
        columns = {
            "freq": (self.freq, "Hz"), "Re_Z": (self.Z.real, "ohm"), "Im_Z": (self.Z.imag, "ohm"),
            "Re_fit": (re, "ohm"), "Im_fit": (im, "ohm"), "used": (used.astype("i1"), "1"),
        }  # fmt: skip
        return dataset(self.name, columns)


@eqx.filter_jit
def _impedance(model: HasImpedance, kind: str | None, value: Any, omega: Any) -> Any:
    return model.impedance(1j * omega, bias_voltage(model, kind, value))
