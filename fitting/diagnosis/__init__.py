"""What the data determine, and what they leave open."""
