#!/bin/sh
# Ends what k3s leaves behind on a host: its services, the shims of its pods with all below them, and
# the mounts of the pods. It does on a lab host what the script of this name does on a real one.
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_ROOT "$0" "$@"

root=${K3S_ROOT:-}

# tree PID...: the processes and all their descendants
tree() {
    for pid in "$@"; do
        echo "$pid"
        # shellcheck disable=SC2046
        tree $(cat /proc/"$pid"/task/*/children 2>/dev/null)
    done
}

# shims: the shims of this root, for a machine that plays several hosts has those of the others too
shims() {
    for record in "$root"/run/k3s/shims/*.json; do
        [ -e "$record" ] || continue
        pid=$(sed -n 's/.*"shim":{"pid":\([0-9]*\).*/\1/p' "$record")
        grep -q containerd-shim "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
    done
}

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    for service in k3s.service k3s-agent.service; do
        systemctl --quiet is-active "$service" && systemctl stop "$service"
    done
fi

# shellcheck disable=SC2046
set -- $(tree $(shims))
[ $# -eq 0 ] || kill -9 "$@" 2>/dev/null

awk -v pods="$root/var/lib/kubelet/pods/" 'index($2, pods) == 1 { print $2 }' /proc/self/mounts |
    sort -r | xargs -r umount
exit 0
