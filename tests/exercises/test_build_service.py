"""The reference of build-service does what the contract says."""

from __future__ import annotations

import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

TEA = {"sku": "TEA-1", "quantity": 2}
CLOSING = """
import http.server, os

class Inventory(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, b"{}")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, b'{"reservation_id": "r-1"}')

    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Inventory).serve_forever()
"""
"""An inventory of HTTP/1.0, that says the end of an answer by closing the connection."""


@pytest.fixture
def key():
    return str(uuid.uuid4())


def test_an_order_is_made_read_listed_and_cancelled(orders, key):
    made = orders.create(key, TEA)
    assert made.status_code == 201
    assert made.json() | TEA == made.json()
    assert (made.json()["note"], made.json()["status"]) == (None, "confirmed")
    place = made.headers["Location"]
    read = orders.send("GET", place)
    assert (read.json(), read.headers["ETag"]) == (made.json(), made.headers["ETag"])
    assert made.json() in orders.send("GET", "/v1/orders").json()["items"]
    cancelled = orders.send("POST", f"{place}/cancel", headers={"If-Match": read.headers["ETag"]})
    assert cancelled.json() == {**made.json(), "status": "cancelled"}
    assert cancelled.headers["ETag"] != read.headers["ETag"]


def test_who_has_the_current_state_is_not_sent_it_again(orders, key):
    made = orders.create(key, TEA)
    again = orders.send("GET", made.headers["Location"], headers={"If-None-Match": made.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_only_the_current_state_can_be_cancelled_and_only_once(orders, key):
    made = orders.create(key, TEA)
    cancel = made.headers["Location"] + "/cancel"
    assert orders.send("POST", cancel).status_code == 428
    assert orders.send("POST", cancel, headers={"If-Match": '"another"'}).status_code == 412
    assert orders.send("POST", cancel, headers={"If-Match": made.headers["ETag"]}).status_code == 200
    assert orders.send("POST", cancel, headers={"If-Match": made.headers["ETag"]}).status_code == 412
    assert orders.send("POST", cancel, headers={"If-Match": "*"}).status_code == 409


def test_a_retry_gets_the_first_answer_even_after_the_order_was_cancelled(orders, key):
    first = orders.create(key, TEA)
    orders.send("POST", first.headers["Location"] + "/cancel", headers={"If-Match": "*"})
    retry = orders.create(key, {"quantity": 2.0, "sku": "TEA-1", "note": None})
    assert (retry.status_code, retry.json()) == (201, first.json())
    assert (retry.headers["Location"], retry.headers["ETag"]) == (first.headers["Location"], first.headers["ETag"])


def test_an_inventory_may_close_the_connection_with_each_answer(launch, key):
    assert launch.orders(inventory=("python", "-c", CLOSING)).create(key, TEA).status_code == 201


def test_a_key_belongs_to_its_payload_and_to_its_caller(orders, mint, key):
    orders.create(key, TEA)
    assert orders.create(key, {**TEA, "quantity": 3}).status_code == 422
    other = orders.create(key, {**TEA, "quantity": 3}, Authorization=f"Bearer {mint(sub='bob')}")
    assert other.status_code == 201


def test_simultaneous_requests_with_one_key_make_one_order(orders, key):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: orders.create(key, {**TEA, "note": key}), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    items = orders.send("GET", "/v1/orders?limit=72").json()["items"]
    assert [item["note"] for item in items].count(key) == 1


def test_pages_hold_every_order_once_newest_first_while_new_ones_come(orders):
    before = [orders.create(str(uuid.uuid4()), TEA).json()["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = orders.send("GET", f"/v1/orders?limit=2{cursor and '&cursor=' + cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        orders.create(str(uuid.uuid4()), TEA)
    assert len(seen) == len(set(seen))
    assert seen[:5] == before[::-1]


@pytest.mark.parametrize(
    ("status", "method", "path", "options"),
    [
        (400, "POST", "/v1/orders", {"data": b'{"sku"', "headers": {"Content-Type": "application/json"}}),
        (400, "POST", "/v1/orders", {"data": b'{"sku": NaN}', "headers": {"Content-Type": "application/json"}}),
        (400, "POST", "/v1/orders", {"data": b"[" * 16000, "headers": {"Content-Type": "application/json"}}),
        (400, "POST", "/v1/orders", {"json": TEA, "headers": {"Idempotency-Key": ""}}),
        (400, "POST", "/v1/orders", {"json": TEA, "headers": {"Idempotency-Key": "k" * 141}}),
        (400, "GET", "/v1/orders?cursor=nonsense", {}),
        (401, "GET", "/v1/orders", {"headers": {"Authorization": ""}}),
        (401, "GET", "/v1/orders", {"headers": {"Authorization": "Bearer nonsense"}}),
        (404, "GET", "/v1/orders/00000000-0000-4000-8000-000000000000", {}),
        (404, "GET", "/v1/orders/%00%ff", {}),
        (404, "GET", "/nowhere", {}),
        (405, "PUT", "/v1/orders", {}),
        (405, "OPTIONS", "/v1/orders", {}),
        (409, "POST", "/v1/orders", {"json": {**TEA, "sku": "OUT-1"}}),
        (413, "POST", "/v1/orders", {"json": {**TEA, "note": "n" * 50_000}}),
        (415, "POST", "/v1/orders", {"data": b"sku=TEA-1"}),
        (422, "POST", "/v1/orders", {"json": []}),
        (422, "POST", "/v1/orders", {"json": {"sku": "TEA-1"}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "more": 1}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "sku": "tea"}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "quantity": True}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "quantity": 145}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "note": "n" * 241}}),
        (422, "POST", "/v1/orders", {"json": {**TEA, "note": "\ud800"}}),
        (422, "GET", "/v1/orders?limit=0", {}),
        (422, "GET", "/v1/orders?limit=many", {}),
    ],
)
def test_every_error_is_a_problem_document_with_its_status(orders, key, status, method, path, options):
    headers = {"Idempotency-Key": key, **options.get("headers", {})}
    answer = orders.send(method, path, **{**options, "headers": headers})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert {"type", "title"} <= answer.json().keys()
    assert (status == 401) == ("WWW-Authenticate" in answer.headers)
    assert (status == 405) == ("Allow" in answer.headers)


