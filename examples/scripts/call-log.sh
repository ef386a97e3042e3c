#!/bin/sh
# Writes a line a call to a file: begin, direction, number, seconds, cause, separated by tabs. It runs until it is ended.
# It needs jq.
#
#   call-log.sh /var/log/calls.tsv
set -eu
. "$(dirname "$0")/phone.sh"

phone_open -t "$PHONE/call/ended"
trap phone_close EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
jq -r --unbuffered 'select(has("acknowledged_by") | not) |
	[.started, .direction, .remote.user // .remote.uri, (.duration_s | round), .cause] | @tsv' <"$phone_dir/lines" >>"$1" &
wait $!
