"""The command line. Commands are thin: they read arguments, call the code, print the result."""


def main() -> None:
    raise SystemExit(2)
