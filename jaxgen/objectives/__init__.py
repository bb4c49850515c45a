"""What is trained: each objective combines models and losses into one pure step. Never a jit, a device or a file."""
