#!/bin/sh
# Quiet at night, by cron:
#
#   0 22 * * *  /opt/housephone/night.sh on
#   0 7 * * *   /opt/housephone/night.sh off
set -eu
. "$(dirname "$0")/phone.sh"

case "${1:-}" in
on)
	phone set dnd 1
	phone set backlit 0 2>/dev/null || true # not every phone has a light
	;;
off)
	phone set dnd 0
	phone set backlit 1 2>/dev/null || true
	;;
*)
	echo "usage: $0 on|off" >&2
	exit 64
	;;
esac
