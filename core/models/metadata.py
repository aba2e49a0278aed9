"""What the author of a weight file states beside its tensors, where the tensors themselves cannot tell.

Metadata comes from strangers: an entry that is there is right, or the file is refused with the entry named.
"""

from __future__ import annotations

import dataclasses
import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from core.errors import WeightsMismatch
from core.sampling.latent_format import LatentFormat

Metadata: TypeAlias = Mapping[str, str]

DENOISER_GROUPS: Final = "darkroom.denoiser_groups"
VAE_GROUPS: Final = "darkroom.vae_groups"
PREVIEW_FACTORS: Final = "darkroom.preview_factors"

_USUAL_GROUPS: Final = "32"
_PREVIEW_LIMIT: Final = 100_000
"""Characters; thousands of channels fit."""
_FACTOR_LIMIT: Final = 1000.0


def groups(metadata: Metadata, entry: str, widths: Sequence[int]) -> int:
    """Into how many groups the group norms of a network split its channels; 32 where nothing is stated.

    Args:
        entry: `DENOISER_GROUPS` or `VAE_GROUPS`.
        widths: Channels of every level.

    Raises:
        WeightsMismatch: It is not a number that divides every width.
    """
    text = metadata.get(entry, _USUAL_GROUPS)
    number = int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else 0
    if not number or any(width % number for width in widths):
        stated = f"states {reprlib.repr(text)}" if entry in metadata else f"is missing, which means {text}"
        raise WeightsMismatch(
            f"its metadata entry {entry} {stated}, but must be a number that divides the widths "
            f"{', '.join(map(str, widths))} of the network: get the file again, or correct the entry"
        )
    return number


def with_preview(metadata: Metadata, latents: LatentFormat) -> LatentFormat:
    """A latent format with the preview colours that a file states, or as it is where it states none.

    Raises:
        WeightsMismatch: The entry is not JSON of the form `{"rgb_factors": [[r, g, b], ...], "rgb_bias":
            [r, g, b]}` with a row for each channel and numbers of a usable size.
    """
    text = metadata.get(PREVIEW_FACTORS)
    if text is None:
        return latents
    facts = _parsed(text)
    factors = facts.get("rgb_factors")
    rows: list[Any] = [*factors, facts.get("rgb_bias")] if isinstance(factors, list) else []
    if len(rows) != latents.channels + 1 or not all(map(_is_colour, rows)):
        raise WeightsMismatch(
            f"its metadata entry {PREVIEW_FACTORS} is {reprlib.repr(text)}, but must be JSON with "
            f'"rgb_factors", {latents.channels} rows of 3 numbers, and "rgb_bias", 3 numbers: '
            "get the file again, or remove the entry"
        )
    *colours, bias = map(tuple, rows)
    # These latents are not those that the small decoder of the format was made for.
    return dataclasses.replace(latents, rgb_factors=tuple(colours), rgb_bias=bias, taesd=None)


def _parsed(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        facts = json.loads(text) if len(text) <= _PREVIEW_LIMIT else None
    except (ValueError, RecursionError):
        facts = None
    return facts if isinstance(facts, dict) else {}


def _is_colour(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_factor, value))


def _is_factor(value: object) -> bool:
    # Not a number at all, in JSON's extension, compares as false.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _FACTOR_LIMIT
