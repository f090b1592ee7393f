"""kill -9 again and again, of livecue, of its bus and of both, at random moments under load; then the audit.

A short loop belongs to the ordinary run; `make torture` plays 300 rounds. The seed is printed, and played again
with LIVECUE_TORTURE_SEED; LIVECUE_TORTURE_ROUNDS says how many rounds, a third of them with the embedded server.
A seed repeats victims, pauses and events; what the processes make of the moment is theirs.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from acceptance.processes import alive, children_of, until
from torture.arena import ROOMS, Arena
from torture.auditor import Record, breaches

ROUNDS = int(os.environ.get("LIVECUE_TORTURE_ROUNDS", "30"))
SEED = os.environ.get("LIVECUE_TORTURE_SEED") or secrets.token_hex(4)
VICTIMS = ("daemon", "server", "both")
SETTLE_S = float(os.environ.get("LIVECUE_TORTURE_SETTLE_S", "60"))
_OURS = {"embedded-bus-died"}
_IN_FLIGHT = 0.6
"""How often the kill waits for livecue to be ready; else it comes at any moment of its start too."""


class Loop:
    def __init__(self, arena: Arena, dice: random.Random) -> None:
        self.arena = arena
        self.dice = dice
        self.killed: Counter[str] = Counter()

    async def round(self) -> None:
        """One kill at a random moment, and up again."""
        if self.dice.random() < _IN_FLIGHT:
            await self.arena.ready()
        await asyncio.sleep(self.dice.uniform(0, 0.6))
        victim = self.dice.choice(VICTIMS)
        self.killed[victim] += 1
        away_s = self.dice.choice((0, 0, self.dice.uniform(0, 0.5)))
        if victim in {"server", "both"}:
            self.kill_server()
        if victim in {"daemon", "both"}:
            one = self.dice.choice(self.arena.daemons)
            children = one.children()
            one.kill()
            await asyncio.sleep(away_s)
            await until(lambda: not any(map(alive, children)), 10, "the embedded server outlives its daemon")
            if self.arena.server and not self.arena.server.running:
                self.arena.server.up()
            one.up()
        elif self.arena.server:
            await asyncio.sleep(away_s)
            self.arena.server.up()

    def kill_server(self) -> None:
        """The server beside livecue, or livecue's own: that one livecue has to start again."""
        if self.arena.server:
            self.arena.server.kill()
            return
        for daemon in self.arena.daemons:
            assert daemon.child is not None
            for child in children_of(daemon.child.pid):
                os.kill(child, 9)

    async def audit(self) -> list[str]:
        arena = self.arena
        accounts = await arena.accounts()
        rooms = {
            key: accounts.room(key, arena.ids[key], arena.cloud, arena.acknowledged[key]) for key in ROOMS
        }
        errors = [
            str(line) for line in arena.lines() if line["level"] == "error" and line["event"] not in _OURS
        ]
        complaints = [*arena.cloud.complaints, *arena.cloud.gate.violations, *accounts.dead]
        return breaches(Record(rooms, self.killed.total(), complaints, errors))

    async def settled(self) -> list[str]:
        """The breaches that are left when there is nothing more to wait for."""
        deadline = time.monotonic() + SETTLE_S
        while await self.audit():
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.5)  # for what should not come
        return await self.audit()


async def play(folder: Path, rounds: int, *, embedded: bool) -> tuple[str, list[str]]:
    """What happened, in words, and the breaches."""
    seed, began = f"{SEED} {embedded}", time.monotonic()
    arena = Arena(folder, embedded=embedded)
    async with arena.open():
        loop = Loop(arena, random.Random(seed))
        async with arena.viewers(seed):
            for _ in range(rounds):
                await loop.round()
            await arena.ready()
            await asyncio.sleep(1)  # the last life is to have something to do
        played_s = time.monotonic() - began
        found = await loop.settled()
    said = sum(len(arena.cloud.said(one)) for one in arena.ids.values())
    events = sum(map(len, arena.acknowledged.values()))
    what = (
        f"LIVECUE_TORTURE_SEED={SEED}: {rounds} rounds, {dict(loop.killed)}, {events} events, {said} replies, "
        f"{played_s:.0f} s, then {time.monotonic() - began - played_s:.0f} s to the audit"
    )
    if not said:
        found.append("nothing was said: this proves nothing")
    return what, found


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[tuple[str, list[str]]]]]:
    """Both loops at once: most of the time they wait for processes to come up."""
    folder = tmp_path_factory.mktemp("torture")
    with ThreadPoolExecutor(2, "torture") as pool:
        yield {
            where: pool.submit(
                lambda where=where, rounds=rounds: asyncio.run(  # type: ignore[misc]
                    play(folder / where, rounds, embedded=where == "embedded")
                )
            )
            for where, rounds in {"external": ROUNDS - ROUNDS // 3, "embedded": ROUNDS // 3}.items()
        }


@pytest.mark.parametrize("where", ["external", "embedded"])
def test_whatever_is_killed_nothing_vanishes_or_is_said_twice_and_all_adds_up(
    plays: Mapping[str, Future[tuple[str, list[str]]]], where: str
) -> None:
    what, found = plays[where].result()
    print(f"{where}: {what}")  # noqa: T201 - for whoever wants to play it again
    assert found == [], f"{what}\n" + "\n".join(found[:50])
