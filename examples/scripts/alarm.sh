#!/bin/sh
# Calls one number after the other, says what has happened, and goes on until somebody presses 1. It prints who that was.
# The status is 0 then, 1 when it was nobody. The phone needs PHONE_MODE=ivr.
#
#   alarm.sh 'Water in the cellar. Press 1 to acknowledge.' 601 602 +39333123456
set -eu
. "$(dirname "$0")/phone.sh"

text=$1
shift
id="alarm-$$-$(date +%s)"
# half an hour is more than any alarm call lasts
phone_open -W 1800 -F '%t %p' -t "$PHONE/result" -t "$PHONE/call/ended" -t "$PHONE/connection"
trap phone_close EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
while read -r topic message; do
	case "$topic $message" in
	*"/connection online")
		phone_pub -t "$PHONE/call/set" -m "{\"id\":\"$id\",\"value\":$(phone_list "$@"),\"say\":$(phone_json "$text"),\"ack\":\"1\"}"
		;;
	*/connection*)
		echo "the phone is offline" >&2
		exit 1
		;;
	*/result*"\"id\":\"$id\""*'"ok":false'*)
		echo "$message" >&2
		exit 1
		;;
	*/call/ended*"\"id\":\"$id\""*'"acknowledged_by":""'*)
		echo "nobody acknowledged" >&2
		exit 1
		;;
	*/call/ended*"\"id\":\"$id\""*'"acknowledged_by":'*)
		printf '%s\n' "$message" | sed -e 's/.*"acknowledged_by":"//' -e 's/".*//'
		exit 0
		;;
	esac
done <"$phone_dir/lines"
echo "no answer from the broker or the phone" >&2
exit 1
