#!/bin/sh
# Opens the door and waits until it is locked again.
#
#   door.sh
set -eu
. "$(dirname "$0")/phone.sh"

phone set door unlock
phone wait door locked 30
