# Turns a fresh debootstrap ($1) into the image of every host: what all hosts share and no test
# changes. What differs between hosts, or changes often, is written to each host's own disk.
set -eu
root=$1
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_* \
  "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*
# Each host gets its own machine id; systemd would copy D-Bus's if it were there.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
: >"$root/etc/resolv.conf"
chroot "$root" useradd --create-home --shell /bin/bash ananke
chroot "$root" systemctl --quiet enable systemd-networkd.service ssh.service chrony.service
chroot "$root" systemctl --quiet disable systemd-timesyncd.service e2scrub_reap.service \
  apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
  2>/dev/null || true
chroot "$root" systemctl --quiet mask console-getty.service getty.target \
  systemd-firstboot.service dev-hugepages.mount
