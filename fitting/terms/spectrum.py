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
from fitting.terms.relaxations import FLOOR, span
from fitting.terms.spectrum_batch import (
    Branch,
    HasImpedance,
    SpectrumBatch,
    bias_of,
    bias_place,
    bias_voltage,
    check_branch,
    check_state,
    deviations_of,
    fields_of,
)
from jaxmem.devices import AbstractDevice
from jaxmem.networks import Network

# What residuals may be divided by, see `Spectrum`.
WEIGHTINGS = ("modulus", "unit", "proportional")
# Frequencies of a spectrum's model are padded to a multiple of this number.
IMPEDANCE_BUCKET = 64


class Spectrum(AbstractMeasurement):
    """An impedance spectrum Z(freq) at one bias.

    **Arguments:**

    - `freq`: frequencies [Hz], positive, shape `(n,)`. Repeated values are replicates.
    - `Z`: complex impedance [ohm], shape `(n,)`, Im Z < 0 where the device is capacitive.
    - `u`, `I`, `V`: the bias, at most one of: voltage over the memristor [V], terminal
      current [A], applied voltage [V]. None of them: the bias is unknown.
    - `branch`: at which of several equilibria, as in `operating_point`: a number or `"rest"`. By
      default the one that is reached from rest.
    - `sigma`: standard deviation of Re Z and of Im Z [ohm], a number, shape `(n,)`, or `(2, n)`
      where the two parts differ; or a noise model, `proportional(0.005)`, `absolute(2.0)`, their
      sum, or `estimated(...)` of one, whose scale the fit finds. None: of the shape that
      `weighting` says, with a factor that the fit estimates.
    - `weighting`: what residuals are divided by where there is no sigma: `"modulus"`, |Z|, with
      one factor for all such spectra; `"unit"`, one number for the whole spectrum, with a factor
      for each; `"proportional"`, Re Z by |Re Z| and Im Z by |Im Z|, with one factor for all such.
    - `label`, `source`: what to call it and the file it came from.
    - `temperature` [K], `time` [s since the first spectrum]: kept where the file has them.

    **Raises:** `ValueError` if the shapes differ, a value is not finite, a frequency is not
    positive, sigma is not positive, more than one bias is given, or sigma and a weighting; for
    proportional weights where a part of Z is 0.
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
    weighting: str = eqx.field(static=True, default="modulus")
    branch: Branch = eqx.field(static=True, default=None)

    def __init__(
        self, freq, Z, *, u=None, I=None, V=None, sigma=None, noise=None, label="", source="",
        temperature=None, time=None, weighting="modulus", branch=None,
    ):  # fmt: skip
        # Local names: Equinox finds attributes slowly, and there may be thousands of spectra.
        freq, Z = np.asarray(freq, dtype=float), np.asarray(Z, dtype=complex)
        name = label or source or "spectrum"
        check_columns(name, "point", freq=freq, Z=Z)
        sigma, given = sigma_and_noise(name, sigma, Z)
        self.freq, self.Z = freq, Z
        self.u, self.I, self.V = u, I, V
        self.sigma, self.noise = sigma, given or noise
        self.label, self.source = label, source
        self.temperature, self.time = temperature, time
        self.weighting, self.branch = weighting, branch

    def __check_init__(self):
        fields = fields_of(self)
        freq, weighting = fields["freq"], fields["weighting"]
        name = fields["label"] or fields["source"] or "spectrum"
        if (freq <= 0).any():
            at = int(np.argmax(freq <= 0))
            raise ValueError(
                f"{name}: point {at} has frequency {freq[at]:g} Hz; it must be positive"
            )
        if sum(fields[kind] is not None for kind in ("u", "I", "V")) > 1:
            raise ValueError(f"{name}: give the bias once, as u, I or V")
        check_branch(name, fields["branch"], self.bias[0])
        if weighting not in WEIGHTINGS:
            raise ValueError(
                f"{name}: no weighting {weighting!r}; there are {', '.join(WEIGHTINGS)}"
            )
        if weighting == "modulus":
            return
        if self.sigma is not None:
            raise ValueError(
                f"{name}: sigma is the standard deviation itself; leave out weighting="
                f"{self.weighting!r}"
            )
        none = (self.Z.real == 0) | (self.Z.imag == 0)
        if self.weighting == "proportional" and none.any():
            at = int(np.argmax(none))
            part = "Re Z" if self.Z[at].real == 0 else "Im Z"
            raise ValueError(
                f"{name}: {part} is 0 at {self.freq[at]:g} Hz and has no proportional weight; "
                "leave the point out, or weight by the modulus"
            )

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
    def deviations(self) -> Float[np.ndarray, "2 n"]:
        """Standard deviations of Re Z and of Im Z [ohm], or what they are in proportion to."""
        return deviations_of(fields_of(self))

    @property
    def weight(self) -> Float[np.ndarray, "m"]:
        """1/sigma of Re Z and of Im Z, without a sigma as `weighting` says."""
        return 1 / self.deviations.ravel()

    @property
    def known_size(self) -> Float[np.ndarray, "n"] | None:
        """Root mean square of the deviations of both parts, None where it is as |Z|."""
        if self.sigma is None and self.weighting != "unit":
            return None
        return np.sqrt(np.mean(self.deviations**2, axis=0))

    @property
    def assumed_noise(self) -> float | None:
        """1 without a sigma: the weights stand for residuals as large as Z."""
        return 1.0 if self.sigma is None else None

    @property
    def noise_group(self) -> Hashable | None:
        """Spectra without a sigma and of relative weights share one relative noise."""
        shared = self.sigma is None and self.weighting != "unit"
        return f"spectra, {self.weighting}" if shared else None

    @property
    def noise_shape(self) -> Noise | None:
        """Proportional without a sigma, but for equal weights."""
        if self.sigma is not None:
            return self.noise
        return None if self.weighting == "unit" else proportional(1.0)

    def magnitude(self, values: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
        """|Z| for the real and for the imaginary part; for proportional weights that of each."""
        if self.weighting == "proportional":
            return np.abs(values)
        return np.tile(np.hypot(*values.reshape(2, -1)), 2)

    @property
    def weighting_in_words(self) -> str:
        """What residuals were divided by."""
        if self.sigma is None:
            return self.weighting
        return "sigma" if self.scale_known else "a noise model whose scale is found"

    def misfit(self, off: Float[np.ndarray, "m"]) -> tuple[float, str]:
        """Root mean square of differences relative to |Z|."""
        return float(np.sqrt(np.mean((off / np.tile(np.abs(self.Z), 2)) ** 2))), "|Z|"

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
        rows, freedom = np.concatenate([off.real, off.imag]) * self.weight, check.freedom
        if (self.deviations[0] != self.deviations[1]).any():
            # That fit has one weight for both parts: a step further it is the best with two.
            by: Any = (check.moves * np.abs(self.Z)[:, None]).T
            Q = span(np.concatenate([by.real, by.imag], axis=1).T * self.weight[:, None])
            rows = rows - Q @ (Q.T @ rows)
            freedom = float(len(rows) - Q.shape[1])
        # Relative residuals below this are not told apart.
        least = FLOOR * float(np.median(self.weight * np.tile(np.abs(self.Z), 2)))
        sound = check.grade in ("", "consistent")
        ratio = check.scatter / max(check.inconsistency, 1e-300)
        return Floor.of_rows(rows, freedom, ratio, least, sound)

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
        if isinstance(model, AbstractDevice) and model.curve is not None:
            check_state(model, kind, self.branch)
        else:
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
        sigma = self.sigma
        sigma = sigma[..., keep] if sigma is not None and sigma.ndim else sigma
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
        return np.asarray(
            _impedance(model, kind, np.asarray(value, dtype=float), self.branch, padded)
        )[:n]

    def signal(self, model: HasImpedance) -> Float[np.ndarray, "m"]:
        """Re Z, then Im Z of the model [ohm]."""
        Z = self.impedance(model)
        return np.concatenate([Z.real, Z.imag])

    def residual(self, model: HasImpedance) -> Float[Array, "m"]:
        """(Z_model - Z)/sigma, the real parts and then the imaginary parts; shape `(2n,)`.

        Without a sigma the weight is as `weighting` says, by default 1/|Z| of the measured Z.

        **Raises:** `ValueError` if the spectrum has no bias and the device needs one.
        """
        n = len(self.freq)
        padded = SpectrumBatch.of([self], bucket=1).residual(model)
        return padded.reshape(2, -1)[:, :n].ravel()

    @property
    def batch_key(self) -> Hashable | None:
        """The kind of bias, and which equilibrium."""
        return self.bias[0] or "none", self.branch

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
def _impedance(
    model: HasImpedance, kind: str | None, value: Any, branch: Branch, omega: Any
) -> Any:
    return model.impedance(1j * omega, *bias_place(model, kind, value, branch))
