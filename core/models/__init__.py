"""Files to networks: what a checkpoint is, its text encoders, denoiser and VAE, and where their weights are.

Submodules import torch; nothing is imported from here.
"""
