"""Values of outputs as bytes and back."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

from core.models.results import ResultFiles
from core.sampling.interface import Area, Cond

FILES = ResultFiles()


def there_and_back(*outputs):
    data = FILES.encode(outputs)
    assert data is not None
    return FILES.decode(data)


def test_pictures_latents_and_plain_values():
    picture = torch.rand(2, 4, 6, 3)
    latent = {"samples": torch.rand(1, 4, 8, 8).to(torch.bfloat16), "batch_index": [0, 3]}
    back, (again,), plain = there_and_back([picture, picture[:, ::2]], [latent], [3, 2.5, "word", True, None])
    assert torch.equal(back[0], picture)
    assert torch.equal(back[1], picture[:, ::2])
    assert again["samples"].dtype == torch.bfloat16
    assert torch.equal(again["samples"], latent["samples"])
    assert again["batch_index"] == [0, 3]
    assert plain == [3, 2.5, "word", True, None]


def test_conditionings():
    cond = Cond(
        torch.rand(1, 77, 8),
        pooled=torch.rand(1, 8),
        area=Area(8, 8, 0, 4),
        area_share=(0.5, 0.5, 0.0, 0.0),
        mask=torch.rand(1, 8, 8),
        start=0.25,
        options={"guidance": 3.5, "concat_mask": torch.rand(1, 1, 8, 8)},
    )
    (((back,),),) = there_and_back([[cond]])
    assert isinstance(back, Cond)
    assert isinstance(back.area, Area)
    assert (back.area, back.area_share, back.start) == (cond.area, cond.area_share, 0.25)
    for name in ("embedding", "pooled", "mask"):
        assert torch.equal(getattr(back, name), getattr(cond, name))
    assert torch.equal(back.options["concat_mask"], cond.options["concat_mask"])


def test_one_tensor_in_two_places():
    tensor = torch.rand(3)
    (pair,) = there_and_back([tensor, tensor])
    assert torch.equal(pair[0], tensor)
    assert torch.equal(pair[1], tensor)


@pytest.mark.parametrize("value", [object(), [[object()]], {"model": object()}, {3: "not a name"}, {1, 2}])
def test_what_cannot_be_stored(value):
    assert FILES.encode(([value],)) is None


def with_form(text):
    return safetensors.torch.save({"0": torch.zeros(1)}, {"darkroom_result": text})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense that is long enough to have a length",
        safetensors.torch.save({"0": torch.zeros(1)}),
        with_form("no json"),
        with_form("3"),
        with_form(json.dumps([[{"tensor": "7"}]])),
        with_form(json.dumps([[{"pickle": "7"}]])),
        with_form(json.dumps([[{"cond": 4}]])),
        with_form(json.dumps([[{"cond": {"map": {"nothing": 4}}}]])),
        with_form(json.dumps([[{}]])),
        with_form(json.dumps([[{"area": 4}]])),
        FILES.encode(([torch.zeros(100)],))[:-50],
    ],
)
def test_damaged_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        FILES.decode(data)
