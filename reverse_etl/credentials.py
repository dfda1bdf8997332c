"""What authenticates the calls to an account, and what is done when the account no longer accepts it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol


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


class Keys:
    """Lasting keys, such as an API key, that somebody may replace while a run is under way.

    Args:
        headers: Makes headers of settings.
        settings: The settings at the start.
        reload: Returns the settings as they are now.
    """

    def __init__(
        self, headers: Callable[[Any], Mapping[str, str]], settings: Any, reload: Callable[[], Any] | None = None
    ) -> None:
        self._make = headers
        self._reload = reload
        self._lock = threading.Lock()
        self._now = dict(headers(settings))
        self.account: Mapping[str, str] = self._now

    def headers(self) -> Mapping[str, str]:
        """Return the headers as of the last look."""
        return self._now

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Look whether the key was replaced."""
        with self._lock:
            if self._now == refused and self._reload is not None:
                self._now = dict(self._make(self._reload()))
            return self._now != refused
