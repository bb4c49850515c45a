"""Trained networks on pictures of any size: tiles, ensembles, the level of noise."""
