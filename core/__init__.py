"""Darkroom without a window: the document, the engine, the nodes and the models."""
