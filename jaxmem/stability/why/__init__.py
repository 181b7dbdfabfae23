"""What decides whether a device spikes."""
