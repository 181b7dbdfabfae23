"""Many transients side by side, each with its own step."""

from jaxmem.responses.ensemble.many import solve_ensemble as solve_ensemble
