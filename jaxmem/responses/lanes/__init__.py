"""Integrations side by side, each with its own step; behind `solve_ensemble` and `solve` under
`vmap`."""
