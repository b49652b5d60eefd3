#!/bin/sh
# Installs what the tests need from the distribution: a real Mosquitto and its clients, shellcheck.
set -eu
need=""
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || need="$need mosquitto"
command -v mosquitto_pub >/dev/null 2>&1 || need="$need mosquitto-clients"
command -v shellcheck >/dev/null 2>&1 || need="$need shellcheck"
[ -n "$need" ] || exit 0
sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo"; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "the tests need:$need (no apt-get here: install them by hand)" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $need >/dev/null
