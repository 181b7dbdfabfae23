"""Figures of data and their fit."""
