"""A spectrum with what was found wrong or left out before it was fitted."""

from typing import NamedTuple

import numpy as np

from fitting.terms.linear_kk import KramersKronig
from fitting.terms.spectrum import Spectrum


class Measured(NamedTuple):
    """A spectrum as it was read, which of its points are fitted, and its check."""

    whole: Spectrum
    used: np.ndarray
    fitted: Spectrum
    check: KramersKronig
