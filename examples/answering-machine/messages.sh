#!/bin/sh
# Lists, or changes, the voice messages of a housephone: messages.sh, messages.sh heard FILE, messages.sh delete FILE|heard|all
# The broker is MQTT_HOST:MQTT_PORT (127.0.0.1:1883), the phone HOUSEPHONE (housephone/phone).
set -eu
host=${MQTT_HOST:-127.0.0.1} port=${MQTT_PORT:-1883} phone=${HOUSEPHONE:-housephone/phone}
if [ $# -eq 0 ]; then
	exec mosquitto_sub -h "$host" -p "$port" -t "$phone/message/list" -C 1 -W 5
fi
exec mosquitto_pub -h "$host" -p "$port" -q 1 -t "$phone/message/voice/set" -m "$*"
