#!/usr/bin/env python3
"""Records what GoBGP says as hex; run as root: unshare --net --mount --pid --fork ./generate.py"""

import os
import socket
import struct
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
A4, B4, A6, B6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
TYPES = {1: "open", 2: "update", 3: "notification", 4: "keepalive", 5: "route-refresh"}
EVERYTHING = "origin igp med 7 community 65001:1,no-export large-community 65001:2:3"


def message(kind, body):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


def our_open(asn, four_octets=True):
    capabilities = b"".join([
        bytes([1, 4, 0, 1, 0, 1]),
        bytes([1, 4, 0, 2, 0, 1]),
        bytes([2, 0]),
        bytes([5, 6, 0, 1, 0, 1, 0, 2]),
        bytes([64, 10, 0, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80]),
        bytes([65, 4]) + struct.pack("!I", asn) if four_octets else b"",
    ])
    parameters = bytes([2, len(capabilities)]) + capabilities
    fixed = struct.pack("!BHH", 4, asn if asn < 65536 else 23456, 90) + socket.inet_aton(B4)
    return message(1, fixed + bytes([len(parameters)]) + parameters)


def configuration(asn, peer_as, neighbor, local):
    families = "".join(
        f'  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "{family}-unicast"\n'
        "    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n"
        for family in ("ipv4", "ipv6"))
    return f"""
[global.config]
  as = {asn}
  router-id = "{A4}"
  local-address-list = ["{A4}", "{A6}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{neighbor}"
    peer-as = {peer_as}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "{local}"
  [neighbors.timers.config]
    hold-time = 90
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
    notification-enabled = true
{families}"""


class Recording:
    """One GoBGP and one connection to it."""

    def __init__(self, name, asn, peer_as, opening, over_ipv6=False):
        self.path, self.lines = f"{HERE}/{name}.hex", []
        self.neighbor, server = (B6, A6) if over_ipv6 else (B4, A4)
        with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
            file.write(configuration(asn, peer_as, self.neighbor, server))
        self.daemon = subprocess.Popen(
            ["gobgpd", "-f", file.name, "--api-hosts", "127.0.0.1:50051"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
        family = socket.AF_INET6 if over_ipv6 else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.bind((self.neighbor, 0))
        self.socket.connect((server, 179))
        self.socket.sendall(opening)
        self.pending = b""
        self.listen(1)

    def gobgp(self, *commands):
        for command in commands:
            subprocess.run(["gobgp", *command.split("|")[0].split(), *command.split("|")[1:]], check=True)
            self.listen(0.5)

    def keepalive(self):
        self.socket.sendall(message(4, b""))
        self.listen(1)

    def listen(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except (TimeoutError, ConnectionResetError):
                break
            if not data:
                break
            self.pending += data
        while len(self.pending) >= 19 and len(self.pending) >= (length := struct.unpack("!H", self.pending[16:18])[0]):
            one, self.pending = self.pending[:length], self.pending[length:]
            if one[18] != 4 or not any(line.startswith("keepalive") for line in self.lines):
                self.lines.append(f"{TYPES[one[18]]} {one.hex()}\n")

    def close(self):
        self.socket.close()
        self.daemon.kill()
        self.daemon.wait()
        with open(self.path, "w") as file:
            file.writelines(self.lines)
        print(self.path, [line.split()[0] for line in self.lines])


def external():
    recording = Recording("external", 65001, 65002, our_open(65002))
    recording.keepalive()
    recording.gobgp(
        f"global rib add 198.51.100.0/24 {EVERYTHING}",
        "global rib add 203.0.113.7/32 origin igp",
        f"global rib -a ipv6 add 2001:db8:1::/64 {EVERYTHING}",
        "global rib del 203.0.113.7/32",
        "global rib -a ipv6 del 2001:db8:1::/64",
        f"neighbor {recording.neighbor} shutdown --reason|maintenance until 5",
    )
    recording.close()


def internal():
    recording = Recording("internal", 65001, 65001, our_open(65001))
    recording.keepalive()
    recording.gobgp(f"global rib add 198.51.100.0/24 {EVERYTHING} local-pref 300")
    recording.close()


def two_octets():
    recording = Recording("two-octets", 4200000001, 65002, our_open(65002, four_octets=False))
    recording.keepalive()
    recording.gobgp("global rib add 198.51.100.0/24 origin igp")
    recording.close()


def over_ipv6():
    recording = Recording("over-ipv6", 65001, 65002, our_open(65002), over_ipv6=True)
    recording.keepalive()
    recording.gobgp("global rib add 198.51.100.0/24 origin igp", "global rib -a ipv6 add 2001:db8:1::/64 origin igp")
    recording.close()


def wrong_as():
    recording = Recording("wrong-as", 65001, 65009, our_open(65002))
    recording.close()


def main():
    for command in ("link set lo up", f"addr add {A4}/32 dev lo", f"addr add {B4}/32 dev lo",
                    f"addr add {A6}/128 dev lo", f"addr add {B6}/128 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    for scenario in (external, internal, two_octets, over_ipv6, wrong_as):
        scenario()


if __name__ == "__main__":
    main()
