"""Latent previews: a rough picture of a latent from the colours of its channels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.sampling.latent_format import LatentFormat


def preview(latent: Tensor, latent_format: LatentFormat) -> npt.NDArray[np.uint8] | None:
    """A picture [h,w,3] of the first item and frame of a latent; None where the format has no colours.

    Args:
        latent: [B,C,h,w] or [B,C,T,h,w] in the network's units.
        latent_format: Format of the latent.
    """
    if latent_format.rgb_factors is None:
        return None
    first = latent[0] if latent.ndim == 4 else latent[0, :, 0]
    colours = first.movedim(0, -1) @ latent.new_tensor(latent_format.rgb_factors)
    if latent_format.rgb_bias is not None:
        colours = colours + latent.new_tensor(latent_format.rgb_bias)
    # Bytes are cut, not rounded, as the previews people compare with are.
    picture = ((colours + 1) / 2).clamp(0, 1).mul(255).byte()
    return np.ascontiguousarray(picture.cpu().numpy())
