"""A destination that is reached over HTTP, which is nearly every one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from reverse_etl.account import account_file, uptime
from reverse_etl.auth.credentials import Credentials, Fixed, Replaceable
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget
from reverse_etl.destinations.base import Destination
from reverse_etl.http import HttpClient


class HttpDestination(Destination):
    """One account at one vendor, over HTTP.

    Attributes:
        http: Makes the calls: paced within the connection's rate budget, repeated as far as that is safe.
    """

    def __init__(self, settings: Any, http: HttpClient) -> None:
        super().__init__(settings, http)
        self.http = http

    @classmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return the headers of every call: the API version, and authentication where a lasting key does it."""
        return {}

    @classmethod
    def authenticate(cls, settings: Any) -> Credentials:
        """Return what authenticates every call; a destination whose tokens expire has them renewed here.

        See :mod:`reverse_etl.auth.oauth`. Settings that were replaced during a run are used without its doing.
        """
        return Fixed(cls.headers(settings))

    @classmethod
    def connect(
        cls,
        settings: Any,
        *,
        reload: Callable[[], Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = uptime,
    ) -> Self:
        """Return the destination ready to be called, within the rate budget that the machine has for its account."""
        credentials = Replaceable(cls.authenticate, settings, reload)
        account = account_file(cls.name, settings.base_url, credentials.account)
        http = HttpClient(
            settings.base_url,
            credentials,
            budget=Budget(account, clock=clock, sleep=sleep),
            breaker=Breaker(account, cls.label, clock=clock),
            sleep=sleep,
            clock=clock,
        )
        return cls(settings, http)
