"""Bloch states of a model at a batch of k points and their matrices."""
