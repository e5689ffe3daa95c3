"""`python -m imagefeed`: the command line."""

from imagefeed.cli import main

if __name__ == "__main__":
    main()
