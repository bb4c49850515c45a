"""What a run records of its data, and how it finds them again."""
