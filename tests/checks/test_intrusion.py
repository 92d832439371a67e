"""The submission at the ports of the services beside it."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.intrusion import intrusion, kept_away
from assesskit.checks.services import Service

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proc(5) is Linux's")


def service(name: str, port: int, uid: int | None) -> Service:
    return Service(name, {"port": port, "uid": uid}, Harness(io.BytesIO(), io.BytesIO()))


@pytest.fixture
def inventory() -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield service("inventory", server.getsockname()[1], None)


def test_a_submission_that_listens_on_anothers_port_is_seen(inventory) -> None:
    """Whoever answers there is the submission, which is told so."""
    found = intrusion(service("submission", 1, os.getuid()), [inventory])
    assert found is not None
    assert "the port of the inventory" in found.summary


def test_another_user_at_that_port_is_not_the_submission(inventory) -> None:
    """Its own service listens there: no intrusion. Nor can one be told where no user id is known."""
    assert intrusion(service("submission", 1, os.getuid() + 1), [inventory]) is None
    assert intrusion(service("submission", 1, None), [inventory]) is None


def test_an_intrusion_outweighs_what_it_broke() -> None:
    """What looks like a fault of ours while the submission holds a connection is the submission's failure."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        submission, other = service("submission", 1, os.getuid()), service("reference", port, None)
        with (
            socket.create_connection(("127.0.0.1", port)),
            pytest.raises(Failure, match="the port of the reference"),
            kept_away(submission, other),
        ):
            raise Inconclusive("the reference failed")


def test_a_fault_without_an_intrusion_stays_what_it_is() -> None:
    """Nothing is put on a submission that keeps to its own."""
    with pytest.raises(Inconclusive), kept_away(service("submission", 1, os.getuid()), service("reference", 1, None)):
        raise Inconclusive("the reference failed")
