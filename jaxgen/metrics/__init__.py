"""Metrics of images and of sets of images, as pure functions. Nothing is imported here."""
