"""A measurement with what was left out, or found wrong, before it was fitted."""

from typing import Any, NamedTuple

import numpy as np

from fitting.terms.linear_kk import KramersKronig


class Checked(NamedTuple):
    """A measurement as it was read.

    - `whole`: all of it; `used`: which of its points are fitted; `fitted`: the term with these.
    - `check`: of a spectrum, by Kramers and Kronig; else None.
    """

    whole: Any
    used: np.ndarray
    fitted: Any
    check: KramersKronig | None = None
