"""Base class of networks that restore images."""

from jaxgen.nn.network import Network


class Restorer(Network):
    """Maps damaged images of any height and width to restored ones of the same size.

    `network(inputs, train)` takes float[batch, height, width, channels + k], damaged images in [0, 1] and then k
    channels of a condition, such as the noise's standard deviation at each pixel; k is 0 where the field `channels` is
    None. It returns float[batch, height, width, channels]. `train` has no effect unless a subclass says so.
    """
