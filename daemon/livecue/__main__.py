"""`python -m livecue` is `livecue`."""

from livecue.cli import main

main()
