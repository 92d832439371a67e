"""The monolith of extract-endpoint: what its clients rely on, the feed that follows it, and the inbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from scripts import record_traffic

LINE = {"item": "ITEM-001", "quantity": 1, "unit_cents": 250}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with record_traffic.monolith() as app:
        yield app.test_client()


def made(client: FlaskClient, account: str = "A-1001", **body: Any) -> dict[str, Any]:
    answer = client.post(f"/accounts/{account}/invoices", json={"lines": [LINE], **body})
    assert answer.status_code == 201
    told: Any = answer.json
    return dict(told)


def stepped(client: FlaskClient, invoice: dict[str, Any], step: str) -> Any:
    return client.post(f"/accounts/{invoice['account']}/invoices/{invoice['id']}/{step}")


def end(client: FlaskClient) -> int:
    told: Any = client.get("/internal/changes?limit=0").json
    return int(told["end"])


def event(invoice: dict[str, Any], name: str = "e-1", **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/invoicing",
        "type": f"invoice.{invoice['status']}.v1",
        "subject": invoice["id"],
        "sequence": str(invoice["version"]),
        "data": invoice,
        **attributes,
    }


def tell(client: FlaskClient, told: dict[str, Any]) -> Any:
    return client.post("/internal/events", data=json.dumps(told), content_type="application/cloudevents+json")


def test_the_recorded_day_is_what_comes_out_today():
    assert record_traffic.TRAFFIC.read_text() == record_traffic.recorded(), "run: python -m scripts.record_traffic"


@pytest.mark.parametrize(
    ("quantity", "unit", "discount", "amount"),
    [(0.5, 5, 0, 2), (1.5, 5, 0, 8), (0.5, 25, 0, 12), (0.333, 1005, 0, 335), (1, 99, 50, 50), (1, 105, 50, 52)],
)
def test_lines_are_rounded_to_the_even_neighbour(client, quantity, unit, discount, amount):
    line = {"item": "ITEM-001", "quantity": quantity, "unit_cents": unit, "discount_percent": discount}
    assert made(client, lines=[line])["lines"][0]["amount_cents"] == amount


def test_the_fee_is_rounded_up_once_on_the_sum(client):
    lines = [{"item": "A", "quantity": 1, "unit_cents": 10}] * 2  # 2.5 % of 20 is 0.5; of each line 0.25
    told = made(client, lines=lines)
    assert (told["net_cents"], told["fee_cents"], told["total_cents"]) == (20, 1, 21)


def test_who_is_exempt_has_no_fee_and_who_pays_none_has_one_of_zero(client):
    assert "fee_cents" not in made(client, "A-1004")
    assert made(client, "A-1003")["fee_cents"] == 0


def test_a_memo_is_absent_null_or_text(client):
    assert "memo" not in made(client)
    assert made(client, memo=None)["memo"] is None
    assert made(client, memo="  ")["memo"] is None
    assert made(client, memo=" by hand ")["memo"] == "by hand"
    assert len(made(client, memo="x" * 300)["memo"]) == 236


def test_what_was_never_issued_has_no_settled_at_and_what_is_issued_has_null(client):
    draft = made(client)
    assert {"number", "issued_at", "due_on", "settled_at"}.isdisjoint(draft)
    issued = stepped(client, draft, "issue").json
    assert issued["settled_at"] is None
    assert issued["due_on"] == "2026-03-16"


def test_numbers_of_an_account_have_no_gaps(client):
    numbers = [stepped(client, made(client, "A-1005"), "issue").json["number"] for _ in range(3)]
    first = int(numbers[0].removeprefix("A-1005/"))
    assert numbers == [f"A-1005/{first + at:04}" for at in range(3)]


def test_drafts_come_first_then_numbers_from_the_highest(client):
    one, two, three = (made(client, "A-1006") for _ in range(3))
    stepped(client, one, "issue")
    stepped(client, two, "void")
    listed = client.get("/accounts/A-1006/invoices?limit=188").json["invoices"]
    drafts = [each["id"] for each in listed if each["status"] == "draft"]
    assert [each["id"] for each in listed[: len(drafts)]] == drafts
    assert drafts[0] == three["id"]
    numbers = [each["number"] for each in listed if "number" in each]
    assert numbers == sorted(numbers, reverse=True)
    numberless = [each for each in listed if each["status"] == "voided" and "number" not in each]
    assert listed[-len(numberless) :] == numberless


@pytest.mark.parametrize("query", ["limit=0", "limit=all", "limit=", "page=0", "page=x"])
def test_what_is_no_page_counts_as_not_said(client, query):
    usual = client.get("/accounts/A-1007/invoices")
    odd = client.get(f"/accounts/A-1007/invoices?{query}")
    assert odd.json == usual.json
    assert usual.headers["X-Total-Count"] == str(usual.json["total_count"])


def test_a_repeated_key_is_answered_200_with_the_invoice_as_it_is_now(client):
    path, headers = "/accounts/A-1001/invoices", {"Idempotency-Key": "k"}
    first = client.post(path, json={"lines": [LINE]}, headers=headers)
    stepped(client, first.json, "issue")
    again = client.post(path, json={"lines": []}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json["id"], again.json["status"]) == (first.json["id"], "issued")
    other = client.post("/accounts/A-1002/invoices", json={"lines": [LINE]}, headers=headers)
    assert other.status_code == 201


def test_an_unknown_account_is_404_to_writers_an_empty_list_to_readers_and_a_closed_one_is_410(client):
    assert client.post("/accounts/A-1/invoices", json={"lines": [LINE]}).status_code == 404
    assert client.get("/accounts/A-1/invoices").json == {"invoices": [], "total_count": 0}
    assert client.post("/accounts/A-1012/invoices", json={"lines": [LINE]}).status_code == 410


def test_ends_may_be_reached_twice_and_not_one_after_the_other(client):
    invoice = made(client)
    assert stepped(client, invoice, "settle").status_code == 409
    stepped(client, invoice, "issue")
    assert stepped(client, invoice, "issue").status_code == 409
    settled = stepped(client, invoice, "settle")
    assert stepped(client, invoice, "settle").json == settled.json
    assert stepped(client, invoice, "void").status_code == 409


def test_a_new_account_appears_with_its_figures(client):
    told = {"account": "N-7", "name": "New", "fee_percent": 2.5, "terms_days": 10}
    assert client.post("/accounts", json=told).status_code == 201
    assert client.post("/accounts", json=told).status_code == 409
    invoice = made(client, "N-7")
    stepped(client, invoice, "issue")
    assert client.get("/accounts/N-7").json["open_cents"] == invoice["total_cents"]
    assert client.get("/internal/accounts/N-7").json == {
        "account": "N-7",
        "state": "open",
        "fee_percent": 2.5,
        "terms_days": 10,
    }


def test_the_feed_tells_every_change_in_its_sequence_up_to_its_end(client):
    before = end(client)
    stepped(client, made(client), "issue")
    page = client.get(f"/internal/changes?after={before}&limit=1").json
    assert (page["changes"][0]["seq"], page["end"]) == (before + 1, before + 2)
    rest = client.get(f"/internal/changes?after={before}").json["changes"]
    assert [change["invoice"]["status"] for change in rest] == ["draft", "issued"]
    assert rest[0]["invoice"]["request_key"] is None


def test_the_whole_feed_ends_in_what_the_api_tells(client):
    last: dict[str, dict[str, Any]] = {}
    after = 0
    while changes := client.get(f"/internal/changes?after={after}&limit=100").json["changes"]:
        last |= {change["invoice"]["id"]: change["invoice"] for change in changes}
        after = changes[-1]["seq"]
    assert len(last) == 320
    for told in list(last.values())[:60]:
        read = client.get(f"/accounts/{told['account']}/invoices/{told['id']}").json
        assert read | {"request_key": told["request_key"]} == told


def test_an_event_is_applied_once_and_not_fed_back(client):
    invoice = {**made(client), "id": "told-elsewhere", "request_key": "till-1"}
    before = end(client)
    assert tell(client, event(invoice)).json == {"applied": True}
    assert tell(client, event(invoice)).json == {"applied": False}
    del invoice["request_key"]
    assert client.get("/accounts/A-1001/invoices/told-elsewhere").json == invoice
    assert end(client) == before
    retried = client.post("/accounts/A-1001/invoices", json={"lines": []}, headers={"Idempotency-Key": "till-1"})
    assert retried.json["id"] == "told-elsewhere"


def test_events_of_an_invoice_are_applied_in_their_sequence(client):
    first = {**made(client), "id": "told"}
    third = {**first, "version": 3}
    assert tell(client, event(third, "e-3")).status_code == 409
    assert tell(client, event(first, "e-1")).json == {"applied": True}
    assert tell(client, event({**first, "version": 2}, "e-2")).json == {"applied": True}
    assert tell(client, event(third, "e-3")).json == {"applied": True}
    assert tell(client, event(first, "e-1 again")).json == {"applied": False}


def test_an_event_in_binary_mode_is_the_same(client):
    invoice = {**made(client), "id": "told"}
    headers = {f"ce-{name}": value for name, value in event(invoice).items() if name != "data"}
    answer = client.post("/internal/events", json=invoice, headers=headers)
    assert answer.json == {"applied": True}


@pytest.mark.parametrize(
    "change",
    [{"specversion": "0.3"}, {"id": ""}, {"sequence": "2"}, {"sequence": "one"}, {"data": {}}, {"data": None}],
    ids=str,
)
def test_what_is_no_event_of_ours_is_refused(client, change):
    assert tell(client, event({**made(client), "id": "told"}) | change).status_code == 400
