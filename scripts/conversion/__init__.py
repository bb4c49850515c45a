"""Weights that others publish, in jaxgen's names and file format."""
