"""Training against a discriminator: GANs, and restorers with an adversarial loss."""
