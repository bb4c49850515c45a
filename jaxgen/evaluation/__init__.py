"""What a generator's pictures are worth: features of real and of generated images, distances between them, protocol."""

MAX_SEED = 2**32 - 2
"""Of a report's latents. The next one is that of the latents by which the best checkpoint is chosen."""
