"""A predictor without a network: the closed form that the reference numbers were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.sampling.interface import Area, Cond, Request
from core.sampling.latent_format import LatentFormat
from core.sampling.prediction import spread
from core.sampling.schedule import (
    Cascade,
    ContinuousEdm,
    CosmosRectifiedFlow,
    Discrete,
    DiscreteFlow,
    FluxFlow,
    Schedule,
)

PLAIN = LatentFormat("plain", channels=4)


@dataclass
class ClosedForm:
    """denoised = x * 0.5 / (1 + sigma^2) + 0.4 tanh(x / (1 + sigma)) + 0.2 mean of the embedding's tokens."""

    schedule: Schedule
    latent_format: LatentFormat = PLAIN
    calls: list[tuple[int, ...]] = field(default_factory=list)

    def inputs(self, cond: Cond, request: Request) -> dict[str, Tensor]:
        return {"context": cond.embedding}

    def denoise(self, x: Tensor, sigma: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        self.calls.append(tuple(x.shape))
        sigma = spread(sigma, x)
        bias = inputs["context"].mean(dim=1)[:, :, None, None]
        return x * (0.5 / (1 + sigma**2)) + 0.4 * torch.tanh(x / (1 + sigma)) + 0.2 * bias


def schedule_of(kind: str, settings: Mapping[str, Any]) -> Schedule:
    """The schedule that a manifest describes."""
    make = {
        "EPS": lambda **s: Discrete("eps", **s),
        "V_PREDICTION": lambda **s: Discrete("v", **s),
        "FLOW": DiscreteFlow,
        "FLUX": FluxFlow,
        "V_PREDICTION_EDM": lambda **s: ContinuousEdm("v", **s),
        "EDM": lambda **s: ContinuousEdm("edm", **s),
        "STABLE_CASCADE": Cascade,
        "FLOW_COSMOS": CosmosRectifiedFlow,
    }
    return make[kind](**settings)


def conditioning(entries: list[list[Any]], tensors: Mapping[str, Tensor]) -> list[Cond]:
    """The conditioning that a manifest describes as [tensor name, options]."""
    return [_cond(tensors[name], options, tensors) for name, options in entries]


def _cond(embedding: Tensor, options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Cond:
    area = options.get("area")
    share = tuple(area[1:]) if area and area[0] == "percentage" else None
    return Cond(
        embedding,
        area=Area(*area) if area and not share else None,
        area_share=share,
        strength=options.get("strength", 1.0),
        mask=tensors[options["mask"]] if "mask" in options else None,
        mask_strength=options.get("mask_strength", 1.0),
        mask_bounds=options.get("set_area_to_bounds", False) and "mask" in options,
        start=options.get("start_percent", 0.0),
        end=options.get("end_percent", 1.0),
    )
