from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.forwarded import Address, client_address, parse_address

PROXY, CLIENT = "10.0.0.1", "203.0.113.9"
TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8:aaaa::/48")]


def is_trusted(address: Address | None) -> bool:
    return address is not None and any(address in network for network in TRUSTED)


def is_trusted_or_socket(address: Address | None) -> bool:
    return address is None or is_trusted(address)


def client(forwarded_for: str = "", forwarded: str = "", peer: str = PROXY) -> str:
    return str(client_address(peer, forwarded_for, forwarded, is_trusted) or "unknown")


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("192.0.2.7:_port", "192.0.2.7"),
        ("[192.0.2.7]:4711", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%25eth0", "fe80::1"),
        ("[fe80::1%25eth0]:4711", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:4711", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        *((nonsense, None) for nonsense in (
            "", ":", ":4711", "4711", "unknown", "_hidden", "unix:", "192.0.2", "192.0.2.7.1", "192.0.2.256",
            "192.0.2.07", "192.0.2.7:", "192.0.2.7:port", "192.0.2.7:123456", "192.0.2.7%eth0", "192.0.2.7/24",
            "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]4711", "[]", "fe80::1%", "1::2::3",
            "192.0.2.7 192.0.2.8", "localhost", "<script>", "\x00", "\u0661.0.2.7",
        )),
    ],
)  # fmt: skip
def test_node_is_read_as_rfc_7239_and_common_proxies_write_it(node: str, address: str | None) -> None:
    assert parse_address(node) == (ip_address(address) if address else None)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (CLIENT, CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1,{CLIENT}:4711", CLIENT),
        (f"{CLIENT}, 10.0.0.2", CLIENT),
        (f"198.51.100.1, {CLIENT}, [2001:db8:aaaa::1]:80, 10.0.0.2", CLIENT),
        (f"nonsense, , {CLIENT}", CLIENT),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),  # all are trusted: a client in our own network
        ("", PROXY),  # the proxy's own request
        (" ", PROXY),
        (f"{CLIENT},", "unknown"),
        (f"{CLIENT}, unknown", "unknown"),
        (f"{CLIENT}, , 10.0.0.2", "unknown"),
        (f"{CLIENT}, :4711", "unknown"),
        (f"{CLIENT} 10.0.0.2", "unknown"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_while_the_hop_is_trusted(header: str, found: str) -> None:
    assert client(header) == found
    assert client(header, peer="::ffff:10.0.0.1") == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f"proto=https ; for={CLIENT} ;", CLIENT),
        (f'for="{CLIENT}:4711"', CLIENT),
        (f"for={CLIENT}:4711", CLIENT),  # not quoted, as some proxies write it
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="[2001:db8::1%25eth0]"', "2001:db8::1"),
        ("for=[2001:db8::1]", "2001:db8::1"),
        (r'for="\2\03.0.113.9"', CLIENT),
        (f"for=198.51.100.1, for={CLIENT}", CLIENT),
        (f"for={CLIENT}, for=10.0.0.2", CLIENT),
        (f'for={CLIENT};host="a, b;for=10.0.0.9", for=10.0.0.2', CLIENT),
        (f'for=", for={CLIENT}', CLIENT),  # a client that opens quotes hides nothing
        (f'for="x\\, for={CLIENT}', CLIENT),
        (f"nonsense,,, for={CLIENT}", CLIENT),
        ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3"),
        (" ", PROXY),
        ("for=unknown", "unknown"),
        ("for=_hidden", "unknown"),
        ('for="_hidden"', "unknown"),
        (f"for={CLIENT},", "unknown"),
        (f"for={CLIENT}, , for=10.0.0.2", "unknown"),
        (f"for={CLIENT}, proto=https", "unknown"),
        (f"for={CLIENT};for={CLIENT}", "unknown"),
        (f"for = {CLIENT}", "unknown"),
        (f'for="{CLIENT}', "unknown"),
        ('for=":4711"', "unknown"),
        (CLIENT, "unknown"),
    ],
)
def test_forwarded_is_read_from_the_right_while_the_hop_is_trusted(header: str, found: str) -> None:
    assert client(forwarded=header) == found


@pytest.mark.parametrize(
    ("forwarded_for", "forwarded", "found"),
    [
        (CLIENT, f"for={CLIENT}", CLIENT),
        (f"{CLIENT}:4711", f'for="{CLIENT}:815"', CLIENT),
        (CLIENT, "for=198.51.100.1", "unknown"),
        (CLIENT, "for=unknown", "unknown"),
        (CLIENT, "nonsense", "unknown"),
        ("", f"for={CLIENT}", CLIENT),
        (CLIENT, "", CLIENT),
    ],
)
def test_headers_that_disagree_name_nobody(forwarded_for: str, forwarded: str, found: str) -> None:
    assert client(forwarded_for, forwarded) == found


def test_unreadable_hop_is_no_proxy_where_unix_sockets_are_trusted() -> None:
    assert client_address("", CLIENT, "", is_trusted_or_socket) == ip_address(CLIENT)
    assert client_address("", f"{CLIENT}, unknown", "", is_trusted_or_socket) is None


@pytest.mark.parametrize("header", ["," * 60_000, 'a="' * 20_000, "a=b;" * 15_000, 'a=",' * 15_000, "\\" * 60_000])
def test_long_nonsense_is_read(header: str) -> None:
    assert client(forwarded=header) == "unknown"
    assert client(forwarded=f"{header}, for={CLIENT}") == CLIENT


# Parts of real headers, so that generated ones come close to readable ones.
PARTS = st.sampled_from([
    "for=", "For=", '"', "\\", ",", ";", " ", "\t", "[", "]", ":", "%", "=", "unknown", "_x", "4711", PROXY, CLIENT,
    "10.0.0.2", "2001:db8::1", "fe80::1%eth0", "::ffff:10.0.0.1", "proto=https", "for=10.0.0.2", 'by="a,b"',
])  # fmt: skip
HEADERS = st.text() | st.lists(PARTS | st.characters(max_codepoint=255), max_size=12).map("".join)


@given(peer=HEADERS, forwarded_for=HEADERS, forwarded=HEADERS)
def test_no_header_raises(peer: str, forwarded_for: str, forwarded: str) -> None:
    client_address(peer, forwarded_for, forwarded, is_trusted)
    client_address(peer, forwarded_for, forwarded, is_trusted_or_socket)


@given(forwarded_for=HEADERS, forwarded=HEADERS, peer=st.sampled_from([CLIENT, "2001:db8::1", "", "nonsense"]))
def test_headers_of_an_untrusted_peer_have_no_effect(forwarded_for: str, forwarded: str, peer: str) -> None:
    assert client(forwarded_for, forwarded, peer) == client(peer=peer)


@given(typed=HEADERS, hops=st.lists(st.sampled_from(["10.0.0.2", "[2001:db8:aaaa::1]:80"]), max_size=2))
def test_client_cannot_change_what_the_proxies_append(typed: str, hops: list[str]) -> None:
    appended = [CLIENT, *hops]
    assert client(", ".join([typed, *appended])) == CLIENT
    assert client(forwarded=", ".join([typed, *(f'for="{hop}";proto=https' for hop in appended)])) == CLIENT
    assert client(forwarded=", ".join([typed, f"for={CLIENT}"])) == CLIENT
