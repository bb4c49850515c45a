"""The classical baselines, as pure jitted functions of images."""
