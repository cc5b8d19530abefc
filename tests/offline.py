"""No test reaches past this machine: connecting, sending or looking up a name elsewhere fails it.

An audit hook sees what any library in this process does, C extensions that use Python's sockets
included, and cannot be taken off. Child processes are not seen: `unshare --net` holds those too.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

REACHING = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
"""Audit event to where in its arguments the address stands."""

LOOKUPS = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}


class NetworkReached(AssertionError):  # noqa: N818 - it is a failed test, said as one
    """A test tried to leave this machine."""


def is_here(host: Any) -> bool:
    """Return whether a host is this machine: its loopback addresses, its name for them, or none."""
    if host in {None, "", "localhost", b"localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_the_rest(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKUPS:
        host = arguments[LOOKUPS[event]]
    elif event in REACHING:
        # Addresses of other families are paths of this machine; a sent message may carry none.
        address = arguments[REACHING[event]]
        host = address[0] if isinstance(address, tuple) else None
    else:
        return
    if not is_here(host):
        raise NetworkReached(f"{event} of {host}: tests reach no other machine.")


def guard() -> None:
    """Hold this process to its own machine from here on."""
    sys.addaudithook(_refuse_the_rest)
