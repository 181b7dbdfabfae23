"""Whether a device stays where it is, and where it begins to oscillate."""

from jaxmem.stability.hopf import HopfPoints as HopfPoints
from jaxmem.stability.hopf import hopf_points as hopf_points
from jaxmem.stability.polynomial import hopf_margin as hopf_margin
from jaxmem.stability.polynomial import unstable_count as unstable_count
