"""The command line. Commands are thin: they read arguments, call the code, print the result.

Exit codes: 0 fine, 1 the thing checked or run is wrong, 2 usage.
"""

from livecue.cli.main import main

__all__ = ["main"]
