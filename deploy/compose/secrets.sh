#!/usr/bin/env sh
# Makes the secrets of compose.yaml, readable by the container's user alone; what
# is there stays.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -e "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"; }
make encryption-key "$(head -c 32 /dev/urandom | base64)"
make postgres-password "$(random)"
make redis-password "$(random)"
make postgres-dsn "postgres://gatehouse:$(cat secrets/postgres-password)@postgres:5432/gatehouse?sslmode=disable"
make redis-url "redis://:$(cat secrets/redis-password)@redis:6379/0"
# Compose mounts each file as it is, and the broker's image runs as user 65532: the
# files are readable, and the folder keeps everybody else of this machine out.
chmod 0700 secrets
chmod 0644 secrets/*
echo "The secrets are in $(pwd)/secrets. Keep a copy of encryption-key apart from the data."
