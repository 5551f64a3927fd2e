-- One-time values claimed without an append, secrets that are read again, and when a family was last used.

CREATE TABLE kept_secret (
    owner uuid NOT NULL,
    purpose text NOT NULL,
    wrapped bytea NOT NULL,
    updated_at bigint NOT NULL DEFAULT micros(),
    PRIMARY KEY (owner, purpose)
);

COMMENT ON TABLE kept_secret IS 'Secrets that have to be read again, under the root key: of second factors, and of clients that sign with theirs.';

ALTER TABLE family ADD COLUMN used_at bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN family.used_at IS 'When the family last did anything but die; 0: before this was kept.';

-- ------------------------------------------------------------------------------------------------ claims without an append

CREATE FUNCTION claim_v1(
    -- the number of the claim (from 1) that a one-time value belongs to, and the value
    claim_rows integer[],
    replay_keys bytea[],
    replay_expiries bigint[],
    claims integer,
    -- true for whoever has claimed all of its values, and by that nobody else any of them
    OUT claimed boolean[],
    OUT head_recorded_at bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    stamp bigint;
    low bigint;
    high bigint;
BEGIN
    -- The lock of append: only under it is a value unique over all partitions.
    SELECT greatest(micros(), head.recorded_at) INTO STRICT stamp FROM head WHERE head.log = 0 FOR UPDATE;
    SELECT min(p.lower), max(p.upper) INTO low, high FROM partition p WHERE p.parent = 'replay';

    SELECT array_agg(losing.i IS NULL ORDER BY every.i) INTO claimed
    FROM generate_series(1, claims) AS every (i)
    LEFT JOIN (
        SELECT DISTINCT claim.i
        FROM (
            SELECT u.i, u.key, u.expires_at, dense_rank() OVER (PARTITION BY u.key ORDER BY u.i) AS turn
            FROM unnest(claim_rows, replay_keys, replay_expiries) AS u (i, key, expires_at)
        ) claim
        -- What cannot be remembered until it expires could be replayed: refused as well.
        WHERE claim.turn > 1 OR claim.expires_at <= stamp
            OR (claim.expires_at >= low AND claim.expires_at < high) IS NOT TRUE
            OR EXISTS (SELECT FROM replay r WHERE r.key = claim.key AND r.expires_at > stamp)
    ) losing ON losing.i = every.i;

    INSERT INTO replay (key, expires_at)
    SELECT DISTINCT u.key, u.expires_at
    FROM unnest(claim_rows, replay_keys, replay_expiries) AS u (i, key, expires_at) WHERE claimed[u.i];

    head_recorded_at := stamp;
END
$$;

REVOKE ALL ON FUNCTION claim_v1 FROM PUBLIC;
