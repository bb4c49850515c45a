"""Layers, norms, attention, heads and convolutions."""
