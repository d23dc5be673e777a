# Tells everything that ananke asks of a host, as `key=value` lines from `ananke-probe=1` to `end=1`.
# POSIX sh, no root, no file written.
#   $1 service of the control plane   $2 service of the agent
#   $3 program that lists snapshots   $4 seconds that the list may take; 0: do not list
LC_ALL=C
export LC_ALL
echo ananke-probe=1
read -r boot_id </proc/sys/kernel/random/boot_id
read -r uptime _ </proc/uptime
echo "boot_id=$boot_id"
echo "uptime=${uptime%.*}"
echo "wall=$(date +%s)"
echo "system=$(systemctl is-system-running 2>/dev/null)"
systemctl show -p LoadState,ActiveState,Result,Job "$1" 2>/dev/null | sed 's/^/server./'
systemctl show -p LoadState,ActiveState,Result,Job "$2" 2>/dev/null | sed 's/^/agent./'

# With hidepid, processes of others cannot be seen: no shim seen would not mean that there is none.
[ -r /proc/1/stat ] && echo processes=visible || echo processes=hidden
# A shim that lives (neither Z nor X), and is not of Docker (namespaces moby and plugins.moby).
echo "containers=$(
    grep -ls '^[0-9]* (containerd-shim[^)]*) [^ZX]' /proc/[0-9]*/stat |
        sed 's/stat$/cmdline/' | xargs -r grep -Lszx -e moby -e plugins.moby -- | wc -l
)"
echo "volumes=$(grep -c ' /var/lib/kubelet/pods/[^ ]*/volumes/' /proc/self/mounts)"

if tracking=$(timeout 2 chronyc -c tracking 2>/dev/null); then
    echo "chrony=$tracking"
elif synchronised=$(timeout 2 timedatectl show -p NTPSynchronized --value 2>/dev/null); then
    echo "timedatectl=$synchronised"
fi

if [ "$4" -gt 0 ] && systemctl -q is-active "$1"; then
    list=$(timeout "$4" sudo -n "$3" etcd-snapshot ls -o json 2>/dev/null)
    echo "snapshots_exit=$?"
    echo "snapshots=$(printf %s "$list" | head -c 49152 | tr -d '\n')"
fi
echo end=1
