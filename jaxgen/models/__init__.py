"""Networks and their layers: the only modules of Flax."""
