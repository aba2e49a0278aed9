"""Prompts to embeddings: prompt syntax, tokens, textual inversion, text encoders."""
