"""`Alerts`: one open alert is a gauge, a line on `/readyz`, and a call to the operator's webhook."""

from __future__ import annotations

from livecue.app.metrics import PrometheusMeter
from livecue.outgoing.alerting import CLOSED, OPENED, AlertHook
from livecue.outgoing.http import Http
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import Now
from livecue.settings import Settings


class AlertBoard:
    """What is open now."""

    def __init__(self, meter: PrometheusMeter, health: HealthBoard) -> None:
        self._meter = meter
        self._health = health
        self._open: dict[tuple[str, AlertKind], str] = {}
        self.hook: AlertHook | None = None

    def connect(self, settings: Settings, http: Http, now: Now) -> None:
        """Tell the configured webhook from now on, if there is one."""
        given = settings.alerts
        if given is None:
            return
        keys = [key.get_secret_value() for key in (given.secret, given.previous_secret) if key]
        self.hook = AlertHook(http, given.url, keys, now, timeout_s=given.timeout_s)

    def open(self, room: str, kind: AlertKind, text: str, job_id: str = "") -> None:
        if (room, kind) in self._open:
            return
        self._open[room, kind] = f"{room}: {text}"
        self._show(room, kind, 1)
        if self.hook is not None:
            self.hook.put(OPENED, room, kind, text, job_id)

    def close(self, room: str, kind: AlertKind) -> None:
        text = self._open.pop((room, kind), None)
        if text is None:
            return
        self._show(room, kind, 0)
        if self.hook is not None:
            self.hook.put(CLOSED, room, kind, text.removeprefix(f"{room}: "))

    def hand_over(self) -> None:
        """Show none any more, and call none closed: whoever has the tenant's lease now opens them again."""
        for room, kind in self._open:
            self._meter.alert(room, kind, 0)
        self._open.clear()
        self._health.forget("lives")

    def _show(self, room: str, kind: AlertKind, now: int) -> None:
        self._meter.alert(room, kind, now)
        self._health.warn("lives", "; ".join(self._open.values()))