def test_tokens_are_taken_only_when_everything_about_them_is_right(orders, mint):
    for claims in ({"iss": "another"}, {"aud": "another"}, {"exp": time.time() - 60}, {"sub": None}):
        answer = orders.send("GET", "/v1/orders", headers={"Authorization": f"Bearer {mint(**claims)}"})
        assert answer.status_code == 401, claims
    assert (
        orders.send("GET", "/v1/orders", headers={"Authorization": f"Bearer {mint('orders:write')}"}).status_code == 403
    )
    assert orders.create("k", TEA, Authorization=f"Bearer {mint('orders:read')}").status_code == 403


def test_figures_count_requests_by_route(orders, key):
    orders.send("GET", orders.create(key, TEA).headers["Location"])
    figures = requests.get(orders.program.url + "/metrics", timeout=10).text
    assert 'http_requests_total{method="GET",route="/v1/orders/<order_id>",status="200"}' in figures
    assert key not in figures


def test_a_silent_inventory_costs_a_bounded_wait_and_not_the_key(launch, key):
    orders = launch.orders()
    orders.inventory.signal(signal.SIGSTOP)
    assert orders.create(key, TEA).status_code == 504
    assert requests.get(orders.program.url + "/livez", timeout=5).status_code == 200
    assert requests.get(orders.program.url + "/readyz", timeout=5).status_code == 503
    orders.inventory.signal(signal.SIGCONT)
    assert orders.create(key, TEA).status_code == 201
    assert len(orders.send("GET", "/v1/orders").json()["items"]) == 1


def test_a_dead_inventory_is_told_at_once(launch, key):
    orders = launch.orders()
    orders.inventory.kill()
    answer = orders.create(key, TEA)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_a_stop_lets_the_request_in_flight_finish(launch, key):
    orders = launch.orders()
    orders.inventory.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(orders.create, key, TEA)
        orders.wait_until_claimed(key)
        orders.program.process.terminate()
        orders.wait_until_turned_away()
        orders.inventory.signal(signal.SIGCONT)
        assert pending.result().status_code == 201
    assert orders.program.process.wait(20) == 0


def test_a_key_whose_request_was_killed_can_be_tried_again_after_the_restart(launch, key):
    orders = launch.orders()
    orders.inventory.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(orders.create, key, TEA)
        orders.wait_until_claimed(key)
        orders.program.kill()
        with pytest.raises(requests.ConnectionError):
            pending.result()
    orders.inventory.signal(signal.SIGCONT)
    orders.program.start()
    assert orders.create(key, TEA).status_code == 201
    assert len(orders.send("GET", "/v1/orders").json()["items"]) == 1
