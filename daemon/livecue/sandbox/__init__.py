"""MetaStudio on a laptop: a simulator of its API and a generator of viewers' traffic.

An independent reading of the API, written from its documents and from nothing else in livecue, so
that a misunderstanding in the client cannot hide in its twin. The rules of time (limits, speech,
voice, jobs, signatures) are pure and take the time as an argument; I/O is in `server`, `http`,
`callbacks`, `misbehave`, `watch` and `command` alone.
"""

from __future__ import annotations

from livecue.sandbox.errors import ApiError
from livecue.sandbox.faultfile import FaultsError
from livecue.sandbox.faultfile import parse as parse_faults
from livecue.sandbox.options import SandboxOptions
from livecue.sandbox.server import Sandbox
from livecue.sandbox.traffic import Traffic

__all__ = ["ApiError", "FaultsError", "Sandbox", "SandboxOptions", "Traffic", "parse_faults"]
