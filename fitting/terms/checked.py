"""A measurement with what was left out, or found wrong, before it was fitted."""

from typing import Any, NamedTuple

import numpy as np


class Checked(NamedTuple):
    """A measurement as it was read.

    - `whole`: all of it; `used`: which of its points are fitted; `fitted`: the term with these.
    - `check`: of a spectrum its `KramersKronig`; else None.
    """

    whole: Any
    used: np.ndarray
    fitted: Any
    check: Any = None
