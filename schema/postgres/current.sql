-- The database as it is now. The migrations lead here: a test applies both and compares them.
--
-- Times are microseconds since 1970-01-01 UTC on this server's clock, unless a column says otherwise.
-- Tables "partitioned by birth" range over stream ids (UUIDv7), a week each; there is no DEFAULT partition on purpose:
-- an id from outside is refused by append, and partitions can be detached while the program runs.

-- ------------------------------------------------------------------------------------------------ the clock

CREATE FUNCTION micros() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

CREATE FUNCTION first_id(moment bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (lpad(to_hex(moment / 1000), 12, '0') || repeat('0', 20))::uuid;

COMMENT ON FUNCTION first_id(bigint) IS 'The smallest UUIDv7 (RFC 9562 section 5.7) that can be born at a moment: a partition bound.';

-- ------------------------------------------------------------------------------------------------ the log

CREATE TABLE head (
    log smallint PRIMARY KEY,
    log_id uuid NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    recorded_at bigint NOT NULL DEFAULT 0,
    gate_sequence bigint NOT NULL DEFAULT 0,
    projection jsonb NOT NULL
) WITH (fillfactor = 10);

COMMENT ON TABLE head IS 'One row a log: writer lock, position allocator, and the name of the trusted projection.';

CREATE TABLE log_identity (
    log smallint NOT NULL,
    after_position bigint NOT NULL,
    log_id uuid NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (log, after_position, log_id)
);

COMMENT ON TABLE log_identity IS 'Which log_id stands under the leaves after a position: a new one begins with every recovery.';

CREATE TABLE log (
    position bigint PRIMARY KEY,
    stream uuid NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    leaf bytea NOT NULL,
    recorded_at bigint NOT NULL
);

CREATE TABLE event (
    stream uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    position bigint NOT NULL,
    type text NOT NULL,
    schema smallint NOT NULL,
    recorded_at bigint NOT NULL,
    envelope bytea NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (stream, version)
) PARTITION BY RANGE (stream);

CREATE TABLE event_lasting (
    stream uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    position bigint NOT NULL,
    type text NOT NULL,
    schema smallint NOT NULL,
    recorded_at bigint NOT NULL,
    envelope bytea NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (stream, version)
);

COMMENT ON TABLE event IS 'Events of grants and sessions, partitioned by birth.';
COMMENT ON TABLE event_lasting IS 'Events of clients, accounts, keyrings and incidents, which outlive every partition.';

CREATE TABLE state (
    stream uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    codec integer NOT NULL,
    blob bytea NOT NULL,
    last_expiry bigint NOT NULL,
    PRIMARY KEY (stream)
) PARTITION BY RANGE (stream);

CREATE TABLE state_lasting (
    stream uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    codec integer NOT NULL,
    blob bytea NOT NULL,
    last_expiry bigint NOT NULL,
    PRIMARY KEY (stream)
) WITH (fillfactor = 70);

COMMENT ON COLUMN state.codec IS 'The shape of the blob; a reader that knows another shape folds the history instead.';
COMMENT ON COLUMN state.last_expiry IS 'NumericDate of the latest exp of any access token of a grant; 0 for everything else.';

CREATE TABLE sealed (
    stream uuid NOT NULL,
    version integer NOT NULL,
    recorded_at bigint NOT NULL,
    box bytea NOT NULL,
    PRIMARY KEY (stream, version, recorded_at)
) PARTITION BY RANGE (recorded_at);

COMMENT ON TABLE sealed IS 'Finished answers that only the presented token opens, an hour a partition, dropped after the grace window.';

CREATE TABLE name_claim (
    kind text NOT NULL,
    value text NOT NULL,
    stream uuid NOT NULL,
    PRIMARY KEY (kind, value)
);

CREATE TABLE replay (
    key bytea STORAGE PLAIN NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (key, expires_at)
) PARTITION BY RANGE (expires_at);

COMMENT ON TABLE replay IS 'SHA-256 of one-time values, an hour of expiry a partition. Unique over all of them, because append checks under the head lock.';

CREATE TABLE gate (
    kind text NOT NULL,
    id text NOT NULL,
    sequence bigint NOT NULL UNIQUE,
    epoch integer NOT NULL,
    quarantined_until bigint NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE bucket (
    bucket smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 1023),
    log smallint NOT NULL,
    tag smallint NOT NULL
);

COMMENT ON TABLE bucket IS 'Where buckets live that were moved. A bucket without a row: log 0, tag = bucket modulo the number of tags.';

CREATE TABLE partition (
    parent text NOT NULL,
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    name text NOT NULL UNIQUE,
    PRIMARY KEY (parent, lower)
);

COMMENT ON TABLE partition IS 'Every partition and the moments it ranges over, kept by ensure_partitions_v1 and drop_expired_v1.';

-- ------------------------------------------------------------------------------------------------ readers and workers

CREATE TABLE cursor (
    name text PRIMARY KEY,
    position bigint NOT NULL,
    fence bigint NOT NULL
);

CREATE TABLE lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    fence bigint NOT NULL,
    until bigint NOT NULL
);

