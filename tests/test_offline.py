"""The guard of tests/offline.py refuses other machines and lets this one be."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline import NetworkReached

WORKLOAD = Path(__file__).parent.parent / "examples" / "ecommerce_catalog.yaml"

DOCUMENTATION = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737)."""


def test_connecting_elsewhere_fails():
    with socket.socket() as stream, pytest.raises(NetworkReached, match=r"connect of 192\.0\.2\.1"):
        stream.connect((DOCUMENTATION, 80))


def test_sending_a_packet_elsewhere_fails():
    with socket.socket(type=socket.SOCK_DGRAM) as packets, pytest.raises(NetworkReached):
        packets.sendto(b"", (DOCUMENTATION, 53))


@pytest.mark.parametrize("look", [socket.gethostbyname, lambda name: socket.getaddrinfo(name, 80)])
def test_looking_up_a_name_fails(look):
    with pytest.raises(NetworkReached, match=r"example\.com"):
        look("example.com")


def test_an_event_loop_is_held_too():
    with pytest.raises(NetworkReached):
        asyncio.run(asyncio.open_connection(DOCUMENTATION, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_answers(host: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()


def test_nothing_is_reached_by_importing_and_planning():
    program = (
        "import sys\n"
        "heard = []\n"
        "sys.addaudithook(lambda event, _: heard.append(event) if event[:7] == 'socket.' else 0)\n"
        "import fluxcost as fc, fluxcost.cli.app\n"
        "for name in fc.__all__: getattr(fc, name)\n"
        "fc.plan(fc.load_workload(sys.argv[1]))\n"
        "print(heard)\n"
    )
    command = [sys.executable, "-c", program, str(WORKLOAD)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
