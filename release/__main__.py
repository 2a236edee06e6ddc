"""`python -m release` is the command `release`."""

from release.cli import main

if __name__ == "__main__":
    main()
