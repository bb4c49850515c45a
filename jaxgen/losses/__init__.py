"""Losses as pure functions with one value per example. Nothing is imported here: each file stands for itself."""
