"""A destination that is reached over HTTP, which is nearly every one."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

from reverse_etl.account import account_file, uptime
from reverse_etl.breaker import Breaker
from reverse_etl.budget import Budget
from reverse_etl.credentials import Credentials, Keys
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
    @abstractmethod
    def headers(cls, settings: Any) -> dict[str, str]:
        """Return the headers of every call: authentication with a lasting key, and the API version."""

    @classmethod
    def credentials(cls, settings: Any, reload: Callable[[], Any] | None = None) -> Credentials:
        """Return what authenticates every call; a destination whose tokens expire renews them here.

        Args:
            settings: An instance of ``settings_class``.
            reload: Returns the settings as they are now: a key that was replaced in the middle of a run is used.
        """
        return Keys(cls.headers, settings, reload)

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
        credentials = cls.credentials(settings, reload)
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
