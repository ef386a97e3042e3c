#!/bin/sh
# The telephone from a shell. It needs mosquitto_pub and mosquitto_sub. Source it for the function "phone", or run it:
#
#   phone.sh call 601               until it rings there; the status is 0 when it does, else the reason is told
#   phone.sh call 601 602           both ring, the first to answer has the call
#   phone.sh answer | hangup
#   phone.sh transfer 601
#   phone.sh keys '12#'
#   phone.sh say 601 'The washing machine is done.'                  calls, says it, hangs up (ivr mode)
#   phone.sh set volume 7           any datapoint of docs/topics.md
#   phone.sh get status
#   phone.sh wait status active 30  until it is so, for at most 30 seconds
#   phone.sh watch                  everything, or one datapoint
#
# PHONE is the topic of the phone (housephone/phone). MQTT_HOST, MQTT_PORT, MQTT_USERNAME and MQTT_PASSWORD say where the
# broker is; what is in ~/.config/mosquitto_pub and ~/.config/mosquitto_sub counts too.

PHONE=${PHONE:-housephone/phone}

phone_pub() {
	mosquitto_pub -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" ${MQTT_USERNAME:+-u "$MQTT_USERNAME"} ${MQTT_PASSWORD:+-P "$MQTT_PASSWORD"} -q 1 "$@"
}

phone_sub() {
	mosquitto_sub -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" ${MQTT_USERNAME:+-u "$MQTT_USERNAME"} ${MQTT_PASSWORD:+-P "$MQTT_PASSWORD"} -q 1 "$@"
}

# phone_open begins to listen, with options for mosquitto_sub: what comes is read from "$phone_dir/lines".
phone_open() {
	phone_dir=$(mktemp -d) || return 1
	mkfifo "$phone_dir/lines"
	# exec, so that the process id is its own
	(exec mosquitto_sub -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" ${MQTT_USERNAME:+-u "$MQTT_USERNAME"} ${MQTT_PASSWORD:+-P "$MQTT_PASSWORD"} -q 1 "$@" >"$phone_dir/lines" 2>/dev/null) &
	phone_pid=$!
}

phone_close() {
	kill "$phone_pid" 2>/dev/null
	rm -rf "$phone_dir"
}

# phone_json writes a text as JSON: phone_json 'say "hello"'
phone_json() {
	printf '"'
	printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e '$!s/$/\\n/' | tr -d '\n'
	printf '"'
}

# phone_list writes texts as a JSON array.
phone_list() {
	printf '['
	phone_comma=
	for phone_item in "$@"; do
		printf '%s%s' "$phone_comma" "$(phone_json "$phone_item")"
		phone_comma=,
	done
	printf ']'
}

# phone_send DATAPOINT MEMBERS: a command, and its answer. MEMBERS are those of the JSON object: '"value":"601"'.
# The command leaves when the answers can be heard, and not at all when the phone is away.
phone_send() {
	phone_id="sh-$$-$(date +%s%N)"
	phone_open -W 45 -F '%t %p' -t "$PHONE/result" -t "$PHONE/connection" || return 1
	phone_status=1
	phone_error="no answer from the broker or the phone"
	while read -r phone_topic phone_answer; do
		case "$phone_topic $phone_answer" in
		*"/connection online")
			phone_pub -t "$PHONE/$1/set" -m "{$2,\"id\":\"$phone_id\"}" || break
			;;
		*/connection*)
			phone_error="the phone is offline"
			break
			;;
		*"\"id\":\"$phone_id\""*'"ok":true'*)
			phone_status=0
			break
			;;
		*"\"id\":\"$phone_id\""*)
			phone_error=$(printf '%s' "$phone_answer" | sed -e 's/.*"error":"//' -e 's/","code":.*//' -e 's/\\"/"/g')
			break
			;;
		esac
	done <"$phone_dir/lines"
	phone_close
	[ "$phone_status" -eq 0 ] || echo "phone: $phone_error" >&2
	return "$phone_status"
}

# phone_wait DATAPOINT VALUE SECONDS: a new subscriber hears the retained state first, then every change.
phone_wait() {
	phone_open -W "${3:-60}" -t "$PHONE/$1" || return 1
	phone_status=0
	grep -q -x -F -m 1 -e "$2" <"$phone_dir/lines" || phone_status=1
	phone_close
	return "$phone_status"
}

phone() {
	phone_verb=${1:-help}
	[ $# -eq 0 ] || shift
	case "$phone_verb" in
	call) phone_send call "\"value\":$(phone_list "$@")" ;;
	answer | hangup) phone_send call "\"value\":\"$phone_verb\"" ;;
	transfer) phone_send transfer "\"value\":$(phone_json "$1")" ;;
	keys) phone_send dtmf "\"value\":$(phone_json "$1")" ;;
	say) phone_send call "\"value\":$(phone_json "$1"),\"say\":$(phone_json "$2")" ;;
	set) phone_send "$1" "\"value\":$(phone_json "$2")" ;;
	get) phone_sub -C 1 -W 2 -t "$PHONE/$1" ;;
	wait) phone_wait "$@" ;;
	watch) phone_sub -v -t "$PHONE/${1:-#}" ;;
	*)
		echo "usage: phone call|answer|hangup|transfer|keys|say|set|get|wait|watch ..." >&2
		return 64
		;;
	esac
}

# run, not sourced
case "${0##*/}" in
phone.sh) phone "$@" ;;
esac
