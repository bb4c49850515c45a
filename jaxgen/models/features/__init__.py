"""Classifiers, feature networks and attribution maps."""
