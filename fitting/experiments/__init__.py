"""What should be measured next? Experiments, what each would tell, and the best for a time."""
