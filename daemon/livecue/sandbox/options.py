"""What a sandbox is told at its start; frozen, checked, with units in the names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from livecue.sandbox.limits import OPERATIONS, REGIONS


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """How a sandbox behaves.

    `limits` overrides the documented calls per second by operation (`limits.OPERATIONS`); 0 means no
    limit, and the key `*` stands for every operation not named beside it.
    `start_delay_s` is how long a job stays WAITING. `script_speedup` hurries the preset script alone:
    what is inserted is always spoken at 250 characters a minute.
    `project_id`, `ak` and `sk` are drawn at random where they are None, from `seed` if there is one.
    `any_room` creates a room the moment a job is started in it.
    A report URL lives for `report_key_ttl_s` and can be refreshed for `report_key_grace_s` more.
    `keep` bounds every list a sandbox remembers.
    Without `enforce_single_job` a second start is taken whatever `single_job_in_room` says.
    """

    port: int = 0
    region: str = "cn-north-4"
    limits: Mapping[str, int] = field(default_factory=dict)
    start_delay_s: float = 1.0
    script_speedup: float = 1.0
    project_id: str | None = None
    ak: str | None = None
    sk: str | None = None
    room_ids: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    seed: int | None = None
    any_room: bool = False
    report_key_ttl_s: float = 86_400.0
    report_key_grace_s: float = 86_400.0
    keep: int = 20_000
    enforce_single_job: bool = True

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region: {self.region!r} is unknown; use one of {', '.join(REGIONS)}")
        for operation, limit in self.limits.items():
            if operation != "*" and operation not in OPERATIONS:
                raise ValueError(f"limits: {operation!r} is unknown; use * or one of {', '.join(OPERATIONS)}")
            if limit < 0:
                raise ValueError(f"limits: {operation} is {limit}; use 0 (no limit) or more, per second")
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"port: {self.port} is out of range; use 0 (any free port) to 65535")
        if self.start_delay_s < 0:
            raise ValueError(f"start_delay_s: {self.start_delay_s} is negative")
        if self.script_speedup <= 0:
            raise ValueError(f"script_speedup: {self.script_speedup} must be above 0")
        if self.keep < 1:
            raise ValueError(f"keep: {self.keep} must be at least 1")


@dataclass(frozen=True)
class Identity:
    """Who the one tenant of a sandbox is. `sk` also is the password of its IAM user."""

    project_id: str
    ak: str
    sk: str = field(repr=False)
    report_secret: str = field(repr=False)

    @classmethod
    def of(cls, options: SandboxOptions) -> Identity:
        """The identity `options` ask for, random where they ask for nothing."""

        def draw(name: str, length: int) -> str:
            if options.seed is None:
                return secrets.token_hex(length // 2)
            return hashlib.sha256(f"{options.seed} {name}".encode()).hexdigest()[:length]

        return cls(
            project_id=options.project_id or draw("project_id", 32),
            ak=options.ak or draw("ak", 20).upper(),
            sk=options.sk or draw("sk", 40),
            report_secret=draw("report_secret", 32),
        )
