#!/bin/sh
# Runs once, when the database is created: a login for each process, in the role that schema/postgres/roles.sql fills.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
	-v server="$GRANTLOG_SERVER_PASSWORD" -v tail="$GRANTLOG_TAIL_PASSWORD" -v worker="$GRANTLOG_WORKER_PASSWORD" <<'SQL'
CREATE ROLE grantlog_server NOLOGIN;
CREATE ROLE grantlog_tail NOLOGIN;
CREATE ROLE grantlog_worker NOLOGIN;
CREATE ROLE issuer LOGIN PASSWORD :'server' IN ROLE grantlog_server;
CREATE ROLE tail LOGIN PASSWORD :'tail' IN ROLE grantlog_tail;
CREATE ROLE worker LOGIN PASSWORD :'worker' IN ROLE grantlog_worker;
SQL
