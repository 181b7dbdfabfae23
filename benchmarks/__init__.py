"""What this project is measured by: `python -m benchmarks` lists the questions, and runs them."""
