"""Restoration networks, denoisers, detectors of damage and estimators of noise."""

from flax import linen as nn

from jaxgen.models.restoration.aod_net import AODNet
from jaxgen.models.restoration.boosted_trees import BoostedTrees
from jaxgen.models.restoration.crnn import CRNN
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.models.restoration.detector import Detector
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.encoder_decoder import EncoderDecoder
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.models.restoration.hourglass import Hourglass
from jaxgen.models.restoration.inpainter import Inpainter
from jaxgen.models.restoration.nafnet import NAFNet
from jaxgen.models.restoration.noise_estimator import NoiseEstimator
from jaxgen.models.restoration.partial_unet import PartialUNet
from jaxgen.models.restoration.patch_inpainter import PatchInpainter
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.models.restoration.rnn import RNN
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.models.restoration.unet import UNet
from jaxgen.models.restoration.video import VideoRNN

ARCHITECTURES: dict[str, type[nn.Module]] = {
    module.__name__: module
    for module in (
        AODNet,
        CRNN,
        Dehazer,
        Detector,
        DnCNN,
        EncoderDecoder,
        FFDNet,
        Hourglass,
        Inpainter,
        NAFNet,
        NoiseEstimator,
        PartialUNet,
        PatchInpainter,
        BoostedTrees,
        ResidualUNet,
        RNN,
        SRResNet,
        UNet,
        VideoRNN,
    )
}
"""The networks of this family by class name, as in the model cards of files of weights."""
