"""Which cue goes next."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.domain import Cue, CueKind
from livecue.egress.cue_queue import MOMENT_MS, CueQueue, Waiting
from runtime.making import T0, cue


def anyone(_: Cue) -> bool:
    return True


def only(*rooms: str) -> Any:
    return lambda cue: cue.room in rooms


def filled(*cues: Cue, **how: Any) -> CueQueue:
    queue = CueQueue(**how)
    for one in cues:
        assert queue.put(Waiting(one)) is None
    return queue


def drained(queue: CueQueue) -> list[str]:
    found = []
    while (taken := queue.take(anyone)) is not None:
        found.append(taken.cue.id)
    return found


def gift(cue_id: str, room: str = "a", **more: Any) -> Cue:
    return cue(cue_id, room, event_type=4, **more)


def layer(cue_id: str, room: str = "a") -> Cue:
    one = cue(cue_id, room)
    return Cue(**{**{name: getattr(one, name) for name in one.__struct_fields__}, "kind": CueKind.SHOW_LAYER})


def test_gifts_go_before_replies_before_layers_whatever_their_rules_priority() -> None:
    queue = filled(layer("layer"), cue("reply", priority=1), gift("gift", priority=999))
    assert drained(queue) == ["gift", "reply", "layer"]


def test_this_holds_between_rooms_too() -> None:
    queue = filled(layer("layer", "c"), cue("reply", "b"), gift("gift", "a"))
    assert drained(queue) == ["gift", "reply", "layer"]


def test_then_the_lower_priority_number_goes_first_then_the_fresher_event() -> None:
    queue = filled(cue("old", age_ms=9_000), cue("urgent", priority=1, age_ms=9_500), cue("fresh"))
    assert drained(queue) == ["urgent", "fresh", "old"]


def test_replies_to_one_moment_keep_the_order_of_their_events() -> None:
    first, then = cue("first", age_ms=MOMENT_MS - 1), cue("then", age_ms=1)
    assert drained(filled(then, cue("last"), first)) == ["first", "then", "last"]
    assert drained(filled(*(cue(f"same{n}") for n in range(4)))) == [f"same{n}" for n in range(4)]


def test_a_layer_does_not_wait_for_a_reply_that_waits_for_the_air() -> None:
    queue = filled(cue("reply"), layer("layer"))
    taken = queue.take(lambda one: one.kind is CueKind.SHOW_LAYER)
    assert taken is not None
    assert taken.cue.id == "layer"


def test_a_flooded_room_gets_no_more_turns_than_the_others() -> None:
    queue = filled(*(cue(f"flood{n}", "a") for n in range(100)), *(cue(f"b{n}", "b") for n in range(5)))
    assert Counter(one[0] for one in drained(queue)[:10]) == {"f": 5, "b": 5}


def test_turns_are_dealt_by_weight() -> None:
    cues = [cue(f"{room}{n}", room) for room in "ab" for n in range(80)]
    queue = filled(*cues, weights={"a": 3})
    assert Counter(one[0] for one in drained(queue)[:80])["a"] in {59, 60, 61}


def test_of_the_rooms_whose_turn_it_is_the_one_with_the_freshest_event_goes_first() -> None:
    queue = filled(cue("stale", "a", age_ms=9_000), cue("fresh", "b"), cue("middle", "c", age_ms=5_000))
    assert drained(queue) == ["fresh", "middle", "stale"]


def test_of_the_gifts_of_several_rooms_the_one_that_has_waited_longest_goes_first() -> None:
    ages = {"a": 100, "b": 4_900, "c": 2_500}
    queue = filled(*(gift(room, room, age_ms=age) for room, age in ages.items()))
    assert drained(queue) == ["b", "c", "a"]


def test_gifts_that_pile_up_for_seconds_go_the_fresher_first() -> None:
    queue = filled(*(gift(f"{n}", f"room{n}", age_ms=n * 3_000) for n in range(4)))
    assert drained(queue) == ["1", "0", "3", "2"]


def test_a_flood_of_gifts_jumps_the_turns_of_others_a_few_times_and_no_more() -> None:
    queue = filled(*(gift(f"g{n}", "a") for n in range(60)), *(cue(f"b{n}", "b") for n in range(20)))
    order = drained(queue)
    jumped = next(at for at, one in enumerate(order) if one[0] == "b")
    assert 4 <= jumped <= 10
    assert Counter(one[0] for one in order[jumped : jumped + 20])["b"] >= 9


def test_a_room_that_could_not_speak_for_long_does_not_take_all_turns_afterwards() -> None:
    queue = filled(*(cue(f"{room}{n}", room) for room in "ab" for n in range(60)))
    for _ in range(40):
        queue.take(only("b"))
    order = drained(queue)
    assert "b" in {one[0] for one in order[:5]}


def test_a_room_that_had_nothing_to_say_for_long_does_not_take_all_turns_afterwards() -> None:
    queue = filled(*(cue(f"b{n}", "b") for n in range(90)))
    queue.put(Waiting(cue("a0", "a")))
    for _ in range(40):
        queue.take(anyone)
    for n in range(1, 40):
        queue.put(Waiting(cue(f"a{n}", "a")))
    assert Counter(one[0] for one in drained(queue)[:12])["b"] >= 4


def test_a_room_that_is_not_ready_is_passed_over() -> None:
    queue = filled(cue("a0", "a"), cue("b0", "b"))
    taken = queue.take(only("b"))
    assert taken is not None
    assert taken.cue.id == "b0"
    assert queue.take(only("b")) is None
    assert len(queue) == 1


def test_what_is_too_late_is_taken_out_at_its_very_millisecond() -> None:
    queue = filled(cue("soon", expires_ms=T0 + 10), cue("later", "b", expires_ms=T0 + 20))
    assert queue.expire(T0 + 9) == []
    assert [one.cue.id for one in queue.expire(T0 + 10)] == ["soon"]
    assert drained(queue) == ["later"]
    assert queue.expire(T0 + 99) == []


def test_a_full_room_gives_up_its_least_urgent_cue_and_no_other_rooms() -> None:
    queue = filled(cue("b0", "b", priority=999), cue("slow", priority=900), cue("normal"), per_room=2)
    gone = queue.put(Waiting(cue("urgent", priority=1)))
    assert gone is not None
    assert gone.cue.id == "slow"
    assert sorted(drained(queue)) == ["b0", "normal", "urgent"]


def test_among_equals_a_full_room_gives_up_the_oldest_because_it_is_late_first() -> None:
    queue = filled(*(cue(f"c{number}", age_ms=-number) for number in range(2)), per_room=2)
    gone = queue.put(Waiting(cue("fresh", age_ms=-9)))
    assert gone is not None
    assert gone.cue.id == "c0"


def test_a_rooms_cues_can_be_taken_out_by_name_and_with_another() -> None:
    queue = filled(cue("a1"), cue("a2"), cue("b1", "b"))
    assert [one.cue.id for one in queue.drop("a", lambda one: one.id == "a1")] == ["a1"]
    assert [one.cue.id for one in queue.take_also([cue("a2"), cue("b1", "b")])] == ["a2", "b1"]
    assert len(queue) == 0
    assert queue.expire(T0 + 10**6) == []


def test_a_cue_that_comes_back_keeps_its_place_and_expires_once() -> None:
    queue = filled(cue("first"), cue("second"))
    taken = queue.take(anyone)
    assert taken is not None
    queue.put(taken)
    assert len(queue) == 2
    again = queue.take(anyone)
    assert again is taken
    queue.put(taken)
    assert [one.cue.id for one in queue.expire(T0 + 15_000)] == ["first", "second"]


def test_a_flood_that_overflows_leaves_nothing_behind() -> None:
    queue = CueQueue(per_room=10)
    for n in range(20_000):
        queue.put(Waiting(cue(f"c{n}", expires_ms=T0 + 90_000)))
    assert len(queue) == 10
    assert len(queue._expiries) < 3_000


@given(st.integers(2, 12), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_rooms_that_always_have_something_to_say_get_shares_like_their_weights(rooms: int, seed: int) -> None:
    chance = random.Random(seed)
    weights = {f"r{n}": chance.choice([0.5, 1, 2, 4]) for n in range(rooms)}
    queue = CueQueue(weights)
    at = 0
    served: Counter[str] = Counter()
    for turn in range(60 * rooms):
        for room in weights:
            while len(queue.waiting(room)) < 3:
                at += 1
                kind = 4 if chance.random() < 0.2 else 1
                queue.put(Waiting(cue(f"c{at}", room, age_ms=-turn, event_type=kind, expires_ms=T0 + 10**9)))
        taken = queue.take(anyone)
        assert taken is not None
        served[taken.cue.room] += 1
    shares = [served[room] / weight for room, weight in weights.items()]
    assert sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)) > 0.8
