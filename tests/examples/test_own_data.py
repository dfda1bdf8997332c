"""The runner on a handful of rows, and on input that is not there."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Figures = Callable[..., dict[str, Any]]

# number, person, postcode, day, product, status, score
ORDERS = [
    ("c1", "ann", "01310", "2018-08-01", "kettle", "delivered", 1),
    ("c2", "ann", "01310", "2018-08-01", "cups", "delivered", 2),  # the same place and day: linked
    ("c3", "ann", "01310", "2018-09-20", "tea", "delivered", 5),  # nothing ties her third order to her
    ("c4", "bo", "20040", "2018-08-03", "lamp", "delivered", 2),
    ("c5", "bo", "20040", "2018-10-01", "lamp", "delivered", 5),  # the lamp again: linked, and happy by now
    ("c6", "cy", "30110", "2018-08-04", "chair", "canceled", 1),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write = Writer(folder)
    write.table("customers", "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state")
    write.table("orders", "order_id,customer_id,order_status,order_purchase_timestamp")
    write.table("order_items", "order_id,order_item_id,product_id,price")
    write.table("order_payments", "order_id,payment_sequential,payment_type,payment_value")
    write.table("order_reviews", "review_id,order_id,review_score,review_comment_message,review_answer_timestamp")
    for number, person, place, day, product, status, score in ORDERS:
        order = f"o-{number}"
        write.row("customers", number, person, place, "são paulo", "SP")
        write.row("orders", order, number, status, f"{day} 10:00:00")
        write.row("order_items", order, 1, product, "10.00")
        write.row("order_payments", order, 1, "boleto", "12.50")
        write.row("order_reviews", f"r-{number}", order, score, "two\nlines", f"{day} 22:00:00")
    return folder


class Writer:
    """Writes the example's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, header: str) -> None:
        (self.folder / f"olist_{name}_dataset.csv").write_text(header + "\n", encoding="utf-8")

    def row(self, name: str, *values: object) -> None:
        with (self.folder / f"olist_{name}_dataset.csv").open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(values)


def test_weak_evidence_links_what_it_should_and_the_audience_arrives(
    figures: Figures, data: Path, tmp_path: Path
) -> None:
    measured = figures("olist", data, "--home", tmp_path)
    score = measured["score"]

    assert (score["persons_true"], score["persons_found"]) == (3, 4)
    assert (score["pairs_true"], score["pairs_found"], score["pairs_right"]) == (4, 2, 2)
    assert measured["rows"]["olist_order_reviews_dataset.csv"] == 6
    # ann by the two orders that are linked, and cy; bo has changed his mind
    assert measured["segments"]["unhappy_buyers"] == 2
    assert (measured["sync"]["applied"], measured["sync"]["members"]) == (2, 2)


def test_a_missing_file_is_named_before_anything_is_made(run: Run, data: Path, tmp_path: Path) -> None:
    for file in list(data.iterdir())[1:]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    missing = next(iter(data.iterdir())).name
    done = run("olist", tmp_path, "--home", tmp_path / "home")

    assert done.returncode == 2
    assert missing in done.stderr.replace("\n", "")
    assert not (tmp_path / "home").exists()


def test_an_unknown_example_is_answered_with_those_that_exist(run: Run, tmp_path: Path) -> None:
    done = run("amazon", tmp_path)

    assert done.returncode == 2
    assert "complete_journey, olist" in done.stderr
