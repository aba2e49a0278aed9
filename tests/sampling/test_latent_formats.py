from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.golden import close, load_family, manifest

from core.sampling.latent_format import LatentFormat, latent_format, latent_formats
from core.sampling.previews import preview

CASES = list(load_family("latent_formats"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scaling_and_previews(case):
    tolerance = manifest("latent_formats")["tolerance"]
    kind, latent = latent_format(case.facts["format"]), case.inputs["latent"]
    assert close(kind.into_model(latent), case.outputs["process_in"], **tolerance)
    assert close(kind.out_of_model(latent), case.outputs["process_out"], **tolerance)
    picture = preview(latent, kind)
    if "preview" not in case.outputs:
        assert picture is None
        return
    assert picture is not None
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert np.array_equal(picture, case.outputs["preview"].numpy())


def test_every_format_of_the_manifest_is_there():
    facts = manifest("latent_formats")["formats"]
    assert set(latent_formats()) == set(facts)
    for name, expected in facts.items():
        kind = latent_format(name)
        assert (kind.channels, kind.dimensions, kind.taesd) == (
            expected["channels"],
            expected["dimensions"],
            expected["taesd"],
        )


@pytest.mark.parametrize("kind", latent_formats().values(), ids=lambda kind: kind.name)
def test_into_the_model_and_back(kind: LatentFormat):
    latent = torch.randn(2, kind.channels, *(2, 3, 4)[: kind.dimensions])
    assert torch.allclose(kind.out_of_model(kind.into_model(latent)), latent, atol=1e-5)


def test_previews_show_the_first_item():
    kind = latent_format("SD15")
    latents = torch.randn(3, 4, 5, 6)
    assert np.array_equal(preview(latents, kind), preview(latents[:1], kind))


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"unknown latent format 'SD16'.*SD15"):
        latent_format("SD16")
