"""What is measured, of any kind: what a fit, its diagnosis and its report ask of it."""

import abc
import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.terms.batch import AbstractBatch, LoneMeasurement
from fitting.terms.floor import GIVEN, Floor, of_neighbours, of_replicates, quantum
from fitting.terms.noise_model import SHARE, Noise
from fitting.terms.term import unwrap
from jaxmem.devices import AbstractDevice
from jaxmem.networks import Network

NOTHING = np.zeros(0)
# What is smaller than this share of the largest number may be the integration's own error.
RESOLVED = 1e-4


class Sizes(NamedTuple):
    """What a measurement alone says of sizes: where a search may start.

    - `V`, `I`: voltages [V] and currents [A] that belong together, as far as both are known.
    - `t`: their times [s]; empty for steady states. `drive`: `"voltage"` or `"current"`, what was
      imposed in time.
    - `omega`, `Z`: angular frequencies [rad/s] and impedances [ohm].
    """

    V: np.ndarray = NOTHING
    I: np.ndarray = NOTHING
    t: np.ndarray = NOTHING
    omega: np.ndarray = NOTHING
    Z: Any = NOTHING
    drive: str = ""


class AbstractMeasurement(eqx.Module):
    """Measured numbers, and what a model says in their place.

        class ChargeCurve(AbstractMeasurement):
            V: np.ndarray
            observed: np.ndarray
            noise: Noise | None = None
            label: str = "charge"
            unit: str = "C"

            def signal(self, model):
                return jax.vmap(lambda V: charge(model, V))(jnp.asarray(self.V))

    - `observed`: the numbers, shape `(n,)`, in `unit`. `noise`: their noise; None: proportional to
      each number, with a factor that the fit estimates. `label`: what to call it.

    All else follows and may be overridden: the kinds of this package (`Spectrum`, `Trace`,
    `SteadyCurve`, `Spikes`) show what for.
    """

    observed: eqx.AbstractVar[np.ndarray]
    noise: eqx.AbstractVar[Noise | None]
    label: eqx.AbstractVar[str]
    unit: eqx.AbstractVar[str]

    # Standard deviations, where they are given as numbers; the file that the numbers came from.
    sigma: ClassVar[Any] = None
    source: ClassVar[str] = ""
    # What one and what several of them are called.
    noun: ClassVar[tuple[str, str]] = ("measurement", "measurements")
    # Whether the signal is an integration in time: then other terms are searched first.
    integrates: ClassVar[bool] = False
    # Whether a search from afar compares logarithms of the signal.
    spans_decades: ClassVar[bool] = False
    # Whether a structure in the residuals is told of each measurement by itself.
    tells_structure: ClassVar[bool] = True
    # What `fraction` is relative to, in words.
    fraction_of: ClassVar[str] = "the largest value"

    @abc.abstractmethod
    def signal(self, model: Any) -> Any:
        """What the model says in the place of `observed`, in `unit`, shape `(n,)`."""

    @property
    def name(self) -> str:
        """The label, or else the source or the kind."""
        return self.label or self.source or self.noun[0]

    # Noise

    @property
    def scale_known(self) -> bool:
        """Whether the noise is known, and not only its shape."""
        return self.sigma is not None if self.noise is None else self.noise.known

    @property
    def weight(self) -> Float[np.ndarray, "n"]:
        """1/sigma of each number, 0 where one is not fitted."""
        sigma = self.sigma
        if sigma is None:
            sigma = (self.noise or Noise(relative=SHARE)).sigma(self.observed)
        if not (np.isfinite(sigma) & (sigma > 0)).all():
            raise ValueError(f"{self.name}: a value of 0 has no relative weight; give a noise")
        return np.broadcast_to(1 / sigma, np.shape(self.observed))

    @property
    def fitted(self) -> np.ndarray:
        """Which numbers are fitted, shape `(n,)`."""
        return self.weight > 0

    @property
    def assumed_noise(self) -> float | None:
        """The relative noise that the weights stand for where none was given, else None."""
        return SHARE if self.noise is None and self.sigma is None else None

    @property
    def noise_group(self) -> Hashable | None:
        """Measurements of one group share one estimated scale; None: this one has its own."""
        return None

    @property
    def noise_shape(self) -> Noise | None:
        """The noise whose relative part is taken from the model's values once these are known."""
        return self.noise

    def magnitude(self, values: np.ndarray) -> np.ndarray:
        """The size that relative noise is relative to, for values in the place of `observed`."""
        return np.abs(values)

    def thinned(self, most: int) -> "AbstractMeasurement":
        """With at most so many of its numbers, those that tell most, for the search; or itself.

        Worth while where each number costs, as a sample of an integration in time does.
        """
        del most
        return self

    # Residuals

    @property
    def points(self) -> int:
        """How many real numbers are fitted."""
        return int(np.sum(self.fitted))

    def check(self, model: Any) -> None:
        """Say what keeps the model from being compared with this measurement.

        **Raises:** `ValueError`.
        """
        if isinstance(model, Network):
            raise ValueError(
                f"{self.name}: the circuit {model.text} answers in frequency only, with an "
                "impedance; fit a device to what was measured in time or as a curve"
            )
        if not isinstance(model, AbstractDevice):
            raise ValueError(
                f"{self.name}: the model is a {type(model).__name__}, not a device; "
                "say which part it was measured on: On(lambda m: m[0], term)"
            )

    def residual(self, model: Any) -> Float[Array, "n"]:
        """(signal - observed)/sigma, 0 where a number is not fitted; shape `(n,)`."""
        return (self.signal(model) - self.observed) * self.weight

    def sequences(self, residual: np.ndarray) -> list[np.ndarray]:
        """Rows of the fitted numbers (residuals, or their derivatives) in the order in which noise
        without structure would be independent: one array for each line of neighbours."""
        return [residual]

    def fraction(self, off: Float[np.ndarray, "used"]) -> float:
        """Root mean square of differences as a fraction of the largest number."""
        top = float(np.max(np.abs(self.observed[self.fitted])))
        return float(np.sqrt(np.mean(off**2))) / top if top > 0 else np.inf

    def floor(self, residual: np.ndarray) -> Floor | None:
        """How large the noise of the residuals is as the data tell it; None if they do not.

        What was given, else what replicates scatter by, else neighbours (see `sequences`).

        **Arguments:**

        - `residual`: (signal - observed) times the weight of each number that is fitted.
        """
        if self.scale_known:
            return Floor(1.0, np.inf, GIVEN)
        least = RESOLVED * float(np.max(np.abs(self.observed * self.weight)))
        lines = self.sequences(residual)
        found = of_replicates(self.sequences(self.places), lines) or of_neighbours(lines)
        if found is None:
            return None
        step = quantum(self.observed[self.fitted]) * float(np.median(self.weight[self.fitted]))
        rounded = step / math.sqrt(12.0) if np.isfinite(step) else 0.0
        return found._replace(size=max(math.hypot(found.size, rounded), least))

    @property
    def places(self) -> np.ndarray:
        """The abscissa of each fitted number."""
        x = np.asarray(self.abscissa[2])
        return np.tile(x, len(self.observed) // max(len(x), 1))[self.fitted]

    @property
    def closed(self) -> bool:
        """Whether the last number of a sequence is a neighbour of the first."""
        return False

    def misfit(self, off: Float[np.ndarray, "used"]) -> tuple[float, str]:
        """Root mean square of differences in `unit`, and the unit of what is returned."""
        return float(np.sqrt(np.mean(off**2))), self.unit

    # Where a search may start

    def sizes(self) -> Sizes:
        """What it says of sizes; nothing by default."""
        return Sizes()

    @property
    def bias(self) -> tuple[str | None, float]:
        """`"u"`, `"I"` or `"V"` and the value at which a small signal was measured, or None, 0."""
        return None, 0.0

    # How it is evaluated together with others

    @property
    def batch_key(self) -> Hashable | None:
        """Measurements of one kind with equal keys go into one `batch`; None: each by itself."""
        return None

    @classmethod
    def batch(cls, members: Sequence[Any]) -> AbstractBatch:
        """Members of one `batch_key` as what the compiled programs get."""
        (one,) = members
        numbers = jnp.asarray(one.observed), jnp.asarray(one.weight)
        return LoneMeasurement(one, *numbers)

    # What is shown

    @property
    def applied(self) -> tuple[np.ndarray, str] | None:
        """What was imposed at each number and its unit, where that is not the abscissa."""
        return None

    @property
    def quantity(self) -> str:
        """What the numbers are, for tables and axes."""
        return self.label or self.unit

    @property
    def abscissa(self) -> tuple[str, str, np.ndarray]:
        """Name, unit and values of what the numbers are drawn over."""
        return "point", "1", np.arange(len(self.observed))

    def to_dataset(self, signal: np.ndarray, used: np.ndarray | None = None) -> Any:
        """Data and fit as an `xarray.Dataset`, with units; the abscissa comes first.

        **Arguments:**

        - `signal`: what the model says, shape `(n,)`.
        - `used`: which points were fitted, if not all that have a weight.
        """
        name, unit, x = self.abscissa
        used = self.fitted if used is None else used
        columns = {
            name: (x, unit), "applied": self.applied, "observed": (self.observed, self.unit),
            "fit": (signal, self.unit), "used": (used.astype("i1"), "1"),
        }  # fmt: skip
        return dataset(self.name, {k: v for k, v in columns.items() if v is not None})

    def readings(self, signal: np.ndarray) -> list[dict[str, Any]]:
        """Single numbers for a table of the report: feature, at, unit, measured, sd, fit; none by
        default, because a sequence is drawn."""
        return []

    def figure_row(self, signal: np.ndarray) -> list[Any]:
        """Panels of its row in the figure of the report (see `jaxmem.plots.figure`)."""
        from jaxmem.plots.figure import PlotAxis
        from jaxmem.plots.rows import NAMES, curve_row

        name, unit, x = self.abscissa
        effect = PlotAxis(NAMES.get(self.quantity, self.quantity), self.unit)
        return curve_row(
            self.name, x, self.observed, signal, effect, PlotAxis(name, unit), self.fitted
        )


def measurement_of(term: Any) -> AbstractMeasurement | None:
    """The measurement inside of a term, None of a prior, a goal or a term of one's own."""
    inner = unwrap(term)
    return inner if isinstance(inner, AbstractMeasurement) else None


def dataset(name: str, columns: dict[str, tuple[np.ndarray, str]]) -> Any:
    """An `xarray.Dataset` of columns along one dimension, each with its unit."""
    import xarray as xr

    made = {key: ("point", values, {"units": unit}) for key, (values, unit) in columns.items()}
    return xr.Dataset(made, attrs={"name": name})