CREATE TABLE slot (
    job text NOT NULL,
    slot bigint NOT NULL,
    claimed_at bigint NOT NULL DEFAULT micros(),
    PRIMARY KEY (job, slot)
);

CREATE TABLE effect (
    handler text NOT NULL,
    position bigint NOT NULL,
    claimed_at bigint NOT NULL DEFAULT micros(),
    PRIMARY KEY (handler, position)
);

CREATE INDEX effect_claimed_at ON effect USING brin (claimed_at);

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task text NOT NULL,
    key text NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL
);

-- ------------------------------------------------------------------------------------------------ query tables

CREATE TABLE family (
    stream uuid NOT NULL,
    client_id text NOT NULL,
    account uuid,
    session uuid,
    born bigint NOT NULL,
    revoked text,
    version integer NOT NULL,
    used_at bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (stream)
) PARTITION BY RANGE (stream);

COMMENT ON COLUMN family.used_at IS 'When the family last did anything but die; 0: before this was kept.';

CREATE INDEX family_client ON family (client_id, stream);
CREATE INDEX family_account ON family (account, stream) WHERE account IS NOT NULL;
CREATE INDEX family_session ON family (session, stream) WHERE session IS NOT NULL;

CREATE TABLE token (
    hash bytea NOT NULL,
    expires_at bigint NOT NULL,
    stream uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (hash, expires_at)
) PARTITION BY RANGE (expires_at);

COMMENT ON TABLE token IS 'Which family issued a token, by SHA-256 of its secret; four weeks of expiry a partition.';

CREATE TABLE client (
    stream uuid PRIMARY KEY,
    client_id text NOT NULL,
    registered_at bigint NOT NULL
);

CREATE TABLE stream_count (
    kind text PRIMARY KEY,
    streams bigint NOT NULL,
    events bigint NOT NULL
);

-- ------------------------------------------------------------------------------------------------ mutable secrets

CREATE TABLE password (
    account uuid PRIMARY KEY,
    hash text NOT NULL,
    updated_at bigint NOT NULL DEFAULT micros()
);

CREATE TABLE wrapped_key (
    kid text PRIMARY KEY,
    purpose text NOT NULL,
    wrapped bytea NOT NULL,
    created_at bigint NOT NULL DEFAULT micros()
);

COMMENT ON TABLE wrapped_key IS 'Private keys under the root key, which is never here. The log holds the public parts only.';

CREATE TABLE kept_secret (
    owner uuid NOT NULL,
    purpose text NOT NULL,
    wrapped bytea NOT NULL,
    updated_at bigint NOT NULL DEFAULT micros(),
    PRIMARY KEY (owner, purpose)
);

COMMENT ON TABLE kept_secret IS 'Secrets that have to be read again, under the root key: of second factors, and of clients that sign with theirs.';

-- ------------------------------------------------------------------------------------------------ append

