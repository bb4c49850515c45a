"""One training step of jaxgen, of stock Flax and of PyTorch, measured side by side."""
