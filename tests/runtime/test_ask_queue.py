from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import Ask, AskKind
from livecue.runtime.ask_queue import AskQueue, Waiting, Width
from runtime.asks import callback, chat

WIDTHS = {AskKind.CALLBACK: Width(2, 3, 5), AskKind.CHAT: Width(1, 2, 2)}
kinds = st.sampled_from([callback, chat])
steps = st.lists(
    st.tuples(st.just("put"), kinds, st.sampled_from("abc"), st.integers(0, 50))
    | st.tuples(st.just("take"), st.integers(0, 60))
    | st.tuples(st.just("back"), st.integers(0, 10)),
    max_size=60,
)


@given(steps)
def test_never_more_at_once_than_allowed_never_early_and_nothing_twice(
    script: list[tuple[object, ...]],
) -> None:
    queue, out, waiting = AskQueue(WIDTHS), list[Ask](), dict[str, int]()
    for number, step in enumerate(script):
        match step:
            case ("put", make, str(room), int(due)):
                ask = make(id=str(number), room=room)  # type: ignore[operator]
                if queue.put(Waiting(ask, due)):
                    waiting[ask.id] = due
            case ("take", int(now)):
                item = queue.take(now)
                if item is None:
                    continue
                assert waiting.pop(item.ask.id) <= now
                out.append(item.ask)
            case ("back", int(which)) if out:
                queue.give_back(out.pop(which % len(out)))
        lanes = Counter((ask.kind, ask.room) for ask in out)
        assert all(n <= WIDTHS[kind].at_once for (kind, _), n in lanes.items())
        assert all(n <= WIDTHS[k].at_once_in_all for k, n in Counter(ask.kind for ask in out).items())
        assert len(queue) == len(waiting)


def test_a_room_whose_shop_hangs_holds_up_neither_its_chats_nor_other_rooms() -> None:
    queue = AskQueue(WIDTHS)
    for number in range(4):
        queue.put(Waiting(callback(id=f"c{number}"), 0))
    queue.put(Waiting(callback(id="other", room="outlet"), 9))
    queue.put(Waiting(chat(id="chat"), 9))
    taken = []
    while item := queue.take(10):
        taken.append(item.ask.id)
    assert set(taken) == {"c0", "c1", "other", "chat"}
    assert queue.next_due() is None


def test_what_is_due_first_goes_first_and_the_next_due_is_known() -> None:
    queue = AskQueue()
    queue.put(Waiting(callback(id="later"), 20))
    queue.put(Waiting(callback(id="sooner"), 10))
    assert queue.take(9) is None
    assert queue.next_due() == 10
    item = queue.take(30)
    assert item is not None
    assert item.ask.id == "sooner"


def test_a_full_room_takes_no_more_and_leaves_the_others_room() -> None:
    queue = AskQueue(WIDTHS)
    assert [queue.put(Waiting(chat(id=str(n)), 0)) for n in range(3)] == [True, True, False]
    assert queue.put(Waiting(chat(id="x", room="outlet"), 0))
    assert queue.put(Waiting(callback(id="y"), 0))
