"""HTML pages: single files with their pictures inside, which open from disk without a network."""
