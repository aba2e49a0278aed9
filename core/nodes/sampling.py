"""Nodes that denoise latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict, Unpack

from core.nodes.api import Choice, Context, Range, node
from core.nodes.types import Conditioning, Latent, LatentDict, Model, Seed
from core.sampling.names import sampler_names, scheduler_names

if TYPE_CHECKING:
    from torch import Tensor

    from core.models.diffusion import DiffusionModel
    from core.sampling.interface import Cond

Steps = Annotated[int, Range(1, 10000)]
Cfg = Annotated[float, Range(0.0, 100.0, step=0.1, round=0.01)]
Sampler = Annotated[str, Choice(sampler_names)]
Scheduler = Annotated[str, Choice(scheduler_names)]


class Settings(TypedDict):
    """What both nodes ask of `core.sampling.sample.ksampler`, which says what each means."""

    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: NotRequired[float]
    add_noise: NotRequired[bool]
    start_step: NotRequired[int]
    last_step: NotRequired[int]
    force_full_denoise: NotRequired[bool]


@node("KSampler", category="sampling", title="KSampler")
def k_sampler(
    *,
    ctx: Context,
    model: Model,
    seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: Sampler,
    scheduler: Scheduler,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Annotated[float, Range(0.0, 1.0, step=0.01)] = 1.0,
) -> Latent:
    """Denoises a latent under positive and negative conditioning.

    Args:
        model: Predicts what is noise.
        seed: Decides the noise; the same seed gives the same picture.
        steps: More steps are slower and finer.
        cfg: How closely the prompts are followed; at 1 the negative one has no effect.
        sampler_name: The stepping algorithm.
        scheduler: How the noise levels are spaced.
        positive: What the picture should show.
        negative: What it should not show.
        latent_image: Where to start; an empty latent for a new picture.
        denoise: Share of the schedule to run. Below 1 part of the input survives.
    """
    return _sample(
        ctx,
        model,
        positive,
        negative,
        latent_image,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        scheduler=scheduler,
        denoise=denoise,
    )


@node("KSamplerAdvanced", category="sampling", title="KSampler (Advanced)")
def k_sampler_advanced(
    *,
    ctx: Context,
    model: Model,
    add_noise: Annotated[str, Choice(("enable", "disable"))],
    noise_seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: Sampler,
    scheduler: Scheduler,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Annotated[int, Range(0, 10000)] = 0,
    end_at_step: Annotated[int, Range(0, 10000)] = 10000,
    return_with_leftover_noise: Annotated[str, Choice(("disable", "enable"))],
) -> Latent:
    """Denoises a latent over a part of the schedule.

    Args:
        add_noise: Whether noise is added first; disable it to go on with a latent that still has some.
        noise_seed: Decides the noise.
        start_at_step: First step to run.
        end_at_step: Step to stop before.
        return_with_leftover_noise: Whether an early stop leaves the noise of that step in the latent.
    """
    return _sample(
        ctx,
        model,
        positive,
        negative,
        latent_image,
        seed=noise_seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        scheduler=scheduler,
        add_noise=add_noise == "enable",
        start_step=start_at_step,
        last_step=end_at_step,
        force_full_denoise=return_with_leftover_noise == "disable",
    )


def _sample(
    ctx: Context,
    model: DiffusionModel,
    positive: list[Cond],
    negative: list[Cond],
    latent: LatentDict,
    **settings: Unpack[Settings],
) -> LatentDict:
    """The latent after sampling, with progress and previews reported to the node's own context."""
    from core.sampling.previews import preview
    from core.sampling.sample import ksampler

    def on_step(index: int, total: int, denoised: Tensor, x: Tensor) -> None:
        del x
        ctx.step(index, total, lambda: preview(denoised, model.latent_format))

    with model.resident(ctx.check_cancelled) as predictor:
        samples = ksampler(
            predictor,
            positive,
            negative,
            **settings,
            latent=latent["samples"],
            noise_mask=latent.get("noise_mask"),
            batch_index=latent.get("batch_index"),
            device=predictor.device,
            on_step=on_step,
            check=ctx.check_cancelled,
        )
    return {**latent, "samples": samples}
