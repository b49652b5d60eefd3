#!/bin/sh
# Starts Mosquitto on the files that the service writes, and has it read them again when they change:
# the service cannot send a signal into another container.
#
# TIDELOG_MOSQUITTO  the folder with mosquitto.conf, .acl and .passwd (default /tidelog/mosquitto)
set -eu
PATH=$PATH:/usr/sbin:/usr/local/sbin
folder=${TIDELOG_MOSQUITTO:-/tidelog/mosquitto}

# A replaced file may have the old one's inode and second, so the contents are compared.
seen() { cat "$folder/mosquitto.passwd" "$folder/mosquitto.acl" | cksum; }

while [ ! -f "$folder/mosquitto.conf" ]; do sleep 0.2; done

# Taken before the start: what changes from here on is noticed.
before=$(seen)
mosquitto -c "$folder/mosquitto.conf" &
broker=$!
trap 'kill -TERM "$broker" 2>/dev/null || true' TERM INT

while kill -0 "$broker" 2>/dev/null; do
  sleep 0.2
  now=$(seen 2>/dev/null) || continue
  if [ "$now" != "$before" ]; then
    before=$now
    kill -HUP "$broker" 2>/dev/null || true
  fi
done
wait "$broker"
