"""Sigmas, samplers, noise, guidance and previews: functions of (denoiser, x, sigmas).

Nothing here knows a node, a file or an architecture. `names` holds the names alone and does not import torch.
"""
