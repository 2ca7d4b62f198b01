"""Addresses of those who ask, for counting them. Does not belong here: what is counted."""

import ipaddress


def one_client(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that one IPv6 connection usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
