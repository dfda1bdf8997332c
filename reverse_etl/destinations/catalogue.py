"""What every destination declares, as plain data: for ``weft destinations`` and for the page in docs/."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from reverse_etl.destinations.base import Destination, Limits, NullPolicy, ObjectSpec
from reverse_etl.rows import Op

NOTICE = timedelta(days=90)  #: how long before an API version ends it is pointed out


def summary(destination: type[Destination], today: date) -> dict[str, Any]:
    """Return one destination in a few words.

    Args:
        destination: The destination.
        today: The day from which the rest of its API version's life is counted.
    """
    ends = destination.api_version_ends
    return {
        "destination": destination.name,
        "label": destination.label,
        "family": str(destination.family),
        "objects": sorted(destination.objects),
        "api_version": destination.api_version,
        "api_version_ends": ends,
        "days_left": (ends - today).days if ends else None,
    }


def details(destination: type[Destination], today: date) -> dict[str, Any]:
    """Return everything that a destination declares."""
    return summary(destination, today) | {
        "settings": [_setting(name, field) for name, field in destination.settings_class.model_fields.items()],
        "objects": {name: thing(spec) for name, spec in sorted(destination.objects.items())},
        "codes": [
            {"code": code, "outcome": str(meaning.outcome), "reason": meaning.reason}
            for code, meaning in destination.codes.items()
        ],
        "documentation": [page._asdict() for page in destination.documentation],
    }


def thing(spec: ObjectSpec) -> dict[str, Any]:
    """Return what one kind of object in a destination can do."""
    return {
        "modes": sorted(spec.modes),
        "keys": sorted(spec.keys),
        "needs_target": spec.needs_target,
        "columns": sorted(spec.columns),
        "custom_columns": spec.custom_columns,
        "required": sorted(spec.required),
        "refused_columns": sorted(spec.refused_columns),
        "hashed_columns": sorted(spec.hashed_columns),
        "matched_by": list(spec.matched_by),
        "limits": {str(op): _limits(spec.limits[op]) for op in Op if op in spec.limits},
        "concurrency": spec.concurrency,
        "row_errors": str(spec.row_errors),
        "asynchronous": spec.asynchronous,
        "idempotent": spec.idempotent,
        "removal": spec.removal,
        "removal_empties": spec.removal_empties,
        "nulls": [str(policy) for policy in NullPolicy if policy in spec.nulls],
        "sends_changes": spec.sends_changes,
        "merges": spec.merges,
        "lists_members": spec.lists_members,
        "counts": spec.counts,
        "billed_per_attribute": spec.billed_per_attribute,
        "finishes": spec.finishes,
    }


def _limits(limits: Limits) -> dict[str, Any]:
    """The ceiling is arithmetic: rows of a call times calls a second."""
    return {
        "rows": limits.rows,
        "bytes": limits.bytes,
        "calls_per_second": limits.calls_per_second,
        "burst": limits.burst,
        "ceiling_rows_per_second": round(limits.rows * limits.calls_per_second, 1),
    }


def _setting(name: str, field: FieldInfo) -> Mapping[str, Any]:
    secret = field.annotation is SecretStr or SecretStr in getattr(field.annotation, "__args__", ())
    default = None if field.is_required() or secret else field.get_default(call_default_factory=True)
    return {"name": name, "required": field.is_required(), "secret": secret, "default": default}
