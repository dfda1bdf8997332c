"""One run of the sync by weft, in a process of its own: ``python -m benchmarks.peer.weft_run FILE CONNECTIONS``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from reverse_etl.connections import load_connections
from reverse_etl.definitions import SyncDefinition
from reverse_etl.destinations.base import Mode
from reverse_etl.engine import run_sync
from warehouse.base import Relation
from warehouse.duck import DuckWarehouse

_AS_OF = datetime.fromisoformat("2026-07-02")  # UTC without a zone, as the warehouse keeps it


def main() -> None:
    """Run the sync."""
    path, connections = sys.argv[1:]
    with DuckWarehouse(path, "weft", {"TimeZone": "UTC"}) as warehouse:
        warehouse.execute(
            "create or replace view main.feed as select profile_id, email, firstname, lastname, city from main.contacts"
        )
        sync = SyncDefinition(
            name="peer",
            label="HubSpot contacts",
            feed=Relation("main", "feed"),
            connection="hubspot",
            destination="hubspot",
            object="contact",
            mode=Mode.UPSERT,
            key="email",
        )
        report = run_sync(warehouse, sync, load_connections(Path(connections)), _AS_OF)
    print(report.to_dict())


if __name__ == "__main__":
    main()
