-- $3: microseconds. Free, run out, or held by the same holder already; a new holder gets a larger fence.
INSERT INTO lease AS l (name, holder, fence, until)
VALUES ($1::text, $2::text, 1, micros() + $3::bigint)
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    fence = l.fence + (l.holder <> excluded.holder)::integer,
    until = excluded.until
WHERE l.holder = excluded.holder OR l.until <= micros()
RETURNING l.fence, l.until
