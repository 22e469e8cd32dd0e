#!/bin/busybox sh
# The first program of the test machine: what a kiosk's Debian has running that USB readers depend on, and a way in.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
/bin/busybox --install -s /bin
mkdir -p /dev/pts /run /var /tmp /etc/dropbear
ln -s /run /var/run
mount -t devpts pts /dev/pts
chmod 1777 /tmp
hostname kiosk
modprobe -a virtio_pci virtio_net vhci-hcd
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
ip link set lo up
ip link set eth0 up
# QEMU's user network: its host is 10.0.2.2.
ip addr add 10.0.2.15/24 dev eth0
# The kernel hands over what its command line says and it does not know itself.
mkdir -m 700 -p /root/.ssh
echo "ssh-ed25519 $ssh_key" >/root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
# From here on the kernel tells of readers only.
dmesg -c >/dev/null
dropbear -R -E -s
echo "kiosk is up"
exec sleep 2147483647
