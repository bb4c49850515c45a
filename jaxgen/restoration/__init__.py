"""Photographs from file to file: tasks, masks, tiles, ensembles and the shipped networks."""
