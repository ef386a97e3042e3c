#!/bin/sh
# Before removing; an upgrade (dpkg: upgrade, rpm: 1) leaves the service alone.
set -e
case "$1" in
0 | remove)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now housephone.service
	else
		systemctl disable housephone.service >/dev/null 2>&1 || true
	fi
	;;
esac
exit 0
