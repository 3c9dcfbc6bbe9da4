#!/usr/bin/env python3
"""Records BFD conversations between FRR and BIRD as hex; run as root: unshare --net --mount --pid --fork ./generate.py"""

import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

FRR = "/usr/lib/frr"
PORTS = {3784, 3785, 4784}
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35  # missing from Python's socket module
A4, B4, A6, B6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
HERE = os.path.dirname(os.path.abspath(__file__))


def sh(command):
    subprocess.run(command, shell=True, check=True)


class Node:
    """Daemons of one side; side B lives in a namespace of its own."""

    def __init__(self, side):
        self.dir, self.children = tempfile.mkdtemp(prefix=f"node-{side}-"), []
        shutil.chown(self.dir, "frr", "frr")
        self.prefix = "" if side == "a" else "ip netns exec b "

    def spawn(self, command):
        child = subprocess.Popen((self.prefix + command).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(child)

    def frr(self, config):
        path = f"{self.dir}/bfdd.conf"
        with open(path, "w") as file:
            file.write(config)
        common = f"-z {self.dir}/zserv.api --vty_socket {self.dir} -P 0"
        self.spawn(f"{FRR}/zebra {common} -i {self.dir}/zebra.pid")
        time.sleep(1)
        self.spawn(f"{FRR}/bfdd {common} -f {path} -i {self.dir}/bfdd.pid --bfdctl {self.dir}/bfdd.sock")

    def vtysh(self, *lines):
        arguments = ["vtysh", "--vty_socket", self.dir, "--config_dir", self.dir, "-d", "bfdd", "-c", "configure terminal"]
        subprocess.run(arguments + [word for line in lines for word in ("-c", line)], check=True, stdout=subprocess.DEVNULL)

    def bird(self, body):
        path = f"{self.dir}/bird.conf"
        with open(path, "w") as file:
            file.write(f"router id 192.0.2.2;\nprotocol device {{}}\nprotocol bfd {{\n{body}\n}}\n")
        if not self.children:
            self.spawn(f"bird -f -c {path} -s {self.dir}/bird.ctl")
        else:
            sh(f"{self.prefix}birdc -s {self.dir}/bird.ctl configure >/dev/null")

    def kill(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.children = []

    def close(self):
        self.kill()
        shutil.rmtree(self.dir)


def udp(frame):
    """Returns (source, ttl, port, payload) of a BFD frame, else None."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 17:
        ip, header = frame[14:], (frame[14] & 15) * 4
        source, ttl = socket.inet_ntop(socket.AF_INET, ip[12:16]), ip[8]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == 17:
        ip, header = frame[14:], 40
        source, ttl = socket.inet_ntop(socket.AF_INET6, ip[8:24]), ip[7]
    else:
        return None
    port = int.from_bytes(ip[header + 2:header + 4], "big")
    length = int.from_bytes(ip[header + 4:header + 6], "big")
    return (source, ttl, port, ip[header + 8:header + length]) if port in PORTS else None


def record(name, steps):
    """Runs steps, a list of (seconds to wait, action), and writes every BFD packet that crosses the link."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("veth-a", 0))
    lines, first = [], None
    for wait, action in steps:
        action()
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                continue
            frame, control, _, _ = sock.recvmsg(2048, 64)
            if not (packet := udp(frame)):
                continue
            stamp = control[0][2]
            now = int.from_bytes(stamp[:8], "little") * 10**6 + int.from_bytes(stamp[8:16], "little") // 1000
            first = first or now
            source, ttl, port, payload = packet
            lines.append(f"{now - first} {source} {ttl} {port} {payload.hex()}\n")
    sock.close()
    with open(f"{HERE}/{name}.hex", "w") as file:
        file.write("# microseconds source ttl port payload\n")
        file.writelines(lines)
    print(f"{name}: {len(lines)} packets")


def frr_peer(where, *extra):
    lines = ["detect-multiplier 3", "receive-interval 100", "transmit-interval 100", *extra, "no shutdown"]
    return f"bfd\n peer {where}\n" + "".join(f"  {line}\n" for line in lines)


def bird_neighbor(peer, interval):
    return f' interface "veth-b" {{ interval {interval} ms; multiplier 4; }};\n neighbor {peer} dev "veth-b";'


def single_hop():
    a, b = Node("a"), Node("b")
    edit = lambda *lines: a.vtysh("bfd", f"peer {B4} interface veth-a", *lines)
    record("frr-bird-single-hop", [
        (5, lambda: (b.bird(bird_neighbor(A4, 100)), a.frr(frr_peer(f"{B4} interface veth-a")))),
        (1, lambda: edit("transmit-interval 250", "receive-interval 250")),
        (1, lambda: edit("transmit-interval 60")),
        (1, lambda: b.bird(bird_neighbor(A4, 200))),
        (3, lambda: edit("shutdown")),
        (6, lambda: edit("no shutdown")),
        (4, a.kill),
    ])
    a.close(), b.close()


def single_hop_ipv6():
    a, b = Node("a"), Node("b")
    record("frr-bird-single-hop-ipv6", [
        (5, lambda: (b.bird(bird_neighbor(A6, 100)), a.frr(frr_peer(f"{B6} local-address {A6}")))),
        (3, b.kill),
    ])
    a.close(), b.close()


def multi_hop():
    a, b = Node("a"), Node("b")
    frr = frr_peer(f"{B4} multihop local-address {A4}", "minimum-ttl 60")
    bird = f" multihop {{ interval 150 ms; multiplier 4; }};\n neighbor {A4} local {B4} multihop yes;"
    record("frr-bird-multihop", [(5, lambda: (b.bird(bird), a.frr(frr))), (3, b.kill)])
    a.close(), b.close()


def echo():
    a, b = Node("a"), Node("b")
    wishes = ("echo-mode", "echo transmit-interval 60", "echo receive-interval 40")
    ours, theirs = frr_peer(f"{B4} interface veth-a", *wishes), frr_peer(f"{A4} interface veth-b", *wishes)
    record("frr-frr-echo", [(4, lambda: (b.frr(theirs), a.frr(ours))), (4, b.kill)])
    a.close(), b.close()


def main():
    sh("mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip link set lo up")
    sh("ip netns add b && ip link add veth-a type veth peer name veth-b netns b")
    for prefix, link, four, six in (("", "veth-a", A4, A6), ("ip netns exec b ", "veth-b", B4, B6)):
        sh(f"{prefix}ip address add {four}/24 dev {link} && {prefix}ip address add {six}/64 dev {link} nodad")
        sh(f"{prefix}ip link set {link} up && {prefix}ip link set lo up")
        sh(f"{prefix}sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{link}.rp_filter=0")
        sh(f"{prefix}sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.send_redirects=0")
    for conversation in (single_hop, single_hop_ipv6, multi_hop, echo):
        conversation()


main()
