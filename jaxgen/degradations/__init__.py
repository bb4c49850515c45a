"""What happened to the picture, as pure functions (key, images, …) -> images. Nothing is imported here."""
