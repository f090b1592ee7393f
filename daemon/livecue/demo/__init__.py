"""`livecue demo`: the bus, a sandbox of MetaStudio, the daemon and viewers, all on this machine."""

from livecue.demo.run import run_demo

__all__ = ["run_demo"]
