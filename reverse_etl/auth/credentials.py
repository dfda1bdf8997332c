"""What authenticates the calls to an account, and what is done when the account no longer accepts it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from reverse_etl.errors import ConfigError, DestinationRefused


class Credentials(Protocol):
    """Authenticates calls. Threads share it.

    Attributes:
        account: Tells one account from another and does not change when a token is renewed; only a hash of it is kept.
    """

    account: Mapping[str, str]

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next call.

        Raises:
            DestinationRefused: No token is to be had with these credentials.
            DestinationDown: Who gives out tokens could not be reached.
        """

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Get other headers than those that were refused, and return whether there are any.

        Args:
            refused: What the call was sent with; another thread may have renewed it meanwhile.

        Raises:
            DestinationRefused: No token is to be had with these credentials.
            DestinationDown: Who gives out tokens could not be reached.
        """


class Fixed:
    """The same headers for ever."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.account: Mapping[str, str] = dict(headers)

    def headers(self) -> Mapping[str, str]:
        """Return the headers."""
        return self.account

    def renew(self, refused: Mapping[str, str]) -> bool:
        """There are no others."""
        return False


class Replaceable:
    """Credentials made of settings that somebody may replace while a run is under way.

    The settings are read again when what they held is refused, and never before.

    Args:
        make: Makes credentials of settings.
        settings: The settings at the start.
        reload: Returns the settings as they are now.
    """

    def __init__(
        self, make: Callable[[Any], Credentials], settings: Any, reload: Callable[[], Any] | None = None
    ) -> None:
        self._make = make
        self._reload = reload
        self._settings = settings
        self._lock = threading.Lock()
        self._now = make(settings)
        self.account: Mapping[str, str] = dict(self._now.account)

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next call."""
        now = self._now
        try:
            return now.headers()
        except DestinationRefused:
            if not self._replaced(now):
                raise
        return self._now.headers()

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Renew what can be renewed, else look whether the settings were replaced."""
        now = self._now
        try:
            if now.headers() != refused or now.renew(refused):
                return True
        except DestinationRefused:
            if not self._replaced(now):
                raise
        else:
            if not self._replaced(now):
                return False
        return self._now.headers() != refused

    def _replaced(self, used: Credentials) -> bool:
        """Return whether there are other credentials by now than those that were used."""
        with self._lock:
            if self._now is not used:
                return True
            if self._reload is None:
                return False
            try:
                settings = self._reload()
                if settings == self._settings:
                    return False
                self._now = self._make(settings)
            except ConfigError as error:  # somebody is in the middle of changing it
                raise DestinationRefused(error.what, where=error.where, fix=error.fix) from None
            self._settings = settings
            return True
