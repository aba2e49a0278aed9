"""The window: one module for each dock or dialog; `main_window` puts them together."""
