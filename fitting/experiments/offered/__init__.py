"""What could be measured: experiments, and the instrument that makes them."""
