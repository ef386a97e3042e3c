#!/bin/sh
# After removing; dpkg's purge also takes what the service has written. The user stays, so that its number is not given away.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /var/lib/housephone /var/cache/housephone /etc/housephone
fi
exit 0
