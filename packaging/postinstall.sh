#!/bin/sh
# After installing or upgrading, from a .deb or an .rpm.
set -e
systemd-sysusers housephone.conf
# the service's secrets stand in this folder
chown root:housephone /etc/housephone
chmod 750 /etc/housephone
if [ -d /run/systemd/system ]; then
	udevadm control --reload || true
	udevadm trigger --action=add --subsystem-match=gpio --subsystem-match=spidev --subsystem-match=i2c-dev --subsystem-match=backlight || true
fi
case "$1" in
1 | configure) # rpm's first installation; dpkg tells it by the version before
	if [ -z "$2" ]; then
		systemctl preset housephone.service >/dev/null 2>&1 || true
	fi
	;;
esac
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if systemctl is-enabled --quiet housephone.service; then
		systemctl restart housephone.service || echo "housephone did not start: journalctl -u housephone" >&2
	fi
fi
exit 0
