"""What lives inside a compiled training step: its state, its gradients, its randomness, its schedules."""
