"""Images and weights as files."""
