"""Runs prompt graphs: checks them, decides what is known already, calls the rest in order."""
