"""Classifiers and feature networks."""
