"""The measured networks as a PyTorch user writes them. Only torch is imported.

Under autocast, images and logits leave the networks in float32.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn


class Generator(nn.Module):
    """Radford et al. 2016 at 32 pixels: latent -> 4×4 -> 8 -> 16 -> 32, tanh."""

    def __init__(self, latent: int, width: int, channels: int):
        super().__init__()
        self.top = 4 * width
        self.dense = nn.Linear(latent, 16 * self.top, bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(4 * width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Returns images float[b, channels, 32, 32] in [-1, 1] from latent float[b, latent]."""
        return self.layers(self.dense(latent).unflatten(1, (self.top, 4, 4))).float()


class Discriminator(nn.Module):
    """Radford et al. 2016 at 32 pixels, with batch norm or, as a critic, without."""

    def __init__(self, width: int, channels: int, batch_norm: bool):
        super().__init__()

        def down(inputs: int, outputs: int) -> list[nn.Module]:
            norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
            conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not batch_norm)
            return [conv, *norm, nn.LeakyReLU(0.2, inplace=True)]

        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1, bias=not batch_norm),
            nn.LeakyReLU(0.2, inplace=True),
            *down(width, 2 * width),
            *down(2 * width, 4 * width),
            nn.Flatten(),
            nn.Linear(16 * 4 * width, 1, bias=not batch_norm),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns logits float[b]."""
        return self.layers(images).squeeze(1).float()


def dense(widths: Sequence[int]) -> list[nn.Module]:
    """Returns dense layers from widths[0] to widths[-1], each with a ReLU and batch norm after it."""
    return [
        part
        for inputs, outputs in itertools.pairwise(widths)
        for part in (nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.BatchNorm1d(outputs))
    ]


class DenseGenerator(nn.Module):
    """Dense layers whose width doubles twice, tanh."""

    def __init__(self, latent: int, width: int, channels: int, size: int):
        super().__init__()
        self.layers = nn.Sequential(
            *dense((latent, width, 2 * width, 4 * width)),
            nn.Linear(4 * width, channels * size * size),
            nn.Unflatten(1, (channels, size, size)),
        )

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Returns images float[b, channels, size, size] in [-1, 1] from latent float[b, latent]."""
        return torch.tanh(self.layers(latent).float())


class DenseDiscriminator(nn.Module):
    """Two hidden dense layers, the second half as wide as the first."""

    def __init__(self, width: int, channels: int, size: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), *dense((channels * size * size, 2 * width, width)), nn.Linear(width, 1)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns logits float[b]."""
        return self.layers(images).squeeze(1).float()


class VAE(nn.Module):
    """Encoder of two convolutions and a dense layer, halving the size twice, and the decoder that mirrors it."""

    def __init__(self, latent: int, width: int, channels: int, size: int, hidden: int):
        super().__init__()
        small, flat = size // 4, (size // 4) ** 2 * 2 * width
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(flat, hidden),
            nn.ReLU(inplace=True),
        )
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, flat),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (2 * width, small, small)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
        )

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns (logits of the decoded images, mean, log_variance)."""
        code = self.encoder(images)
        mean, log_variance = self.mean(code), self.log_variance(code)
        return self.decoder(mean + torch.exp(log_variance / 2) * noise), mean, log_variance


class DnCNN(nn.Module):
    """Zhang et al. 2017: convolutions 3×3 with batch norm; the input less the predicted noise."""

    def __init__(self, depth: int, width: int, channels: int):
        super().__init__()
        layers = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns restored images of the same shape."""
        return images - self.layers(images)
