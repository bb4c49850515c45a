"""What a generator's pictures are worth: features of real and of generated images, distances between them, protocol."""
