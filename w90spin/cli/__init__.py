"""Arguments in, calls out."""

from w90spin.cli.app import main

__all__ = ["main"]
