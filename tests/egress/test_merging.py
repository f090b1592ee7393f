"""Thanks that pile up become one."""

from __future__ import annotations

from typing import Any

from livecue.domain import Merge
from livecue.egress.merging import alike, merged_text
from runtime.making import cue


def thanks(
    name: str, *, text: str = "感谢{names}的火箭！", most: int = 3, age_ms: int = 0, **more: Any
) -> Any:
    merge = Merge(text, name, most)
    return cue(
        f"c-{name}-{age_ms}", text=f"感谢{name}的火箭！", merge=merge, age_ms=age_ms, event_type=4, **more
    )


def test_thanks_that_differ_by_name_alone_are_said_as_one_the_oldest_first() -> None:
    a, b, c = thanks("甲", age_ms=300), thanks("乙", age_ms=200), thanks("丙", age_ms=100)
    chosen = alike(c, [a, b, c])
    assert chosen == [a, b, c]
    assert merged_text(chosen) == "感谢甲、乙、丙的火箭！"


def test_at_most_so_many_names_are_said_at_once_and_the_others_wait() -> None:
    cues = [thanks(str(n), age_ms=100 - n) for n in range(5)]
    assert alike(cues[4], cues) == [cues[0], cues[1], cues[4]]


def test_a_text_that_counts_thanks_all_and_names_some() -> None:
    cues = [thanks(str(n), age_ms=100 - n, text="感谢{names}等{count}位的火箭！") for n in range(5)]
    chosen = alike(cues[0], cues)
    assert len(chosen) == 5
    assert merged_text(chosen) == "感谢0、1、2等5位的火箭！"


def test_one_alone_and_one_viewer_twice_say_the_rules_own_text() -> None:
    one, again = thanks("甲"), thanks("甲", age_ms=50)
    assert merged_text([one]) == "感谢甲的火箭！"
    assert alike(one, [one, again]) == [again, one]
    assert merged_text([again, one]) == "感谢甲的火箭！"


def test_other_gifts_other_lives_and_other_rules_stay_apart() -> None:
    one = thanks("甲")
    others = [
        thanks("乙", text="感谢{names}的玫瑰！"),
        thanks("丙", job_id="job-0"),
        thanks("丁", rule_index="other"),
        thanks("戊", play_type="APPEND"),
        cue("plain"),
    ]
    assert alike(one, [one, *others]) == [one]
    assert alike(others[-1], [one, *others]) == [others[-1]]