CREATE FUNCTION append_v1(
    -- one element a row of the log
    streams uuid[],
    versions integer[],
    types text[],
    schemas smallint[],
    envelopes bytea[],
    payloads bytea[],
    codecs integer[],
    states bytea[],
    expiries bigint[],
    -- what only some rows bring: the row's number (from 1), and its claim
    seal_rows integer[],
    seal_boxes bytea[],
    name_rows integer[],
    name_kinds text[],
    name_values text[],
    replay_rows integer[],
    replay_keys bytea[],
    replay_expiries bigint[],
    gate_rows integer[],
    gate_kinds text[],
    gate_ids text[],
    gate_closes boolean[],
    gate_untils bigint[],
    -- 0 appended, 1 already, 2 conflict, 3 name taken, 4 replayed, 5 bad id
    OUT verdicts smallint[],
    OUT positions bigint[],
    OUT times bigint[],
    -- the head as this batch leaves it
    OUT head_log_id uuid,
    OUT head_position bigint,
    OUT head_gate_sequence bigint,
    OUT head_recorded_at bigint,
    OUT head_projection text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
-- A generic plan prunes partitions when it runs; planning anew for every batch costs more than the batch.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    top head%ROWTYPE;
    stamp bigint;
    oldest uuid;
    youngest uuid;
    low bigint;
    high bigint;
    appended integer;
    k integer;
    loser record;
BEGIN
    -- Writer lock and position allocator in one: what follows sees every committed append, and nobody else is writing.
    -- READ COMMITTED is needed for that: each statement below takes its snapshot after the lock.
    SELECT * INTO STRICT top FROM head WHERE head.log = 0 FOR UPDATE;
    stamp := greatest(micros(), top.recorded_at);
    SELECT first_id(min(p.lower)), first_id(max(p.upper)) INTO oldest, youngest FROM partition p WHERE p.parent = 'event';

    SELECT array_agg(judged.verdict ORDER BY judged.i) INTO verdicts
    FROM (
        SELECT
            given.i,
            (CASE
                WHEN NOT given.lasting AND given.version = 1
                    AND (given.stream >= oldest AND given.stream < youngest) IS NOT TRUE THEN 5
                WHEN given.version <> 1 + coalesce(
                    CASE
                        WHEN given.lasting THEN (SELECT s.version FROM state_lasting s WHERE s.stream = given.stream)
                        ELSE (SELECT s.version FROM state s WHERE s.stream = given.stream)
                    END, 0) THEN 2
                WHEN row_number() OVER (PARTITION BY given.stream, given.version ORDER BY given.i) > 1 THEN 2
                ELSE 0
            END)::smallint AS verdict
        FROM (
            SELECT u.i, u.stream, u.version, split_part(u.type, '.', 1) NOT IN ('grant', 'session') AS lasting
            FROM unnest(streams, versions, types) WITH ORDINALITY AS u (stream, version, type, i)
        ) given
    ) judged;

    IF cardinality(replay_rows) > 0 THEN
        SELECT min(p.lower), max(p.upper) INTO low, high FROM partition p WHERE p.parent = 'replay';
        FOR loser IN
            SELECT DISTINCT claim.i
            FROM (
                SELECT u.i, u.key, u.expires_at, dense_rank() OVER (PARTITION BY u.key ORDER BY u.i) AS turn
                FROM unnest(replay_rows, replay_keys, replay_expiries) AS u (i, key, expires_at)
                WHERE verdicts[u.i] = 0
            ) claim
            -- What cannot be remembered until it expires could be replayed: refused as well.
            WHERE claim.turn > 1 OR claim.expires_at <= stamp
                OR (claim.expires_at >= low AND claim.expires_at < high) IS NOT TRUE
                OR EXISTS (SELECT FROM replay r WHERE r.key = claim.key AND r.expires_at > stamp)
        LOOP
            verdicts[loser.i] := 4;
        END LOOP;
    END IF;

    IF cardinality(name_rows) > 0 THEN
        FOR loser IN
            SELECT DISTINCT claim.i
            FROM (
                SELECT u.i, u.kind, u.value, dense_rank() OVER (PARTITION BY u.kind, u.value ORDER BY u.i) AS turn
                FROM unnest(name_rows, name_kinds, name_values) AS u (i, kind, value)
                WHERE verdicts[u.i] = 0
            ) claim
            WHERE claim.turn > 1
                OR EXISTS (SELECT FROM name_claim n WHERE n.kind = claim.kind AND n.value = claim.value)
        LOOP
            verdicts[loser.i] := 3;
        END LOOP;
    END IF;

    SELECT
        array_agg(CASE WHEN v.verdict = 0 THEN top.position + v.nth END ORDER BY v.i),
        array_agg(CASE WHEN v.verdict = 0 THEN stamp END ORDER BY v.i),
        count(*) FILTER (WHERE v.verdict = 0)
    INTO positions, times, appended
    FROM (
        SELECT u.i, u.verdict, count(*) FILTER (WHERE u.verdict = 0) OVER (ORDER BY u.i) AS nth
        FROM unnest(verdicts) WITH ORDINALITY AS u (verdict, i)
    ) v;

    IF appended > 0 THEN
        WITH fresh AS MATERIALIZED (
            SELECT
                u.*,
                split_part(u.type, '.', 1) AS kind,
                split_part(u.type, '.', 1) NOT IN ('grant', 'session') AS lasting
            FROM unnest(positions, streams, versions, types, schemas, envelopes, payloads, codecs, states, expiries)
                AS u (position, stream, version, type, schema, envelope, payload, codec, state, expiry)
            WHERE u.position IS NOT NULL
        ),
        logged AS (
            -- The leaf (RFC 9162 section 2.1.1: 0x00 before what is hashed). Every field after its length in 4 bytes, so
            -- that no two rows can share a preimage.
            INSERT INTO log (position, stream, version, type, leaf, recorded_at)
            SELECT
                f.position, f.stream, f.version, f.type,
                sha256(
                    '\x00'::bytea
                    || '\x00000010'::bytea || uuid_send(top.log_id)
                    || '\x00000008'::bytea || int8send(f.position)
                    || '\x00000010'::bytea || uuid_send(f.stream)
                    || '\x00000004'::bytea || int4send(f.version)
                    || int4send(octet_length(f.type)) || convert_to(f.type, 'UTF8')
                    || '\x00000002'::bytea || int2send(f.schema)
                    || '\x00000008'::bytea || int8send(stamp)
                    || int4send(length(f.envelope)) || f.envelope
                    || int4send(length(f.payload)) || f.payload
                ),
                stamp
            FROM fresh f
        ),
        born AS (
            INSERT INTO event (stream, version, position, type, schema, recorded_at, envelope, payload)
            SELECT f.stream, f.version, f.position, f.type, f.schema, stamp, f.envelope, f.payload
            FROM fresh f WHERE NOT f.lasting
        ),
        standing AS (
            INSERT INTO state AS s (stream, version, kind, codec, blob, last_expiry)
            SELECT f.stream, f.version, f.kind, f.codec, f.state, f.expiry
            FROM fresh f WHERE NOT f.lasting
            ON CONFLICT (stream) DO UPDATE SET
                version = excluded.version, codec = excluded.codec, blob = excluded.blob, last_expiry = excluded.last_expiry
        ),
        born_lasting AS (
            INSERT INTO event_lasting (stream, version, position, type, schema, recorded_at, envelope, payload)
            SELECT f.stream, f.version, f.position, f.type, f.schema, stamp, f.envelope, f.payload
            FROM fresh f WHERE f.lasting
        )
        INSERT INTO state_lasting AS s (stream, version, kind, codec, blob, last_expiry)
        SELECT f.stream, f.version, f.kind, f.codec, f.state, f.expiry
        FROM fresh f WHERE f.lasting
        ON CONFLICT (stream) DO UPDATE SET
            version = excluded.version, codec = excluded.codec, blob = excluded.blob, last_expiry = excluded.last_expiry;

        -- Without a partition for this hour the answers are not kept: a retry is then refused, and nothing else fails.
        IF cardinality(seal_rows) > 0 AND EXISTS (
            SELECT FROM partition p WHERE p.parent = 'sealed' AND p.lower <= stamp AND stamp < p.upper
        ) THEN
            INSERT INTO sealed (stream, version, recorded_at, box)
            SELECT streams[u.i], versions[u.i], stamp, u.box
            FROM unnest(seal_rows, seal_boxes) AS u (i, box) WHERE verdicts[u.i] = 0;
        END IF;

        IF cardinality(name_rows) > 0 THEN
            INSERT INTO name_claim (kind, value, stream)
            SELECT DISTINCT u.kind, u.value, streams[u.i]
            FROM unnest(name_rows, name_kinds, name_values) AS u (i, kind, value) WHERE verdicts[u.i] = 0;
        END IF;

        IF cardinality(replay_rows) > 0 THEN
            INSERT INTO replay (key, expires_at)
            SELECT DISTINCT u.key, u.expires_at
            FROM unnest(replay_rows, replay_keys, replay_expiries) AS u (i, key, expires_at) WHERE verdicts[u.i] = 0;
        END IF;

        -- In their order: two changes of one gate in a batch both count.
        FOR k IN 1 .. cardinality(gate_rows) LOOP
            IF verdicts[gate_rows[k]] = 0 THEN
                top.gate_sequence := top.gate_sequence + 1;
                INSERT INTO gate AS g (kind, id, sequence, epoch, quarantined_until)
                VALUES (gate_kinds[k], gate_ids[k], top.gate_sequence, gate_closes[k]::integer, gate_untils[k])
                ON CONFLICT (kind, id) DO UPDATE SET
                    sequence = excluded.sequence,
                    epoch = g.epoch + excluded.epoch,
                    quarantined_until = CASE
                        WHEN excluded.quarantined_until = 0 THEN g.quarantined_until ELSE excluded.quarantined_until
                    END;
            END IF;
        END LOOP;

        top.position := top.position + appended;
        UPDATE head SET position = top.position, recorded_at = stamp, gate_sequence = top.gate_sequence WHERE head.log = 0;
    END IF;

    -- Who lost the version to itself (a retry whose first answer was lost, or a twin in this batch) has not lost.
    IF 2 = ANY (verdicts) THEN
        FOR loser IN
            SELECT u.i, e.position, e.recorded_at
            FROM unnest(verdicts, streams, versions, types, schemas, envelopes, payloads) WITH ORDINALITY
                AS u (verdict, stream, version, type, schema, envelope, payload, i)
            CROSS JOIN LATERAL (
                (SELECT * FROM event b WHERE b.stream = u.stream AND b.version = u.version)
                UNION ALL
                (SELECT * FROM event_lasting l WHERE l.stream = u.stream AND l.version = u.version)
                LIMIT 1
            ) e
            WHERE u.verdict = 2 AND e.type = u.type AND e.schema = u.schema
                AND e.envelope = u.envelope AND e.payload = u.payload
        LOOP
            verdicts[loser.i] := 1;
            positions[loser.i] := loser.position;
            times[loser.i] := loser.recorded_at;
        END LOOP;
    END IF;

    head_log_id := top.log_id;
    head_position := top.position;
    head_gate_sequence := top.gate_sequence;
    head_recorded_at := stamp;
    head_projection := top.projection;
END
$$;

REVOKE ALL ON FUNCTION append_v1 FROM PUBLIC;

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

-- ------------------------------------------------------------------------------------------------ the trusted projection

CREATE FUNCTION name_projection_v1(named jsonb, lease_name text, lease_fence bigint) RETURNS SETOF head
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    top head%ROWTYPE;
    since bigint;
BEGIN
    SELECT * INTO STRICT top FROM head WHERE head.log = 0 FOR UPDATE;
    -- Locked, so that nobody takes the lease over before this commits.
    PERFORM FROM lease WHERE lease.name = lease_name FOR SHARE;
    IF EXISTS (SELECT FROM lease WHERE lease.name = lease_name AND lease.fence > lease_fence) THEN
        RETURN;
    END IF;
    -- A lease is counted from the commit of "none", so its beginning is this clock's, never earlier. Who says "none"
    -- again does not prolong the wait.
    since := greatest((named ->> 'since')::bigint, micros(), top.recorded_at);
    IF named -> 'runs' = '{}'::jsonb AND top.projection -> 'runs' = '{}'::jsonb THEN
        since := (top.projection ->> 'since')::bigint;
    END IF;
    RETURN QUERY
    UPDATE head SET projection = jsonb_set(named, '{since}', to_jsonb(since)) WHERE head.log = 0 RETURNING head.*;
END
$$;

REVOKE ALL ON FUNCTION name_projection_v1 FROM PUBLIC;

CREATE FUNCTION recover_v1(fresh uuid) RETURNS SETOF head
LANGUAGE plpgsql VOLATILE
SET search_path = public, pg_temp
AS $$
DECLARE
    top head%ROWTYPE;
    moment bigint;
BEGIN
    SELECT * INTO STRICT top FROM head WHERE head.log = 0 FOR UPDATE;
    moment := greatest(micros(), top.recorded_at);
    INSERT INTO log_identity (log, after_position, log_id, since) VALUES (0, top.position, fresh, moment);
    RETURN QUERY
    UPDATE head SET
        log_id = fresh,
        projection = jsonb_build_object(
            -- Past every generation that was ever written, also after the backup was made: nothing of the lost log is read.
            'generation',
            1000 + greatest((top.projection ->> 'generation')::integer, (top.projection ->> 'next')::integer),
            'runs', '{}'::jsonb, 'since', moment, 'next', NULL
        )
    WHERE head.log = 0 RETURNING head.*;
END
$$;

REVOKE ALL ON FUNCTION recover_v1 FROM PUBLIC;

-- ------------------------------------------------------------------------------------------------ partitions

CREATE FUNCTION ensure_partitions_v1() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    hour CONSTANT bigint := 3600 * 1000000::bigint;
    week CONSTANT bigint := 168 * hour;
    monday CONSTANT bigint := 96 * hour; -- the epoch was a Thursday
    plan record;
    start bigint;
    child text;
    bounds text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('grantlog partitions', 0));
    FOR plan IN
        SELECT * FROM (VALUES
            ('event', week, monday, 1, 8, true, NULL),
            ('state', week, monday, 1, 8, true, 'fillfactor = 70'),
            ('family', week, monday, 1, 8, true, 'fillfactor = 80'),
            ('sealed', hour, 0::bigint, 1, 26, false, NULL),
            ('replay', hour, 0::bigint, 1, 26, false, NULL),
            ('token', 4 * week, monday, 1, 8, false, NULL)
        ) AS v (parent, width, origin, back, ahead, born, options)
    LOOP
        FOR start IN
            SELECT plan.origin + ((micros() - plan.origin) / plan.width + n) * plan.width
            FROM generate_series(-plan.back, plan.ahead) AS n
        LOOP
            CONTINUE WHEN EXISTS (SELECT FROM partition p WHERE p.parent = plan.parent AND p.lower = start);
            child := plan.parent || '_p' || to_char(
                to_timestamp(start / 1000000) AT TIME ZONE 'UTC', CASE WHEN plan.width = hour THEN 'YYYYMMDDHH24' ELSE 'YYYYMMDD' END
            );
            bounds := CASE
                WHEN plan.born THEN format('FROM (%L) TO (%L)', first_id(start), first_id(start + plan.width))
                ELSE format('FROM (%s) TO (%s)', start, start + plan.width)
            END;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, plan.parent);
            IF plan.options IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %I SET (%s)', child, plan.options);
            END IF;
            -- Attaching, unlike CREATE TABLE ... PARTITION OF, does not shut out readers and writers of the parent.
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES %s', plan.parent, child, bounds);
            INSERT INTO partition (parent, lower, upper, name) VALUES (plan.parent, start, start + plan.width, child);
            RETURN NEXT child;
        END LOOP;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION ensure_partitions_v1 FROM PUBLIC;

