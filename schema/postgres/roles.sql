-- Who may do what. Applied after every migration; says the same however often it is run. Roles here cannot log in: an
-- operator grants them to the login of each process.
--
--   grantlog_reader   reads the log, its states and the query tables
--   grantlog_server   issuer and introspection: appends by append_v1 alone; keeps passwords, wrapped keys and secrets
--   grantlog_tail     follows the log: leases, cursors, query tables, the name of the trusted projection
--   grantlog_worker   what Celery runs: appends, claims slots and effects, keeps partitions

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['grantlog_reader', 'grantlog_server', 'grantlog_tail', 'grantlog_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was migrated in the same moment
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', wanted);
        EXECUTE format(
            'GRANT SELECT ON head, log_identity, log, event, event_lasting, state, state_lasting, sealed, name_claim, replay, '
            'gate, bucket, partition, cursor, lease, family, token, client, stream_count TO %I', wanted
        );
        EXECUTE format('GRANT EXECUTE ON FUNCTION micros(), first_id(bigint) TO %I', wanted);
    END LOOP;
END
$$;

-- The log is written by one function, and by nothing else; one-time values by it and by claim_v1.
GRANT EXECUTE ON FUNCTION append_v1, claim_v1 TO grantlog_server, grantlog_tail, grantlog_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON password, wrapped_key, kept_secret TO grantlog_server, grantlog_worker;

GRANT SELECT, INSERT, UPDATE ON lease, cursor TO grantlog_tail, grantlog_worker;
GRANT SELECT, INSERT, UPDATE ON family, token, client, stream_count TO grantlog_tail;
GRANT EXECUTE ON FUNCTION name_projection_v1 TO grantlog_tail;

GRANT SELECT, INSERT ON slot, effect, dead_letter TO grantlog_worker, grantlog_tail;
GRANT EXECUTE ON FUNCTION ensure_partitions_v1, drop_expired_v1 TO grantlog_worker;
