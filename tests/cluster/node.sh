#!/usr/bin/env bash
# A node of the cluster: containerd and kubelet, as if on a machine of their own.
#
# Usage: node.sh boot         in the node's network namespace: becomes the node and stays
#        node.sh kubelet PID  starts kubelet on the node whose first process is PID, and returns
#        node.sh run PID COMMAND...  runs a command on that node
#
# NODE         its name
# ADDRESSES    its InternalIPs, separated by a comma
# STATE        its disk: lib/ and log/ outlive a power loss, and lib/node/ holds the configuration
# PROGRAMS     the folder with kubelet
# IMAGES       the folder with the archives of images
# HIERARCHIES  the cgroup hierarchies by their names below /sys/fs/cgroup; nothing where there is only cgroup v2
# GROUP        the node's cgroup in each of them
set -euo pipefail

cgroups=/sys/fs/cgroup

# What is forked from here on belongs to the node.
join() {
    local hierarchy
    for hierarchy in ${HIERARCHIES:-.}; do
        echo 0 >"$cgroups/$hierarchy/$1/cgroup.procs"
    done
}

boot() {
    # A new cgroup namespace begins where its first process is.
    join "$GROUP"
    exec unshare --mount --uts --ipc --pid --cgroup --fork --mount-proc --kill-child=KILL "$0" init
}

run() {
    local first=$1
    if [ -n "$HIERARCHIES" ]; then join "$GROUP"; else join "$GROUP/init"; fi
    exec nsenter --target "$first" --mount --uts --ipc --net --pid --cgroup -- "${@:2}"
}

mount_cgroups() {
    local hierarchy options
    # runc looks for cgroups in the table of mounts, where hidden ones would mislead it.
    umount -R $cgroups
    mount -t sysfs sysfs /sys
    if [ -z "$HIERARCHIES" ]; then
        mount -t cgroup2 cgroup2 $cgroups
        # Only a cgroup without processes may pass its controllers on.
        mkdir $cgroups/init
        echo 0 >$cgroups/init/cgroup.procs
        sed 's/[^ ]*/+&/g' $cgroups/cgroup.controllers >$cgroups/cgroup.subtree_control
        return
    fi
    mount -t tmpfs -o mode=755 cgroup $cgroups
    for hierarchy in $HIERARCHIES; do
        options=$hierarchy
        [ "$hierarchy" = systemd ] && options=none,name=systemd
        mkdir "$cgroups/$hierarchy"
        mount -t cgroup -o "$options" cgroup "$cgroups/$hierarchy"
    done
}

# The kubelet insists on these values, which are the machine's and not the node's: it is shown files instead.
pretend() {
    local setting=$1 file=$STATE/lib/node/${1//\//.}
    echo "$2" >"$file"
    mount --bind "$file" "/proc/sys/$setting"
}

# Nothing is written outside of STATE: every folder that containerd and kubelet write to is the node's own.
mount_disk() {
    local own=$STATE/lib/node
    mkdir -p "$own/programs" "$own/images"
    mount --bind "$PROGRAMS" "$own/programs"
    mount --bind "$IMAGES" "$own/images"
    mount --rbind "$STATE/lib" /var/lib
    mount --bind "$STATE/log" /var/log
    mount -t tmpfs -o mode=755 run /run
}

init() {
    local archive
    mount --make-rprivate /
    mount_cgroups
    pretend vm/overcommit_memory 1
    pretend kernel/panic 10
    pretend kernel/panic_on_oops 1
    mount_disk
    # The volumes of pods are mounted for containers to see.
    mount --make-rshared /
    hostname "$NODE"
    containerd --config /var/lib/node/containerd.toml >>/var/log/containerd.log 2>&1 &
    until ctr version >/dev/null 2>&1; do sleep 0.05; done
    for archive in /var/lib/node/images/*.tar; do
        ctr --namespace k8s.io images import "$archive" >>/var/log/images.log
    done
    touch /var/log/ready
    # The first process of a node inherits every orphan; `wait` is what buries them.
    while :; do
        sleep 3600 &
        wait $! || :
    done
}

kubelet() {
    run "$1" bash "$0" start-kubelet
}

start_kubelet() {
    # The caller waits for what it started, not for what that leaves behind.
    setsid /var/lib/node/programs/kubelet --config /var/lib/node/kubelet.json --kubeconfig /var/lib/node/kubeconfig \
        --hostname-override "$NODE" --node-ip "$ADDRESSES" --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki \
        >>/var/log/kubelet.log 2>&1 </dev/null &
    echo $! >/run/kubelet.pid
}

case $1 in
    boot | init) "$1" ;;
    kubelet | run) "$@" ;;
    start-kubelet) start_kubelet ;;
esac
