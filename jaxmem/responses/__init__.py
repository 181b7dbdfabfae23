"""What a device answers: steady states, transients and small signals."""

from jaxmem.responses.ensemble import solve_ensemble as solve_ensemble
from jaxmem.responses.equivalent import EquivalentCircuit as EquivalentCircuit
from jaxmem.responses.equivalent import equivalent_circuit as equivalent_circuit
from jaxmem.responses.linear import Linearised as Linearised
from jaxmem.responses.linear import linearize as linearize
from jaxmem.responses.periodic import PeriodicState as PeriodicState
from jaxmem.responses.periodic import periodic_state as periodic_state
from jaxmem.responses.rosenbrock import Rodas5P as Rodas5P
from jaxmem.responses.steady import OperatingPoint as OperatingPoint
from jaxmem.responses.steady import OperatingPoints as OperatingPoints
from jaxmem.responses.steady import SteadyStates as SteadyStates
from jaxmem.responses.steady import operating_point as operating_point
from jaxmem.responses.steady import operating_points as operating_points
from jaxmem.responses.steady import steady_curve as steady_curve
from jaxmem.responses.transient import Transient as Transient
from jaxmem.responses.transient import solve as solve
