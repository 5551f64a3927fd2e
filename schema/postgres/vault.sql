-- Data keys of persons, wrapped. In production in a database of its own, with short backups: erasing a person is deleting
-- a row here, and every old backup brings it back. Applied over and over; nothing in it may destroy anything.

CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.data_key (
    account uuid PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
);
