"""What a fit adds up: measurements, priors, goals, and their noise."""
