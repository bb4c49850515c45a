"""Restoration networks."""
