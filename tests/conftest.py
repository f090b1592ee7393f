"""What holds for every test: a machine that is busy with others makes no property false."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("livecue", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("livecue")
