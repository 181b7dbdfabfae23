"""Equilibria: the operating points of a device and its steady current-voltage curve."""

from jaxmem.responses.steady.operating import check_values as check_values
from jaxmem.responses.steady.operating import operating_point as operating_point
from jaxmem.responses.steady.operating import operating_points as operating_points
from jaxmem.responses.steady.operating import rest_at as rest_at
from jaxmem.responses.steady.operating import steady_curve as steady_curve
from jaxmem.responses.steady.points import OperatingPoint as OperatingPoint
from jaxmem.responses.steady.points import OperatingPoints as OperatingPoints
from jaxmem.responses.steady.points import SteadyStates as SteadyStates
