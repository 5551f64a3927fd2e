-- Who may use the vault: those who reveal, protect and erase personal data. Says the same however often it is run.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['grantlog_server', 'grantlog_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was prepared in the same moment
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA vault TO %I', wanted);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON vault.data_key TO %I', wanted);
    END LOOP;
END
$$;
