"""What does a function of a device say over axes of parameters?"""

from jaxmem.sweeps.axis import Axis as Axis
from jaxmem.sweeps.over_axes import sweep as sweep
from jaxmem.sweeps.store import open_sweep as open_sweep
