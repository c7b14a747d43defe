"""``python -m w90spin``."""

from w90spin.cli import main

main()
