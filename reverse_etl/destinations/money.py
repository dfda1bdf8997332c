"""Amounts as feeds spell them."""

from __future__ import annotations

from typing import Any


def number(value: Any) -> Any:
    """Return a number that may have come as text; what is none stays what it is, for the vendor to refuse."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def currency(value: Any) -> str:
    """Return a currency's code as ISO 4217 writes it."""
    return str(value).strip().upper()
