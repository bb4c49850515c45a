"""The files that come with the installation and are made from data, by commands that make them again."""
