"""Photographs restored: which network for which task, and files from and to which it goes."""
