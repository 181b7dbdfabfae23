"""A measurement that a user writes."""

import jax.numpy as jnp
import numpy as np

from fitting import AbstractMeasurement, Noise


class ChargeCurve(AbstractMeasurement):
    """The charge that a short pulse to V leaves on the capacitor, C_m V [C]."""

    V: np.ndarray
    observed: np.ndarray
    noise: Noise | None = None
    label: str = "charge"
    unit: str = "C"

    def signal(self, model):
        return model.C_m * jnp.asarray(self.V)

    @property
    def abscissa(self):
        return "voltage", "V", self.V
