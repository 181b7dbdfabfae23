"""How sure: profiles, resampling, posteriors."""
