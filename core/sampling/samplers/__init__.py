"""Every sampler by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from core.sampling.names import SAMPLERS
from core.sampling.samplers.common import GuidedDenoiser, Sampler, Sampling
from core.sampling.samplers.dpm_solver import dpm_adaptive, dpm_fast
from core.sampling.samplers.dpmpp import (
    dpmpp_2m,
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral,
    dpmpp_2s_ancestral_cfg_pp,
)
from core.sampling.samplers.euler import dpm_2, euler, euler_cfg_pp, heun, heunpp2
from core.sampling.samplers.exponential import er_sde, sa_solver, seeds_2, seeds_3
from core.sampling.samplers.multistep import (
    deis,
    gradient_estimation,
    gradient_estimation_cfg_pp,
    ipndm,
    ipndm_v,
    lms,
    res_multistep,
    res_multistep_cfg_pp,
)
from core.sampling.samplers.renoise import ddpm, lcm
from core.sampling.samplers.sde import dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde
from core.sampling.samplers.uni_pc import uni_pc

__all__ = ["GuidedDenoiser", "Sampler", "Sampling", "sampler_named"]

_BY_NAME: Mapping[str, Sampler] = {
    "euler": euler,
    "euler_cfg_pp": euler_cfg_pp,
    "euler_ancestral": partial(euler, eta=1.0),
    "euler_ancestral_cfg_pp": partial(euler_cfg_pp, eta=1.0),
    "heun": heun,
    "heunpp2": heunpp2,
    "dpm_2": dpm_2,
    "dpm_2_ancestral": partial(dpm_2, eta=1.0),
    "lms": lms,
    "dpm_fast": dpm_fast,
    "dpm_adaptive": dpm_adaptive,
    "dpmpp_2s_ancestral": dpmpp_2s_ancestral,
    "dpmpp_2s_ancestral_cfg_pp": dpmpp_2s_ancestral_cfg_pp,
    "dpmpp_sde": dpmpp_sde,
    "dpmpp_sde_gpu": partial(dpmpp_sde, on_device=True),
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_cfg_pp": dpmpp_2m_cfg_pp,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "dpmpp_2m_sde_gpu": partial(dpmpp_2m_sde, on_device=True),
    "dpmpp_2m_sde_heun": partial(dpmpp_2m_sde, solver="heun"),
    "dpmpp_2m_sde_heun_gpu": partial(dpmpp_2m_sde, solver="heun", on_device=True),
    "dpmpp_3m_sde": dpmpp_3m_sde,
    "dpmpp_3m_sde_gpu": partial(dpmpp_3m_sde, on_device=True),
    "ddpm": ddpm,
    "lcm": lcm,
    "ipndm": ipndm,
    "ipndm_v": ipndm_v,
    "deis": deis,
    "res_multistep": res_multistep,
    "res_multistep_cfg_pp": res_multistep_cfg_pp,
    "res_multistep_ancestral": partial(res_multistep, eta=1.0),
    "res_multistep_ancestral_cfg_pp": partial(res_multistep_cfg_pp, eta=1.0),
    "gradient_estimation": gradient_estimation,
    "gradient_estimation_cfg_pp": gradient_estimation_cfg_pp,
    "er_sde": er_sde,
    "seeds_2": seeds_2,
    "seeds_3": seeds_3,
    "sa_solver": sa_solver,
    "sa_solver_pece": partial(sa_solver, pece=True),
    "ddim": euler,
    "uni_pc": uni_pc,
    "uni_pc_bh2": partial(uni_pc, variant="bh2"),
}


def sampler_named(name: str) -> Sampler:
    """The sampler of that name.

    Raises:
        ValueError: No such sampler.
    """
    if name not in _BY_NAME:
        raise ValueError(f"unknown sampler {name!r}; known are {', '.join(SAMPLERS)}")
    return _BY_NAME[name]
