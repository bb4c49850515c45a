"""Run folders: training into one, and reopening it."""
