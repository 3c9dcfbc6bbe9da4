#!/usr/bin/env python3
"""Records ARP and NDP frames of the Linux kernel, arping, ndisc6 and scapy on a private veth pair.

Run as `unshare --net python3 generate.py > frames.hex` (root, or add --user --map-root-user), with iproute2, iputils-arping,
ndisc6 and the Python package scapy installed. README.md says what each frame is.
"""
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from scapy.all import ARP, Dot1Q, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, Raw, raw

CLIENT, OWNER = "02:00:00:00:00:02", "02:00:00:00:00:01"
CLIENT4, VIP4 = "192.0.2.2", "192.0.2.10"
CLIENT6, VIP6 = "2001:db8::2", "2001:db8::10"
SOLICITED6, SOLICITED_MAC = "ff02::1:ff00:10", "33:33:ff:00:00:10"


def run(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True)


class Lan:
    """`client` lives in this namespace, `owner` in that of a sleeping child; the kernel of the owner holds the VIPs."""

    def __init__(self):
        self.child = subprocess.Popen(["unshare", "--net", "sleep", "120"])
        while os.readlink(f"/proc/{self.child.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        run("ip", "link", "add", "client", "address", CLIENT, "type", "veth", "peer", "name", "owner", "address", OWNER)
        run("ip", "link", "set", "owner", "netns", str(self.child.pid))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.bind(("client", 0x0003))

    def owner(self, *words, check=True):
        return run("nsenter", "-t", str(self.child.pid), "-n", *words, check=check)

    def record(self, act, wanted, seconds=4.0):
        """Runs `act` and returns the frames that satisfy the predicates one after the other."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(2048)
        except OSError:
            pass
        act()
        frames, end = [], time.monotonic() + seconds
        self.socket.settimeout(0.1)
        while len(frames) < len(wanted) and time.monotonic() < end:
            try:
                frame = self.socket.recv(2048)
            except TimeoutError:
                continue
            if wanted[len(frames)](frame):
                frames.append(frame)
        return frames


def arp(operation, source):
    want = bytes.fromhex(source.replace(":", ""))
    return lambda f: f[12:14] == b"\x08\x06" and f[21] == operation and f[6:12] == want


def ndp(kind, source, target=VIP6):
    want, address = bytes.fromhex(source.replace(":", "")), socket.inet_pton(socket.AF_INET6, target)
    return lambda f: f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == kind and f[6:12] == want and f[62:78] == address


def main():
    lan, out = Lan(), {}

    def keep(names, act, wanted):
        frames = lan.record(act, wanted)
        if len(frames) < len(names):
            sys.exit(f"{names[len(frames)]} did not appear")
        out.update(zip(names, frames))

    for side, dev, v4, v6 in ((run, "client", CLIENT4, CLIENT6), (lan.owner, "owner", VIP4, VIP6)):
        side("sysctl", "-qw", f"net.ipv4.conf.{dev}.arp_notify=1", f"net.ipv6.conf.{dev}.ndisc_notify=1",
             f"net.ipv6.conf.{dev}.router_solicitations=0")
        side("ip", "address", "add", f"{v4}/24", "dev", dev)
        side("ip", "address", "add", f"{v6}/64", "dev", dev, "nodad")
        side("ip", "link", "set", dev, "up")
    time.sleep(3)  # the link-local addresses finish duplicate detection

    def announce():
        """The kernel announces when a hardware address is set, with arp_notify and ndisc_notify."""
        lan.owner("ip", "link", "set", "owner", "address", OWNER)

    keep(["kernel_arp_gratuitous_request"], announce, [arp(1, OWNER)])
    keep(["kernel_na_unsolicited"], announce, [ndp(136, OWNER)])

    def probe(vip):
        run("ip", "neighbour", "replace", vip, "lladdr", OWNER, "dev", "client", "nud", "probe")

    def send(frame):
        # A packet socket never sees what it sent itself.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as other:
            other.sendto(raw(frame), ("client", 0))

    keep(["kernel_arp_request", "kernel_arp_reply"], lambda: connect(VIP4), [arp(1, CLIENT), arp(2, OWNER)])
    keep(["kernel_arp_request_unicast", "kernel_arp_reply_unicast"], lambda: probe(VIP4), [arp(1, CLIENT), arp(2, OWNER)])
    keep(["arping_probe", "kernel_arp_reply_probe"], lambda: arping(lan, "-D"), [arp(1, CLIENT), arp(2, OWNER)])
    keep(["arping_gratuitous_request"], lambda: arping(lan, "-U", owner=True), [arp(1, OWNER)])
    keep(["arping_gratuitous_reply"], lambda: arping(lan, "-A", owner=True), [arp(2, OWNER)])

    keep(["kernel_ns_multicast", "kernel_na_solicited"], lambda: connect(VIP6), [ndp(135, CLIENT), ndp(136, OWNER)])
    keep(["kernel_ns_unicast", "kernel_na_unicast"], lambda: probe(VIP6), [ndp(135, CLIENT), ndp(136, OWNER)])
    keep(["kernel_ns_dad", "kernel_na_dad"],
         lambda: run("ip", "address", "add", f"{VIP6}/64", "dev", "client"), [ndp(135, CLIENT), ndp(136, OWNER)])
    run("ip", "address", "del", f"{VIP6}/64", "dev", "client")
    keep(["ndisc6_ns_multicast", "kernel_na_ndisc6"],
         lambda: run("ndisc6", "-1", "-r", "1", VIP6, "client", check=False), [ndp(135, CLIENT), ndp(136, OWNER)])

    unicast = Ether(src=CLIENT, dst=OWNER) / IPv6(src=CLIENT6, dst=VIP6, hlim=255) / ICMPv6ND_NS(tgt=VIP6)
    multicast = Ether(src=CLIENT, dst=SOLICITED_MAC) / IPv6(src=CLIENT6, dst=SOLICITED6, hlim=255) / ICMPv6ND_NS(tgt=VIP6)
    nonce = Raw(bytes([14, 1, 1, 2, 3, 4, 5, 6]))
    option = ICMPv6NDOptSrcLLAddr(lladdr=CLIENT)
    keep(["scapy_ns_unicast_bare", "kernel_na_unicast_bare"], lambda: send(unicast), [ndp(135, CLIENT), ndp(136, OWNER)])
    keep(["scapy_ns_nonce", "kernel_na_nonce"], lambda: send(multicast / option / nonce), [ndp(135, CLIENT), ndp(136, OWNER)])
    lan.child.kill()

    foreign = "02:00:00:00:00:66"
    out["scapy_arp_reply_foreign"] = raw(Ether(src=foreign, dst=CLIENT) / ARP(op=2, hwsrc=foreign, psrc=VIP4, hwdst=CLIENT, pdst=CLIENT4))
    out["scapy_na_foreign"] = raw(Ether(src=foreign, dst="33:33:00:00:00:01") / IPv6(src=VIP6, dst="ff02::1", hlim=255)
                                  / ICMPv6ND_NA(tgt=VIP6, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=foreign))
    for name, source, link_layer in (("scapy_ns_claim", VIP6, foreign), ("scapy_ns_group_link_layer", CLIENT6, SOLICITED_MAC),
                                     ("scapy_ns_owners_link_layer", CLIENT6, OWNER)):
        out[name] = raw(Ether(src=foreign, dst=SOLICITED_MAC) / IPv6(src=source, dst=SOLICITED6, hlim=255)
                        / ICMPv6ND_NS(tgt=VIP6) / ICMPv6NDOptSrcLLAddr(lladdr=link_layer))
    out["scapy_na_group_link_layer"] = raw(Ether(src=foreign, dst="33:33:00:00:00:01") / IPv6(src=VIP6, dst="ff02::1", hlim=255)
                                           / ICMPv6ND_NA(tgt=VIP6, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=SOLICITED_MAC))
    # What a responder is to send where no kernel sends the same.
    out["scapy_arp_probe"] = raw(Ether(src=OWNER, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=OWNER, psrc="0.0.0.0", pdst=VIP4))
    out["scapy_ns_dad"] = raw(Ether(src=OWNER, dst=SOLICITED_MAC) / IPv6(src="::", dst=SOLICITED6, hlim=255) / ICMPv6ND_NS(tgt=VIP6))
    out["scapy_na_override"] = raw(Ether(src=OWNER, dst=CLIENT) / IPv6(src=VIP6, dst=CLIENT6, hlim=255)
                                   / ICMPv6ND_NA(tgt=VIP6, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OWNER))
    out["scapy_arp_vlan"] = raw(Ether(src=CLIENT, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=7) / ARP(op=1, hwsrc=CLIENT, psrc=CLIENT4, pdst=VIP4))
    out["scapy_ns_hop_limit_64"] = raw(Ether(src=CLIENT, dst=SOLICITED_MAC) / IPv6(src=CLIENT6, dst=SOLICITED6, hlim=64)
                                       / ICMPv6ND_NS(tgt=VIP6) / option)
    out["scapy_ns_bad_checksum"] = raw(Ether(src=CLIENT, dst=SOLICITED_MAC) / IPv6(src=CLIENT6, dst=SOLICITED6, hlim=255)
                                       / ICMPv6ND_NS(tgt=VIP6, cksum=0x1234) / option)
    for name, frame in out.items():
        print(name, frame.hex())


def connect(vip):
    """Makes the kernel of the client resolve the VIP."""
    run("ip", "neighbour", "flush", "dev", "client")
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", (vip, 9))


def arping(lan, mode, owner=False):
    if owner:
        lan.owner("arping", mode, "-c", "1", "-I", "owner", VIP4, check=False)
    else:
        run("arping", mode, "-c", "1", "-I", "client", VIP4, check=False)


if __name__ == "__main__":
    main()
