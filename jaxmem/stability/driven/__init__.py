"""Oscillators that are driven, kicked or counted."""