CREATE FUNCTION drop_expired_v1() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
-- Better no answer than a queue of appends behind a reader that takes its time.
SET lock_timeout = '2s'
AS $$
DECLARE
    hour CONSTANT bigint := 3600 * 1000000::bigint;
    day CONSTANT bigint := 24 * hour;
    old record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('grantlog partitions', 0));
    -- The head first, as append does: nobody can wait for us who holds what we want.
    PERFORM FROM head WHERE head.log = 0 FOR UPDATE;
    FOR old IN
        SELECT p.* FROM partition p JOIN (VALUES
            ('sealed', hour), ('replay', hour), ('token', 28 * day)
        ) AS keep (parent, span) USING (parent)
        WHERE p.upper < micros() - keep.span
        ORDER BY p.lower
    LOOP
        EXECUTE format('DROP TABLE %I', old.name);
        DELETE FROM partition p WHERE p.name = old.name;
        RETURN NEXT old.name;
    END LOOP;
    DELETE FROM slot s WHERE s.claimed_at < micros() - 30 * day;
    DELETE FROM effect e WHERE e.claimed_at < micros() - 30 * day;
END
$$;

REVOKE ALL ON FUNCTION drop_expired_v1 FROM PUBLIC;

-- ------------------------------------------------------------------------------------------------ the first log

WITH first AS (
    INSERT INTO head (log, log_id, projection)
    VALUES (0, gen_random_uuid(), jsonb_build_object('generation', 1, 'runs', '{}'::jsonb, 'since', micros(), 'next', NULL))
    RETURNING log_id
)
INSERT INTO log_identity (log, after_position, log_id, since) SELECT 0, 0, first.log_id, micros() FROM first;
