"""Training: runs any objective and imports none. Nothing is imported here."""
