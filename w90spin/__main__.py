"""``python -m w90spin``."""

from w90spin.cli import main

if __name__ == "__main__":
    main()
