#!/bin/sh
# Run once by the postgres image, when it has made its data directory: TLS with a certificate of its own, as RDS has it.
set -eu
command -v openssl >/dev/null || {
  echo "This postgres image has no openssl, so it cannot make a certificate. Use one based on Debian, as postgres:17." >&2
  exit 1
}
openssl req -new -x509 -nodes -days 3650 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:postgres,IP:127.0.0.1 \
  -keyout "$PGDATA/server.key" -out "$PGDATA/server.crt" 2>/dev/null
chmod 600 "$PGDATA/server.key"
cat >>"$PGDATA/postgresql.conf" <<END
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
password_encryption = 'scram-sha-256'
END
